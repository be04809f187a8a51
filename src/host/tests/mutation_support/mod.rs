//! Wrong dialects: each is a correct one with one value changed.

mod around;
mod dialects;
mod rows;
mod rules;
mod tls;

use modemqtt_at::dialect::{self, Dialect};

/// One change.
pub(crate) struct Mutant {
    /// Where it was made: `m95: AT+QMTPUB set, counted data`.
    pub(crate) place: String,
    /// What was changed.
    pub(crate) change: String,
    /// The outcome.
    pub(crate) mutated: Dialect,
    /// Text found in the transcripts that are likely to notice.
    pub(crate) likely: String,
    /// Why the change can have no effect.
    pub(crate) equivalent: Option<&'static str>,
}

/// Every mutant of every dialect.
pub(crate) fn all() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for dialect in dialect::ALL {
        for at in 0..dialect.rows.len() {
            mutants.extend(rows::of(dialect, at));
        }
        mutants.extend(dialects::of(dialect));
        mutants.extend(around::of(dialect));
        mutants.extend(tls::of(dialect));
    }
    mutants
}

/// A list with one of its items left out.
fn without<T: Clone>(items: &[T], at: usize) -> &'static [T] {
    let mut items = items.to_vec();
    items.remove(at);
    items.leak()
}

/// A list with one of its items replaced.
fn with<T: Clone>(items: &[T], at: usize, item: T) -> &'static [T] {
    let mut items = items.to_vec();
    items[at] = item;
    items.leak()
}
