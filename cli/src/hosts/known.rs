//! What a metadata service knows of hosts, beside what their engine does.

use std::{collections::HashMap, time::Duration};

use anyhow::Context as _;
use eyrie_proto::{
    capture::Host,
    metadata::{ListFilter, ListKind, ListedEntity},
};
use owo_colors::OwoColorize as _;

use crate::{
    args::HostsArguments,
    known::{Knowledge, host_of},
};

/// The engine's answer is there already: what makes it richer may not keep it for long.
const WAIT: Duration = Duration::from_secs(10);
/// Origins that one list may be asked for; of more, all are read.
const MAX_ORIGINS: usize = 1_024;

/// What is known of hosts, by origin.
pub(super) type Known = HashMap<String, ListedEntity>;

/// Asks for the hosts; says so if nobody answers, which is no failure.
pub(super) async fn of(arguments: &HostsArguments, hosts: &[Host]) -> Known {
    let asked = tokio::time::timeout(WAIT, ask(arguments, hosts)).await;
    let answered = asked
        .with_context(|| format!("the metadata service did not answer within {} s", WAIT.as_secs()))
        .and_then(|answered| answered);
    answered.unwrap_or_else(|error| {
        anstream::eprintln!("{} what only a metadata service knows is left out: {error:#}", "note:".yellow());
        Known::new()
    })
}

async fn ask(arguments: &HostsArguments, hosts: &[Host]) -> anyhow::Result<Known> {
    let of = &arguments.engine;
    let mut knowledge = Knowledge::connect(arguments.metadata.as_ref(), &of.tls, of.insecure).await?;
    let origins: Vec<_> = hosts.iter().filter_map(|host| host.origin.clone()).collect();
    let is_few = origins.len() <= MAX_ORIGINS;
    let filter = ListFilter { origins: if is_few { origins } else { Vec::new() }, ..ListFilter::default() };
    let mut pages = knowledge.list(ListKind::Hosts, filter);
    let mut known = Known::new();
    while let Some(page) = pages.next().await? {
        for listed in page {
            let origin = host_of(&listed).and_then(|host| host.key.as_ref()?.origin.as_ref());
            if let Some(origin) = origin {
                known.insert(origin.to_string(), listed);
            }
        }
    }
    Ok(known)
}
