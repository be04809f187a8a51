//! Threads whose end can be waited for a little at a time.
//!
//! A thread of ours is told to end by a message, never by the end of a descriptor: a forked child may have a copy of that.
//!
//! An operating-system seam, for a thread's priority: `docs/windows.md` says what another system offers instead.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Moment;
use crate::lock::{Condvar, Mutex};

/// A thread. Dropping this neither ends it nor waits for it.
#[derive(Debug)]
pub struct Worker {
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: Arc<Ended>,
}

#[derive(Debug, Default)]
struct Ended {
    is_over: Mutex<bool>,
    changed: Condvar,
}

/// Reports the end of the thread, however it comes.
struct Farewell(Arc<Ended>);

impl Drop for Farewell {
    fn drop(&mut self) {
        *self.0.is_over.lock() = true;
        self.0.changed.notify_all();
    }
}

impl Worker {
    /// Starts it.
    pub fn spawn(name: impl Into<String>, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let ended = Arc::<Ended>::default();
        let farewell = Farewell(Arc::clone(&ended));
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _farewell = farewell;
            work();
        })?;
        Ok(Self {
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    /// Waits for its end, for at most that long. Returns whether it has ended; then what it owned is gone.
    pub fn wait(&self, at_most: Duration) -> bool {
        // A time beyond the end of the clock becomes an hour, after which the caller looks again.
        let now = Moment::now();
        let deadline = now.checked_add(at_most).unwrap_or(now + Duration::from_hours(1));
        let mut is_over = self.ended.is_over.lock();
        while !*is_over {
            if self.ended.changed.wait_until(&mut is_over, deadline) && !*is_over {
                return false;
            }
        }
        drop(is_over);
        // Held until it is gone, so that whoever waits at the same time waits for that too.
        let mut thread = self.thread.lock();
        if let Some(thread) = thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
        true
    }

    /// Waits for its end.
    pub fn join(&self) {
        while !self.wait(Duration::from_hours(1)) {}
    }
}

/// Has the calling thread give way where others of its process want the processor too. Elsewhere than on Linux that is a matter of the
/// whole process, and nothing happens.
pub fn give_way() {
    // The weight of this is a third of the usual one, so that the thread gets on even if the processor is never idle.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(5);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_end_of_a_thread_can_be_waited_for_a_little_at_a_time_and_again() {
        let (end, is_told) = mpsc::channel::<()>();
        let worker = Worker::spawn("worker", move || {
            let _ = is_told.recv();
        })
        .unwrap();
        assert!(!worker.wait(Duration::ZERO));
        end.send(()).unwrap();
        worker.join();
        assert!(worker.wait(Duration::ZERO));
    }

    #[test]
    fn a_thread_that_panics_has_ended() {
        let worker = Worker::spawn("worker", || panic!("as it must for this test")).unwrap();
        worker.join();
    }
}
