//! Writes `docs/dialects.md` from the rows, and fails when what stands there is something else.
//!
//! `make docs` writes it anew: it sets `UPDATE_DOCS`.

#![allow(clippy::format_push_string, reason = "it is written once")]

mod document_support;

use std::path::Path;

use document_support::document;

#[test]
fn the_document_of_the_dialects_says_what_the_rows_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dialects.md");
    let wanted = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).expect("docs/dialects.md can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let stale = found
        .lines()
        .zip(wanted.lines())
        .position(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/dialects.md is stale from line {} on: run `make docs`",
        stale.unwrap_or_else(|| found.lines().count()) + 1
    );
}
