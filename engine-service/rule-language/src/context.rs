//! The steps from a file down to what a diagnostic is about: Falco's contexts (`rule_loader.h`).

use std::rc::Rc;

use crate::text::Place;

/// Falco's names of the kinds of steps (`rule_loader.cpp`); those that it has for extensions do not occur here.
pub(crate) mod item_type {
    pub(crate) const VALUE_FOR: &str = "value for";
    pub(crate) const EXCEPTIONS: &str = "exceptions";
    pub(crate) const EXCEPTION: &str = "exception";
    pub(crate) const EXCEPTION_VALUES: &str = "exception values";
    pub(crate) const EXCEPTION_VALUE: &str = "exception value";
    pub(crate) const RULES_CONTENT: &str = "rules content";
    pub(crate) const RULES_CONTENT_ITEM: &str = "rules content item";
    pub(crate) const REQUIRED_ENGINE_VERSION: &str = "required_engine_version";
    pub(crate) const REQUIRED_PLUGIN_VERSIONS: &str = "required plugin versions";
    pub(crate) const REQUIRED_PLUGIN_VERSIONS_ENTRY: &str = "required plugin versions entry";
    pub(crate) const REQUIRED_PLUGIN_VERSIONS_ALTERNATIVE: &str = "required plugin versions alternative";
    pub(crate) const LIST: &str = "list";
    pub(crate) const LIST_ITEM: &str = "list item";
    pub(crate) const MACRO: &str = "macro";
    pub(crate) const MACRO_CONDITION: &str = "macro condition";
    pub(crate) const RULE: &str = "rule";
    pub(crate) const RULE_CONDITION: &str = "rule condition";
    pub(crate) const CONDITION_EXPRESSION: &str = "condition expression";
    pub(crate) const RULE_OUTPUT: &str = "rule output";
    pub(crate) const RULE_PRIORITY: &str = "rule priority";
    pub(crate) const OVERRIDES: &str = "overrides";
}

/// A step, and by way of its parents all steps above it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Context(Rc<Step>);

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) item_type: &'static str,
    /// What the item is called, if it has a name.
    pub(crate) name: String,
    pub(crate) place: Place,
    parent: Option<Context>,
}

// === impl Context ===

impl Context {
    /// A file as a whole.
    pub(crate) fn file(source: usize) -> Self {
        let place = Place { source, span: 0..0 };
        Self(Rc::new(Step { item_type: item_type::RULES_CONTENT, name: String::new(), place, parent: None }))
    }

    /// Something inside of what this is about.
    pub(crate) fn child(&self, item_type: &'static str, name: impl Into<String>, place: Place) -> Self {
        Self(Rc::new(Step { item_type, name: name.into(), place, parent: Some(self.clone()) }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }

    /// From the file down.
    pub(crate) fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = Vec::new();
        let mut next = Some(self);
        while let Some(Self(step)) = next {
            steps.push(step);
            next = step.parent.as_ref();
        }
        steps.reverse();
        steps
    }
}
