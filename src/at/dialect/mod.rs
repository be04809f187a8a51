//! The dialects, as rows.
//!
//! A dialect file holds constants and no functions. A difference of value is a field; a difference of kind is a
//! variant of a small closed enum that each end handles once. Every row names its source. A further dialect is
//! one more file and one more line in [`ALL`].

mod around;
mod bc35;
mod bc660k;
mod bg9x;
mod data_commands;
mod eg91xq;
mod everyday;
mod file_system_tls;
mod m95;
mod make;
mod ping;
mod rows;

pub use around::{Address, Around, Register, Stack};
pub use data_commands::{Count, DataCommand, Uncounted};
pub use everyday::{Cell, Effect, Everyday};
pub use ping::{Ping, PingKind};
pub use rows::{
    Arity, Buffer, DataIdle, DataPhase, Dialect, FixedCommand, Flag, Gate, Joined, Kind, Model, Parameter, ReadBack,
    ReceiveLength, ReceiveUrc, Refusal, Refusals, Row, Start, Urc, Wait,
};

/// Every dialect, in the order in which they are listed to the user.
pub const ALL: &[&Dialect] = &[
    &bc35::DIALECT,
    &bc660k::DIALECT,
    &eg91xq::DIALECT,
    &m95::DIALECT,
    &bg9x::DIALECT,
];

/// The dialects of firmware that follows another edition of its note than that in [`ALL`]: the same name and models,
/// other rows.
pub const REVISIONS: &[&Dialect] = &[&bc35::REVISION_2019];

/// The dialect with this name in the edition of this year; `None` if the family has no such edition.
#[must_use]
pub fn revision(dialect: &str, year: &str) -> Option<&'static Dialect> {
    editions(dialect).find(|edition| edition.revision == Some(year))
}

/// Every edition of the dialect of that name, the one in [`ALL`] first.
pub fn editions(dialect: &str) -> impl Iterator<Item = &'static Dialect> {
    let all = ALL.iter().chain(REVISIONS).copied();
    all.filter(move |edition| edition.name == dialect)
}

/// The model of that name, in upper or lower case, and its dialect.
#[must_use]
pub fn of_model(name: &str) -> Option<(&'static Dialect, &'static Model)> {
    models().find(|(_, model)| model.name.eq_ignore_ascii_case(name))
}

/// The model that one line of an answer to `AT+CGMM` or `ATI` names.
///
/// Modules print `Quectel_BC660K-GL`, `BC35GJB-02-STD` or the bare name, so the line's first word, without the
/// maker's name and without hyphens, must begin with the model's stem.
#[must_use]
pub fn recognise(line: &str) -> Option<(&'static Dialect, &'static Model)> {
    let word = line.trim().rsplit([' ', ':']).next().unwrap_or_default();
    let word = word.strip_prefix("Quectel_").unwrap_or(word).replace('-', "");
    models().find(|(_, model)| {
        word.get(..model.stem.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(model.stem))
    })
}

/// Every model with its dialect.
pub fn models() -> impl Iterator<Item = (&'static Dialect, &'static Model)> {
    ALL.iter()
        .flat_map(|dialect| dialect.models.iter().map(|model| (*dialect, model)))
}

/// Whether a module of any family begins its start with that line.
#[must_use]
pub fn is_start(line: &str) -> bool {
    ALL.iter().any(|dialect| dialect.start.is(line))
}

/// Every key of `AT+QMTCFG` that a dialect has, once.
pub fn setting_keys() -> Vec<crate::SettingKey> {
    let mut keys = Vec::new();
    for key in ALL
        .iter()
        .flat_map(|dialect| dialect.rows)
        .filter_map(|row| row.setting)
    {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, Form, SettingKey};

    #[test]
    fn a_model_is_recognised_as_modules_print_it() {
        for (line, name) in [
            ("Quectel_BC660K-GL", "BC660K-GL"),
            ("Quectel_M95", "M95"),
            ("M95FAR02A08", "M95"),
            ("Revision: BC660KGLAAR01A01", "BC660K-GL"),
            ("BC35GJB-02-STD", "BC35-G"),
            ("BC28JA-02-STD", "BC28"),
            ("EG915QNA", "EG915Q"),
            ("EG800QEULC", "EG800Q"),
            ("BG95-M3", "BG95"),
            ("Revision: BG77LAR02A04", "BG77"),
        ] {
            assert_eq!(recognise(line).map(|(_, model)| model.name), Some(name), "{line}");
        }
        assert!(recognise("SIM800L").is_none());
        // Its chips have another maker, although its name begins alike.
        assert!(recognise("BG770A-GL").is_none());
        assert!(recognise("").is_none());
    }

    #[test]
    fn every_form_of_the_notes_has_its_row() {
        let count = |name: &str| ALL.iter().find(|dialect| dialect.name == name).unwrap().rows.len();
        assert_eq!(
            (
                count("m95"),
                count("bc35"),
                count("bc660k"),
                count("eg91xq"),
                count("bg9x")
            ),
            (27, 32, 39, 52, 41)
        );
    }

    #[test]
    fn an_edition_changes_rows_in_their_places_and_adds_its_own() {
        let (bc35, _) = of_model("BC28").unwrap();
        let edition = revision("bc35", "2019").unwrap();
        assert_eq!(revision("bc35", "2018").map(|known| known.note), Some(bc35.note));
        assert!(revision("bc35", "2020").is_none() && revision("m95", "2019").is_none());
        let names = |dialect: &Dialect| dialect.rows.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (old, new) = (names(bc35), names(edition));
        assert_eq!(old, new[..old.len()]);
        assert_eq!(new[old.len()..], ["AT+QMTPUB set, counted data"]);
        let longest = |dialect: &Dialect| dialect.row(Command::Subscribe, Form::Set).unwrap().longest("topic");
        assert_eq!((longest(bc35), longest(edition)), (Some(65_535), Some(255)));
    }

    #[test]
    fn every_row_names_its_source_and_has_a_name_of_its_own() {
        for dialect in ALL.iter().chain(REVISIONS) {
            let mut names = std::collections::BTreeSet::new();
            for row in dialect.rows {
                assert!(!row.source.is_empty());
                assert!(names.insert(row.to_string()), "{}: {row} stands twice", dialect.name);
            }
        }
    }

    #[test]
    fn every_setting_has_both_forms_and_its_defaults_are_in_range() {
        for dialect in ALL.iter().chain(REVISIONS) {
            for row in dialect.rows.iter().filter(|row| row.setting.is_some()) {
                let key = row.setting.unwrap();
                assert!(dialect.setting(key, Form::Read).is_some());
                let set = dialect.setting(key, Form::Set).unwrap();
                for (default, parameter) in set.defaults.iter().zip(&set.parameters[1..]) {
                    let Kind::Integer { low, high } = parameter.kind else {
                        panic!("{set}: only integers have defaults")
                    };
                    assert!((low..=high).contains(default), "{set}");
                }
            }
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_notes() {
        let (m95, _) = of_model("m95").unwrap();
        let (bc660k, _) = of_model("BC660K-GL").unwrap();
        assert_eq!(m95.defaults(SettingKey::TIMEOUT), [5, 3, 0]);
        assert_eq!(bc660k.defaults(SettingKey::TIMEOUT), [30, 0, 0]);
        assert_eq!(m95.defaults(SettingKey::VERSION), [0i64; 0]);
        assert_eq!(bc660k.defaults(SettingKey::VERSION), [1]);
    }
}
