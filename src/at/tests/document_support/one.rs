//! One dialect in full.

use modemqtt_at::Form;
use modemqtt_at::dialect::{self, Dialect, Flag, Row};

use super::words::{data, gate, numbers, ranges, syntax, wait};
use super::{around, table};

pub(super) fn all(dialect: &Dialect) -> String {
    let experimental = if dialect.experimental { ", experimental" } else { "" };
    let mut text = format!("## {}{experimental}\n\nSource: {}.\n\n", dialect.name, dialect.note);
    text.push_str(&table(&models(dialect)));
    text.push_str("### Commands\n\n");
    text.push_str(&table(&commands(dialect)));
    text.push_str("### Keys of `AT+QMTCFG`\n\n");
    text.push_str(&table(&keys(dialect)));
    text.push_str(&super::tls::all(dialect));
    text.push_str("### Unsolicited result codes\n\n");
    text.push_str(&table(&urcs(dialect)));
    text.push_str(&around::one(dialect));
    if !dialect.vendor_errors.is_empty() {
        text.push_str("### Errors of the vendor\n\n");
        let errors: Vec<_> = dialect
            .vendor_errors
            .iter()
            .map(|(code, name)| format!("{code} {name}"))
            .collect();
        text.push_str(&format!("`+CME ERROR`: {}.\n\n", errors.join("; ")));
    }
    for edition in dialect::editions(dialect.name).skip(1) {
        text.push_str(&differences(dialect, edition));
    }
    text
}

/// What another edition of the note has otherwise.
fn differences(usual: &Dialect, edition: &Dialect) -> String {
    let year = edition.revision.unwrap_or_default();
    let rows: Vec<_> = edition
        .rows
        .iter()
        .filter(|row| !usual.rows.iter().any(|other| is_same(row, other)))
        .collect();
    let commands: Vec<_> = rows.iter().copied().filter(|row| row.setting.is_none()).collect();
    let keys: Vec<_> = rows.iter().copied().filter(|row| row.setting.is_some()).collect();
    let mut text = format!(
        "### Revision {year}\n\nSource: {}. Asked for by `revision=\"{year}\"`; a publish has at most {} bytes. What is not listed \
         is as above.\n\n",
        edition.note, edition.payload
    );
    text.push_str(&table(&command_lines(edition, &commands)));
    text.push_str(&table(&key_lines(edition, &keys)));
    text
}

fn is_same(one: &Row, other: &Row) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

fn heads<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn models(dialect: &Dialect) -> Vec<Vec<String>> {
    let lines = dialect.models.iter().map(|model| {
        let ati: Vec<_> = model.identification.iter().map(|line| format!("`{line}`")).collect();
        vec![model.name.into(), ati.join(" "), format!("`{}`", model.model_line)]
    });
    [heads(["model", "`ATI`", "`AT+CGMM`"])]
        .into_iter()
        .chain(lines)
        .collect()
}

fn commands(dialect: &Dialect) -> Vec<Vec<String>> {
    let rows: Vec<_> = dialect.rows.iter().filter(|row| row.setting.is_none()).collect();
    command_lines(dialect, &rows)
}

fn command_lines(dialect: &Dialect, rows: &[&Row]) -> Vec<Vec<String>> {
    let head = heads(["form", "parameters", "payload", "carried out", "at most", "source"]);
    let lines = rows.iter().map(|row| {
        vec![
            format!("`{}`", syntax(dialect, row)),
            ranges(row),
            data(row).into(),
            gate(row.gate).into(),
            wait(row.wait),
            row.source.into(),
        ]
    });
    [head].into_iter().chain(lines).collect()
}

/// The read form of each is its set form with the client index alone.
fn keys(dialect: &Dialect) -> Vec<Vec<String>> {
    let rows: Vec<_> = dialect
        .rows
        .iter()
        .filter(|row| row.setting.is_some() && row.form == Form::Set)
        .collect();
    key_lines(dialect, &rows)
}

fn key_lines(dialect: &Dialect, rows: &[&Row]) -> Vec<Vec<String>> {
    let head = heads(["form", "parameters", "defaults", "payload", "set", "at most", "source"]);
    let lines = rows.iter().map(|row| {
        vec![
            format!("`{}`", syntax(dialect, row)),
            format!("{}{}", ranges(row), flag(row)),
            if row.defaults.is_empty() {
                "unset".into()
            } else {
                numbers(row.defaults)
            },
            data(row).into(),
            gate(row.gate).into(),
            wait(row.wait),
            row.source.into(),
        ]
    });
    [head].into_iter().chain(lines).collect()
}

fn flag(row: &Row) -> &'static str {
    match row.flag {
        Flag::Free => "",
        Flag::Complete => "; with 1 all of them",
        Flag::Whole => "; with 1 all of them, with 0 no other",
    }
}

fn urcs(dialect: &Dialect) -> Vec<Vec<String>> {
    let lines = dialect
        .urcs
        .iter()
        .map(|urc| vec![format!("`+{}: {}`", urc.name, urc.fields), urc.source.into()]);
    [heads(["line", "source"])].into_iter().chain(lines).collect()
}
