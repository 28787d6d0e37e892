//! `eyrie describe container`: all that is known of one, since when and from whom.

mod text;

use std::{fmt::Write as _, process::ExitCode};

use eyrie_proto::metadata::ListFilter;
use jiff::Zoned;
use owo_colors::OwoColorize as _;

pub(crate) use self::text::probe_kind;
use crate::{
    args::DescribeContainerArguments,
    diagnostics,
    known::{Knowledge, KnownContainer, container_json},
    main_failure, moment,
};

/// Candidates that are shown of an ambiguous id, and lives that are looked through for the one that is meant.
const SHOWN_CANDIDATES: usize = 10;
const MAX_CANDIDATES: usize = 1_000;

/// What was found for an id or a name.
struct Search {
    found: Vec<KnownContainer>,
    /// There were more than are looked through.
    is_cut: bool,
    notes: Vec<String>,
}

/// Carries out `eyrie describe container`.
pub(crate) async fn run(arguments: DescribeContainerArguments) -> anyhow::Result<ExitCode> {
    let now = Zoned::now();
    let as_of_epoch_ns = arguments.at.as_deref().map(|at| moment::parse(at, &now)).transpose()?.unwrap_or(0);
    anyhow::ensure!(
        !arguments.id.is_empty(),
        "the ID is empty: give the beginning of a container's id, or its name"
    );
    let of = &arguments.metadata;
    let mut knowledge = Knowledge::connect(of.metadata.as_ref(), &of.tls, of.insecure).await?;
    let everything = ListFilter {
        hosts: arguments.host.iter().cloned().collect(),
        include_ended: true,
        as_of_epoch_ns,
        ..ListFilter::default()
    };
    // As Docker does: an id is meant first, and a name if there is no such id.
    let by_id = ListFilter { id_prefix: arguments.id.clone(), ..everything.clone() };
    let mut search = Search::of(&mut knowledge, by_id).await?;
    if search.found.is_empty() {
        let by_name = ListFilter { name: arguments.id.clone(), ..everything };
        search = Search::of(&mut knowledge, by_name).await?;
    }
    let notes = std::mem::take(&mut search.notes);
    let told = search.tell(&arguments, &knowledge, moment::epoch_ns(now.timestamp()));
    notes.iter().for_each(|note| anstream::eprintln!("{} {note}", "note:".yellow()));
    match told {
        Ok(text) => {
            anstream::print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            anstream::eprint!("{refusal}");
            Ok(main_failure())
        }
    }
}

// === impl Search ===

impl Search {
    async fn of(knowledge: &mut Knowledge, filter: ListFilter) -> anyhow::Result<Self> {
        let mut search = Self { found: Vec::new(), is_cut: false, notes: Vec::new() };
        let take = |known| {
            match search.found.len() < MAX_CANDIDATES {
                true => search.found.push(known),
                false => search.is_cut = true,
            }
            Ok(())
        };
        search.notes = knowledge.each_container(filter, take).await?;
        Ok(search)
    }

    /// The container that is meant, as it was asked for; otherwise why none is.
    fn tell(
        mut self,
        arguments: &DescribeContainerArguments,
        knowledge: &Knowledge,
        now_epoch_ns: u64,
    ) -> Result<String, String> {
        // Containers with one id on one host are lives of one container; the one that runs, or the latest, is meant.
        self.found.sort_by_key(|known| (known.origin(), known.id().to_owned(), life(known)));
        let mut latest: Vec<(KnownContainer, usize)> = Vec::new();
        for known in self.found {
            match latest.last_mut() {
                Some((last, lives)) if last.origin() == known.origin() && last.id() == known.id() => {
                    (*last, *lives) = (known, *lives + 1);
                }
                _ => latest.push((known, 1)),
            }
        }
        // One whose whole id is given is meant, also if others begin so.
        if latest.iter().any(|(known, _)| known.id() == arguments.id) {
            latest.retain(|(known, _)| known.id() == arguments.id);
        }
        match (latest.pop(), latest.len()) {
            (None, _) => Err(unknown(arguments, knowledge)),
            (Some((known, _)), 0) if arguments.metadata.json => Ok(format!("{}\n", container_json(&known))),
            (Some((known, lives)), 0) => Ok(text::render(&known, lives, now_epoch_ns)),
            (Some(last), _) => {
                latest.push(last);
                Err(ambiguous(arguments, &latest, self.is_cut))
            }
        }
    }
}

/// What still runs is the latest.
fn life(known: &KnownContainer) -> (bool, u64, u64) {
    (!known.has_ended(), known.listed.from_epoch_ns, known.version())
}

fn unknown(arguments: &DescribeContainerArguments, knowledge: &Knowledge) -> String {
    let id = &arguments.id;
    let on = arguments.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    let at = arguments.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    let message = format!(
        "no container whose id begins with {id:?}, or whose name it is, is known{on}{at} to the metadata service at {}",
        knowledge.address()
    );
    let mut help = String::from(
        "`eyrie containers --all` lists what is known; compare with `podman ps --all --no-trunc` on its host. \
         `eyrie hosts` says whether that host's agent is connected.",
    );
    let _ = match arguments.at {
        Some(_) => write!(help, " Without --at, the latest is described, whenever it was."),
        None => write!(
            help,
            " What has ended is forgotten after an hour, unless the service has another --tombstone-retention-secs."
        ),
    };
    diagnostics::render_error(&message, &help, true)
}

fn ambiguous(
    arguments: &DescribeContainerArguments,
    found: &[(KnownContainer, usize)],
    is_cut: bool,
) -> String {
    let more = if is_cut { "more than " } else { "" };
    let message = format!("{} means {more}{} containers", arguments.id, found.len());
    let mut help = String::new();
    for (known, _) in found.iter().take(SHOWN_CANDIDATES) {
        let state = if known.has_ended() { "ended" } else { "running" };
        let _ = writeln!(help, "{}  {}  {} on {}", known.id(), known.container.name, state, known.host());
    }
    if found.len() > SHOWN_CANDIDATES {
        let _ = writeln!(help, "and {} more", found.len() - SHOWN_CANDIDATES);
    }
    let is_one_id = found.windows(2).all(|two| match two {
        [(one, _), (other, _)] => one.id() == other.id(),
        _ => true,
    });
    let fix = match (is_one_id, found.first(), found.last()) {
        (true, Some((one, _)), _) => format!("name its host: --host {}", one.host()),
        (false, Some((one, _)), Some((other, _))) => {
            format!("give more of the id, such as {}", distinct(one.id(), other.id()))
        }
        _ => String::new(),
    };
    help.push_str(&fix);
    diagnostics::render_error(&message, &help, true)
}

/// The shortest beginning of an id that another one does not have, and no shorter than container tools show.
fn distinct(id: &str, other: &str) -> String {
    let common = id.chars().zip(other.chars()).take_while(|(one, two)| one == two).count();
    id.chars().take((common + 1).max(12)).collect()
}
