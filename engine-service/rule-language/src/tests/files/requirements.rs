//! What files require of the engine and of plugins (A.2).

use super::{assert_error, loaded};
use crate::Code::{LoadErrValidate, LoadErrYamlValidate};

/// Scenario: engine versions in every form. Guarantees: an older or equal one of the same major is met; numbers alone are minor
/// versions; texts and codes are Falco's.
#[test]
fn engine_versions() {
    for version in [
        "63",
        "0",
        "0x1f",
        "010",
        "+7",
        "0.57.0",
        "0.63.0",
        "'0.26.0'",
        "0.26.0-rc1",
        "0.26.0.9",
        "' 0.26.0'",
    ] {
        loaded(&[&format!("- required_engine_version: {version}\n")]);
    }
    let steps = "required_engine_version";
    for (version, found) in
        [("64", "0.64.0"), ("1.0.0", "1.0.0"), ("0.63.1", "0.63.1"), ("0.99.0-rc1", "0.99.0")]
    {
        let file = format!("- required_engine_version: {version}\n");
        let message = format!("Rules require engine version {found}, but engine version is 0.63.0");
        assert_error(&[&file], LoadErrValidate, &message, steps);
    }
    for version in ["new", "1.5", "-1", "4294967296", "1..2", "true"] {
        let file = format!("- required_engine_version: {version}\n");
        let message = format!(
            "Unable to parse engine version '{version}' as a semver string. Expected \"x.y.z\" semver format."
        );
        assert_error(&[&file], LoadErrYamlValidate, &message, steps);
    }
    let empty = "Mapping for key 'required_engine_version' is empty";
    assert_error(&["- required_engine_version:"], LoadErrYamlValidate, empty, steps);
    let inner = "required_engine_version > value for 'required_engine_version'";
    assert_error(
        &["- required_engine_version: [1]"],
        LoadErrYamlValidate,
        "Value is not a scalar value",
        inner,
    );
}

/// Scenario: plugins that are built in, alone and among alternatives. Guarantees: the first alternative that is there decides.
#[test]
fn plugins_that_are_built_in() {
    for plugins in [
        "[{name: container, version: 0.4.0}]",
        "[{name: k8smeta, version: 0.1.0}, {name: json, version: 0.7.0}]",
        "[{name: x, version: 1.0.0, alternatives: [{name: y, version: 1.0.0}, {name: json, version: 0.1.0}]}]",
        "[{name: json, version: 0.1.0, alternatives: [{name: container, version: 9.0.0}]}]",
        "[]",
    ] {
        loaded(&[&format!("- required_plugin_versions: {plugins}\n")]);
    }
    let entry = |name: &str| format!("required plugin versions > required plugin versions entry '{name}'");
    for (plugins, message, name) in [
        (
            "[{name: x, version: 1.0.0}]",
            "Plugin requirement not satisfied, must load one of: x (>= 1.0.0)",
            "x",
        ),
        (
            "[{name: k8saudit, version: 0.7.0, alternatives: [{name: k8saudit-eks, version: 0.4.0}]}]",
            "Plugin requirement not satisfied, must load one of: k8saudit (>= 0.7.0), k8saudit-eks (>= 0.4.0)",
            "k8saudit",
        ),
        (
            "[{name: json, version: 1.0.0, alternatives: [{name: container, version: 0.1.0}]}]",
            "Plugin 'json' version '0.7.3' is not compatible with required plugin version '1.0.0'",
            "json",
        ),
        ("[{name: json, version: y}]", "Invalid required version 'y' for plugin 'json'", "json"),
        (
            "[{name: json, version: 0.1.0, alternatives: [{name: x, version: '1'}]}]",
            "Invalid required version '1' for plugin 'x'",
            "json",
        ),
        (
            "[{name: json, version: 0.1.0, alternatives: [{name: json, version: 0.1.0}]}]",
            "Defined multiple alternative version requirements for plugin 'json'",
            "json",
        ),
    ] {
        let file = format!("- required_plugin_versions: {plugins}\n");
        assert_error(&[&file], LoadErrValidate, message, &entry(name));
    }
}

/// Scenario: requirements that are not built as they have to be. Guarantees: Falco's texts and steps.
#[test]
fn wrong_requirements_are_errors() {
    let alternative = "required plugin versions alternative";
    let entry = "required plugin versions > required plugin versions entry";
    for (plugins, message, steps) in [
        ("x", "Value of required_plugin_versions must be a sequence", "required plugin versions".to_owned()),
        ("", "Value of required_plugin_versions must be a sequence", "required plugin versions".to_owned()),
        ("[x]", "Plugin version must be a mapping", entry.to_owned()),
        ("[{version: 1.0.0}]", "Item has no mapping for key 'name'", entry.to_owned()),
        ("[{name: json}]", "Item has no mapping for key 'version'", format!("{entry} 'json'")),
        (
            "[{name: json, version: []}]",
            "Value is not a scalar value",
            format!("{entry} 'json' > value for 'version'"),
        ),
        (
            "[{name: json, version: 0.1.0, alternatives: x}]",
            "Value of plugin version alternatives must be a sequence",
            format!("{entry} 'json'"),
        ),
        (
            "[{name: json, version: 0.1.0, alternatives: [x]}]",
            "Plugin version alternative must be a mapping",
            format!("{entry} 'json' > {alternative}"),
        ),
        (
            "[{name: json, version: 0.1.0, alternatives: [{name: x}]}]",
            "Item has no mapping for key 'version'",
            format!("{entry} 'json' > {alternative} 'x'"),
        ),
    ] {
        let file = format!("- required_plugin_versions: {plugins}\n");
        assert_error(&[&file], LoadErrYamlValidate, message, &steps);
    }
}
