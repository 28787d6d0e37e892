//! Falco's codes for what can be wrong (`falco_load_result.cpp`).

use std::fmt;

/// Whether rules can be used in spite of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// They cannot.
    Error,
    /// They can.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $description:literal)*) => {
        /// Falco's code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: `", $description, "`")] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Falco's spelling: `LOAD_ERR_VALIDATE`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Falco's few words about it.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }

            /// Whether Falco counts it as an error.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    LoadErrFileRead "LOAD_ERR_FILE_READ" Error "File read error"
    LoadErrYamlParse "LOAD_ERR_YAML_PARSE" Error "YAML parse error"
    LoadErrYamlValidate "LOAD_ERR_YAML_VALIDATE" Error "Error validating internal structure of YAML file"
    LoadErrCompileCondition "LOAD_ERR_COMPILE_CONDITION" Error "Error compiling condition"
    LoadErrCompileOutput "LOAD_ERR_COMPILE_OUTPUT" Error "Error compiling output"
    LoadErrValidate "LOAD_ERR_VALIDATE" Error "Error validating rule/macro/list/exception objects"
    LoadErrExtension "LOAD_ERR_EXTENSION" Error "Error in extension item"
    LoadUnknownSource "LOAD_UNKNOWN_SOURCE" Warning "Unknown event source"
    LoadUnsafeNaCheck "LOAD_UNSAFE_NA_CHECK" Warning "Unsafe <NA> comparison in condition"
    LoadNoEvttype "LOAD_NO_EVTTYPE" Warning "Condition has no event-type restriction"
    LoadUnknownFilter "LOAD_UNKNOWN_FILTER" Warning "Unknown field or event-type in condition or output"
    LoadUnusedMacro "LOAD_UNUSED_MACRO" Warning "Unused macro"
    LoadUnusedList "LOAD_UNUSED_LIST" Warning "Unused list"
    LoadUnknownItem "LOAD_UNKNOWN_ITEM" Warning "Unknown rules file item"
    LoadDeprecatedItem "LOAD_DEPRECATED_ITEM" Warning "Used deprecated item"
    LoadWarningExtension "LOAD_WARNING_EXTENSION" Warning "Warning in extension item"
    LoadAppendNoValues "LOAD_APPEND_NO_VALUES" Warning "Overriding/appending with no values"
    LoadExceptionNameNotUnique "LOAD_EXCEPTION_NAME_NOT_UNIQUE" Warning
        "Multiple exceptions defined with the same name"
    LoadInvalidMacroName "LOAD_INVALID_MACRO_NAME" Warning "Invalid macro name"
    LoadInvalidListName "LOAD_INVALID_LIST_NAME" Warning "Invalid list name"
    LoadCompileCondition "LOAD_COMPILE_CONDITION" Warning "Warning in rule condition"
    LoadUnknownKey "LOAD_UNKNOWN_KEY" Warning "Unknown key in item definition"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}
