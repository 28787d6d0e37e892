//! From one syntax to the other.

use super::{RegexError, class};

/// How often something may be repeated by numbers; RE2's bound, for repetitions in repetitions together too.
const MAX_REPETITION: u32 = 1000;

/// How deep parentheses may be nested; RE2 takes 1,000.
const MAX_DEPTH: usize = 200;

/// How many bytes an expression may have; what is longer would hardly compile within bounds.
const MAX_LENGTH: usize = 16 << 10;

/// Reads an expression and writes it anew.
struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    written: String,
    /// Groups that are open.
    open: Vec<Group>,
    /// The most that anything is repeated by numbers in the group that is being read.
    times: u32,
    /// Where the element begins in what was written that a repetition would be about, and how often it is repeated by
    /// numbers already.
    element: Option<Element>,
}

#[derive(Clone, Copy)]
struct Element {
    start: usize,
    times: u32,
}

/// A group: where it begins in what was written, and the most repetitions in what stands around it.
struct Group {
    start: usize,
    times_around: u32,
}

/// The expression for the `regex` crate.
pub(super) fn translate(pattern: &str) -> Result<String, RegexError> {
    if pattern.len() > MAX_LENGTH {
        return Err(RegexError::TooLarge);
    }
    let mut translator =
        Translator { pattern, at: 0, written: String::new(), open: Vec::new(), times: 1, element: None };
    while let Some(letter) = translator.peek() {
        translator.next(letter)?;
    }
    match translator.open.is_empty() {
        true => Ok(translator.written),
        false => Err(RegexError::MissingParenthesis(pattern.to_owned())),
    }
}

/// The letter of an escape, and its length behind the backslash.
pub(super) fn escape(behind: &str) -> Result<(char, usize), RegexError> {
    let wrong = |length: usize| {
        let end = behind.char_indices().nth(length).map_or(behind.len(), |(at, _)| at);
        RegexError::Escape(format!("\\{}", behind.get(..end).unwrap_or_default()))
    };
    let first = behind.chars().next().ok_or(RegexError::TrailingBackslash)?;
    Ok(match first {
        'n' => ('\n', 1),
        't' => ('\t', 1),
        'r' => ('\r', 1),
        'f' => ('\x0c', 1),
        'v' => ('\x0b', 1),
        'a' => ('\x07', 1),
        'x' => hexadecimal(behind).ok_or_else(|| wrong(2))?,
        // One digit alone would be a reference to a group.
        '0'..='7' if first == '0' || behind.get(1..2).is_some_and(|next| is_octal(next.as_bytes())) => {
            let digits = behind.bytes().take(3).take_while(|byte| is_octal(&[*byte])).count();
            let code = behind.get(..digits).and_then(|digits| u32::from_str_radix(digits, 8).ok());
            (code.and_then(char::from_u32).ok_or_else(|| wrong(digits))?, digits)
        }
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => (other, 1),
        _ => return Err(wrong(1)),
    })
}

fn is_octal(digit: &[u8]) -> bool {
    matches!(digit, [b'0'..=b'7'])
}

/// `xAB` or `x{10FFFF}`.
fn hexadecimal(behind: &str) -> Option<(char, usize)> {
    let (digits, length) = match behind.get(1..)?.strip_prefix('{') {
        Some(braced) => {
            let end = braced.find('}')?;
            (braced.get(..end)?, end + 3)
        }
        None => (behind.get(1..3)?, 3),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?, length))
}

/// Adds a letter that stands for itself.
pub(super) fn push_literal(written: &mut String, letter: char) {
    let mut buffer = [0; 4];
    written.push_str(&regex::escape(letter.encode_utf8(&mut buffer)));
}

// === impl Translator ===

impl Translator<'_> {
    fn rest(&self) -> &str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self, letter: char) -> Result<(), RegexError> {
        match letter {
            '(' => self.enter()?,
            ')' => self.leave()?,
            '|' => {
                self.written.push('|');
                self.element = None;
            }
            '^' => self.element(|written| written.push_str("(?m:^)")),
            '$' => self.element(|written| written.push_str("(?m:$)")),
            '.' => self.element(|written| written.push('.')),
            '[' => {
                let (class, length) = class::translate(self.rest())?;
                self.at += length;
                self.element(|written| written.push_str(&class));
                return Ok(());
            }
            '\\' => {
                let (escaped, length) = escape(self.rest().get(1..).unwrap_or_default())?;
                self.at += length;
                self.element(|written| push_literal(written, escaped));
            }
            '*' | '+' | '?' => self.repeat(&letter.to_string(), 1)?,
            '{' => match counted(self.rest()) {
                Some((least, most, length)) => return self.repeat_counted(least, most, length),
                // Braces that count nothing stand for themselves.
                None => self.element(|written| push_literal(written, '{')),
            },
            other => self.element(|written| push_literal(written, other)),
        }
        self.at += letter.len_utf8();
        Ok(())
    }

    fn element(&mut self, write: impl FnOnce(&mut String)) {
        self.element = Some(Element { start: self.written.len(), times: 1 });
        write(&mut self.written);
    }

    fn enter(&mut self) -> Result<(), RegexError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(RegexError::TooLarge);
        }
        self.open.push(Group { start: self.written.len(), times_around: self.times });
        self.times = 1;
        self.written.push_str("(?:");
        self.element = None;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), RegexError> {
        let unexpected = || RegexError::UnexpectedParenthesis(self.pattern.to_owned());
        let Group { start, times_around } = self.open.pop().ok_or_else(unexpected)?;
        self.written.push(')');
        self.element = Some(Element { start, times: self.times });
        self.times = self.times.max(times_around);
        Ok(())
    }

    /// Puts the last element into a group of its own, so that repetitions of repetitions mean just that.
    fn repeat(&mut self, operator: &str, times: u32) -> Result<(), RegexError> {
        let Some(element) = self.element else {
            return Err(RegexError::NoArgument(operator.to_owned()));
        };
        let times = element.times.saturating_mul(times.max(1));
        if times > MAX_REPETITION {
            return Err(RegexError::RepetitionSize(operator.to_owned()));
        }
        self.written.insert_str(element.start, "(?:");
        self.written.push(')');
        self.written.push_str(operator);
        self.times = self.times.max(times);
        self.element = Some(Element { times, ..element });
        Ok(())
    }

    fn repeat_counted(&mut self, least: u32, most: Option<u32>, length: usize) -> Result<(), RegexError> {
        let operator = self.rest().get(..length).unwrap_or_default().to_owned();
        if least > MAX_REPETITION || most.is_some_and(|most| most > MAX_REPETITION || most < least) {
            return Err(RegexError::RepetitionSize(operator));
        }
        self.repeat(&operator, most.unwrap_or(least))?;
        self.at += length;
        Ok(())
    }
}

/// `{2}`, `{2,}` or `{2,3}`: the numbers, and its length.
fn counted(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let end = text.find('}')?;
    let inner = text.get(1..end)?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        // No number of RE2's has a leading zero.
        (is_number && (digits == "0" || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    match inner.split_once(',') {
        None => number(inner).map(|times| (times, Some(times), end + 1)),
        Some((least, "")) => number(least).map(|least| (least, None, end + 1)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?), end + 1)),
    }
}
