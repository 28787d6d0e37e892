//! What files require of the engine and of plugins.

use std::collections::BTreeSet;

use super::{Entry, PLUGIN_VERSIONS, Reader, entry::number};
use crate::{
    context::{Context, item_type},
    description::PluginVersion,
    diagnostic::Code,
    reporter::{Report, Reported},
    version::{BUILT_IN_PLUGINS, ENGINE_VERSION, Version},
    yaml::{Content, Node},
};

impl Reader<'_> {
    pub(super) fn engine_version(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        const KEY: &str = item_type::REQUIRED_ENGINE_VERSION;
        self.check_keys(entry, &[KEY]);
        let text = self.required_text(entry, KEY)?;
        // A number alone is a minor version: so they were counted once.
        let minor = number(&text).map(|minor| Version { major: 0, minor, patch: 0 });
        let Some(required) = minor.or_else(|| Version::parse(&text)) else {
            let message = format!(
                "Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver format."
            );
            return Err(self.report_of_item(Code::LoadErrYamlValidate, entry, KEY, &message));
        };
        if ENGINE_VERSION.satisfies(required) {
            let highest = &mut self.definitions.required_engine_version;
            *highest = (*highest).max(Some(required));
            return Ok(());
        }
        let message =
            format!("Rules require engine version {required}, but engine version is {ENGINE_VERSION}");
        Err(self.report_of_item(Code::LoadErrValidate, entry, KEY, &message))
    }

    pub(super) fn plugin_versions(&mut self, file: &Context, entry: &Entry<'_>) -> Result<(), Reported> {
        self.check_keys(entry, &[PLUGIN_VERSIONS]);
        let Some(node) = entry.get(PLUGIN_VERSIONS) else { return Err(self.missing(entry, PLUGIN_VERSIONS)) };
        let context = file.child(item_type::REQUIRED_PLUGIN_VERSIONS, "", self.place(node.span()));
        let Content::Sequence(plugins) = &node.content else {
            let report = Report::new("Value of required_plugin_versions must be a sequence", &context);
            return Err(self.reporter.report(Code::LoadErrYamlValidate, report));
        };
        for plugin in plugins {
            self.count_scalar(&context)?;
            self.requirement(&context, plugin)?;
        }
        Ok(())
    }

    fn requirement(&mut self, parent: &Context, plugin: &Node) -> Result<(), Reported> {
        let kind = item_type::REQUIRED_PLUGIN_VERSIONS_ENTRY;
        let (entry, first) = self.alternative(parent, plugin, kind, "Plugin version must be a mapping")?;
        let mut alternatives = vec![first];
        if let Some(node) = entry.get("alternatives") {
            let Content::Sequence(nodes) = &node.content else {
                let message = "Value of plugin version alternatives must be a sequence";
                return Err(self.report_of_item(Code::LoadErrYamlValidate, &entry, "alternatives", message));
            };
            let kind = item_type::REQUIRED_PLUGIN_VERSIONS_ALTERNATIVE;
            for node in nodes {
                self.count_scalar(&entry.context)?;
                let message = "Plugin version alternative must be a mapping";
                alternatives.push(self.alternative(&entry.context, node, kind, message)?.1);
            }
        }
        self.check_requirement(&entry.context, &alternatives)?;
        self.definitions.required_plugin_versions.push(alternatives);
        Ok(())
    }

    /// One plugin with its version, and the mapping that it stands in.
    fn alternative<'node>(
        &mut self,
        parent: &Context,
        node: &'node Node,
        kind: &'static str,
        message: &str,
    ) -> Result<(Entry<'node>, PluginVersion), Reported> {
        let context = parent.child(kind, "", self.place(node.span()));
        let Content::Mapping(pairs) = &node.content else {
            return Err(self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context)));
        };
        let mut entry = Entry { pairs, context };
        let name = self.required_text(&entry, "name")?;
        entry.context = parent.child(kind, name.as_str(), self.place(node.span()));
        self.check_keys(&entry, &["name", "version", "alternatives"]);
        let version = self.required_text(&entry, "version")?;
        Ok((entry, PluginVersion { name, version }))
    }

    /// The first alternative whose plugin is there decides, as in Falco.
    fn check_requirement(
        &mut self,
        context: &Context,
        alternatives: &[PluginVersion],
    ) -> Result<(), Reported> {
        let mut names = BTreeSet::new();
        let mut decided = None;
        for PluginVersion { name, version } in alternatives {
            let Some(required) = Version::parse(version) else {
                let message = format!("Invalid required version '{version}' for plugin '{name}'");
                return Err(self.reporter.report(Code::LoadErrValidate, Report::new(message, context)));
            };
            if !names.insert(name) {
                let message =
                    format!("Defined multiple alternative version requirements for plugin '{name}'");
                return Err(self.reporter.report(Code::LoadErrValidate, Report::new(message, context)));
            }
            let built_in = BUILT_IN_PLUGINS.iter().find(|(plugin, _)| plugin == name);
            decided =
                decided.or(built_in.map(|(_, found)| (name, version, *found, found.satisfies(required))));
        }
        let message = match decided {
            Some((.., true)) => return Ok(()),
            Some((name, version, found, false)) => format!(
                "Plugin '{name}' version '{found}' is not compatible with required plugin version '{version}'"
            ),
            None => {
                let wanted = alternatives
                    .iter()
                    .map(|PluginVersion { name, version }| format!("{name} (>= {version})"));
                let wanted: Vec<String> = wanted.collect();
                format!("Plugin requirement not satisfied, must load one of: {}", wanted.join(", "))
            }
        };
        let built_in: Vec<String> =
            BUILT_IN_PLUGINS.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let report = Report::new(message, context).help(format!("built in are: {}", built_in.join(", ")));
        Err(self.reporter.report(Code::LoadErrValidate, report))
    }
}
