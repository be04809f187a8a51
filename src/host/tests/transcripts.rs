//! Every transcript against the host alone: whole, byte by byte, cut once at every byte, cut and mixed with URCs at random.

#[path = "../../../tests/support/transcript.rs"]
mod transcript;

#[path = "support/calls.rs"]
mod calls;

#[path = "support/player.rs"]
mod player;

use modemqtt_at::dialect;
use player::{Cut, Mixture, UNRELATED};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use transcript::{End, Transcript};

#[test]
fn the_host_does_what_every_transcript_says() {
    for_each(|transcript| {
        play(transcript, Cut::Whole);
    });
}

#[test]
fn the_host_reads_every_transcript_byte_by_byte_alike() {
    for_each(|transcript| {
        play(transcript, Cut::EveryByte);
    });
}

#[test]
fn the_host_reads_every_transcript_cut_at_any_byte_alike() {
    for_each(|transcript| {
        let length = play(transcript, Cut::Whole);
        for at in 1..length {
            play(transcript, Cut::At(at));
        }
    });
}

#[test]
fn a_urc_between_any_two_pieces_changes_nothing_else() {
    for_each(|transcript| {
        play(transcript, Cut::AfterUrc);
    });
}

#[test]
fn any_cuts_and_any_urcs_between_lines_change_nothing_else() {
    let mixtures = (vec(1..50_usize, 1..8), vec(vec(0..UNRELATED.len(), 0..4), 1..5));
    let mixtures = mixtures.prop_map(|(sizes, urcs)| Mixture { sizes, urcs });
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    for_each(|transcript| {
        let played = TestRunner::new(config.clone()).run(&mixtures, |mixture| {
            play(transcript, Cut::Mixed(&mixture));
            Ok(())
        });
        played.unwrap_or_else(|error| panic!("{error}"));
    });
}

#[test]
#[ignore = "`make transcript FILE=…` runs it"]
fn the_transcript_that_was_named() {
    std::panic::set_hook(Box::new(|_| {}));
    let played = transcript::named().into_iter().map(|transcript| {
        transcript::tell(&transcript, End::Host, || {
            let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&transcript, Cut::Whole)));
            played.map(drop).map_err(|panic| match panic.downcast::<String>() {
                Ok(text) => *text,
                Err(_) => "it panicked".into(),
            })
        })
    });
    assert!(played.fold(true, std::ops::BitAnd::bitand));
}

fn for_each(play: impl Fn(&Transcript)) {
    let mut played = 0;
    let mut failed = Vec::new();
    for dialect in dialect::ALL {
        for transcript in transcript::load_all(dialect.name) {
            if transcript.only != Some(End::Virtual) {
                played += 1;
                // Each transcript on its own, so that one run shows every failure.
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&transcript)));
                if result.is_err() {
                    failed.push(transcript.name.clone());
                }
            }
        }
    }
    assert!(played > 0);
    assert!(
        failed.is_empty(),
        "{} of {played} failed: {}",
        failed.len(),
        failed.join(" ")
    );
}

/// Plays a transcript; returns how many bytes the module printed.
fn play(transcript: &Transcript, cut: Cut<'_>) -> usize {
    let (mut dialect, _) = dialect::of_model(&transcript.model).expect("a known model");
    if let Some(year) = &transcript.revision {
        dialect = dialect::revision(dialect.name, year).expect("a known edition");
    }
    player::play(transcript, dialect, cut)
}
