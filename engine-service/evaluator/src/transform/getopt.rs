//! `getopt(list, options)`: options of a command line (`sinsp_filtercheck_multivalue_transformer.cpp` of libsinsp).
//!
//! It is POSIX's getopt(3) without long options: what begins with two minuses is passed over, `--` and the first word
//! that is no option end it.

use std::borrow::Cow;

use fields::Value;

/// What the list shows for a letter that is no option.
const UNKNOWN: &[u8] = b"?";

/// One option of a command line. A missing value is an empty one, without the letter.
struct Found<'w> {
    letter: u8,
    name: &'w [u8],
    value: Option<&'w [u8]>,
}

/// The letters of `words` and their values in order, or the last value of the selected one; an option without a value
/// has its letter for one.
///
/// `options` are letters, with a colon after those that take a value.
pub(super) fn apply(words: &[Vec<u8>], options: &[u8], selector: Option<&[u8]>) -> Option<Value<'static>> {
    let found = parse(words, options);
    let text = |bytes: &[u8]| Value::Bytes(Cow::Owned(bytes.to_vec()));
    match selector {
        Some(&[letter]) => {
            let known = |found: &&Found<'_>| found.letter == letter && found.name != UNKNOWN;
            found.iter().rev().find(known).map(|found| text(found.value.unwrap_or(found.name)))
        }
        Some(_) => None,
        None => {
            let list = found.iter().flat_map(|found| [Some(found.name), found.value]);
            Some(Value::List(list.flatten().map(text).collect()))
        }
    }
}

fn parse<'w>(words: &'w [Vec<u8>], options: &[u8]) -> Vec<Found<'w>> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut letters: &[u8] = match &**word {
            b"--" => break,
            [b'-', b'-', ..] => continue,
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        while let Some((name, rest)) = letters.split_at_checked(1) {
            letters = rest;
            let Some(letter) = name.first().copied() else { break };
            match takes_value(options, letter) {
                None => found.push(Found { letter, name: UNKNOWN, value: None }),
                Some(false) => found.push(Found { letter, name, value: None }),
                Some(true) => {
                    let value = match rest {
                        [] => words.next().map(|word| &**word),
                        attached => Some(attached),
                    };
                    let name = if value.is_some() { name } else { b"" };
                    found.push(Found { letter, name, value });
                    break;
                }
            }
        }
    }
    found
}

/// Whether the option takes a value; `None` for a letter that is no option.
fn takes_value(options: &[u8], letter: u8) -> Option<bool> {
    // Of a letter that is there twice, one colon is enough.
    let mut takes = None;
    let mut rest = options;
    while let Some((option, behind)) = rest.split_first() {
        rest = behind;
        if *option == b':' {
            continue;
        }
        let colon = rest.first() == Some(&b':');
        if *option == letter {
            takes = Some(colon || takes == Some(true));
        }
    }
    takes
}
