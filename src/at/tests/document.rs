//! Writes `docs/dialects.md` and `docs/codes.md` from the rows and codes, and fails when what stands there is something else.
//!
//! `make docs` writes them anew: it sets `UPDATE_DOCS`.

#![allow(clippy::format_push_string, reason = "it is written once")]

mod document_support;

use std::path::Path;

fn holds(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).expect("the document can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let stale = found
        .lines()
        .zip(wanted.lines())
        .position(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/{name} is stale from line {} on: run `make docs`",
        stale.unwrap_or_else(|| found.lines().count()) + 1
    );
}

#[test]
fn the_document_of_the_dialects_says_what_the_rows_say() {
    holds("dialects.md", &document_support::document());
}

#[test]
fn the_document_of_the_codes_says_what_the_tables_say() {
    holds("codes.md", &document_support::codes::document());
}
