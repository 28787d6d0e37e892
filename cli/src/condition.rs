//! `eyrie condition parse`: conditions in, their trees out, for editors and linters.

use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Read, Write},
    process::ExitCode,
};

use rule_language::{MAX_EXPANDED_BYTES, parse_condition};
use serde::Serialize;
use serde_json::Value;

use crate::args::ConditionParseArguments;

/// Bytes of one condition; what a whole set of files may expand to.
const MAX_CONDITION_BYTES: usize = MAX_EXPANDED_BYTES;

/// What is said of one condition.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Parsed { ok: bool, canonical: String, ast: Value },
    Refused { ok: bool, error: String, line: usize, column: usize, offset: usize },
}

/// Carries out `eyrie condition parse`; ends with 1 if a condition was refused.
pub(crate) fn parse(arguments: &ConditionParseArguments) -> anyhow::Result<ExitCode> {
    let separator = if arguments.null { 0 } else { b'\n' };
    let mut output = BufWriter::new(io::stdout().lock());
    let all_parsed = parse_all(&mut BufReader::new(io::stdin()), &mut output, separator)?;
    Ok(if all_parsed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Answers every condition with a line; says whether all of them could be parsed.
fn parse_all(input: &mut BufReader<impl Read>, output: &mut impl Write, separator: u8) -> io::Result<bool> {
    let mut all_parsed = true;
    let mut condition = Vec::new();
    while let Some(length) = read_condition(input, &mut condition, separator)? {
        let is_whole = length <= MAX_CONDITION_BYTES;
        let answer = if is_whole { Answer::to(&condition) } else { Answer::to_too_long(length) };
        all_parsed &= answer.is_ok();
        serde_json::to_writer(&mut *output, &answer)?;
        output.write_all(b"\n")?;
        // Whoever holds a conversation waits for the answer; whoever sends a file does not.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(all_parsed)
}

/// Reads up to the next separator or the end, of an overlong condition only the start. The length is the whole one's.
fn read_condition(
    input: &mut BufReader<impl Read>,
    condition: &mut Vec<u8>,
    separator: u8,
) -> io::Result<Option<usize>> {
    condition.clear();
    let mut length = 0;
    let mut has_begun = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(has_begun.then_some(length));
        }
        has_begun = true;
        let end = buffer.iter().position(|&byte| byte == separator);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = MAX_CONDITION_BYTES.saturating_sub(condition.len()).min(part.len());
        condition.extend_from_slice(part.get(..room).unwrap_or_default());
        length += part.len();
        let consumed = part.len() + usize::from(end.is_some());
        input.consume(consumed);
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

// === impl Answer ===

impl Answer {
    fn to(condition: &[u8]) -> Self {
        let text = match std::str::from_utf8(condition) {
            Ok(text) => text,
            Err(error) => return Self::to_no_text(condition, error.valid_up_to()),
        };
        match parse_condition(text) {
            Ok(node) => Self::Parsed { ok: true, canonical: node.to_string(), ast: node.to_json() },
            Err(error) => {
                let place = error.position;
                Self::refusal(error.message, place.line, place.column, place.offset)
            }
        }
    }

    fn to_no_text(condition: &[u8], offset: usize) -> Self {
        let before = condition.get(..offset).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|&&byte| byte != b'\n').count();
        let message = "a condition has to be UTF-8 text; write other bytes as \\xHH inside quotes";
        Self::refusal(message.to_owned(), line, column, offset)
    }

    fn to_too_long(length: usize) -> Self {
        let message = format!("the condition has {length} bytes; at most {MAX_CONDITION_BYTES} are read");
        Self::refusal(message, 1, 1, 0)
    }

    fn refusal(error: String, line: usize, column: usize, offset: usize) -> Self {
        Self::Refused { ok: false, error, line, column, offset }
    }

    fn is_ok(&self) -> bool {
        matches!(self, Self::Parsed { .. })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answers(input: &[u8], separator: u8) -> Vec<Value> {
        let mut output = Vec::new();
        parse_all(&mut BufReader::with_capacity(7, input), &mut output, separator).unwrap();
        let lines = output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// Scenario: good and bad lines, an empty one, a last one without its end. Guarantees: an answer for each, in order,
    /// with the canonical form or the place.
    #[test]
    fn every_line_is_answered() {
        let answers = answers(b"a.b=c and not(d)\n\na and\r\nproc.name in (x, 'y z')", b'\n');
        assert_eq!(answers.len(), 4);
        assert_eq!(answers[0]["canonical"], "(a.b = c and not d)");
        assert_eq!(answers[0]["ast"]["type"], "and");
        let empty = json!({"ok": false, "error": "filter input string is empty", "line": 1, "column": 1, "offset": 0});
        assert_eq!(answers[1], empty);
        assert_eq!((&answers[2]["ok"], &answers[2]["column"]), (&json!(false), &json!(7)));
        assert_eq!(answers[3]["canonical"], "proc.name in (x, \"y z\")");
    }

    /// Scenario: conditions of several lines with NUL between them, one of them no text. Guarantees: line breaks belong to
    /// the condition, and places count lines.
    #[test]
    fn nul_separates_conditions_of_several_lines() {
        let answers = answers(b"a\nand b\0a\n\xff\0a.b =\n\n ", 0);
        assert_eq!(answers.len(), 3);
        assert_eq!(answers[0]["canonical"], "(a and b)");
        assert_eq!((&answers[1]["line"], &answers[1]["column"]), (&json!(2), &json!(1)));
        assert_eq!((&answers[2]["line"], &answers[2]["offset"]), (&json!(3), &json!(8)));
    }

    /// Scenario: nothing at all, and a separator alone. Guarantees: no answer, and one.
    #[test]
    fn only_what_was_sent_is_answered() {
        assert!(answers(b"", b'\n').is_empty());
        assert_eq!(answers(b"\n", b'\n').len(), 1);
        assert_eq!(answers(b"\n\n", 0).len(), 1);
    }
}
