//! The mutants of one row.
//!
//! Not mutated: which parameters may be left empty; and the rows of another edition of a note.

use std::time::Duration;

use modemqtt_at::dialect::{self, Arity, DataPhase, Dialect, Flag, Gate, Kind, Parameter, Row, Wait};
use modemqtt_at::{Command, Form, SettingKey};

use super::{Mutant, rules, with, without};

struct Maker {
    dialect: &'static Dialect,
    at: usize,
    mutants: Vec<Mutant>,
}

pub(super) fn of(dialect: &'static Dialect, at: usize) -> Vec<Mutant> {
    let mut maker = Maker {
        dialect,
        at,
        mutants: Vec::new(),
    };
    let row = &dialect.rows[at];
    maker.add_rows("left out", without(dialect.rows, at), None);
    maker.identity(row);
    maker.parameters(row);
    maker.arity(row);
    maker.behaviour(row);
    maker.answers(row);
    maker.mutants
}

impl Maker {
    fn add(&mut self, change: &str, row: Row, equivalent: Option<&'static str>) {
        self.add_rows(change, with(self.dialect.rows, self.at, row), equivalent);
    }

    fn add_rows(&mut self, change: &str, rows: &'static [Row], equivalent: Option<&'static str>) {
        let row = &self.dialect.rows[self.at];
        self.mutants.push(Mutant {
            place: format!("{}: {row}", self.dialect.name),
            change: change.to_owned(),
            mutated: Dialect { rows, ..*self.dialect },
            likely: match (row.setting, row.form) {
                (Some(key), _) => format!("\"{}\",", key.name()),
                (None, Form::Test) => format!("{}=?", row.command),
                (None, Form::Read) => format!("{}?", row.command),
                (None, Form::Set) => format!("{}=", row.command),
            },
            equivalent,
        });
    }

    /// Command, key and form.
    fn identity(&mut self, row: &Row) {
        if let Some(key) = row.setting {
            let lacking = |key: &SettingKey| self.dialect.setting(*key, Form::Set).is_none();
            let other = dialect::setting_keys().into_iter().find(lacking).unwrap_or(key);
            let changed = Row {
                setting: Some(other),
                ..*row
            };
            self.add(&format!("key {}", other.name()), changed, None);
        } else {
            let next = Command::ALL
                .iter()
                .cycle()
                .skip_while(|command| **command != row.command)
                .nth(1);
            let command = *next.unwrap_or(&Command::Open);
            self.add(&format!("command {command}"), Row { command, ..*row }, None);
        }
        for form in [Form::Test, Form::Read, Form::Set] {
            if form != row.form {
                self.add(&format!("form {form}"), Row { form, ..*row }, None);
            }
        }
    }

    fn parameters(&mut self, row: &Row) {
        for at in 1..row.parameters.len() {
            let (one, other) = (&row.parameters[at - 1], &row.parameters[at]);
            if (one.kind, one.secret) != (other.kind, other.secret) {
                let mut parameters = row.parameters.to_vec();
                parameters.swap(at - 1, at);
                let change = format!("{} and {} swapped", one.name, other.name);
                let parameters = parameters.leak();
                self.add(&change, Row { parameters, ..*row }, None);
            }
        }
        for (at, parameter) in row.parameters.iter().enumerate() {
            for (change, kind) in kinds(parameter.kind) {
                let changed = Parameter { kind, ..*parameter };
                let parameters = with(row.parameters, at, changed);
                let equivalent = rules::limit(self.dialect, row, at, kind);
                self.add(
                    &format!("{}: {change}", parameter.name),
                    Row { parameters, ..*row },
                    equivalent,
                );
            }
            if parameter.secret {
                let changed = Parameter {
                    secret: false,
                    ..*parameter
                };
                let parameters = with(row.parameters, at, changed);
                self.add(
                    &format!("{}: no secret", parameter.name),
                    Row { parameters, ..*row },
                    None,
                );
            }
        }
    }

    fn arity(&mut self, row: &Row) {
        let mut changed: Vec<Arity> = Vec::new();
        match row.arity {
            Arity::Exact(count) => {
                changed.push(Arity::Exact(count + 1));
                changed.extend(count.checked_sub(1).map(Arity::Exact));
                changed.push(Arity::OneOf(vec![count, count + 1].leak()));
            }
            Arity::OneOf(counts) => {
                changed.extend((0..counts.len()).map(|at| Arity::OneOf(without(counts, at))));
                let most = row.parameters.len();
                changed.extend((1..=most + 1).filter(|count| !counts.contains(count)).map(|count| {
                    let more = [counts, &[count]].concat();
                    Arity::OneOf(more.leak())
                }));
            }
            Arity::Groups { fixed, group } => {
                changed.push(Arity::Groups {
                    fixed,
                    group: group + 1,
                });
                changed.push(Arity::Groups {
                    fixed: fixed - 1,
                    group,
                });
                changed.push(Arity::Exact(fixed + group));
                if group > 1 {
                    changed.push(Arity::Groups {
                        fixed,
                        group: group - 1,
                    });
                }
            }
        }
        for arity in changed {
            let equivalent = rules::arity(self.dialect, row, arity);
            self.add(&format!("{arity:?}"), Row { arity, ..*row }, equivalent);
        }
    }

    /// Data phase, gate, wait, flag, and the only values that work.
    fn behaviour(&mut self, row: &Row) {
        if row.data.is_some() {
            for data in [
                None,
                Some(DataPhase::UntilCtrlZ),
                Some(DataPhase::Counted),
                Some(DataPhase::Inline),
                Some(DataPhase::Quoted),
            ] {
                if data != row.data {
                    let equivalent = rules::data(self.dialect, row, data);
                    self.add(&format!("data {data:?}"), Row { data, ..*row }, equivalent);
                }
            }
        }
        if row.form == Form::Set {
            for gate in [
                Gate::Always,
                Gate::BeforeOpen,
                Gate::NotConnected,
                Gate::Opened,
                Gate::Connected,
            ] {
                if gate != row.gate {
                    let equivalent = rules::gate(row, gate);
                    self.add(&format!("gate {gate:?}"), Row { gate, ..*row }, equivalent);
                }
            }
        }
        // A wait may still be two seconds off: the host adds them for the line.
        let step = Duration::from_secs(2);
        let waits = match row.wait {
            Wait::Fixed(wait) => vec![
                Wait::Fixed(wait + step),
                Wait::Fixed(wait.saturating_sub(step)),
                Wait::Delivery,
            ],
            Wait::Delivery => vec![
                Wait::Fixed(Duration::from_secs(1)),
                Wait::Fixed(Duration::from_mins(10)),
            ],
        };
        for wait in waits {
            let equivalent = rules::wait(self.dialect, row, wait);
            self.add(&format!("wait {wait:?}"), Row { wait, ..*row }, equivalent);
        }
        if row.setting.is_some() && row.form == Form::Set {
            for flag in [Flag::Free, Flag::Complete, Flag::Whole] {
                if flag != row.flag {
                    let equivalent = rules::flag(row, flag);
                    self.add(&format!("flag {flag:?}"), Row { flag, ..*row }, equivalent);
                }
            }
        }
        for at in 0..row.only.len() {
            let (position, value) = row.only[at];
            self.add(
                "only: one left out",
                Row {
                    only: without(row.only, at),
                    ..*row
                },
                None,
            );
            let only = with(row.only, at, (position, value + 1));
            self.add("only: another value", Row { only, ..*row }, None);
        }
    }

    /// Defaults, and what a test command prints.
    fn answers(&mut self, row: &Row) {
        for (at, value) in row.defaults.iter().enumerate() {
            for changed in [value - 1, value + 1] {
                let defaults = with(row.defaults, at, changed);
                self.add(&format!("default {at} {changed}"), Row { defaults, ..*row }, None);
            }
        }
        if !row.defaults.is_empty() {
            let defaults = without(row.defaults, row.defaults.len() - 1);
            self.add("one default fewer", Row { defaults, ..*row }, None);
        }
        for (at, line) in row.answer.iter().enumerate() {
            self.add(
                "one line fewer",
                Row {
                    answer: without(row.answer, at),
                    ..*row
                },
                None,
            );
            let line: &'static str = format!("{line} ").leak();
            let answer = with(row.answer, at, line);
            self.add("a line changed", Row { answer, ..*row }, None);
        }
    }
}

fn kinds(kind: Kind) -> Vec<(&'static str, Kind)> {
    match kind {
        Kind::Integer { low, high } => vec![
            ("lower low", Kind::Integer { low: low - 1, high }),
            ("higher low", Kind::Integer { low: low + 1, high }),
            ("lower high", Kind::Integer { low, high: high - 1 }),
            ("higher high", Kind::Integer { low, high: high + 1 }),
            ("text", Kind::Text { least: 0, most: 256 }),
        ],
        Kind::Text { least, most } => {
            let mut kinds = vec![
                ("longer least", Kind::Text { least: least + 1, most }),
                ("shorter most", Kind::Text { least, most: most - 1 }),
                ("longer most", Kind::Text { least, most: most + 1 }),
                ("number", Kind::Integer { low: 0, high: 65_535 }),
            ];
            if least > 0 {
                kinds.push(("shorter least", Kind::Text { least: least - 1, most }));
            }
            kinds
        }
        Kind::Port { quoted_too } => vec![
            (
                "quotes",
                Kind::Port {
                    quoted_too: !quoted_too,
                },
            ),
            ("text", Kind::Text { least: 0, most: 256 }),
        ],
        Kind::Payload => vec![("text", Kind::Text { least: 0, most: 2000 })],
    }
}
