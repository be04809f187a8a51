//! Who holds a busy device, if the system reveals it.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::path::Path;

/// The process that has the device open, as in `minicom (process 4711)`. Any other process is named before this one.
pub(super) fn of(path: &str) -> Option<String> {
    let processes = system::openers(path);
    let own = std::process::id();
    let other = processes.iter().find(|id| **id != own);
    other.or(processes.first()).map(|id| named(*id))
}

/// Another process that has the device open.
pub(super) fn other_process(path: &str) -> Option<String> {
    let own = std::process::id();
    system::openers(path).into_iter().find(|id| *id != own).map(named)
}

pub(super) use system::{by_lock, is_exclusive};

/// The living process named in a lock file for the device, as written by minicom, picocom, ser2net and pppd: its id in
/// decimal in `LCK..ttyUSB2` (Filesystem Hierarchy Standard 3.0, 5.9).
pub(super) fn by_lock_file(path: &str) -> Option<String> {
    lock_file_in(Path::new("/var/lock"), path)
}

fn lock_file_in(folder: &Path, path: &str) -> Option<String> {
    let device = std::fs::canonicalize(path).ok()?;
    // Some programs follow links, some do not.
    [device.to_str()?, path].into_iter().find_map(|path| {
        // For a device in a folder, the name includes the folder, as in `LCK..serial_by-id_usb-Quectel`.
        let name = path.strip_prefix("/dev/").unwrap_or(path).replace('/', "_");
        let content = std::fs::read_to_string(folder.join(format!("LCK..{name}"))).ok()?;
        // Some write their name after the number.
        let id: u32 = content.split_whitespace().next()?.parse().ok()?;
        (id != std::process::id() && system::is_alive(id)).then(|| named(id))
    })
}

fn named(id: u32) -> String {
    if id == std::process::id() {
        return "this process".to_owned();
    }
    match system::name(id) {
        Some(name) => format!("{name} (process {id})"),
        None => format!("process {id}"),
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::c_int;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    use rustix::ioctl::{Getter, ioctl, opcode};

    /// `TIOCGEXCL` (`ioctl_tty(2)`).
    const TIOCGEXCL: rustix::ioctl::Opcode = opcode::read::<c_int>(b'T', 0x40);

    pub(super) fn openers(path: &str) -> Vec<u32> {
        let (Ok(device), Ok(processes)) = (std::fs::canonicalize(path), std::fs::read_dir("/proc")) else {
            return Vec::new();
        };
        let ids = processes
            .flatten()
            .filter_map(|process| process.file_name().to_str()?.parse().ok());
        ids.filter(|id| {
            // Another user's descriptors cannot be read, so that user's process stays unnamed.
            std::fs::read_dir(format!("/proc/{id}/fd")).is_ok_and(|descriptors| {
                descriptors
                    .flatten()
                    .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == device))
            })
        })
        .collect()
    }

    /// Whether the device is in exclusive use (`TIOCEXCL`).
    pub(in super::super) fn is_exclusive(device: BorrowedFd<'_>) -> bool {
        // SAFETY: the kernel writes one int.
        let exclusive = unsafe { ioctl(device, Getter::<TIOCGEXCL, c_int>::new()) };
        exclusive.is_ok_and(|exclusive| exclusive != 0)
    }

    /// The process that holds a lock on the device (`flock`), from `proc_locks(5)`.
    pub(in super::super) fn by_lock(device: BorrowedFd<'_>) -> Option<String> {
        let status = rustix::fs::fstat(device).ok()?;
        let file = format!(
            "{:02x}:{:02x}:{}",
            rustix::fs::major(status.st_dev),
            rustix::fs::minor(status.st_dev),
            status.st_ino
        );
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        locks.lines().find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            match fields[..] {
                [_, "FLOCK", _, _, id, of, ..] if of == file => id.parse().ok().map(super::named),
                _ => None,
            }
        })
    }

    pub(super) fn is_alive(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    pub(super) fn name(id: u32) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
    }
}

/// Other systems do not reveal it without a separate program.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::os::fd::BorrowedFd;

    pub(super) fn openers(_path: &str) -> Vec<u32> {
        Vec::new()
    }

    pub(in super::super) fn is_exclusive(_device: BorrowedFd<'_>) -> bool {
        false
    }

    pub(in super::super) fn by_lock(_device: BorrowedFd<'_>) -> Option<String> {
        None
    }

    pub(super) fn is_alive(id: u32) -> bool {
        let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
        // Another user's process cannot be signalled, but it exists.
        id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
    }

    pub(super) fn name(_id: u32) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_counts_while_its_process_lives() {
        let folder = std::env::temp_dir().join(format!("modemqtt-locks-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("LCK..null");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = child.id();
        // As in the standard, with the name of the program, and content that is not a lock.
        for content in [format!("{id:>10}\n"), format!("{id} sleep root\n")] {
            std::fs::write(&file, content).unwrap();
            let holder = lock_file_in(&folder, "/dev/null").unwrap();
            assert!(holder.contains(&format!("process {id}")), "{holder}");
        }
        let link = folder.join("module");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(lock_file_in(&folder, link.to_str().unwrap()).is_some());
        for content in [String::new(), "sleep".to_owned(), format!("{}\n", std::process::id())] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(lock_file_in(&folder, "/dev/null"), None);
        }
        std::fs::write(&file, format!("{id:>10}\n")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(lock_file_in(&folder, "/dev/null"), None);
        assert_eq!(lock_file_in(&folder, "/dev/zero"), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
