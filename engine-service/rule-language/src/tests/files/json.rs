//! Diagnostics as Falco prints them under `-o json_output=true` (A.9).

use serde_json::{Value, json};

use super::{rule, sources, try_load};
use crate::falco_load_results;

fn results(files: &[&str]) -> Value {
    let diagnostics = match try_load(files) {
        Ok(loaded) => loaded.diagnostics,
        Err(error) => error.diagnostics,
    };
    falco_load_results(&sources(files), &diagnostics)["falco_load_results"].clone()
}

/// Scenario: a file with an error of its structure. Guarantees: Falco's keys, its steps with positions that count from zero,
/// and its excerpt.
#[test]
fn json_is_falcos() {
    let file = format!("# rules\n{}  enabled: maybe\n", rule("a", "evt.type=open"));
    let result = &results(&[&file])[0];
    let position = |line: usize, column: usize, offset: usize| json!({ "name": "0.yaml", "line": line, "column": column, "offset": offset });
    let value = file.find("maybe").unwrap();
    let expected = json!({
        "name": "0.yaml",
        "successful": false,
        "schema_valid": "none",
        "warnings": [],
        "errors": [{
            "code": "LOAD_ERR_YAML_VALIDATE",
            "codedesc": "Error validating internal structure of YAML file",
            "message": "Can't decode YAML scalar value",
            "context": {
                "locations": [
                    { "item_type": "rules content", "item_name": "", "position": position(0, 0, 0) },
                    { "item_type": "rule", "item_name": "a", "position": position(1, 2, 10) },
                    { "item_type": "value for", "item_name": "enabled", "position": position(6, 11, value) },
                ],
                "snippet": "  enabled: maybe\n           ^\n",
            },
        }],
    });
    assert_eq!(result, &expected);
}

/// Scenario: two files, the second with errors in a condition and an output. Guarantees: a result for each; the first error is
/// the one that Falco stops at; a place in a condition is named by the condition's start, and counts from where that stands.
#[test]
fn conditions_have_steps_of_their_own() {
    let condition = "evt.type=open and proc.nmae=x and\n    fd.nam=y";
    let second = rule("b", condition).replace("%proc.name", "%no.such");
    let found = results(&[&rule("a", "evt.type=open"), &second]);
    assert_eq!(found[0]["successful"], true);
    assert_eq!(found[1]["successful"], false);
    assert_eq!(found[1]["errors"][0]["code"], "LOAD_ERR_COMPILE_OUTPUT");
    let error = &found[1]["errors"][1];
    let locations = error["context"]["locations"].as_array().unwrap();
    let kinds: Vec<_> = locations.iter().map(|location| location["item_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["rules content", "rule", "rule condition", "condition expression"]);
    let at = second.find("evt.type").unwrap();
    assert_eq!(locations[2]["position"], json!({ "name": "1.yaml", "line": 2, "column": 13, "offset": at }));
    // The parser counts from one, the file from zero: Falco adds them.
    let expected = json!({ "name": "\"evt.type=open and...\"", "line": 3, "column": 32, "offset": at + 18 });
    assert_eq!(locations[3]["position"], expected);
    assert_eq!(
        error["context"]["snippet"],
        "evt.type=open and proc.nmae=x and fd.nam=y\n                  ^\n"
    );
}

/// Scenario: warnings only, and a rule's condition that is short. Guarantees: the file is successful, and the name is whole.
#[test]
fn warnings_do_not_fail_a_file() {
    let found = &results(&[&rule("r", "evt.type=a")])[0];
    let name = &found["errors"][0]["context"]["locations"][3]["position"]["name"];
    assert_eq!(name, "\"evt.type=a\"");
    let found = &results(&[&(rule("r", "evt.type=open") + "  what: x\n")])[0];
    assert_eq!((&found["successful"], found["warnings"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(found["warnings"][0]["codedesc"], "Unknown key in item definition");
}
