//! Credentials on their way into the module: sent in pieces, so that the program can follow the progress; checked
//! against the module's report; and never shown.

use std::collections::VecDeque;

use modemqtt_at::ascii::CR;
use modemqtt_os::Moment;

use super::{DataState, Exchange, Session};
use crate::call::{Event, Ticket};
use crate::error::Error;
use crate::job::{Goal, Invitation, Stored};

/// How many bytes are handed to the port at a time.
const CHUNK: usize = 1024;
/// How many of the latest uploads are remembered.
const REMEMBERED: usize = 3;
/// After an upload, a run of this many base64 characters is taken for part of a credential.
const LONG_RUN: usize = 40;
/// A run of this many characters from an upload identifies it.
const TELLING: usize = 8;
/// The same when no echo is due: short enough to occur in any line of a key, too long to match by chance.
const SURE: usize = 16;
/// A shorter line is not taken for a line of a credential.
const SHORT: usize = 4;

/// The credential on its way.
#[derive(Debug)]
pub(super) struct Uploading {
    ticket: Ticket,
    name: &'static str,
    total: usize,
    left: usize,
}

impl Uploading {
    pub(super) const fn new(ticket: Ticket, name: &'static str, total: usize) -> Self {
        Self {
            ticket,
            name,
            total,
            left: total,
        }
    }
}

/// The latest uploads, remembered so that an echo of them is recognised.
#[derive(Default)]
pub(super) struct Uploads {
    known: VecDeque<Vec<u8>>,
    /// Nothing but a credential has been sent since.
    recent: bool,
}

impl Uploads {
    pub(super) fn remember(&mut self, bytes: &[u8]) {
        self.recent = true;
        if !self.known.iter().any(|known| known == bytes) {
            if self.known.len() == REMEMBERED {
                self.known.pop_front();
            }
            self.known.push_back(bytes.to_vec());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Another command has been answered: damaged lines from now on are not echoes of a credential.
    pub(super) fn are_over(&mut self) {
        self.recent = false;
    }

    /// Whether a line from the module contains part of a credential. The echo may have lost a character or two, so a
    /// short run of characters is enough.
    pub(super) fn hold(&self, line: &[u8]) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let line = line.trim_ascii();
        let known = |part: &[u8]| {
            self.known
                .iter()
                .any(|known| memchr::memmem::find(known, part).is_some())
        };
        if line.len() < SHORT {
            return false;
        }
        let telling = if self.recent { TELLING } else { SURE };
        let mut runs = line.split(|byte| !(byte.is_ascii_alphanumeric() || b"+/=-".contains(byte)));
        known(line) || runs.any(|run| (self.recent && run.len() >= LONG_RUN) || run.windows(telling).any(known))
    }
}

impl Session {
    /// Whether the module is asking for the content of a file.
    pub(super) fn is_connect(&self, line: &[u8]) -> bool {
        let due = self.exchange.as_ref().is_some_and(|exchange| {
            exchange.data == DataState::Due
                && matches!(exchange.invitation(), Some(Invitation::Connect | Invitation::Any))
        });
        // V.250 section 5.7.1 lets the line rate follow.
        due && is_connect(line)
    }

    /// Whether a command line that the program wrote itself, without data, has opened a data phase or a connection.
    pub(super) fn is_stray_connect(&self, line: &[u8]) -> bool {
        let own = |exchange: &Exchange| exchange.data == DataState::NotDue;
        self.exchange.as_ref().is_some_and(own) && is_connect(line)
    }

    /// The next piece of a credential; also reports the progress.
    pub(super) fn next_piece(&mut self) -> Option<Vec<u8>> {
        let upload = self.upload.as_mut()?;
        let count = self.transmit.len().min(CHUNK);
        upload.left = upload.left.saturating_sub(count);
        let Uploading {
            ticket,
            name,
            total,
            left,
            ..
        } = *upload;
        self.events
            .push_back(Event::Uploading(ticket, name, total - left, total));
        if left == 0 {
            self.upload = None;
        }
        let rest = self.transmit.split_off(count);
        Some(std::mem::replace(&mut self.transmit, rest)).filter(|piece| !piece.is_empty())
    }

    /// Stops sending a credential: the module is no longer waiting for it.
    pub(super) fn stop_upload(&mut self) {
        if self.upload.take().is_some() {
            // Discard unsent bytes too: the module would take them for command lines.
            self.discard_unsent();
        }
    }

    /// The module did not take the whole credential. Ends the command line that it may have begun to read, and waits
    /// for the answer to that.
    pub(super) fn upload_failed(&mut self, now: Moment) {
        self.stop_upload();
        self.transmit.push(CR);
        self.probe(now);
    }

    /// Compares the module's report about a file with what was sent.
    pub(super) fn check_stored(&mut self, exchange: &mut Exchange) -> Result<(), Error> {
        match &exchange.step.goal {
            Goal::Stored(stored) => {
                let found = exchange.lines.iter().any(|line| is_stored(line, stored));
                self.clients.kept.note(stored, found);
                if found {
                    return Ok(());
                }
                let line = exchange.lines.first().map_or("OK", String::as_str);
                Err(Error::Protocol {
                    expected: "the size and the checksum of what was sent",
                    line: self.without_secrets(line.as_bytes()),
                })
            }
            Goal::Present(stored) => {
                let found = exchange.lines.iter().any(|line| is_present(line, stored));
                self.clients.kept.note(stored, found);
                if found {
                    exchange.job.steps.drain(..2.min(exchange.job.steps.len()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Exchange {
    /// Whether any of a credential was handed over.
    pub(super) fn uploaded(&self) -> bool {
        self.data == DataState::Sent && self.step.data.as_ref().is_some_and(|data| data.upload.is_some())
    }
}

fn is_connect(line: &[u8]) -> bool {
    line == b"CONNECT" || line.starts_with(b"CONNECT ")
}

/// `+QFUPL: <size>,<checksum>`, or `+QSSLCFG: 0,0,"cacert",<size>`: the note calls the last field a checksum, but it
/// gives the length (BC660K-GL MQTT Application Note V1.1, 6.2).
fn is_stored(line: &str, stored: &Stored) -> bool {
    let fields = values_in(line);
    match (stored.name.is_some(), fields.as_slice()) {
        (true, [size, checksum]) => size.parse() == Ok(stored.size) && is_checksum(checksum, stored),
        (false, [.., size]) => size.parse() == Ok(stored.size),
        _ => false,
    }
}

/// `+QSECREAD: <good>,<checksum>`.
fn is_present(line: &str, stored: &Stored) -> bool {
    matches!(values_in(line).as_slice(), ["1", checksum] if is_checksum(checksum, stored))
}

fn is_checksum(digits: &str, stored: &Stored) -> bool {
    u16::from_str_radix(digits, 16) == Ok(stored.checksum)
}

fn values_in(line: &str) -> Vec<&str> {
    let values = line.split_once(':').map_or("", |(_, values)| values);
    // A name may contain a colon, but no comma.
    values.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_of_others_are_shown_once_another_command_was_answered() {
        let mut uploads = Uploads::default();
        uploads.remember(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleS1vZi1iZW5jaC03\n-----END PRIVATE KEY-----\n");
        uploads.are_over();
        assert!(!uploads.hold(format!("+QIURC: \"recv\",0,{}", "ab12".repeat(20)).as_bytes()));
        assert!(uploads.hold(b"+QFDWL c2VjcmV0LWtleS1vZi1iZW5jaC03"));
    }

    #[test]
    fn what_was_sent_is_recognised_whole_in_part_and_damaged() {
        let mut uploads = Uploads::default();
        let known = "c2VjcmV0LWtleS1vZi1iZW5jaC03";
        assert!(!uploads.hold(known.as_bytes()));
        uploads.remember(format!("-----BEGIN PRIVATE KEY-----\n{known}\nAbc=\n-----END PRIVATE KEY-----\n").as_bytes());
        let damaged = known.replace("V0LW", "V0W");
        let echoed = format!("AT{known}");
        for line in [known, "Abc=", &damaged, &echoed, &known[3..12], &"x".repeat(40)] {
            assert!(uploads.hold(line.as_bytes()), "{line}");
        }
        for line in [
            "OK",
            "ERROR",
            "+CME ERROR: 421",
            "+QMTRECV: 0,1,\"bench/7\",\"21.5\"",
            "AT+QMTPUB=0,1,1,0,\"t\"",
        ] {
            assert!(!uploads.hold(line.as_bytes()), "{line}");
        }
    }
}
