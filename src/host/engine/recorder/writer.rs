//! The thread that masks what was recorded and writes it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use modemqtt_os::parts::PartWriter;
use modemqtt_os::{Moment, worker};
use modemqtt_recording::{Entry, Fact, Header, Masker, What};

use super::backlog::{Backlog, Batch, Item};

/// How much is written at once: as much as stays in a cache.
const BLOCK: usize = 128 * 1024;

pub(super) struct Writer {
    pub(super) backlog: Arc<Backlog>,
    pub(super) origin: Moment,
    pub(super) masker: Masker,
    pub(super) header: Header,
    pub(super) file: PartWriter,
    pub(super) tell: Box<dyn Fn(String) + Send>,
}

impl Writer {
    /// Writes until the recording ends, or cannot go on; then it tells why.
    pub(super) fn run(mut self) {
        worker::give_way();
        let reason = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the recorder itself failed (please report it)".into(),
        };
        let text = format!("nothing is recorded any more, since {reason}; the session goes on");
        self.backlog.fail(text.clone());
        (self.tell)(text);
    }

    fn work(&mut self) -> io::Result<()> {
        let (mut taken, mut lines) = (Batch::default(), Vec::new());
        let mut last = Duration::ZERO;
        loop {
            let until = self.masker.next_timeout().map(|due| self.origin + due);
            let due = self.backlog.take(&mut taken, until);
            let mut rest = taken.bytes.as_slice();
            for (at, item) in taken.items.drain(..) {
                // Calls and bytes get their time from different threads.
                last = last.max(at.since(self.origin));
                let at = last;
                match item {
                    Item::Bytes { sent, count, secrets } => {
                        let (piece, behind) = rest.split_at(count);
                        rest = behind;
                        self.masker.bytes_with_secrets(at, sent, piece, &secrets);
                    }
                    Item::Message { client, length } => self.masker.note(at, What::Message { client, length }),
                    Item::Note(what) => self.masker.note(at, *what),
                    Item::Invented(value) => self.masker.invented(&value),
                    Item::Secret(value) => self.masker.secret(&value),
                }
                self.collect(&mut lines)?;
            }
            taken.clear();
            if due.over || due.flush.is_some() {
                self.masker.finish();
            } else {
                self.masker.tick(self.origin.elapsed());
            }
            self.collect(&mut lines)?;
            self.put(&mut lines)?;
            if let Some(flush) = due.flush {
                self.backlog.flushed(flush);
            }
            if due.over {
                return Ok(());
            }
        }
    }

    /// Collects the lines of whatever is ready, and writes them when there are many.
    fn collect(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        while let Some(mut entry) = self.masker.poll() {
            match &mut entry.what {
                What::Module { model, dialect, .. } => {
                    (self.header.model, self.header.dialect) = (model.clone(), dialect.clone());
                }
                What::Mark(name) => *name = self.masker.masked(name),
                What::Call(note) | What::Event(note) => {
                    for (_, fact) in &mut note.facts {
                        if let Fact::Text(text) = fact {
                            *text = self.masker.masked(text);
                        }
                    }
                }
                _ => {}
            }
            add(lines, &entry);
            if let Some(firmware) = self.masker.poll_firmware() {
                self.header.firmware = Some(firmware.clone());
                let what = What::Module {
                    model: self.header.model.clone(),
                    dialect: self.header.dialect.clone(),
                    firmware: Some(firmware),
                };
                add(lines, &Entry { at: entry.at, what });
            }
            if lines.len() > BLOCK {
                self.put(lines)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.file.is_full() {
            self.file.next_part()?;
            self.header.part = self.file.part();
            self.file.write((self.header.to_line() + "\n").as_bytes())?;
        }
        self.file.write(lines)?;
        lines.clear();
        // A line may have been very long.
        lines.shrink_to(2 * BLOCK);
        Ok(())
    }
}

fn add(lines: &mut Vec<u8>, entry: &Entry) {
    entry.write(lines);
    lines.push(b'\n');
}
