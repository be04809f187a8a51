//! The log of the line: what the host has sent and what the module has printed, time-stamped, secrets masked.
//!
//! It has the form of the host's own wire log: seconds since 1970, `>` for what the host sent and `<` for what the module printed. It does not
//! show the faults of the line, which lie between this log and the host.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use modemqtt_at::ascii::{CR, LF};
use modemqtt_at::secrets::{masked, remembered, secrets_in};
use modemqtt_at::shown;
use modemqtt_os::{LogFile, Moment};

use crate::command_line::LineEnd;
use crate::module::Print;

/// How much of a line is shown.
const SHOWN_OF_A_LINE: usize = 8192;
/// How many secrets of earlier lines are masked wherever they appear.
const MOST_SECRETS: usize = 32;

/// A file, and the lines that have begun.
#[derive(Debug)]
pub(super) struct Log {
    file: LogFile,
    origin: (Moment, SystemTime),
    host: Text,
    /// Recognises an LF that belongs to the CR of the host's last line, and must not begin a line with the time of that one.
    line_end: LineEnd,
    module: Text,
    /// How many messages the module has lost so far.
    lost_messages: u64,
    /// What has begun from the host, and from the module, which may be an echo of it.
    keys: [Key; 2],
    secrets: VecDeque<String>,
    /// The host's last command line.
    last: Vec<u8>,
    /// Whether a line from the host held a secret and has no answer yet: what comes meanwhile may be pieces of its echo.
    echoing: bool,
}

/// A line that has begun, or data.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    count: usize,
    began: Option<Moment>,
    data: bool,
    /// Whether some of it belongs to a private key.
    secret: bool,
}

/// Follows the text of a private key through any number of lines and pieces (RFC 7468 section 2).
#[derive(Debug, Default)]
struct Key {
    inside: bool,
    line: Vec<u8>,
}

impl Key {
    /// Whether the byte belongs to one.
    fn holds(&mut self, byte: u8) -> bool {
        /// More than the longest boundary, and no more than is worth keeping.
        const BOUNDARY: usize = 64;
        if matches!(byte, CR | LF) {
            self.line.clear();
        } else if self.line.len() < BOUNDARY {
            self.line.push(byte);
        }
        let was_inside = self.inside;
        if byte == b'-' && self.line.ends_with(b"PRIVATE KEY-----") {
            let begins = self.line.windows(10).any(|window| window == b"-----BEGIN");
            self.inside = begins;
        }
        self.inside || was_inside
    }
}

impl Log {
    /// Appends to the file.
    pub(super) fn open(path: &Path, now: Moment) -> io::Result<Self> {
        Ok(Self {
            file: LogFile::open(path)?,
            origin: (now, SystemTime::now()),
            host: Text::default(),
            line_end: LineEnd::default(),
            module: Text::default(),
            lost_messages: 0,
            keys: [Key::default(), Key::default()],
            secrets: VecDeque::new(),
            last: Vec::new(),
            echoing: false,
        })
    }

    /// Takes what the host has sent. A line ends with CR; data, for which the module waits, with whatever the module says next.
    pub(super) fn heard(&mut self, bytes: &[u8], data: bool, now: Moment) {
        if self.host.data != data {
            self.write_host();
            self.host.data = data;
        }
        for byte in bytes {
            if self.line_end.absorbs(*byte, data) {
                continue;
            }
            self.host.secret |= self.keys[0].holds(*byte);
            self.host.push(*byte, now);
            // `A/` repeats the line before, and has no end of its own (V.250 section 5.2.4).
            let repeats = self.host.bytes.eq_ignore_ascii_case(b"A/");
            if !data && (*byte == CR || repeats) {
                if *byte == CR {
                    self.line_end.ended();
                }
                self.write_host();
            }
        }
        self.line_end.next_piece();
    }

    /// Says how many messages the module has lost, if there are more than before.
    pub(super) fn lost(&mut self, messages: u64, now: Moment) {
        let more = messages.saturating_sub(std::mem::replace(&mut self.lost_messages, messages));
        if more > 0 {
            let messages = if more == 1 { "message was" } else { "messages were" };
            self.note(
                &format!("{more} {messages} acknowledged and lost for want of room"),
                now,
            );
        }
    }

    /// Notes what does not show on the line.
    pub(super) fn note(&self, text: &str, now: Moment) {
        let text = shown::escaped(text);
        self.file.push(format!("{:.6} # {text}", self.time(now)).as_bytes());
    }

    /// Seconds since 1970.
    fn time(&self, at: Moment) -> f64 {
        let since = (self.origin.1 + at.since(self.origin.0)).duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    /// Takes what the module has printed.
    pub(super) fn printed(&mut self, print: &Print, now: Moment) {
        let bytes = &print.bytes;
        if self.host.data {
            self.write_host();
        }
        // A line begins with its own line end: what stands before it was an echo.
        if bytes.starts_with(b"\r\n") {
            self.write_module();
        }
        if let Some(payload) = &print.payload {
            self.write_module();
            return self.write_message(bytes, payload, now);
        }
        for byte in bytes {
            self.module.secret |= self.keys[1].holds(*byte);
            self.module.push(*byte, now);
            if matches!(*byte, CR | LF) {
                self.write_module();
            }
        }
        // A prompt has no line end.
        if self.module.bytes.starts_with(b">") {
            self.write_module();
        }
    }

    /// A message is one line, whatever its payload holds.
    fn write_message(&mut self, bytes: &[u8], payload: &Range<usize>, now: Moment) {
        let (before, behind) = (&bytes[..payload.start], &bytes[payload.end..]);
        let text = shown::counted(
            &shown::line(before.trim_ascii_start()),
            &bytes[payload.clone()],
            payload.len(),
            &shown::line(behind.trim_ascii_end()),
        );
        let text = self.without_secrets(&text);
        self.file.push(format!("{:.6} < {text}", self.time(now)).as_bytes());
    }

    fn write_host(&mut self) {
        let mut text = std::mem::take(&mut self.host);
        // A key that was cut short ends with the next command line, whose length is not that of a line of a key.
        if !text.data && text.bytes.starts_with(b"AT") && text.line().len() != 64 {
            self.keys = <[Key; 2]>::default();
            text.secret = false;
        }
        let secrets = secrets_in(&String::from_utf8_lossy(text.line()));
        if !text.data && !text.line().is_empty() {
            self.last = text.line().to_vec();
            self.echoing |= !secrets.is_empty();
        }
        for secret in secrets {
            self.secrets.extend(remembered(secret.as_bytes()));
            if self.secrets.len() > MOST_SECRETS {
                self.secrets.pop_front();
            }
        }
        self.write('>', &text);
    }

    fn write_module(&mut self) {
        let mut text = std::mem::take(&mut self.module);
        text.secret |= self.may_be_a_piece_of_an_echo(text.line());
        if is_final(text.line()) {
            self.echoing = false;
        }
        self.write('<', &text);
    }

    /// Whether a line from the module may be part of the echo of a secret: it is neither the whole echo nor a line of the module's own. A
    /// URC, and faults of the line, can break an echo anywhere, even while the host's line is being typed.
    fn may_be_a_piece_of_an_echo(&self, line: &[u8]) -> bool {
        let typed = || !self.host.data && !secrets_in(&shown::line(self.host.line())).is_empty();
        line != self.last && (self.echoing || typed()) && !is_the_modules_own(line)
    }

    fn write(&mut self, arrow: char, text: &Text) {
        let line = text.line();
        let Some(began) = text.began.filter(|_| !line.is_empty()) else {
            return;
        };
        let entry = if text.secret {
            "***".into()
        } else if text.data {
            self.without_secrets(&shown::counted("", line, text.count, ""))
        } else {
            self.without_secrets(&shown::line(line))
        };
        let cut = match (text.count > text.bytes.len(), text.data, text.secret) {
            (_, true, true) => format!(" <{} bytes>", text.count),
            (true, false, _) => format!("… <{} bytes>", text.count),
            _ => String::new(),
        };
        let line = format!("{:.6} {arrow} {entry}{cut}", self.time(began));
        self.file.push(line.as_bytes());
    }

    fn without_secrets(&self, shown: &str) -> String {
        let mut line = masked(shown);
        for secret in &self.secrets {
            for secret in [shown::line(secret.as_bytes()), shown::data(secret.as_bytes())] {
                line = line.replace(&secret, "***");
            }
        }
        line
    }
}

/// A final result code.
fn is_final(line: &[u8]) -> bool {
    matches!(line, b"OK" | b"ERROR") || line.starts_with(b"+CME ERROR:") || line.starts_with(b"+CMS ERROR:")
}

/// Whether a line begins as the lines do that a module prints unasked or as an answer, or is a known word.
fn is_the_modules_own(line: &[u8]) -> bool {
    let named = || {
        let rest = line.strip_prefix(b"+")?;
        let name = &rest[..rest.iter().position(|&byte| byte == b':')?];
        Some(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' '))
    };
    is_final(line) || matches!(line, b">" | b"> " | b"CONNECT" | b"RDY") || named() == Some(true)
}

impl Drop for Log {
    fn drop(&mut self) {
        self.write_host();
        self.write_module();
    }
}

impl Text {
    fn push(&mut self, byte: u8, now: Moment) {
        self.began.get_or_insert(now);
        self.count += 1;
        if self.bytes.len() < if self.data { shown::MOST_DATA } else { SHOWN_OF_A_LINE } {
            self.bytes.push(byte);
        }
    }

    /// Without its line ends, and a prompt without its blank; data has none.
    fn line(&self) -> &[u8] {
        let mut line = self.bytes.as_slice();
        while let [CR | LF, rest @ ..] | [rest @ .., CR | LF] = line
            && !self.data
        {
            line = rest;
        }
        if !self.data && line == b"> " { b">" } else { line }
    }
}
