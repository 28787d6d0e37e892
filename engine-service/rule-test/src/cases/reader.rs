//! From YAML to cases. Every mistake of a file is told at once, each with its place.

mod recorded;

use std::{collections::HashSet, ops::Range, rc::Rc, sync::Arc};

use rule_language::{
    Diagnostic, Source,
    yaml::{self, Content, Node},
};

use self::recorded::is_recorded;
use super::{Case, CaseFile, Change, Entry, Expectation, HostSettings, RuleName};
use crate::given::{Given, Problem, Setting};

/// Cases of one file, with their variants and near misses. Each is a host of its own that is built and thrown away: some
/// milliseconds.
const MAX_SCENES: usize = 50_000;
/// Events of one case.
const MAX_EVENTS: usize = 1_000;
/// Members that a list or mapping of values may have, and how deep they may lie in each other.
const MAX_MEMBERS: usize = 10_000;
const MAX_DEPTH: usize = 4;
/// Fields that an event or a change sets; the catalogue has fewer than 400.
const MAX_SETTINGS: usize = 1_000;
/// Values that a file may hold once its aliases are followed. At some 100 bytes each that is 100 MB at worst.
const MAX_VALUES: usize = 1_000_000;
/// Mistakes that are told of one file.
const MAX_PROBLEMS: usize = 50;

/// Reads a file of cases; everything that is wrong with it otherwise.
pub fn read(source: &Source) -> Result<CaseFile, Vec<Diagnostic>> {
    let source = Arc::new(source.clone());
    let mut reader = Reader { problems: Vec::new(), scenes: 0, values: 0 };
    let file = reader.file(&source);
    if reader.problems.is_empty() {
        return Ok(file);
    }
    reader.problems.truncate(MAX_PROBLEMS);
    Err(reader.problems.into_iter().map(|problem| diagnostic(&source, problem)).collect())
}

/// A problem as a diagnostic of its file.
pub(crate) fn diagnostic(source: &Arc<Source>, problem: Problem) -> Diagnostic {
    let diagnostic = Diagnostic::of_yaml(Arc::clone(source), problem.span, problem.message);
    match problem.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

type Pairs = [(Rc<Node>, Rc<Node>)];

struct Reader {
    problems: Vec<Problem>,
    scenes: usize,
    values: usize,
}

// === impl Reader ===

impl Reader {
    fn file(&mut self, source: &Arc<Source>) -> CaseFile {
        let mut file = CaseFile {
            source: Arc::clone(source),
            rules: Vec::new(),
            cases: Vec::new(),
            recordings: Vec::new(),
        };
        let documents = match yaml::parse(&source.text) {
            Ok(documents) => documents,
            Err(error) => {
                self.tell(&(error.offset..error.offset + 1), error.message);
                return file;
            }
        };
        let [document] = documents.as_slice() else {
            self.tell(&(0..1), "a file of cases is one YAML document, a mapping with the key `cases`");
            return file;
        };
        for (key, value) in self.mapping(document, "a file of cases").to_vec() {
            match key.scalar() {
                Some("rules") => file.rules = self.texts(&value, "rules"),
                Some("cases") => {
                    for case in self.sequence(&value, "cases").to_vec() {
                        match is_recorded(&case) {
                            true => file.recordings.push(self.recorded_case(&case)),
                            false => file.cases.push(self.case(&case)),
                        }
                    }
                }
                _ => self.unknown_key(&key, "a file of cases", &["rules", "cases"]),
            }
        }
        let mut names = HashSet::new();
        let written = file.cases.iter().map(|case| (&case.name, &case.span));
        let recorded = file.recordings.iter().map(|case| (&case.name, &case.span));
        let repeated: Vec<_> = written
            .chain(recorded)
            .filter(|(name, _)| !names.insert(String::clone(name)))
            .map(|(_, span)| span.clone())
            .collect();
        for span in repeated {
            self.tell(
                &span,
                "another case of this file has the same name: names tell cases apart in reports",
            );
        }
        if self.scenes > MAX_SCENES {
            self.tell(
                &(0..1),
                format!("a file can have {MAX_SCENES} cases, variants and near misses together: split it"),
            );
        }
        file
    }

    fn case(&mut self, node: &Rc<Node>) -> Case {
        let mut case = Case {
            name: String::new(),
            span: node.span(),
            containers: Vec::new(),
            host: HostSettings::default(),
            events: Vec::new(),
            expect: None,
            expect_not: Vec::new(),
            variants: Vec::new(),
            near_misses: Vec::new(),
        };
        if !self.may_go_on(&node.span()) {
            return case;
        }
        const KEYS: [&str; 8] =
            ["name", "containers", "host", "events", "expect", "expect_not", "variants", "near_misses"];
        for (key, value) in self.mapping(node, "a case").to_vec() {
            match key.scalar() {
                Some("name") => {
                    case.name = self.text(&value, "name");
                    case.span = value.span();
                }
                Some("containers") => case.containers = self.containers(&value),
                Some("host") => case.host = self.host(&value),
                Some("events") => {
                    case.events = self
                        .sequence(&value, "events")
                        .to_vec()
                        .iter()
                        .map(|event| self.settings(event))
                        .collect();
                }
                Some("expect") => {
                    let expected = self.sequence(&value, "expect").to_vec();
                    case.expect = Some(expected.iter().map(|expected| self.expectation(expected)).collect());
                }
                Some("expect_not") => case.expect_not = self.rule_names(&value),
                Some("variants") => case.variants = self.changes(&value, "variants"),
                Some("near_misses") => case.near_misses = self.changes(&value, "near_misses"),
                _ => self.unknown_key(&key, "a case", &KEYS),
            }
        }
        self.scenes += 1 + case.variants.len() + case.near_misses.len();
        self.check(&case);
        case
    }

    fn check_expects(&mut self, span: &Range<usize>, is_something_expected: bool) {
        if !is_something_expected {
            let problem = Problem::new(span, "the case expects nothing that could fail");
            let help = "name rules under `expect` or `expect_not`, or say `expect: []` if nothing may fire";
            self.problems.push(problem.help(help));
        }
    }

    /// What a case must have.
    fn check(&mut self, case: &Case) {
        if case.name.is_empty() {
            self.tell(&case.span, "a case needs a `name`");
        }
        if case.events.is_empty() || case.events.len() > MAX_EVENTS {
            let message =
                format!("a case needs `events`, one at least, {MAX_EVENTS} at most; or a `recording`");
            self.tell(&case.span, message);
        }
        self.check_expects(&case.span, case.expect.is_some() || !case.expect_not.is_empty());
        if !case.near_misses.is_empty() && case.expected_rules().next().is_none() {
            self.tell(&case.span, "near misses are misses of the rules in `expect`, and there are none");
        }
        for expected in case.expect.iter().flatten() {
            if expected.event.is_some_and(|event| event == 0 || event > case.events.len()) {
                let message = format!("the case has {} events, counted from 1", case.events.len());
                self.tell(&expected.rule.span, message);
            }
        }
    }

    fn containers(&mut self, node: &Rc<Node>) -> Vec<(String, Vec<Setting>)> {
        let mut containers = Vec::new();
        for (key, value) in self.mapping(node, "containers").to_vec() {
            let mut settings = self.settings(&value);
            for setting in &mut settings {
                if !setting.field.starts_with("k8s.") && !setting.field.starts_with("container.") {
                    setting.field = format!("container.{}", setting.field);
                }
            }
            containers.push((self.text(&key, "the name of a container"), settings));
        }
        containers
    }

    fn host(&mut self, node: &Rc<Node>) -> HostSettings {
        let mut host = HostSettings::default();
        for (key, value) in self.mapping(node, "host").to_vec() {
            match key.scalar() {
                Some("hostname") => host.hostname = Some(self.text(&value, "hostname")),
                Some("users") => {
                    host.users = self.entries(&value, "users", &["uid", "gid", "name", "home", "shell"])
                }
                Some("groups") => host.groups = self.entries(&value, "groups", &["gid", "name"]),
                _ => self.unknown_key(&key, "host", &["hostname", "users", "groups"]),
            }
        }
        host
    }

    fn entries(&mut self, node: &Rc<Node>, what: &str, keys: &[&str]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for member in self.sequence(node, what).to_vec() {
            let values = self.settings(&member);
            for value in values.iter().filter(|value| !keys.contains(&value.field.as_str())) {
                self.tell(&value.span, format!("{what} have {} only", keys.join(", ")));
            }
            entries.push(Entry { values, span: member.span() });
        }
        entries
    }

    fn expectation(&mut self, node: &Rc<Node>) -> Expectation {
        if node.scalar().is_some() {
            return Expectation { rule: self.rule_name(node), fields: Vec::new(), event: None };
        }
        let rule = RuleName { name: String::new(), span: node.span() };
        let mut expected = Expectation { rule, fields: Vec::new(), event: None };
        for (key, value) in self.mapping(node, "an expected alert").to_vec() {
            match key.scalar() {
                Some("rule") => expected.rule = self.rule_name(&value),
                Some("fields") => expected.fields = self.settings(&value),
                Some("event") => match value.scalar().and_then(|text| text.parse().ok()) {
                    Some(event) => expected.event = Some(event),
                    None => self.tell(&value.span(), "`event` is the number of an event of the case, from 1"),
                },
                _ => self.unknown_key(&key, "an expected alert", &["rule", "fields", "event"]),
            }
        }
        if expected.rule.name.is_empty() {
            self.tell(&node.span(), "an expected alert needs a `rule`");
        }
        expected
    }

    fn rule_names(&mut self, node: &Rc<Node>) -> Vec<RuleName> {
        self.sequence(node, "expect_not").to_vec().iter().map(|name| self.rule_name(name)).collect()
    }

    fn rule_name(&mut self, node: &Rc<Node>) -> RuleName {
        RuleName { name: self.text(node, "the name of a rule"), span: node.span() }
    }

    fn changes(&mut self, node: &Rc<Node>, what: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for member in self.sequence(node, what).to_vec() {
            let mut settings = self.settings(&member);
            let name = settings
                .iter()
                .position(|setting| setting.field == "name")
                .map(|place| settings.remove(place));
            let name = name.map(|name| name.value.to_string());
            if settings.is_empty() {
                self.tell(&member.span(), "a change needs at least one field");
            }
            changes.push(Change { name, settings, span: member.span() });
        }
        changes
    }

    fn settings(&mut self, node: &Rc<Node>) -> Vec<Setting> {
        let mut settings: Vec<Setting> = Vec::new();
        for (key, value) in self.mapping(node, "an event").to_vec() {
            if !self.may_go_on(&key.span()) {
                break;
            }
            if settings.len() >= MAX_SETTINGS {
                self.tell(&key.span(), format!("an event or a change sets {MAX_SETTINGS} fields at most"));
                break;
            }
            let Some(field) = key.scalar() else {
                self.tell(&key.span(), "the name of a field is a text");
                continue;
            };
            if settings.iter().any(|known| known.field == field) {
                self.tell(&key.span(), format!("{field} is set twice"));
            }
            let span = key.span().start..value.span().end.max(key.span().end);
            let value = self.value(&value, 0);
            settings.push(Setting { field: field.to_owned(), value, span });
        }
        settings
    }

    fn value(&mut self, node: &Rc<Node>, depth: usize) -> Given {
        if !self.may_go_on(&node.span()) {
            return Given::Missing;
        }
        if depth > MAX_DEPTH {
            self.tell(&node.span(), format!("values lie {MAX_DEPTH} levels deep in each other at most"));
            return Given::Missing;
        }
        match &node.content {
            Content::Null => Given::Missing,
            Content::Scalar(scalar) => Given::Text(scalar.value.to_string()),
            Content::Sequence(members) => Given::List(
                members.iter().take(MAX_MEMBERS).map(|member| self.value(member, depth + 1)).collect(),
            ),
            Content::Mapping(pairs) => match pairs.as_slice() {
                [(key, value)] if key.scalar() == Some("hex") => self.hex(value),
                pairs => {
                    let pair = |(key, value): &(Rc<Node>, Rc<Node>)| {
                        (key.scalar().unwrap_or_default().to_owned(), self.value(value, depth + 1))
                    };
                    Given::Map(pairs.iter().take(MAX_MEMBERS).map(pair).collect())
                }
            },
        }
    }

    fn hex(&mut self, node: &Rc<Node>) -> Given {
        let digits = node.scalar().unwrap_or_default();
        let byte = |place: usize| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        match bytes {
            Some(bytes) => Given::Bytes(bytes),
            None => {
                self.tell(
                    &node.span(),
                    "`hex` takes pairs of hexadecimal digits, in quotes if they are all decimal",
                );
                Given::Missing
            }
        }
    }

    /// Counts a value; false from the first on that is one too many, which is told.
    fn may_go_on(&mut self, span: &Range<usize>) -> bool {
        self.values += 1;
        if self.values == MAX_VALUES {
            self.tell(
                span,
                format!("a file can hold {MAX_VALUES} values, with its aliases followed: split it"),
            );
        }
        self.values < MAX_VALUES
    }

    fn mapping<'n>(&mut self, node: &'n Rc<Node>, what: &str) -> &'n Pairs {
        match &node.content {
            Content::Mapping(pairs) => pairs,
            _ => {
                self.tell(&node.span(), format!("{what}: a mapping is expected here, `key: value`"));
                &[]
            }
        }
    }

    fn sequence<'n>(&mut self, node: &'n Rc<Node>, what: &str) -> &'n [Rc<Node>] {
        match &node.content {
            Content::Sequence(members) => members,
            _ => {
                self.tell(&node.span(), format!("{what}: a list is expected here"));
                &[]
            }
        }
    }

    fn texts(&mut self, node: &Rc<Node>, what: &str) -> Vec<String> {
        self.sequence(node, what).to_vec().iter().map(|text| self.text(text, what)).collect()
    }

    fn text(&mut self, node: &Rc<Node>, what: &str) -> String {
        match node.scalar() {
            Some(text) => text.to_owned(),
            None => {
                self.tell(&node.span(), format!("{what}: a text is expected here"));
                String::new()
            }
        }
    }

    fn unknown_key(&mut self, key: &Rc<Node>, what: &str, known: &[&str]) {
        let name = key.scalar().unwrap_or_default();
        let near = rule_language::closest(name, known.iter().copied());
        let problem = Problem::new(&key.span(), format!("{what} has no key '{name}'"));
        self.problems.push(problem.help(match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}", known.join(", ")),
        }));
    }

    fn tell(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem::new(span, message));
    }
}
