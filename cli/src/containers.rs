//! `eyrie containers`: what runs where, and how much is known of it.

mod table;

use std::{io::Write as _, process::ExitCode};

use eyrie_proto::metadata::ListFilter;
use jiff::Zoned;
use owo_colors::OwoColorize as _;

use self::table::Rows;
use crate::{
    args::{ContainersArguments, Output},
    known::{Knowledge, container_json},
    moment,
};

/// Carries out `eyrie containers`.
pub(crate) async fn run(arguments: ContainersArguments) -> anyhow::Result<ExitCode> {
    let now = Zoned::now();
    let as_of_epoch_ns = arguments.at.as_deref().map(|at| moment::parse(at, &now)).transpose()?.unwrap_or(0);
    let of = &arguments.metadata;
    let mut knowledge = Knowledge::connect(of.metadata.as_ref(), &of.tls, of.insecure).await?;
    let filter = ListFilter {
        hosts: arguments.host.clone(),
        namespace: arguments.namespace.clone().unwrap_or_default(),
        image: arguments.image.clone().unwrap_or_default(),
        name: arguments.name.clone().unwrap_or_default(),
        include_ended: arguments.all,
        as_of_epoch_ns,
        ..ListFilter::default()
    };
    let is_json = of.json || arguments.output == Some(Output::Json);
    let notes = if is_json {
        let mut output = std::io::stdout().lock();
        let write = |known| Ok(writeln!(output, "{}", container_json(&known))?);
        knowledge.each_container(filter, write).await?
    } else {
        let mut rows = Rows::new(arguments.output == Some(Output::Wide), moment::epoch_ns(now.timestamp()));
        let notes = knowledge.each_container(filter, |known| rows.add(&known)).await?;
        match rows.is_empty() {
            true => eprintln!("{}", nothing(&arguments, &knowledge)),
            false => rows.write(&mut anstream::stdout().lock())?,
        }
        notes
    };
    notes.iter().for_each(|note| anstream::eprintln!("{} {note}", "note:".yellow()));
    Ok(ExitCode::SUCCESS)
}

/// What an empty list means, and where to look.
fn nothing(arguments: &ContainersArguments, knowledge: &Knowledge) -> String {
    let is_filtered = !arguments.host.is_empty()
        || [&arguments.namespace, &arguments.image, &arguments.name].iter().any(|filter| filter.is_some());
    let which = if is_filtered { "no such container" } else { "no container" };
    let when = match (&arguments.at, arguments.all) {
        (Some(at), _) => format!("was there at {at}, as far as"),
        (None, true) => "is known to".to_owned(),
        (None, false) => "runs, as far as".to_owned(),
    };
    let end = if arguments.at.is_none() && arguments.all { "" } else { " knows" };
    let hint =
        if arguments.all || arguments.at.is_some() { "" } else { "; --all lists those that have ended" };
    format!("{which} {when} the metadata service at {}{end}{hint}", knowledge.address())
}
