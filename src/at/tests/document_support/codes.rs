//! `docs/codes.md`: every code that an error may name, a line each, so that a page can be searched for one.

use std::collections::BTreeMap;

use modemqtt_at::codes::{
    CloseResult, CmeCode, CmsCode, ConnectionState, OpenResult, PacketResult, ReturnCode, StatCode, TokenResult,
};
use modemqtt_at::dialect::{self, Dialect};

use super::table;

const HEAD: &str = "\
# The codes

Written from `src/at/codes` and the rows in `src/at/dialect` by `make docs`. An exception names a code and its meaning; this page has them
all. A number that no table names is kept as it came.

";

/// The whole of it.
pub(crate) fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## MQTT\n\n");
    text.push_str(&table(&mqtt()));
    text.push_str("## `+CME ERROR` and `+CMS ERROR`\n\n");
    text.push_str("By 3GPP TS 27.007, 9.2, and TS 27.005, 3.2.5; what a family adds or means otherwise names it.\n\n");
    text.push_str(&table(&errors()));
    text
}

fn mqtt() -> Vec<Vec<String>> {
    let mut lines = vec![["where", "code", "meaning", "what to do"].map(str::to_owned).to_vec()];
    let mut add = |place: &str, code: i64, meaning: &str, advice: &str| {
        lines.push(vec![place.into(), code.to_string(), meaning.into(), advice.into()]);
    };
    for (code, name) in OpenResult::TABLE {
        let lacking: Vec<_> = names(|dialect| !dialect.open_results.contains(code));
        let meaning = match lacking.as_slice() {
            [] => (*name).to_owned(),
            lacking => format!("{name} (not {})", lacking.join(", ")),
        };
        add("`+QMTOPEN`, `<result>`", code.0, &meaning, code.advice().unwrap_or(""));
    }
    for (code, name) in ReturnCode::TABLE {
        add("`+QMTCONN`, `<ret_code>`", code.0, name, code.advice().unwrap_or(""));
    }
    for (code, name) in PacketResult::TABLE {
        add(
            "`+QMTCONN`, `+QMTSUB`, `+QMTUNS`, `+QMTPUB`, `+QMTPUBEX`, `<result>`",
            code.0,
            name,
            "",
        );
    }
    for (code, name) in CloseResult::TABLE {
        add("`+QMTCLOSE`, `+QMTDISC`, `<result>`", code.0, name, "");
    }
    for (code, name) in StatCode::TABLE {
        add("`+QMTSTAT`, `<err_code>`", code.0, name, code.advice().unwrap_or(""));
    }
    for (code, name) in ConnectionState::TABLE {
        add("`AT+QMTCONN?`, `<state>`", code.0, name, "");
    }
    for (code, name) in TokenResult::TABLE {
        add("`+QMTENAUTH`, `<result_code>`", code.0, name, "");
    }
    lines
}

/// By number: those of the standards first, then what the families say.
fn errors() -> Vec<Vec<String>> {
    let mut told: BTreeMap<(i64, &str), Vec<&str>> = BTreeMap::new();
    for dialect in dialect::ALL {
        for (number, name) in dialect.vendor_errors {
            told.entry((*number, *name)).or_default().push(dialect.name);
        }
    }
    let standard = CmeCode::TABLE
        .iter()
        .map(|(code, name)| ("`+CME ERROR`", code.0, *name, String::new()));
    let messages = CmsCode::TABLE
        .iter()
        .map(|(code, name)| ("`+CMS ERROR`", code.0, *name, String::new()));
    let vendor = told
        .iter()
        .map(|((number, name), families)| ("`+CME ERROR`", *number, *name, families.join(", ")));
    let mut lines: Vec<_> = standard.chain(messages).chain(vendor).collect();
    lines.sort_by(|one, other| (one.0, one.1, &one.3).cmp(&(other.0, other.1, &other.3)));
    let head = ["where", "code", "meaning", "in"].map(str::to_owned).to_vec();
    let lines = lines
        .into_iter()
        .map(|(place, code, name, families)| vec![place.into(), code.to_string(), name.into(), families]);
    [head].into_iter().chain(lines).collect()
}

fn names(holds: impl Fn(&Dialect) -> bool) -> Vec<&'static str> {
    dialect::ALL
        .iter()
        .filter(|dialect| holds(dialect))
        .map(|dialect| dialect.name)
        .collect()
}
