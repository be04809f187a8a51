//! What the shells of both ends need from the operating system. Nothing here knows about AT: threads that end when they are
//! told to, descriptors that a forked child lets go of, locks that a fork leaves whole, log files that hold nobody up, files that go on in
//! others, hosts that answer.

pub mod descriptors;
mod listener;
pub mod lock;
mod log_file;
pub mod moment;
pub mod parts;
pub mod ping;
pub mod spares;
pub mod waker;
pub mod watch;
pub mod worker;

pub use descriptors::Kept;
pub use listener::Listener;
pub use lock::{Condvar, Mutex, MutexGuard};
pub use log_file::LogFile;
pub use moment::Moment;
pub use spares::Spares;
pub use waker::{Wake, Waker};
pub use watch::Watch;
pub use worker::Worker;
