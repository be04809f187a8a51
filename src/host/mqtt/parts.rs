//! The commands in a line that the program wrote itself, taken apart as V.250 section 5.2.1 joins them.

use modemqtt_at::Form;
use modemqtt_at::ascii::QUOTE;

/// How many bytes an unknown line may have declared: its largest number up to `most`.
pub(crate) fn declared_at_most(line: &[u8], most: usize) -> Option<usize> {
    let text = String::from_utf8_lossy(line);
    let part = parts(&text).last()?;
    let numbers = part
        .fields
        .iter()
        .filter_map(|field| field.trim_matches('"').parse().ok());
    numbers.filter(|number| *number <= most).max()
}

/// One command of a line.
pub(super) struct Part<'a> {
    /// Its name without `+`.
    pub(super) name: &'a str,
    pub(super) form: Form,
    /// Its parameters, without the blanks around them.
    pub(super) fields: Vec<&'a str>,
}

/// The commands of a line that begins with `AT`. After a basic command an extended one needs no semicolon (V.250 section
/// 5.2.1).
pub(super) fn parts(line: &str) -> impl Iterator<Item = Part<'_>> {
    let texts = split(line.get(2..).unwrap_or_default(), ';');
    let apart = texts.flat_map(|text| {
        let sign = text.find(['+', '=', '"']).filter(|at| text[*at..].starts_with('+'));
        let (basic, extended) = text.split_at(sign.unwrap_or(0));
        [Some(basic).filter(|basic| !basic.trim().is_empty()), Some(extended)]
    });
    apart.flatten().map(|text| {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let form = match values.trim_end() {
            "?" => Form::Test,
            _ if name.ends_with('?') => Form::Read,
            _ => Form::Set,
        };
        Part {
            name: name.trim().trim_start_matches('+'),
            form,
            fields: match values {
                "" => Vec::new(),
                values => split(values, ',').map(str::trim).collect(),
            },
        }
    })
}

/// The pieces between separators outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == char::from(QUOTE);
        letter == separator && !quoted
    })
}

/// The names in a command line, joined by `;`: `AT+CSQ;+CREG?` gives `+CSQ;+CREG`.
pub(super) fn names_of(line: &[u8]) -> String {
    let mut in_string = false;
    let mut in_value = false;
    let mut name = String::new();
    for &byte in line.iter().skip(2) {
        match byte {
            QUOTE => in_string = !in_string,
            b';' if !in_string => {
                in_value = false;
                name.push(';');
            }
            b'=' | b'?' => in_value = true,
            _ if !in_value && !in_string => name.push(char::from(byte.to_ascii_uppercase())),
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_joined_line_are_all_found() {
        assert_eq!(names_of(b"AT+CSQ;+creg?"), "+CSQ;+CREG");
        assert_eq!(names_of(b"AT+QMTPUB=0,0,0,0,\"a;b\""), "+QMTPUB");
        assert_eq!(names_of(b"ATE0"), "E0");
    }

    #[test]
    fn what_a_line_may_have_declared_is_its_largest_number_within_reason() {
        assert_eq!(declared_at_most(b"AT+QFOO=1,\"x\",30", 100), Some(30));
        assert_eq!(declared_at_most(b"AT+QFOO=\"x\"", 100), None);
        assert_eq!(declared_at_most(b"AT+QFOO=1,\"x\",3000", 100), Some(1));
    }
}
