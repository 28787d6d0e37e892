//! What large and hostile rules files cost: time and peak memory of loading one of some 50 MB.
//!
//! `cargo run --release -p rule-language --example hostile_files -- KIND [MEGABYTES]`, one kind a run, as memory once taken
//! stays taken. Without a kind it lists them.
#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "it works on what it made itself")]

use std::{process::ExitCode, time::Instant};

use rule_language::{Catalogue, FieldClass, FieldId, FieldInfo, FieldType, Source, falco_load_results, load};

const CLASS: FieldClass =
    FieldClass { name: "example", short_description: "", description: "", sources: &[] };

/// A way to make a file of about so many bytes.
type Make = fn(usize) -> Vec<u8>;

const KINDS: [(&str, Make); 14] = [
    ("list", |bytes| {
        let items = "item1234, ".repeat(bytes / 10);
        format!("- list: l\n  items: [{items}]\n{}", rule("evt.type = open and proc.name in (l)"))
            .into_bytes()
    }),
    ("short-items", |bytes| format!("- list: l\n  items: [{}]\n", "x, ".repeat(bytes / 3)).into_bytes()),
    ("list-lines", |bytes| {
        format!("- list: l\n  items:\n{}", "    - item1234\n".repeat(bytes / 15)).into_bytes()
    }),
    ("rules", |bytes| {
        many(bytes, |n| rule("evt.type = open and proc.name = x").replace("rule: r", &format!("rule: r{n}")))
    }),
    ("macros", |bytes| many(bytes, |n| format!("- macro: m{n}\n  condition: proc.name = x\n"))),
    ("wrong-rules", |bytes| {
        many(bytes, |n| rule("evt.typ = open and proc.name = x").replace("rule: r", &format!("rule: r{n}")))
    }),
    ("condition", |bytes| rule(&["proc.name = x"; 1].repeat(bytes / 17).join(" or ")).into_bytes()),
    ("condition-list", |bytes| {
        rule(&format!("evt.type = open and proc.name in ({}x)", "x,".repeat(bytes / 2))).into_bytes()
    }),
    ("output", |bytes| {
        rule("evt.type = open")
            .replace("output: o", &format!("output: '{}'", "%proc.name ".repeat(bytes / 11)))
            .into_bytes()
    }),
    ("deep", |bytes| vec![b'['; bytes]),
    ("alias-bomb", |bytes| {
        let mut text = "- &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        text.extend((1..60).map(|n| format!("- &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(8))));
        text.extend((0..bytes / 30).map(|n| format!("- list: l{n}\n  items: *a1\n")));
        text.into_bytes()
    }),
    ("random", |bytes| {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b"\n-: []{}'\"&*#|>abc \t,%"[(state % 22) as usize]
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }),
    ("documents", |bytes| "---\n- \n".repeat(bytes / 7).into_bytes()),
    ("comments", |bytes| "#\n".repeat(bytes / 2).into_bytes()),
];

fn many(bytes: usize, item: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 1000);
    for n in 0.. {
        text += &item(n);
        if text.len() >= bytes {
            break;
        }
    }
    text.into_bytes()
}

fn rule(condition: &str) -> String {
    format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let megabytes: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(50);
    let Some((_, make)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        KINDS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::FAILURE;
    };
    let bytes = make(megabytes << 20);
    let before = peak_megabytes();
    let start = Instant::now();
    let source = match Source::from_bytes("hostile.yaml", bytes) {
        Ok(source) => source,
        Err(error) => {
            println!("{kind}: {error}");
            return ExitCode::SUCCESS;
        }
    };
    let sources = [source];
    let (rules, diagnostics) = match load(&sources, &Example::new()) {
        Ok(loaded) => (loaded.rule_set.rules.len(), loaded.diagnostics),
        Err(error) => (0, error.diagnostics),
    };
    let json = falco_load_results(&sources, &diagnostics).to_string();
    let (took, peak) = (start.elapsed(), peak_megabytes());
    let first = diagnostics.first().map(|first| format!("{}:{} {}", first.line, first.column, first.message));
    let first: String = first.unwrap_or_default().chars().take(110).collect();
    println!(
        "{kind}: {:.1} s, peak {peak} MB (of it {before} before), {rules} rules, {} diagnostics, {} KB of JSON; {first}",
        took.as_secs_f64(),
        diagnostics.len(),
        json.len() >> 10
    );
    ExitCode::SUCCESS
}

/// Linux's own account of the most memory that was resident.
fn peak_megabytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    kilobytes.unwrap_or_default() >> 10
}

/// As few fields as the files above need.
struct Example(Vec<FieldInfo>);

impl Example {
    fn new() -> Self {
        Self(["evt.type", "proc.name"].map(field).into())
    }
}

fn field(name: &'static str) -> FieldInfo {
    FieldInfo::new(&CLASS, name, FieldType::CharBuf, "")
}

impl Catalogue for Example {
    fn field(&self, name: &str) -> Option<FieldId> {
        let position = self.0.iter().position(|field| field.name == name)?;
        u32::try_from(position).ok().map(FieldId)
    }

    fn info(&self, id: FieldId) -> &FieldInfo {
        &self.0[id.0 as usize]
    }

    fn fields(&self) -> &[FieldInfo] {
        &self.0
    }

    fn is_event_type(&self, name: &str) -> bool {
        name == "open"
    }

    fn event_types(&self) -> &[&'static str] {
        &["open"]
    }

    fn count_event_codes(&self, names: &[String]) -> usize {
        names.len()
    }

    fn is_source(&self, source: &str) -> bool {
        source == "syscall"
    }
}
