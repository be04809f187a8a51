//! A command line that the program has written itself: how it is answered and how long that may take.

use modemqtt_at::Form;
use modemqtt_at::general::{MAXIMUM_RESPONSE_TIME, maximum_response_time};

use crate::error::Error;
use crate::job::{Goal, Step};
use crate::writer;

/// A line of the program's own.
pub(super) fn verbatim(line: &str) -> Result<Step, Error> {
    let line = writer::verbatim(line)?;
    let name = name_of(&line.bytes);
    let wait = name
        .split(';')
        .map(maximum_response_time)
        .max()
        .unwrap_or(MAXIMUM_RESPONSE_TIME);
    let form = match line.bytes.as_slice() {
        [.., b'=', b'?'] => Form::Test,
        [.., b'?'] => Form::Read,
        _ => Form::Set,
    };
    Ok(Step {
        line,
        form,
        name,
        data: None,
        goal: Goal::Lines,
        final_wait: wait,
        change: None,
    })
}

/// The names in a command line, joined by `;`: `AT+CSQ;+CREG?` has `+CSQ;+CREG`.
fn name_of(line: &[u8]) -> String {
    let mut in_string = false;
    let mut in_value = false;
    let mut name = String::new();
    for &byte in line.iter().skip(2) {
        match byte {
            b'"' => in_string = !in_string,
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
        assert_eq!(name_of(b"AT+CSQ;+creg?"), "+CSQ;+CREG");
        assert_eq!(name_of(b"AT+QMTPUB=0,0,0,0,\"a;b\""), "+QMTPUB");
        assert_eq!(name_of(b"ATE0"), "E0");
    }
}
