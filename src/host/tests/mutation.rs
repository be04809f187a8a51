//! Whether the transcripts pin down every value of every row.
//!
//! Each mutant is a dialect with one value changed. It is played against the transcripts of its dialect, on the host
//! alone and on the virtual module alone, and must fail at least one. `make mutate` runs this, not every test run: it
//! tests the transcripts, not the code.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

#[path = "support/calls.rs"]
mod calls;
#[path = "../../virtual/tests/support/player.rs"]
mod module_player;
mod mutation_support;
#[path = "support/player.rs"]
mod player;
#[path = "../../virtual/tests/rig/mod.rs"]
mod rig;
#[path = "../../../tests/support/transcript.rs"]
mod transcript;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use modemqtt_at::dialect::{self, Dialect};
use modemqtt_os::Moment;
use mutation_support::Mutant;
use player::Cut;
use transcript::{Action, End, Transcript};

const THREADS: usize = 2;

#[test]
#[ignore = "`make mutate` runs it: it is about the transcripts, not about the code"]
fn every_value_of_every_row_is_held_in_its_place_by_a_transcript() {
    let start = Moment::now();
    let transcripts: BTreeMap<_, _> = dialect::ALL
        .iter()
        .map(|dialect| {
            let all = transcript::load_all(dialect.name).into_iter();
            // A separate edition has its own rows.
            (
                dialect.name,
                all.filter(|transcript| transcript.revision.is_none())
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    for dialect in dialect::ALL {
        let failing = transcripts[dialect.name]
            .iter()
            .find(|transcript| fails(transcript, dialect));
        assert!(
            failing.is_none(),
            "{}",
            failing.map_or("", |transcript| &transcript.name)
        );
    }
    let mutants = mutation_support::all();
    let survivors = survivors(&mutants, &transcripts);
    let bad = report(&mutants, &survivors);
    println!("{:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(
        bad, 0,
        "this many mutants survive without a rule that says why, or are noticed despite one"
    );
}

/// The mutants that no transcript notices, by their place in the list.
fn survivors(mutants: &[Mutant], transcripts: &BTreeMap<&str, Vec<Transcript>>) -> Vec<usize> {
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    // A mutant fails by panicking, thousands of times.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut likely = Likely::default();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutant) = mutants.get(at) else { break };
                    if !likely.kills(mutant, &transcripts[mutant.mutated.name]) {
                        survivors.lock().expect("no thread panics").push(at);
                    }
                }
            });
        }
    });
    set_hook(hook);
    let mut survivors = survivors.into_inner().expect("no thread panics");
    survivors.sort_unstable();
    survivors
}

/// What to try first: the transcripts that noticed the last mutants, then those about the same thing.
#[derive(Default)]
struct Likely {
    noticed: Vec<usize>,
    dialect: &'static str,
}

impl Likely {
    fn kills(&mut self, mutant: &Mutant, transcripts: &[Transcript]) -> bool {
        if self.dialect != mutant.mutated.name {
            *self = Self {
                dialect: mutant.mutated.name,
                ..Self::default()
            };
        }
        let dialect: &'static Dialect = Box::leak(Box::new(mutant.mutated));
        let mut order: Vec<usize> = (0..transcripts.len()).collect();
        order.sort_by_key(|at| {
            let rank = self.noticed.iter().position(|noticed| noticed == at);
            let strange = !mentions(&transcripts[*at], &mutant.likely);
            (strange, rank.unwrap_or(usize::MAX), transcripts[*at].steps.len())
        });
        let killer = order.into_iter().find(|at| fails(&transcripts[*at], dialect));
        if let Some(killer) = killer {
            self.noticed.retain(|noticed| *noticed != killer);
            self.noticed.insert(0, killer);
        }
        killer.is_some()
    }
}

fn mentions(transcript: &Transcript, likely: &str) -> bool {
    transcript.name.contains(likely)
        || transcript.steps.iter().any(|step| match &step.action {
            Action::Host(bytes) => memchr::memmem::find(bytes, likely.as_bytes()).is_some(),
            _ => false,
        })
}

/// Whether the transcript fails on either end with this dialect.
fn fails(transcript: &Transcript, dialect: &'static Dialect) -> bool {
    let module = || module_player::play(transcript, dialect, None).is_err();
    let host = || {
        player::play(transcript, dialect, Cut::Whole);
        false
    };
    (transcript.only != Some(End::Host) && catch_unwind(AssertUnwindSafe(module)).unwrap_or(true))
        || (transcript.only != Some(End::Virtual) && catch_unwind(AssertUnwindSafe(host)).unwrap_or(true))
}

/// Prints the scores; returns how many mutants survive without a reason, or are noticed although a rule says otherwise.
fn report(mutants: &[Mutant], survivors: &[usize]) -> usize {
    let mut scores: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = 0;
    for (at, mutant) in mutants.iter().enumerate() {
        let survives = survivors.binary_search(&at).is_ok();
        for name in [mutant.mutated.name, "together"] {
            let (made, killed, equivalent) = scores.entry(name).or_default();
            *made += 1;
            *killed += usize::from(!survives);
            *equivalent += usize::from(survives && mutant.equivalent.is_some());
        }
        match mutant.equivalent {
            Some(reason) if survives => *reasons.entry(reason).or_default() += 1,
            Some(reason) => {
                println!("noticed despite a rule: {}: {}: {reason}", mutant.place, mutant.change);
                wrong += 1;
            }
            None if survives => println!("survives: {}: {}", mutant.place, mutant.change),
            None => {}
        }
    }
    for (reason, count) in &reasons {
        println!("{count} equivalent: {reason}");
    }
    for (name, (made, killed, equivalent)) in &scores {
        // In tenths of a percent.
        let score = 1000 * killed / (made - equivalent);
        println!(
            "{name}: {made} mutants, {killed} killed, {equivalent} equivalent, score {}.{} %",
            score / 10,
            score % 10
        );
    }
    scores
        .get("together")
        .map_or(0, |(made, killed, equivalent)| made - killed - equivalent + wrong)
}
