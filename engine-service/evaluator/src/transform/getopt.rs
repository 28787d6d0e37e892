//! `getopt(list, options)`: options of a command line, as getopt(3) takes them apart.

use std::borrow::Cow;

use fields::Value;

/// The options of `words` and their values in order, or the last value of the selected one.
///
/// `options` are letters, with a colon after those that take a value. Words without a minus are passed over, as GNU's
/// getopt does; `--` ends the options; unknown letters are ignored.
pub(super) fn apply(words: &[Vec<u8>], options: &[u8], selector: Option<&[u8]>) -> Option<Value<'static>> {
    let found = parse(words, options);
    let text = |bytes: Vec<u8>| Value::Bytes(Cow::Owned(bytes));
    match selector {
        Some(&[letter]) => {
            let last = found.into_iter().rev().find(|(own, _)| *own == letter);
            last.map(|(_, value)| text(value.unwrap_or_default()))
        }
        Some(_) => None,
        None => {
            let list = found.into_iter().flat_map(|(letter, value)| [Some(vec![letter]), value]);
            Some(Value::List(list.flatten().map(text).collect()))
        }
    }
}

fn parse(words: &[Vec<u8>], options: &[u8]) -> Vec<(u8, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut letters = match &**word {
            b"--" => break,
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => continue,
        };
        while let Some((letter, rest)) = letters.split_first() {
            letters = rest;
            match takes_value(options, *letter) {
                None => {}
                Some(false) => found.push((*letter, None)),
                Some(true) if !rest.is_empty() => {
                    found.push((*letter, Some(rest.to_vec())));
                    break;
                }
                Some(true) => found.extend(words.next().map(|value| (*letter, Some(value.clone())))),
            }
        }
    }
    found
}

/// Whether the option takes a value; `None` for a letter that is no option.
fn takes_value(options: &[u8], letter: u8) -> Option<bool> {
    let place = options.iter().position(|option| *option == letter && letter != b':')?;
    Some(options.get(place + 1) == Some(&b':'))
}
