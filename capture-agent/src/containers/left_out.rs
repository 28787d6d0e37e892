//! What there was no room for, of containers and of what runtimes say of them: counted by reason.

use telemetry::{
    Meter,
    observe::{self, Count, Name},
};

/// The counts; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    /// Control groups that came while too many waited for the files of theirs to be read.
    pub(super) files_behind: Count,
    /// Containers beyond those that are kept in mind.
    pub(super) too_many: Count,
    /// Descriptions by runtimes of which too much waited, or was kept.
    pub(super) told_too_much: Count,
    /// Descriptions that were too large by themselves.
    pub(super) told_too_large: Count,
    /// Containers that a runtime was not asked for, as too many questions waited.
    pub(super) not_asked: Count,
}

// === impl LeftOut ===

impl LeftOut {
    /// Shows them as one metric.
    pub(crate) fn show(&self, meter: &Meter) {
        let this = self.clone();
        let name = Name {
            name: "eyrie.agent.containers.left_out",
            description: "Containers, descriptions of them by their runtimes, and questions to these that there was no room for, by reason",
        };
        observe::counters(meter, name, "reason", move || {
            [
                ("files_behind", this.files_behind.get()),
                ("too_many", this.too_many.get()),
                ("told_too_much", this.told_too_much.get()),
                ("told_too_large", this.told_too_large.get()),
                ("not_asked", this.not_asked.get()),
            ]
        });
    }
}
