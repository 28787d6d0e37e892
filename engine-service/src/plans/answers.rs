//! Answers that come host by host.

use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::HostPlan;
use crate::{error::RpcError, intake::Intake, origins::SharedStatus};

/// Answers that wait for a slow reader: each up to some hundred KiB.
const WAITING_ANSWERS: usize = 4;

pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

pub(super) fn host_plan(status: &SharedStatus) -> HostPlan {
    status.lock().unwrap_or_else(PoisonError::into_inner).host_plan()
}

/// Answers host by host: no more than a few hosts' plans are in memory at a time.
pub(super) fn answer<T: Send + 'static>(
    intake: &Arc<Intake>,
    hosts: Vec<SharedStatus>,
    make: impl Fn(&HostPlan) -> Vec<T> + Send + Sync + 'static,
) -> Response<Answers<T>> {
    answer_each(intake, hosts, move |status| make(&host_plan(&status)))
}

pub(super) fn answer_each<I: Send + 'static, T: Send + 'static>(
    intake: &Arc<Intake>,
    items: Vec<I>,
    make: impl Fn(I) -> Vec<T> + Send + Sync + 'static,
) -> Response<Answers<T>> {
    let (sender, receiver) = mpsc::channel(WAITING_ANSWERS);
    let stop = intake.stop.clone();
    let make = Arc::new(make);
    intake.tasks.spawn(async move {
        let send_all = async {
            for item in items {
                let make = Arc::clone(&make);
                // Many rules take some milliseconds.
                let Ok(made) = tokio::task::spawn_blocking(move || make(item)).await else { return };
                for made in made {
                    if sender.send(Ok(made)).await.is_err() {
                        return;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {
                // Who does not read would hold up the engine's end.
                let _ = sender.try_send(Err(RpcError::ShuttingDown.into()));
            }
            () = send_all => {}
        }
    });
    Response::new(ReceiverStream::new(receiver))
}
