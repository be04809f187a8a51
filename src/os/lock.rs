//! Locks that a fork leaves whole.
//!
//! These keep all their state in themselves. `parking_lot` keeps a table, one for the process, of the threads that wait for any of its
//! locks. In a forked child those threads do not exist and their memory is used for others, so that whoever waits for a lock of the
//! child's own trips over it.

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

use crate::Moment;

/// A value for one thread at a time. A thread that panics while it has the value leaves it as it is.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    inner: std::sync::Mutex<T>,
}

/// The value, until this is dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    /// `None` only while [`Condvar`] waits.
    inner: Option<std::sync::MutexGuard<'a, T>>,
}

/// Where threads that have locked a [`Mutex`] wait for others to change its value.
#[derive(Debug, Default)]
pub struct Condvar {
    inner: std::sync::Condvar,
}

impl<T> Mutex<T> {
    /// A value that no one sees yet.
    pub const fn new(value: T) -> Self {
        Self {
            inner: std::sync::Mutex::new(value),
        }
    }

    /// Waits for the value.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            inner: Some(self.inner.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// The value, unless another thread has it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { inner: Some(inner) })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner
            .as_deref()
            .expect("it is there unless a condition is waited for")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner
            .as_deref_mut()
            .expect("it is there unless a condition is waited for")
    }
}

impl Condvar {
    /// One that no one waits on yet.
    pub const fn new() -> Self {
        Self {
            inner: std::sync::Condvar::new(),
        }
    }

    /// Unlocks the value until it is notified, for at most that long. Returns whether the time was up. The wait may end without a reason.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, at_most: Duration) -> bool {
        let Some(inner) = guard.inner.take() else { return true };
        let (inner, waited) = self
            .inner
            .wait_timeout(inner, at_most)
            .unwrap_or_else(PoisonError::into_inner);
        guard.inner = Some(inner);
        waited.timed_out()
    }

    /// The same until a point of time.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Moment) -> bool {
        self.wait_for(guard, deadline.since(Moment::now()))
    }

    /// Ends the wait of one thread.
    pub fn notify_one(&self) {
        self.inner.notify_one();
    }

    /// Ends the wait of all of them.
    pub fn notify_all(&self) {
        self.inner.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_value_that_is_waited_for_is_seen_when_it_comes_and_not_before() {
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let mut value = pair.0.lock();
        assert!(pair.1.wait_for(&mut value, Duration::ZERO));
        let other = Arc::clone(&pair);
        let thread = thread::spawn(move || {
            *other.0.lock() = 7;
            other.1.notify_all();
        });
        while *value == 0 {
            pair.1.wait_until(&mut value, Moment::now() + Duration::from_secs(1));
        }
        assert_eq!(*value, 7);
        drop(value);
        thread.join().unwrap();
    }

    #[test]
    fn a_value_that_another_thread_has_is_not_waited_for() {
        let value = Mutex::new(7);
        let held = value.lock();
        assert!(thread::scope(|scope| scope
            .spawn(|| value.try_lock().is_none())
            .join()
            .unwrap()));
        drop(held);
        assert_eq!(value.try_lock().map(|value| *value), Some(7));
    }

    #[test]
    fn a_thread_that_panics_leaves_the_lock_to_others() {
        let value = Arc::new(Mutex::new(7));
        let other = Arc::clone(&value);
        let panicked = thread::spawn(move || {
            let _held = other.lock();
            panic!("as it must for this test");
        });
        panicked.join().unwrap_err();
        assert_eq!(*value.lock(), 7);
    }
}
