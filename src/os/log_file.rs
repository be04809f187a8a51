//! Log files that hold nobody up: what is to be written waits in a queue of its own, for a thread of its own, which makes the text too.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::{Kept, Moment, Worker};

/// How many bytes wait at most; entries beyond that are dropped, and counted in the log itself.
const WAITING: usize = 1024 * 1024;
/// How long the end of a log waits for a reader that has stalled.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// A log that is appended to. Dropping it writes what is left, as far as the file takes it at once.
#[derive(Debug)]
pub struct LogFile {
    shared: Arc<Backlog>,
    writer: Worker,
}

#[derive(Debug, Default)]
struct Backlog {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// The entries, each behind its length.
    bytes: Vec<u8>,
    /// Entries that found no room since the last one that did.
    dropped: u64,
    failure: Failure,
    over: bool,
}

/// Tells of the first error of writing.
type Teller = Box<dyn FnOnce(io::Error) + Send>;

/// Whether the file could be written.
#[derive(Default)]
enum Failure {
    #[default]
    NoneYet,
    /// It could, and whoever is to be told otherwise.
    Awaited(Teller),
    /// It could not, before anyone was to be told.
    Untold(io::Error),
    Told,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").finish_non_exhaustive()
    }
}

impl Backlog {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file could not be written; this many lines are lost.
    fn fail(&self, error: io::Error, lost: u64) {
        let mut queue = self.queue();
        queue.dropped += lost;
        match std::mem::replace(&mut queue.failure, Failure::Told) {
            Failure::NoneYet => queue.failure = Failure::Untold(error),
            Failure::Awaited(tell) => {
                drop(queue);
                tell(error);
            }
            untold @ Failure::Untold(_) => queue.failure = untold,
            Failure::Told => {}
        }
    }
}

/// What stands before an entry.
const LENGTH: usize = size_of::<u32>();
/// The bit of a length that marks a text of the log's own.
const NOTICE: u32 = 1 << 31;

impl Queue {
    fn push(&mut self, entry: &[u8], most: usize) {
        if self.bytes.len() + LENGTH + entry.len() > most {
            self.dropped += 1;
            return;
        }
        self.own_up();
        self.put(entry, 0);
    }

    fn put(&mut self, entry: &[u8], kind: u32) {
        // None is longer than the queue.
        let length = u32::try_from(entry.len()).unwrap_or(0);
        self.bytes.extend_from_slice(&(length | kind).to_le_bytes());
        self.bytes.extend_from_slice(entry);
    }

    fn own_up(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let lines = if dropped == 1 { "line was" } else { "lines were" };
            let notice = format!("# {dropped} {lines} dropped here, the log could not be written fast enough");
            self.put(notice.as_bytes(), NOTICE);
        }
    }
}

/// The text of entries, each on a line of its own.
fn text_of(mut entries: &[u8], render: &Render, text: &mut Vec<u8>) {
    text.clear();
    while let Some((length, rest)) = entries.split_first_chunk::<LENGTH>() {
        let length = u32::from_le_bytes(*length);
        let (entry, rest) = rest.split_at((length & !NOTICE) as usize);
        if length & NOTICE == 0 {
            render(entry, text);
        } else {
            text.extend_from_slice(entry);
        }
        text.push(b'\n');
        entries = rest;
    }
}

/// Makes the text of an entry: one line, without its end.
type Render = dyn Fn(&[u8], &mut Vec<u8>) + Send;

impl LogFile {
    /// Opens a file, a device or a FIFO. No one else may read a file that is made here, and a link to a file is not followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_rendered(path, |line, text| text.extend_from_slice(line))
    }

    /// The same, with a function that makes lines of the entries, in the thread that writes.
    pub fn open_rendered(path: &Path, render: impl Fn(&[u8], &mut Vec<u8>) + Send + 'static) -> io::Result<Self> {
        let file = open_to_append(path)?;
        let shared = Arc::<Backlog>::default();
        let queue = Arc::clone(&shared);
        let writer = Worker::spawn("modemqtt-log-file", move || write(&file, &queue, &render))?;
        Ok(Self { shared, writer })
    }

    /// Has the first error of writing told, in the thread that writes or at once.
    pub fn on_failure(&self, tell: impl FnOnce(io::Error) + Send + 'static) {
        let mut queue = self.shared.queue();
        match std::mem::replace(&mut queue.failure, Failure::Told) {
            Failure::NoneYet | Failure::Awaited(_) => queue.failure = Failure::Awaited(Box::new(tell)),
            Failure::Untold(error) => {
                drop(queue);
                tell(error);
            }
            Failure::Told => {}
        }
    }

    /// Adds an entry. It waits for nothing but memory.
    pub fn push(&self, entry: &[u8]) {
        self.shared.queue().push(entry, WAITING);
        self.shared.changed.notify_one();
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.own_up();
        queue.over = true;
        drop(queue);
        self.shared.changed.notify_one();
        self.writer.wait(2 * LAST_WAIT);
    }
}

fn open_to_append(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let private = Mode::RUSR | Mode::WUSR;
    match rustix::fs::open(path, flags | OFlags::CREATE | OFlags::NOFOLLOW, private) {
        Err(Errno::LOOP) => {
            // `/dev/stderr` is a link as well.
            let file = rustix::fs::open(path, flags, Mode::empty())?;
            let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
            if kind == FileType::RegularFile {
                return Err(io::Error::other("it is a link; name the file that it leads to"));
            }
            Ok(file)
        }
        Err(Errno::NXIO) => Err(io::Error::other("no program reads from that FIFO; start one first")),
        other => Ok(other?),
    }
}

/// Writes what is queued, until the log is over.
fn write(file: &OwnedFd, shared: &Backlog, render: &Render) {
    let _kept = Kept::new(file);
    let (mut bytes, mut text) = (Vec::new(), Vec::new());
    loop {
        let mut queue = shared.queue();
        while queue.bytes.is_empty() && !queue.over {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.bytes.is_empty() {
            return;
        }
        bytes.clear();
        std::mem::swap(&mut bytes, &mut queue.bytes);
        drop(queue);
        text_of(&bytes, render, &mut text);
        if !write_all(file, &text, shared) {
            return;
        }
        // What a burst has taken is given back.
        bytes.shrink_to(WAITING / 16);
        text.shrink_to(WAITING / 16);
    }
}

/// Returns whether it is worth going on.
fn write_all(file: &OwnedFd, mut bytes: &[u8], shared: &Backlog) -> bool {
    let mut patience: Option<Moment> = None;
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if shared.queue().over {
                    let until = *patience.get_or_insert_with(|| Moment::now() + LAST_WAIT);
                    if Moment::now() >= until {
                        return false;
                    }
                }
                await_room(file);
            }
            // A full disk must not stop anything; what it does not take is dropped.
            Err(error) => {
                let lost = bytes.split(|byte| *byte == b'\n').count() - 1;
                shared.fail(error.into(), lost as u64);
                return true;
            }
        }
    }
    true
}

fn await_room(file: &OwnedFd) {
    let a_while = Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    // Whether there is room shows by writing.
    let _ = poll(
        &mut [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::OUT)],
        Some(&a_while),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    /// A folder that is gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("modemqtt-log-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_log_is_appended_to_and_is_its_owners_alone() {
        let folder = Folder::new("append");
        let path = folder.0.join("wire.log");
        for line in ["one", "two"] {
            LogFile::open(&path).unwrap().push(line.as_bytes());
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_to_a_file_is_not_followed_and_one_to_a_device_is() {
        let folder = Folder::new("link");
        let (target, link, device) = (folder.0.join("target"), folder.0.join("link"), folder.0.join("null"));
        fs::write(&target, "").unwrap();
        symlink(&target, &link).unwrap();
        symlink("/dev/null", &device).unwrap();
        assert!(LogFile::open(&link).unwrap_err().to_string().contains("link"));
        LogFile::open(&device).unwrap().push(b"line");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let log = LogFile::open(Path::new("/dev/full")).unwrap();
        log.push(b"one");
        let (told, errors) = std::sync::mpsc::channel();
        log.on_failure(move |error| told.send(error).unwrap());
        assert_eq!(errors.recv().unwrap().raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
        log.push(b"two");
        drop(log);
        assert!(errors.recv().is_err());
    }

    #[test]
    fn lines_without_room_are_dropped_and_counted_where_they_are_missing() {
        let mut queue = Queue::default();
        for line in ["one", "two", "three"] {
            queue.push(line.as_bytes(), 10);
        }
        queue.bytes.clear();
        queue.push(b"four", 10);
        let mut text = Vec::new();
        let render = |line: &[u8], text: &mut Vec<u8>| text.extend_from_slice(line);
        text_of(&queue.bytes, &render, &mut text);
        assert_eq!(
            String::from_utf8_lossy(&text),
            "# 2 lines were dropped here, the log could not be written fast enough\nfour\n"
        );
    }
}
