//! Which events carry state.

use eyrie_proto::event::{Event, EventClass, event::Kind};

/// What the loss of `event` means: whether the engine's picture of the host would be wrong without it.
pub fn class_of(event: &Event) -> EventClass {
    match &event.kind {
        Some(
            Kind::Fork(_)
            | Kind::Exec(_)
            | Kind::Exit(_)
            | Kind::ChangeDirectory(_)
            | Kind::ChangeRoot(_)
            | Kind::ChangeCredentials(_)
            | Kind::ChangeSession(_)
            | Kind::ChangeNamespace(_)
            | Kind::ProcessControl(_)
            | Kind::ResourceLimit(_)
            | Kind::Fact(_)
            | Kind::ProcessSnapshot(_)
            | Kind::PlanSwitch(_),
        ) => EventClass::StateBearing,
        _ => EventClass::Plain,
    }
}
