//! Names and images of the host's containers, as facts that may be late.
//!
//! The capture thread hands over the control groups of containers that it told of; a thread of its own reads the files of their
//! runtimes, which may be slow or hostile without any harm to capture, and puts what it learns into the queue of late
//! facts. Users and groups of containers are read beside, and are ordered facts that the capture thread fetches. Files that are not
//! there yet are tried again for some seconds.
//!
//! The runtimes themselves are asked on a third thread ([`runtimes`]), for what files do not say; what they tell goes over what files said,
//! and out again if it changed anything. What nobody told in time goes out as final, with the reasons why it is missing.

mod accounts;
mod annotations;
mod api;
mod bundle;
mod containerd;
mod cri;
mod docker;
mod early;
mod files;
mod images;
mod labels;
mod left_out;
mod lxc;
mod merging;
mod missing;
mod places;
mod privilege;
mod probes;
mod reader;
mod reading;
mod runtime_state;
mod runtimes;
mod storage;
mod told;
mod tracked;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use eyrie_proto::event::{CgroupFact, OrderedFact, Origin, ordered_fact};
use tracing::warn;

pub use self::runtimes::Sockets;
use self::{
    accounts::AccountWorker,
    left_out::LeftOut,
    reader::{News, Reader},
    runtimes::Runtimes,
    told::ToldBox,
    tracked::Sources,
};
pub(crate) use self::{accounts::ContainerAccounts, places::Places};
use crate::{
    cgroups::{MAX_CGROUPS, container_of},
    late_facts::LateFacts,
};

/// Control groups that wait for the thread: at most 1500 bytes each.
const MAX_WAITING: usize = 1_024;
/// The capture thread's end.
#[derive(Debug)]
pub(crate) struct Containers {
    news: Arc<SyncSender<News>>,
    /// Some news did not fit, and nobody has told since which containers there are.
    is_behind: AtomicBool,
    left_out: LeftOut,
    accounts: Arc<ContainerAccounts>,
}

// === impl Containers ===

impl Containers {
    /// Starts the thread, and the one of the runtimes' interfaces. They end when this is dropped, or later if a file that is read hangs.
    pub(crate) fn start(
        origin: Origin,
        places: Places,
        sockets: &Sockets,
        facts: Arc<LateFacts>,
    ) -> io::Result<Self> {
        let (news, receiver) = sync_channel(MAX_WAITING);
        let accounts = Arc::new(ContainerAccounts::default());
        let news = Arc::new(news);
        // Not its own: the thread ends when the capture thread's end is gone.
        let waker = Arc::downgrade(&news);
        let wake = move || {
            if let Some(news) = waker.upgrade() {
                // Where there is no room for it the thread is awake anyway.
                let _ = news.try_send(News::Told);
            }
        };
        let told = Arc::new(ToldBox::new(wake.clone()));
        let left_out = told.left_out().clone();
        let runtimes = Runtimes::start(sockets, &told)?;
        let worker = AccountWorker::new(accounts::read, wake);
        let sources = Sources { origin, places, runtimes };
        let reader = Reader::new(sources, facts, Arc::clone(&accounts), worker, told);
        thread::Builder::new().name("containers".to_owned()).spawn(move || reader.run(&receiver))?;
        Ok(Self { news, is_behind: AtomicBool::new(false), left_out, accounts })
    }

    /// What there was no room for.
    pub(crate) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Users and groups of the containers that there are.
    pub(crate) fn accounts(&self) -> &ContainerAccounts {
        &self.accounts
    }

    /// Takes notice of a control group that was told. Never waits.
    pub(crate) fn observe(&self, fact: &CgroupFact, boot_ns: u64) {
        if !is_outermost(fact) {
            return;
        }
        let is_full = self.news.try_send(News::Cgroup(fact.clone(), boot_ns)).is_err();
        if is_full {
            self.left_out.files_behind.increment();
        }
        if is_full && !self.is_behind.swap(true, Ordering::Relaxed) {
            warn!("containers come faster than their files can be read: names of some will be late");
        }
    }

    /// Whether control groups were told and not noticed.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Takes notice of all control groups that there are, and of the end of those that are not among them. Never waits.
    pub(crate) fn catch_up(&self, facts: Vec<OrderedFact>, now_boot_ns: u64) {
        let is_all = facts.len() < MAX_CGROUPS;
        let groups = facts.into_iter().filter_map(|fact| match fact.kind {
            Some(ordered_fact::Kind::Cgroup(fact)) if is_outermost(&fact) => Some(fact),
            _ => None,
        });
        let news = News::All { groups: groups.collect(), is_all, boot_ns: now_boot_ns };
        if self.news.try_send(news).is_ok() {
            self.is_behind.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether a control group is the first of a container; those within it say nothing more, and may be many.
fn is_outermost(fact: &CgroupFact) -> bool {
    !fact.container_id.is_empty() && container_of(&fact.path).is_none_or(|named| named.is_outermost)
}

#[cfg(test)]
mod tests;
