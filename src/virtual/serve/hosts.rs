//! Whether any host has the PTY open. The module holds the other end's descriptor itself, so the PTY does not tell; on Linux inotify does.
//!
//! A seam of the operating system: `docs/windows.md` says what another one has instead.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use modemqtt_os::Kept;

/// The hosts that have the PTY open.
///
/// Equal events that nobody has read yet are one to inotify, so the count can be wrong when one PTY is opened or closed twice at the same
/// instant. A host that is heard although it was taken for gone is believed; one that is taken for present although it has gone is so
/// until the next ones go.
#[derive(Debug)]
pub(super) struct Hosts {
    /// `None` where the system does not tell: there some host is always taken for present, and a new one may be given what the former
    /// left.
    watch: Option<Watch>,
    open: usize,
    believed: bool,
}

#[derive(Debug)]
struct Watch {
    _kept: Kept,
    descriptor: OwnedFd,
}

/// What has happened since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Between two events nobody was there: what was printed before is nobody's.
    pub(super) deserted: bool,
    /// Somebody has left, perhaps the last.
    pub(super) left: bool,
}

impl Hosts {
    /// Nobody, from now on; who has opened the PTY already is not counted.
    pub(super) fn new(path: &str) -> Self {
        Self {
            watch: watch(path).map(|descriptor| Watch {
                _kept: Kept::new(&descriptor),
                descriptor,
            }),
            open: 0,
            believed: false,
        }
    }

    /// Readable when hosts come or go.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(|watch| watch.descriptor.as_fd())
    }

    pub(super) const fn are_there(&self) -> bool {
        self.watch.is_none() || self.open > 0 || self.believed
    }

    /// Counts who has come and gone. `heard`: bytes have been read since the last look.
    pub(super) fn look(&mut self, heard: bool) -> Change {
        let mut change = Change::default();
        let Some(watch) = &self.watch else { return change };
        let mut quiet = true;
        for_each_event(&watch.descriptor, |event| {
            quiet = false;
            change.deserted |= self.open == 0;
            change.left |= event == Event::Closed;
            self.open = match event {
                Event::Opened => self.open.saturating_add(1),
                Event::Closed => self.open.saturating_sub(1),
            };
            change.deserted |= self.open == 0;
        });
        // Bytes come after the event of their host, unless that was one with another host's.
        self.believed = quiet && (self.believed || heard && self.open == 0);
        change
    }

    /// Takes it for sure whether anybody is there, which the module has found out by closing and opening the PTY itself; `true` when others
    /// have left since, so that it has to be found out again.
    pub(super) fn look_again(&mut self, deserted: bool) -> bool {
        let Some(watch) = &self.watch else { return false };
        let (mut opened, mut closed) = (0, 0);
        for_each_event(&watch.descriptor, |event| match event {
            Event::Opened => opened += 1,
            Event::Closed => closed += 1,
        });
        // One of each is the module's own.
        let (opened, closed) = (usize::max(opened, 1) - 1, usize::max(closed, 1) - 1);
        let there = if deserted { 0 } else { self.open.max(1) };
        self.open = (there + opened).saturating_sub(closed);
        closed > 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux tells"))]
    Opened,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux tells"))]
    Closed,
}

#[cfg(target_os = "linux")]
fn watch(path: &str) -> Option<OwnedFd> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
    let events = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE;
    add_watch(&watch, path, events).ok()?;
    Some(watch)
}

#[cfg(target_os = "linux")]
fn for_each_event(watch: &OwnedFd, mut act: impl FnMut(Event)) {
    use rustix::fs::inotify::{ReadFlags, Reader};
    let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
    let mut reader = Reader::new(watch, &mut buffer);
    while let Ok(event) = reader.next() {
        let event = event.events();
        if event.contains(ReadFlags::OPEN) {
            act(Event::Opened);
        } else if event.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE) {
            act(Event::Closed);
        }
    }
}

/// macOS and the others do not tell: there a host that locks the PTY should unlock it, and one that opens it should drop what it finds.
#[cfg(not(target_os = "linux"))]
const fn watch(_: &str) -> Option<OwnedFd> {
    None
}

#[cfg(not(target_os = "linux"))]
fn for_each_event(_: &OwnedFd, _: impl FnMut(Event)) {}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Any file is opened and closed alike.
    struct Door(std::path::PathBuf);

    impl Door {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("modemqtt-hosts-{name}-{}", std::process::id()));
            File::create(&path).unwrap();
            Self(path)
        }

        fn watched(&self) -> Hosts {
            Hosts::new(self.0.to_str().unwrap())
        }

        fn open(&self) -> File {
            File::open(&self.0).unwrap()
        }
    }

    impl Drop for Door {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    const NOTHING: Change = Change {
        deserted: false,
        left: false,
    };

    #[test]
    fn hosts_are_counted_as_they_come_and_go() {
        let door = Door::new("count");
        let mut hosts = door.watched();
        assert!(!hosts.are_there());
        let first = door.open();
        assert!(hosts.look(false).deserted && hosts.are_there());
        let second = door.open();
        assert_eq!(hosts.look(false), NOTHING);
        drop(first);
        let change = hosts.look(true);
        assert!(!change.deserted && change.left && hosts.are_there());
        drop(second);
        let change = hosts.look(true);
        assert!(change.deserted && change.left && !hosts.are_there());
    }

    #[test]
    fn a_host_that_opens_behind_one_that_leaves_is_there_and_keeps_its_lock() {
        let door = Door::new("behind");
        let mut hosts = door.watched();
        let first = door.open();
        hosts.look(false);
        drop(first);
        let _second = door.open();
        let change = hosts.look(true);
        assert!(change.deserted && change.left && hosts.are_there());
    }

    #[test]
    fn a_host_that_was_taken_for_gone_is_believed_when_it_is_heard() {
        let door = Door::new("merged");
        let mut hosts = door.watched();
        let first = door.open();
        let second = door.open(); // one event with the other
        hosts.look(false);
        drop(first);
        assert!(hosts.look(false).left && !hosts.are_there());
        assert_eq!(hosts.look(true), NOTHING);
        assert!(hosts.are_there());
        drop(second);
        assert!(hosts.look(false).left && !hosts.are_there());
    }
}
