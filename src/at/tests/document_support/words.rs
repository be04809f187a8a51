//! Rows and their parts in words.

use std::time::Duration;

use modemqtt_at::dialect::{Arity, DataPhase, Dialect, Gate, Kind, Parameter, Refusal, Row, Wait};
use modemqtt_at::{Command, Form};

/// The form as a program types it.
pub(super) fn syntax(dialect: &Dialect, row: &Row) -> String {
    let mut text = row.command.to_string();
    match (row.form, row.setting) {
        (Form::Test, _) => text.push_str("=?"),
        (Form::Read, None) => text.push('?'),
        (_, Some(key)) => text.push_str(&format!("=\"{}\",", dialect.spelling(key))),
        (Form::Set, None) => text.push('='),
    }
    let names: Vec<String> = row.parameters.iter().map(placeholder).collect();
    text.push_str(&match row.arity {
        Arity::Exact(count) => names[..count].join(","),
        Arity::OneOf(counts) => optional(&names, counts),
        Arity::Groups { fixed, group } => {
            let first = names[..fixed + group].join(",");
            format!("{first}[,{}…]", names[fixed..fixed + group].join(","))
        }
    });
    text
}

fn optional(names: &[String], counts: &[usize]) -> String {
    let mut text = String::new();
    let mut from = 0;
    for (at, count) in counts.iter().enumerate() {
        let part = names[from..*count].join(",");
        text.push_str(&if at == 0 { part } else { format!("[,{part}") });
        from = *count;
    }
    text + &"]".repeat(counts.len() - 1)
}

fn placeholder(parameter: &Parameter) -> String {
    match parameter.kind {
        Kind::Text { .. } | Kind::Payload => format!("\"<{}>\"", parameter.name),
        Kind::Integer { .. } | Kind::Port { .. } => format!("<{}>", parameter.name),
    }
}

/// The parameters behind the client index, each with what it may be.
pub(super) fn ranges(row: &Row) -> String {
    let parameters = row.parameters.iter().enumerate();
    let ranges: Vec<_> = parameters
        .map(|(at, parameter)| {
            let only = row.only.iter().find(|(position, _)| *position == at);
            let only = only.map_or(String::new(), |(_, value)| format!(", {value} works"));
            format!("`{}` {}{only}", parameter.name, range(parameter))
        })
        .collect();
    ranges.join("; ")
}

fn range(parameter: &Parameter) -> String {
    let secret = if parameter.secret { ", secret" } else { "" };
    match parameter.kind {
        Kind::Integer { low, high } if low == high => format!("{low}"),
        Kind::Integer { low, high } => format!("{low}–{high}"),
        Kind::Text { least, most } => format!("{least}–{most} bytes{secret}"),
        Kind::Port { quoted_too: true } => "1–65535, in quotes too".into(),
        Kind::Port { quoted_too: false } => "1–65535".into(),
        Kind::Payload => "as long as the length says".into(),
    }
}

pub(super) fn data(row: &Row) -> &'static str {
    match row.data {
        None => "",
        Some(DataPhase::UntilCtrlZ) => "behind the prompt, up to Ctrl-Z; ESC cancels",
        Some(DataPhase::Counted) => "behind the prompt, exactly as many bytes",
        Some(DataPhase::Inline) => "in the line, behind its length",
        Some(DataPhase::Quoted) => "in the line, a string",
    }
}

pub(super) const fn gate(gate: Gate) -> &'static str {
    match gate {
        Gate::Always => "always",
        Gate::BeforeOpen => "before opening",
        Gate::NotConnected => "while not connected",
        Gate::Opened => "once opened",
        Gate::Connected => "once connected",
    }
}

pub(super) fn wait(wait: Wait) -> String {
    match wait {
        Wait::Fixed(fixed) => time(fixed),
        Wait::Delivery => "delivery".into(),
    }
}

pub(super) fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs())
    }
}

pub(super) fn refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::Error => "`ERROR`".into(),
        Refusal::Cme(code) => format!("`+CME ERROR: {}`", code.0),
    }
}

/// The forms of a command: `test, read, set`.
pub(super) fn forms(dialect: &Dialect, command: Command) -> String {
    let mut forms: Vec<String> = Vec::new();
    for row in dialect.rows.iter().filter(|row| row.command == command) {
        let form = match row.data {
            Some(DataPhase::UntilCtrlZ) if row.setting.is_none() => "set: Ctrl-Z".into(),
            Some(DataPhase::Counted) if row.setting.is_none() => "set: length".into(),
            Some(DataPhase::Inline) => "set: inline".into(),
            Some(DataPhase::Quoted) => "set: quoted".into(),
            _ => row.form.to_string(),
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    if forms.is_empty() {
        "–".into()
    } else {
        forms.join(", ")
    }
}

pub(super) fn numbers(values: &[i64]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    values.join(",")
}

pub(super) fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
