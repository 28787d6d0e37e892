//! How narrow plans are, and how they are verified.

/// Parts per million of what filters drop: one event of ten thousand.
const DEFAULT_SAMPLE_PPM: u32 = 100;

/// How narrow plans are, and how they are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Ask hosts only for what a rule can need; else for every call of each type that one needs.
    pub has_filters: bool,
    /// Have what filters would drop sent, marked. For tests and trials: it saves nothing.
    pub is_verify_mode: bool,
    /// Share of what filters drop that is sent all the same, marked, so that it can be seen whether a rule needed it; parts
    /// per million.
    pub verify_sample_ppm: u32,
}

// === impl PlanOptions ===

impl Default for PlanOptions {
    fn default() -> Self {
        Self { has_filters: true, is_verify_mode: false, verify_sample_ppm: DEFAULT_SAMPLE_PPM }
    }
}
