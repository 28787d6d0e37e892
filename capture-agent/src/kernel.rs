//! placeholder
use crate::{config::Config, source::*};
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct KernelError;
impl KernelError {
    /// x
    pub fn is_privilege(&self) -> bool {
        false
    }
}
pub(crate) struct Kernel;
impl Kernel {
    pub(crate) fn start(_: &Config) -> Result<Self, KernelError> {
        Err(KernelError)
    }
}
impl EventSource for Kernel {
    fn drain(&mut self, _: &mut dyn FnMut(eyrie_proto::event::Event)) -> Drained {
        Drained::default()
    }
    fn take_losses(&mut self) -> Vec<eyrie_proto::event::LossRecord> {
        vec![]
    }
    fn snapshot(&mut self, _: &[u32]) -> Option<Vec<eyrie_proto::event::ProcessState>> {
        None
    }
    fn carry_out(&mut self, _: eyrie_proto::capture::CapturePlan) -> eyrie_proto::capture::PlanAnswer {
        Default::default()
    }
    fn missing_abilities(&self) -> Vec<eyrie_proto::capture::MissingAbility> {
        vec![]
    }
    fn stop(&mut self) {}
}
