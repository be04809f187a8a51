//! The values that each option of a client takes, from `AT+QMTCFG=?`.

use std::time::Duration;

use super::Inquiry;
use crate::call::Reply;
use crate::options::number_in;

/// The values that a parameter takes: single ones, and ranges including both ends. Both are empty if the module does
/// not list them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Single values, as in `(0,1)`.
    pub single: Vec<i64>,
    /// Ranges, as in `(1-60)`.
    pub ranges: Vec<(i64, i64)>,
}

/// Asks for them.
pub(super) fn capabilities(timeout: Option<Duration>) -> Inquiry {
    Inquiry {
        line: |_| "AT+QMTCFG=?".into(),
        read: |lines, _| Reply::Capabilities(lines.iter().filter_map(|line| key_and_values(line)).collect()),
        timeout,
    }
}

/// The key in a line of the test form, in lower case, and the values of its parameters; `None` for a line that is not a
/// setting.
///
/// Modules differ in blanks and in how they write a text, so only the key and the groups in parentheses count; anything
/// else between two commas is a parameter whose values are not listed.
fn key_and_values(line: &str) -> Option<(String, Vec<Values>)> {
    let quotes = ['"', '“', '”'];
    let behind = line.strip_prefix("+QMTCFG")?.trim_start().strip_prefix(':')?;
    let behind = behind.trim_start();
    let behind = behind.strip_prefix(quotes).unwrap_or(behind);
    let end = behind.find([',', '"', '“', '”']).unwrap_or(behind.len());
    let (key, parameters) = behind.split_at(end);
    if key.is_empty() {
        return None;
    }
    let mut rest = parameters.strip_prefix(quotes).unwrap_or(parameters);
    let mut values = Vec::new();
    while let Some(first) = rest.chars().next() {
        let inside = rest.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        if let Some((group, behind)) = inside {
            values.push(listed(group));
            rest = behind;
        } else if matches!(first, ',' | '(' | ')') {
            rest = &rest[1..];
        } else {
            let end = rest.find([',', '(', ')']).unwrap_or(rest.len());
            let (text, behind) = rest.split_at(end);
            if !text.trim().is_empty() {
                values.push(Values::default());
            }
            rest = behind;
        }
    }
    Some((key.to_lowercase(), values))
}

fn listed(group: &str) -> Values {
    let mut values = Values::default();
    for part in group.split(',') {
        match part
            .split_once('-')
            .map(|(low, high)| (number_in(low.trim()), number_in(high.trim())))
        {
            Some((Some(low), Some(high))) => values.ranges.push((low, high)),
            Some(_) => {}
            None => values.single.extend(number_in::<i64>(part.trim())),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(numbers: &[i64]) -> Values {
        Values {
            single: numbers.to_vec(),
            ranges: Vec::new(),
        }
    }

    fn range(low: i64, high: i64) -> Values {
        Values {
            single: Vec::new(),
            ranges: vec![(low, high)],
        }
    }

    #[test]
    fn a_line_of_the_test_form_is_read_whatever_its_spacing() {
        let clients = || range(0, 5);
        let text = Values::default;
        for (line, key, values) in [
            (
                "+QMTCFG: \"keepalive\",(0-5),(0-3600)",
                "keepalive",
                vec![clients(), range(0, 3600)],
            ),
            (
                "+QMTCFG:\"KEEPALIVE\", (0-5) ,( 0 - 3600 )",
                "keepalive",
                vec![clients(), range(0, 3600)],
            ),
            ("+QMTCFG: “SSL”,(0-5),(0,1)", "ssl", vec![clients(), single(&[0, 1])]),
            (
                "+QMTCFG: \"x\",(0-5), <msgid>,(0-2)",
                "x",
                vec![clients(), text(), range(0, 2)],
            ),
            (
                "+QMTCFG: \"x\",(0,2-4,9)",
                "x",
                vec![Values {
                    single: vec![0, 9],
                    ranges: vec![(2, 4)],
                }],
            ),
            (
                "+QMTCFG: \"aliauth\",(0-5),\"key\",\"name\",\"secret\"",
                "aliauth",
                vec![clients(), text(), text(), text()],
            ),
            ("+QMTCFG: \"x\"", "x", vec![]),
            ("+QMTCFG: \"x\",(0-5),(1", "x", vec![clients(), text()]),
        ] {
            assert_eq!(key_and_values(line), Some((key.to_owned(), values)), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_no_setting_is_left_out() {
        for line in [
            "",
            "OK",
            "+CSQ: 1,2",
            "+QMTCFG",
            "QMTCFG: 1",
            "+QMTCFG:",
            "+QMTCFG: \"\"",
        ] {
            assert_eq!(key_and_values(line), None, "{line}");
        }
    }
}
