//! What files require of the engine and of plugins.

use std::collections::BTreeSet;

use super::{Entry, Reader};
use crate::{
    diagnostic::Code,
    reporter::{Item, Report, Reported},
    version::{BUILT_IN_PLUGINS, ENGINE_VERSION, Version},
    yaml::{Content, Node},
};

impl Reader<'_> {
    pub(super) fn engine_version(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        const KEY: &str = "required_engine_version";
        self.check_keys(entry, &[KEY]);
        let text = self.required_text(entry, KEY)?;
        let number = text.parse().ok().map(|minor| Version { major: 0, minor, patch: 0 });
        let Some(required) = number.or_else(|| Version::parse(&text)) else {
            let message = format!(
                "Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver format."
            );
            return Err(self.invalid(entry, KEY, message));
        };
        if ENGINE_VERSION.satisfies(required) {
            let highest = &mut self.definitions.required_engine_version;
            *highest = (*highest).max(Some(required));
            return Ok(());
        }
        let message =
            format!("Rules require engine version {required}, but engine version is {ENGINE_VERSION}");
        Err(self.report_at_key(Code::LoadErrValidate, entry, KEY, message))
    }

    pub(super) fn plugin_versions(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        const KEY: &str = "required_plugin_versions";
        self.check_keys(entry, &[KEY]);
        let Some(Content::Sequence(plugins)) = entry.get(KEY).map(|node| &node.content) else {
            return Err(self.invalid(entry, KEY, "Value of required_plugin_versions must be a sequence"));
        };
        for plugin in plugins {
            self.count_scalar(entry)?;
            self.plugin_requirement(entry, plugin)?;
        }
        Ok(())
    }

    fn plugin_requirement(&mut self, entry: &Entry<'_>, plugin: &Node) -> Result<(), Reported> {
        let mut names = BTreeSet::new();
        let mut satisfied = self.plugin_alternative(entry, plugin, "Plugin version", &mut names)?;
        let Content::Mapping(pairs) = &plugin.content else { return Ok(()) };
        let alternatives = pairs.iter().find(|(key, _)| key.scalar() == Some("alternatives"));
        if let Some((_, alternatives)) = alternatives {
            let Content::Sequence(alternatives) = &alternatives.content else {
                let message = "Value of plugin version alternatives must be a sequence";
                return Err(self.plugin_error(entry, plugin, Code::LoadErrYamlValidate, message));
            };
            for alternative in alternatives {
                self.count_scalar(entry)?;
                satisfied |=
                    self.plugin_alternative(entry, alternative, "Plugin version alternative", &mut names)?;
            }
        }
        if satisfied {
            return Ok(());
        }
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("Plugin requirement not satisfied, must load one of: {names}");
        Err(self.plugin_error(entry, plugin, Code::LoadErrValidate, &message))
    }

    /// Whether one of the alternatives of a requirement is met.
    fn plugin_alternative(
        &mut self,
        entry: &Entry<'_>,
        node: &Node,
        what: &str,
        names: &mut BTreeSet<String>,
    ) -> Result<bool, Reported> {
        let Content::Mapping(pairs) = &node.content else {
            let message = format!("{what} must be a mapping");
            return Err(self.plugin_error(entry, node, Code::LoadErrYamlValidate, &message));
        };
        let kind = "required plugin versions entry";
        let place = self.place(node.span.clone());
        let inner = Entry { pairs, item: Item { kind, name: String::new(), place } };
        let name = self.required_text(&inner, "name")?;
        let version = self.required_text(&inner, "version")?;
        let message = if Version::parse(&version).is_none() {
            format!("Invalid required version '{version}' for plugin '{name}'")
        } else if !names.insert(name.clone()) {
            format!("Defined multiple alternative version requirements for plugin '{name}'")
        } else {
            return Ok(BUILT_IN_PLUGINS.contains(&name.as_str()));
        };
        Err(self.plugin_error(entry, node, Code::LoadErrValidate, &message))
    }

    fn plugin_error(&mut self, entry: &Entry<'_>, node: &Node, code: Code, message: &str) -> Reported {
        let place = self.place(node.span.clone());
        let report = Report::new(message, &entry.item)
            .part("required plugin versions entry")
            .help(format!("built in are: {}", BUILT_IN_PLUGINS.join(", ")));
        self.reporter.report(code, &place, report)
    }
}
