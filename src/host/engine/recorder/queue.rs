//! What waits to be recorded.

use std::ops::Range;
use std::time::Instant;

use modemqtt_os::{Condvar, Mutex};
use modemqtt_recording::{What, begins_command};

/// How many bytes may wait; any beyond that are missing, and counted in the recording itself.
pub(super) const WAITING: usize = 16 * 1024 * 1024;
/// What a note weighs besides its bytes.
const NOTE: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Writing {
    pub(super) queue: Mutex<Unwritten>,
    /// There is something to write, or something has been written.
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Unwritten {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<(Instant, Item)>,
    /// Bytes dropped for lack of room since the last that fitted.
    missing: u64,
    /// Whether the thread waits for something to write.
    pub(super) idle: bool,
    pub(super) over: bool,
    /// How many flushes were requested, and how many are done.
    pub(super) wanted: u64,
    pub(super) written: u64,
    /// Why recording has stopped.
    pub(super) failure: Option<String>,
}

#[derive(Debug)]
pub(super) enum Item {
    /// This many of the bytes.
    Bytes {
        sent: bool,
        count: usize,
        /// Where secrets stand in them.
        secrets: Vec<Range<usize>>,
    },
    Note(What),
    Invented(Vec<u8>),
    Secret(Vec<u8>),
}

impl Unwritten {
    pub(super) fn push(&mut self, at: Instant, item: Item, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let is_needed = matches!(item, Item::Secret(_) | Item::Invented(_));
        if !is_needed && self.bytes.len() + NOTE * self.items.len() + bytes.len() > WAITING {
            self.missing += bytes.len() as u64;
            return;
        }
        let missing = std::mem::take(&mut self.missing);
        if missing > 0 {
            self.items.push((at, Item::Note(What::Missing(missing))));
        }
        self.bytes.extend_from_slice(bytes);
        // Pieces read at the same time are joined.
        if let (
            Item::Bytes { sent, count, secrets },
            Some((
                last,
                Item::Bytes {
                    sent: was_sent,
                    count: all,
                    secrets: places,
                },
            )),
        ) = (&item, self.items.last_mut())
            && sent == was_sent
            && *last == at
            && !(*sent && begins_command(bytes))
        {
            places.extend(secrets.iter().map(|place| *all + place.start..*all + place.end));
            *all += count;
            return;
        }
        self.items.push((at, item));
    }
}
