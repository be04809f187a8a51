//! What the shells of both ends need of the operating system, and what is about AT nowhere: threads that end when they are
//! told to, descriptors that a forked child lets go of, locks that a fork leaves whole, log files that hold nobody up, hosts that answer.

pub mod descriptors;
pub mod echo;
mod listener;
pub mod lock;
mod log_file;
pub mod spares;
pub mod waker;
pub mod worker;

pub use descriptors::Kept;
pub use listener::Listener;
pub use lock::{Condvar, Mutex};
pub use log_file::LogFile;
pub use spares::Spares;
pub use waker::{Wake, Waker};
pub use worker::Worker;
