//! A time that does not go back.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const SECOND: u64 = 1_000_000_000;

/// A time of the clock that only goes forward, in nanoseconds.
///
/// It is [`std::time::Instant`] in half the memory. A sum or a difference of these is one of numbers, where those of the standard library
/// are calls: every read has some. A time before the start of the system, or 584 years after it, becomes the nearest that can be told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The time by the clock.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Self(part(now.tv_sec).wrapping_mul(SECOND).wrapping_add(part(now.tv_nsec)))
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }

    /// How much later it is, in nanoseconds; 0 if it is earlier.
    #[inline]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How much later it is; nothing if it is earlier.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// This much later, if that can be told.
    #[inline]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Self)
    }

    /// This much earlier, if that can be told.
    #[inline]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_sub(nanos).map(Self)
    }
}

const fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(SECOND);
    seconds.saturating_add(duration.subsec_nanos() as u64)
}

impl Add<Duration> for Moment {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Moment {
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    #[inline]
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

/// Nothing, if the first is earlier.
impl Sub for Moment {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from_nanos(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward() {
        let before = Moment::now();
        assert!(Moment::now() >= before);
        assert!(before.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn what_cannot_be_told_is_the_nearest_that_can() {
        let now = Moment(5);
        assert_eq!(now + Duration::from_nanos(3) - now, Duration::from_nanos(3));
        assert_eq!(now - (now + Duration::from_nanos(3)), Duration::ZERO);
        assert_eq!(now - Duration::MAX, Moment(0));
        assert_eq!(now + Duration::MAX, Moment(u64::MAX));
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(now.checked_sub(Duration::from_nanos(6)), None);
        assert_eq!(now.checked_sub(Duration::from_nanos(5)), Some(Moment(0)));
    }
}
