//! The mutants of a dialect's data about TLS.
//!
//! Not mutated: sizes, since no note has a figure, and the refusal of a full storage, which depends on them.

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{Dialect, Refusal};
use modemqtt_at::tls::{FileRefusals, Files, OtherOption, Storage, Tls, TlsForm, TlsOption, TlsValue, Upload};

use super::{Mutant, with, without};

pub(super) fn of(dialect: &'static Dialect) -> Vec<Mutant> {
    let mutants = match dialect.tls {
        None => Vec::new(),
        Some(tls) => [
            vec![("no TLS".to_owned(), None)],
            contexts(tls),
            options(tls),
            others(tls),
            uploads(tls),
        ]
        .concat(),
    };
    let made = mutants.into_iter().map(|(change, tls)| Mutant {
        place: format!("{}: TLS", dialect.name),
        change,
        mutated: Dialect { tls, ..*dialect },
        likely: "QSSLCFG".to_owned(),
        equivalent: None,
    });
    made.collect()
}

type Change = (String, Option<Tls>);

fn contexts(tls: Tls) -> Vec<Change> {
    let last = tls.last_context;
    let form = match tls.form {
        TlsForm::OptionFirst => TlsForm::ContextFirst,
        TlsForm::ContextFirst => TlsForm::OptionFirst,
    };
    let lasts = [last.checked_sub(1), Some(last + 1)].into_iter().flatten();
    let lasts = lasts.map(|last_context| {
        (
            format!("last context {last_context}"),
            Some(Tls { last_context, ..tls }),
        )
    });
    lasts
        .chain([(format!("{form:?}"), Some(Tls { form, ..tls }))])
        .collect()
}

fn options(tls: Tls) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, option) in tls.options.iter().enumerate() {
        let mut add = |change: &str, options: &'static [TlsOption]| {
            let change = format!("{}: {change}", option.name);
            changes.push((change, Some(Tls { options, ..tls })));
        };
        add("left out", without(tls.options, at));
        let mut change = |what: &str, changed: TlsOption| add(what, with(tls.options, at, changed));
        let name: &'static str = format!("{}x", option.name).leak();
        change("another name", TlsOption { name, ..*option });
        let of_context = !option.of_context;
        // A credential asked for with a prompt, and any option with its context first, is named in any case.
        if tls.form == TlsForm::OptionFirst {
            change("of a context or not", TlsOption { of_context, ..*option });
        }
        for value in values(option.value) {
            change(&format!("{value:?}"), TlsOption { value, ..*option });
        }
    }
    changes
}

fn others(tls: Tls) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, other) in tls.others.iter().enumerate() {
        let mut add = |change: &str, others: &'static [OtherOption]| {
            let change = format!("{}: {change}", other.name);
            changes.push((change, Some(Tls { others, ..tls })));
        };
        add("left out", without(tls.others, at));
        let name: &'static str = format!("{}x", other.name).leak();
        add("another name", with(tls.others, at, OtherOption { name, ..*other }));
        for (number, (low, high, default)) in other.values.iter().enumerate() {
            for changed in [
                (low - 1, *high, *default),
                (low + 1, *high, *default),
                (*low, high - 1, *default),
                (*low, high + 1, *default),
                (*low, *high, default + 1),
            ] {
                let values = with(other.values, number, changed);
                add(
                    &format!("{changed:?}"),
                    with(tls.others, at, OtherOption { values, ..*other }),
                );
            }
        }
    }
    changes
}

fn values(value: TlsValue) -> Vec<TlsValue> {
    match value {
        TlsValue::Number { low, high, default } => {
            let number = |low, high, default| TlsValue::Number { low, high, default };
            vec![
                number(low - 1, high, default),
                number(low + 1, high, default),
                number(low, high - 1, default),
                number(low, high + 1, default),
                number(low, high, default - 1),
                number(low, high, default + 1),
            ]
        }
        TlsValue::Suites { quoted } => vec![TlsValue::Suites { quoted: !quoted }],
        TlsValue::Credential => vec![TlsValue::Suites { quoted: true }],
    }
}

fn uploads(tls: Tls) -> Vec<Change> {
    let others = match tls.upload {
        Upload::SecureFile(files) => [
            vec![Upload::FileSystem(files), Upload::Prompt { most: 8192 }],
            each(files).into_iter().map(Upload::SecureFile).collect(),
        ]
        .concat(),
        Upload::FileSystem(files) => [
            vec![Upload::SecureFile(files), Upload::Prompt { most: 8192 }],
            each(files).into_iter().map(Upload::FileSystem).collect(),
        ]
        .concat(),
        Upload::Prompt { .. } => Vec::new(),
    };
    let made = others
        .into_iter()
        .map(|upload| (format!("{upload:?}"), Some(Tls { upload, ..tls })));
    made.collect()
}

fn each(files: Files) -> Vec<Files> {
    let mut changed = Vec::new();
    for (at, storage) in files.storages.iter().enumerate() {
        let kept = !storage.kept;
        let prefix: &'static str = format!("X{}", storage.prefix).leak();
        let storages = [
            without(files.storages, at),
            with(files.storages, at, Storage { kept, ..*storage }),
            with(files.storages, at, Storage { prefix, ..*storage }),
        ];
        changed.extend(storages.map(|storages| Files { storages, ..files }));
    }
    for at in 0..files.commands.len() {
        let commands = without(files.commands, at);
        changed.push(Files { commands, ..files });
        let (action, name) = files.commands[at];
        let commands = with(files.commands, at, (action, format!("{name}X").leak() as &str));
        changed.push(Files { commands, ..files });
    }
    for acknowledged in files
        .acknowledged
        .map_or(vec![Some(1024)], |each| vec![None, Some(each + 1), Some(each - 1)])
    {
        changed.push(Files { acknowledged, ..files });
    }
    for patience in [files.patience - 1, files.patience + 1] {
        changed.push(Files { patience, ..files });
    }
    let now = files.refusals;
    let other = |refusal: Refusal| match refusal {
        Refusal::Error => Refusal::Cme(CmeCode(400)),
        Refusal::Cme(code) => Refusal::Cme(CmeCode(code.0 + 1)),
    };
    let parameter = other(now.parameter);
    let missing = other(now.missing);
    let exists = other(now.exists);
    let late = now.late.map_or(Some(Refusal::Error), |_| None);
    for refusals in [
        FileRefusals { parameter, ..now },
        FileRefusals { missing, ..now },
        FileRefusals { exists, ..now },
        FileRefusals { late, ..now },
    ] {
        changed.push(Files { refusals, ..files });
    }
    changed
}
