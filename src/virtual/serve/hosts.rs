//! Whether any host has the PTY open. The PTY itself does not tell, because the module keeps the hosts' end open too; on Linux inotify does.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use modemqtt_os::{Kept, Moment, Spares};

/// When to look again, after a host has left, whether another has come in the moment in which that was found out: `stty` leaves, for example,
/// and the shell that called it opens the port and only listens.
const LOOKS_AGAIN: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(2),
];

/// Whether hosts have the PTY open.
///
/// inotify merges equal events that nobody has read yet, so hosts cannot be counted. When one comes, some host is there; when one leaves, the
/// module closes the PTY for a moment to find out whether others stay. It may miss a host that comes or goes in that very moment, and so looks again later. If bytes come,
/// a host is there in any case; a host whose leaving was missed counts as present until the next one leaves.
#[derive(Debug)]
pub(super) struct Hosts {
    /// `None` if the system does not tell: then a host always counts as present, and a new one may be given what the last one
    /// left unread.
    watch: Option<Watch>,
    attendance: Attendance,
    /// When to look again where nobody is, and how often that was done.
    next_look: Option<Moment>,
    looks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attendance {
    Nobody,
    Somebody,
}

impl Hosts {
    /// Nobody so far; a host that has already opened the PTY is not seen.
    pub(super) fn new(path: &str) -> Self {
        Self {
            watch: Watch::new(path),
            attendance: Attendance::Nobody,
            next_look: None,
            looks: 0,
        }
    }

    /// When to look again where nobody is.
    pub(super) const fn next_look(&self) -> Option<Moment> {
        self.next_look
    }

    pub(super) fn is_look_due(&self, now: Moment) -> bool {
        !self.are_there() && self.next_look.is_some_and(|at| at <= now)
    }

    /// Says when to look again, once it is known whether anybody is there.
    pub(super) fn plan_look(&mut self, somebody_left: bool, now: Moment) {
        if self.are_there() {
            self.next_look = None;
        } else if somebody_left || self.is_look_due(now) {
            self.looks = if somebody_left { 0 } else { self.looks + 1 };
            self.next_look = LOOKS_AGAIN.get(self.looks).map(|pause| now + *pause);
        }
    }

    /// Readable when hosts come or go.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().and_then(Watch::descriptor)
    }

    pub(super) fn are_there(&self) -> bool {
        self.watch.is_none() || self.attendance == Attendance::Somebody
    }

    /// Looks who has come and gone. `heard` says whether bytes have been read since the last look. Returns whether a host has left, perhaps the last.
    pub(super) fn look(&mut self, heard: bool) -> bool {
        let Some(watch) = &self.watch else { return false };
        let Seen { opened, closed } = watch.seen();
        if opened > 0 || heard {
            self.attendance = Attendance::Somebody;
        }
        closed > 0
    }

    /// Forgets the events so far, which include the module's own closing of the PTY: it is about to find out who is there.
    pub(super) fn forget(&self) {
        if let Some(watch) = &self.watch {
            watch.seen();
        }
    }

    /// Notes whether anybody is there, as the module has found out before it opened the PTY again. Returns whether a host has
    /// left since, so that the module has to look once more.
    pub(super) fn look_again(&mut self, deserted: bool) -> bool {
        let Some(watch) = &self.watch else { return false };
        let Seen { opened, closed } = watch.seen();
        // One opening is the module's own.
        self.attendance = if deserted && opened < 2 {
            Attendance::Nobody
        } else {
            Attendance::Somebody
        };
        closed > 0
    }
}

/// How often the PTY was opened and closed, at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    opened: usize,
    closed: usize,
}

/// The system takes some 10 ms to close one, and next to nothing to end a watch.
static SPARES: Spares<16> = Spares::new();

/// What tells of a file's openings and closings.
#[derive(Debug)]
struct Watch {
    /// The current watch; events of any other are old ones.
    number: i32,
    /// `None` only as it ends.
    descriptor: Option<(Kept, OwnedFd)>,
}

#[cfg(target_os = "linux")]
impl Watch {
    fn new(path: &str) -> Option<Self> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let (kept, descriptor) = SPARES.take().or_else(|| {
            let descriptor = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            Some((Kept::new(&descriptor), descriptor))
        })?;
        let events = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE;
        let number = add_watch(&descriptor, path, events).ok()?;
        Some(Self {
            number,
            descriptor: Some((kept, descriptor)),
        })
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(|(_, descriptor)| descriptor.as_fd())
    }

    /// What has happened since this was asked last.
    fn seen(&self) -> Seen {
        use rustix::fs::inotify::{ReadFlags, Reader};
        let mut seen = Seen::default();
        let Some(descriptor) = self.descriptor() else {
            return seen;
        };
        let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
        let mut reader = Reader::new(descriptor, &mut buffer);
        while let Ok(event) = reader.next() {
            if event.wd() != self.number {
                continue;
            }
            seen.opened += usize::from(event.events().contains(ReadFlags::OPEN));
            let closed = ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE;
            seen.closed += usize::from(event.events().intersects(closed));
        }
        seen
    }
}

#[cfg(target_os = "linux")]
impl Drop for Watch {
    fn drop(&mut self) {
        let Some((kept, descriptor)) = self.descriptor.take() else {
            return;
        };
        // It has ended already if the PTY is gone.
        let _ = rustix::fs::inotify::remove_watch(&descriptor, self.number);
        SPARES.put(kept, descriptor);
    }
}

/// macOS and others do not tell: there a host that locks the PTY should unlock it, and one that opens it should drop what it finds.
#[cfg(not(target_os = "linux"))]
impl Watch {
    const fn new(_: &str) -> Option<Self> {
        None
    }

    const fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    const fn seen(&self) -> Seen {
        Seen { opened: 0, closed: 0 }
    }
}

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

    #[test]
    fn hosts_are_seen_as_they_come_and_go() {
        let door = Door::new("seen");
        let mut hosts = door.watched();
        assert!(!hosts.are_there());
        let first = door.open();
        let second = door.open(); // one event with the other
        assert!(!hosts.look(false) && hosts.are_there());
        drop(first);
        assert!(hosts.look(false) && hosts.are_there());
        let own = door.open();
        assert!(!hosts.look_again(false) && hosts.are_there());
        drop(second);
        drop(own);
        assert!(hosts.look(false));
        hosts.forget();
        let _own = door.open();
        assert!(!hosts.look_again(true) && !hosts.are_there());
    }

    #[test]
    fn a_host_that_leaves_while_it_is_found_out_has_it_found_out_once_more() {
        let door = Door::new("leaves");
        let mut hosts = door.watched();
        let host = door.open();
        hosts.look(true);
        hosts.forget();
        let _own = door.open();
        drop(host);
        assert!(hosts.look_again(false));
    }

    #[test]
    fn a_host_that_was_taken_for_gone_is_there_when_it_is_heard() {
        let door = Door::new("heard");
        let mut hosts = door.watched();
        let _host = door.open(); // one event with the module's own opening
        let _own = door.open();
        assert!(!hosts.look_again(true) && !hosts.are_there());
        assert!(!hosts.look(true) && hosts.are_there());
    }

    #[test]
    fn what_was_told_of_a_former_port_is_nothing_of_the_next() {
        let (former, next) = (Door::new("former"), Door::new("next"));
        for _ in 0..32 {
            let hosts = former.watched();
            let _host = former.open();
            drop(hosts);
            let mut hosts = next.watched();
            assert!(!hosts.look(false) && !hosts.are_there());
        }
    }
}
