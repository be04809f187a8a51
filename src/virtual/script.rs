//! Scripts: what a test expects of the host, and what the module does then in place of its own answer.
//!
//! As text, a script is a list of expectations and answers in the form of a transcript, one to a line:
//!
//! ```text
//! # A line that begins with # is a comment. Empty lines mean nothing.
//! > AT+QMTPUB=0,*,1,0,"bench/*"
//! < +QMTPUB: 0,1,2
//! < OK
//! ! 0.5
//! ! urc +QMTSTAT: 0,1
//! ```

use std::time::Duration;

use modemqtt_at::ascii::{CR, LF};

/// The longest pause, in seconds; a longer one is a mistake.
const LONGEST_PAUSE: f64 = 3600.0;
/// The most bytes of a data phase.
pub const LONGEST_DATA: usize = 65_536;

/// One step of the module's answer to a command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Prints this with a line end before and after it.
    Line(Vec<u8>),
    /// Prints exactly this.
    Bytes(Vec<u8>),
    /// Prints this line as an unsolicited one, after everything before it.
    Urc(Vec<u8>),
    /// Asks for data, this many bytes or as many as the command line says, and drops them. If the line carries its data itself, it asks
    /// for nothing.
    Prompt(Option<usize>),
    /// Waits.
    Pause(Duration),
    /// Carries out the command line and answers as it would without a script.
    Own,
    /// Loses its connections to brokers.
    Drop,
}

/// A command line that is expected, and what the module does when it comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    pattern: Pattern,
    /// How many times it is expected; `None` for any number of times, or not at all.
    pub times: Option<u32>,
    /// What the module does; if empty, nothing at all.
    pub steps: Vec<Step>,
}

impl Expectation {
    /// The line, once, and the module's own answer to it. `*` stands for any run of characters, `\*` for itself, `\\` for `\`.
    pub fn new(pattern: &str) -> Result<Self, ScriptError> {
        Ok(Self {
            pattern: Pattern::new(pattern)?,
            times: Some(1),
            steps: vec![Step::Own],
        })
    }

    /// The pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern.text
    }

    pub(crate) fn matches(&self, line: &[u8]) -> bool {
        self.pattern.matches(line)
    }
}

/// Why a script cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// A pattern that no command line can match.
    #[error("a command line must begin with AT, or with *, and hold no line end, not {0:?}")]
    Pattern(String),
    /// Not a time.
    #[error("a pause must be 0 to 3600 s, not {0}")]
    Pause(String),
    /// A line of a file.
    #[error("line {line} of the script: {reason}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A time of that many seconds, 0 to 3600.
pub fn pause(seconds: f64) -> Result<Duration, ScriptError> {
    if (0.0..=LONGEST_PAUSE).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(ScriptError::Pause(seconds.to_string()))
    }
}

/// The text of a script.
pub fn parse(text: &str) -> Result<Vec<Expectation>, ScriptError> {
    let mut script: Vec<Expectation> = Vec::new();
    let mut answered = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let wrong = |reason: String| ScriptError::Line { line: at + 1, reason };
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if mark == ">" {
            script.push(Expectation::new(rest).map_err(|error| wrong(error.to_string()))?);
            answered = false;
            continue;
        }
        let Some(expectation) = script.last_mut() else {
            return Err(wrong("a script must begin with `> ` and a command line".into()));
        };
        if mark == "!"
            && let Some(times) = rest.strip_prefix("times ")
        {
            expectation.times = match times.trim() {
                "any" => None,
                times => match times.parse() {
                    Ok(times) if times > 0 => Some(times),
                    _ => {
                        return Err(wrong(format!(
                            "times must be a whole number from 1, or `any`, not {times:?}"
                        )));
                    }
                },
            };
            continue;
        }
        let step = match mark {
            "<" => Some(Step::Line(without_escapes(rest).map_err(wrong)?)),
            "!" => order(rest).map_err(wrong)?,
            _ => return Err(wrong(format!("a line must begin with #, >, < or !, not {mark:?}"))),
        };
        // Without any other answer, the module's own stays.
        if !std::mem::replace(&mut answered, true) {
            expectation.steps.clear();
        }
        expectation.steps.extend(step);
    }
    Ok(script)
}

/// What follows `!`; `None` for `ignore`, which is not a step.
fn order(text: &str) -> Result<Option<Step>, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(Some(match (word.trim(), rest) {
        ("ignore", "") => return Ok(None),
        ("own", "") => Step::Own,
        ("drop", "") => Step::Drop,
        ("prompt", "") => Step::Prompt(None),
        ("prompt", count) => Step::Prompt(Some(
            count
                .parse()
                .ok()
                .filter(|count| (1..=LONGEST_DATA).contains(count))
                .ok_or_else(|| {
                    format!("prompt takes nothing, or a number of bytes, 1 to {LONGEST_DATA}, not {count:?}")
                })?,
        )),
        ("urc", line) if !line.is_empty() => Step::Urc(without_escapes(line)?),
        ("bytes", bytes) if !bytes.is_empty() => Step::Bytes(without_escapes(bytes)?),
        (seconds, "") if seconds.starts_with(|first: char| first.is_ascii_digit()) => {
            let seconds = seconds
                .parse()
                .map_err(|_| ScriptError::Pause(seconds.into()).to_string())?;
            Step::Pause(pause(seconds).map_err(|error| error.to_string())?)
        }
        _ => {
            return Err(format!(
                "! must be followed by a pause in seconds, times, own, ignore, urc, bytes, prompt or drop, not {text:?}"
            ));
        }
    }))
}

/// Text with `\r`, `\n`, `\\` and `\xHH` in it.
fn without_escapes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'r') => CR,
                Some(b'n') => LF,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    hexadecimal(rest.next(), rest.next()).ok_or("\\x must be followed by two hexadecimal digits")?
                }
                _ => return Err("\\ must be followed by r, n, \\ or xHH".into()),
            },
            byte => byte,
        });
    }
    Ok(bytes)
}

fn hexadecimal(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A pattern for one or many command lines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// The parts between the asterisks.
    parts: Vec<Vec<u8>>,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, ScriptError> {
        let wrong = || ScriptError::Pattern(text.to_owned());
        let begins = text.starts_with('*') || text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("AT"));
        if !begins || text.contains(['\r', '\n']) {
            return Err(wrong());
        }
        let mut parts = vec![Vec::new()];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let literal = match byte {
                b'*' => {
                    parts.push(Vec::new());
                    continue;
                }
                b'\\' => bytes.next().filter(|byte| b"*\\".contains(byte)).ok_or_else(wrong)?,
                byte => byte,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        // `at` and `AT` begin the same command line (V.250 section 5.2.1).
        if let Some(first) = parts.first_mut().filter(|first| !first.is_empty()) {
            first[..2].make_ascii_uppercase();
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Takes each part where it first occurs, and the last at the end: no other choice finds more.
    fn matches(&self, line: &[u8]) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return false;
        };
        let Some(mut left) = line.strip_prefix(first.as_slice()) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return left.is_empty();
        };
        for part in middle.iter().filter(|part| !part.is_empty()) {
            let Some(at) = left.windows(part.len()).position(|window| window == part.as_slice()) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_is_any_run() {
        for (pattern, line, matches) in [
            ("AT+CSQ", "AT+CSQ", true),
            ("at+CSQ", "AT+CSQ", true),
            ("AT+CSQ", "AT+CSQ?", false),
            ("AT+QMTPUB=*", "AT+QMTPUB=", true),
            ("AT+QMTPUB=*,\"t\"", "AT+QMTPUB=0,1,\"t\"", true),
            ("AT+QMTPUB=*,\"t\"", "AT+QMTPUB=0,1,\"t\",5", false),
            ("*", "AT", true),
            ("*+C*Q*", "AT+CSQ", true),
            ("AT*TA", "ATA", false),
            ("AT+X=\"\\*\"", "AT+X=\"*\"", true),
            ("AT+X=\"\\*\"", "AT+X=\"a\"", false),
        ] {
            let expectation = Expectation::new(pattern).unwrap();
            assert_eq!(expectation.matches(line.as_bytes()), matches, "{pattern} {line}");
        }
        for wrong in ["", "+CSQ", "A", "AT\r", "AT\\x", "AT\\", "ä*"] {
            assert!(Expectation::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_script_is_read_line_by_line() {
        let script = parse(
            "# first\n\n> AT+CSQ\n> AT*\n! times 3\n< +A: 1\n! 0.5\n! urc +B\n! bytes \\r\\n> \\x1a\n! drop\n! own\n\
             > AT+C\n! times any\n! ignore\n",
        )
        .unwrap();
        let seen: Vec<_> = script
            .iter()
            .map(|it| (it.pattern(), it.times, it.steps.clone()))
            .collect();
        let steps = vec![
            Step::Line(b"+A: 1".to_vec()),
            Step::Pause(Duration::from_millis(500)),
            Step::Urc(b"+B".to_vec()),
            Step::Bytes(b"\r\n> \x1a".to_vec()),
            Step::Drop,
            Step::Own,
        ];
        let wanted = [
            ("AT+CSQ", Some(1), vec![Step::Own]),
            ("AT*", Some(3), steps),
            ("AT+C", None, vec![]),
        ];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn a_wrong_script_is_an_error_with_its_line() {
        for (text, line, reason) in [
            ("< OK", 1, "must begin with `> `"),
            ("> AT\n\n= x", 3, "#, >, < or !"),
            ("> CSQ", 1, "must begin with AT"),
            ("> AT\n! 3601", 2, "0 to 3600 s, not 3601"),
            ("> AT\n! 0x", 2, "0 to 3600 s, not 0x"),
            ("> AT\n! times 0", 2, "whole number from 1"),
            ("> AT\n! urc", 2, "! must be followed by"),
            ("> AT\n! drop all", 2, "! must be followed by"),
            ("> AT\n! prompt 0", 2, "1 to 65536"),
            ("> AT\n< \\xg0", 2, "two hexadecimal digits"),
            ("ü", 1, "must begin with `> `"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("line {line} of the script: ")) && error.contains(reason),
                "{error}"
            );
        }
    }
}
