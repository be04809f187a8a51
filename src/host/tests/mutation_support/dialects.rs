//! The mutants of a dialect's data outside its rows.
//!
//! Not mutated: what no line shows (titles, sources, names of errors, stems of models); the length of a command line, for which
//! no note has a figure; the lines that a start begins with, since the host asks every family for them at once; and lists that are
//! only read: the URCs, except the one that the module looks up. Of the commands that ask for data, what only a call with data shows.

use std::time::Duration;

use modemqtt_at::codes::{CmeCode, OpenResult};
use modemqtt_at::dialect::{
    Buffer, Count, DataCommand, DataIdle, DataPhase, Dialect, FixedCommand, Joined, Model, ReadBack, ReceiveLength,
    ReceiveUrc, Refusal, Refusals,
};
use modemqtt_at::{Form, SettingKey, Version};

use super::{Mutant, with, without};

struct Maker {
    dialect: &'static Dialect,
    mutants: Vec<Mutant>,
}

pub(super) fn of(dialect: &'static Dialect) -> Vec<Mutant> {
    let mut maker = Maker {
        dialect,
        mutants: Vec::new(),
    };
    maker.sizes();
    maker.receive();
    maker.refusals();
    maker.codes();
    maker.start();
    maker.life();
    maker.names();
    maker.data_commands();
    maker.mutants
}

impl Maker {
    #[expect(clippy::large_types_passed_by_value, reason = "each is made for this call")]
    fn add(&mut self, what: &str, likely: &str, mutated: Dialect) {
        self.add_unless(what, likely, mutated, None);
    }

    #[expect(clippy::large_types_passed_by_value, reason = "each is made for this call")]
    fn add_unless(&mut self, what: &str, likely: &str, mutated: Dialect, equivalent: Option<&'static str>) {
        self.mutants.push(Mutant {
            place: format!("{}: dialect", self.dialect.name),
            change: what.to_owned(),
            mutated,
            likely: likely.to_owned(),
            equivalent,
        });
    }

    fn sizes(&mut self) {
        let dialect = *self.dialect;
        let last = dialect.last_client;
        for last_client in [last.checked_sub(1), Some(last + 1)].into_iter().flatten() {
            let mutated = Dialect { last_client, ..dialect };
            let rule = (last_client > last).then_some("every row has the range of the index as well");
            self.add_unless(
                &format!("last client {last_client}"),
                &format!("={last}"),
                mutated,
                rule,
            );
        }
        for payload in [dialect.payload - 1, dialect.payload + 1] {
            let mutated = Dialect { payload, ..dialect };
            // Only after Ctrl-Z may more data come than a row allows.
            let counted = dialect.publish(DataPhase::UntilCtrlZ).is_none() && payload > dialect.payload;
            let rule = counted.then_some("the row limits the length as well");
            self.add_unless(&format!("payload {payload}"), "bench/long", mutated, rule);
        }
        for window in [dialect.window - 1, dialect.window + 1] {
            self.add(&format!("window {window}"), "withhold", Dialect { window, ..dialect });
        }
        let hex = dialect.hex_payload;
        for hex_payload in [hex.map(|most| most - 1), hex.map(|most| most + 1), hex.xor(Some(100))] {
            if hex_payload != hex {
                let mutated = Dialect { hex_payload, ..dialect };
                let formats = [SettingKey::DATA_FORMAT, SettingKey::SEND_MODE];
                let none = formats.iter().all(|key| dialect.setting(*key, Form::Set).is_none());
                let rule = none.then_some("no key of the dialect turns digits on");
                self.add_unless(&format!("hex payload {hex_payload:?}"), "bench/long", mutated, rule);
            }
        }
        self.add(
            "disconnect closes or not",
            "QMTDISC",
            Dialect {
                disconnect_closes: !dialect.disconnect_closes,
                ..dialect
            },
        );
        for (at, (key, spelling)) in dialect.spellings.iter().enumerate() {
            let less = without(dialect.spellings, at);
            self.add(
                &format!("spelling less {spelling}"),
                key.name(),
                Dialect {
                    spellings: less,
                    ..dialect
                },
            );
        }
        let idle = match dialect.data_idle {
            None => vec![Some(DataIdle {
                after: Duration::from_mins(1),
                report: "Timeout",
            })],
            Some(idle) => {
                let second = Duration::from_secs(1);
                let other = |after| Some(DataIdle { after, ..idle });
                let report = "TIMEOUT";
                vec![
                    None,
                    other(idle.after.saturating_sub(second)),
                    other(idle.after + second),
                    Some(DataIdle { report, ..idle }),
                ]
            }
        };
        for data_idle in idle {
            self.add(
                &format!("data idle {data_idle:?}"),
                "QMTPUB",
                Dialect { data_idle, ..dialect },
            );
        }
    }

    fn receive(&mut self) {
        let dialect = *self.dialect;
        let read_back = match dialect.read_back {
            ReadBack::Values => ReadBack::KeyThenValues,
            ReadBack::KeyThenValues => ReadBack::Values,
        };
        self.add("read back", "QMTCFG", Dialect { read_back, ..dialect });
        let receive = dialect.receive;
        let lengths = match receive.length {
            ReceiveLength::Never => vec![ReceiveLength::Switchable {
                key: SettingKey::SESSION,
                value: 0,
            }],
            ReceiveLength::Switchable { key, value } => vec![
                ReceiveLength::Never,
                ReceiveLength::Switchable { key, value: 1 - value },
                ReceiveLength::Switchable {
                    key: SettingKey::SESSION,
                    value: 0,
                },
            ],
        };
        let mut changed: Vec<ReceiveUrc> = lengths
            .into_iter()
            .map(|length| ReceiveUrc { length, ..receive })
            .collect();
        changed.push(ReceiveUrc {
            topic_quoted: !receive.topic_quoted,
            ..receive
        });
        changed.push(ReceiveUrc {
            payload_quoted: !receive.payload_quoted,
            ..receive
        });
        for receive in changed {
            self.add(&format!("{receive:?}"), "QMTRECV", Dialect { receive, ..dialect });
        }
        if let Some(Buffer { key, slots }) = dialect.buffer {
            let key_of_another = SettingKey::SESSION;
            for buffer in [
                None,
                Some(Buffer { key, slots: slots - 1 }),
                Some(Buffer { key, slots: slots + 1 }),
                Some(Buffer {
                    key: key_of_another,
                    slots,
                }),
            ] {
                self.add(&format!("{buffer:?}"), "QMTRECV", Dialect { buffer, ..dialect });
            }
        }
    }

    fn refusals(&mut self) {
        let dialect = *self.dialect;
        let others = |refusal: Refusal| match refusal {
            Refusal::Error => vec![Refusal::Cme(CmeCode::MQTT_LINK)],
            Refusal::Cme(code) => vec![Refusal::Error, Refusal::Cme(CmeCode(code.0 + 1))],
        };
        let now = dialect.refusals;
        let parameter = others(now.parameter)
            .into_iter()
            .map(|parameter| Refusals { parameter, ..now });
        let state = others(now.state).into_iter().map(|state| Refusals { state, ..now });
        let window = others(now.window).into_iter().map(|window| Refusals { window, ..now });
        for refusals in parameter.chain(state).chain(window) {
            self.add(&format!("{refusals:?}"), "ERROR", Dialect { refusals, ..dialect });
        }
        for at in 0..dialect.error_levels.len() {
            let error_levels = without(dialect.error_levels, at);
            self.add(
                "one error level fewer",
                "CMEE",
                Dialect {
                    error_levels,
                    ..dialect
                },
            );
        }
        for error_level in 0..3 {
            if error_level != dialect.error_level {
                self.add(
                    &format!("error level {error_level}"),
                    "CMEE",
                    Dialect { error_level, ..dialect },
                );
            }
        }
    }

    fn codes(&mut self) {
        let dialect = *self.dialect;
        for (at, (version, code)) in dialect.versions.iter().enumerate() {
            let less = without(dialect.versions, at);
            self.add(
                "one version fewer",
                "version",
                Dialect {
                    versions: less,
                    ..dialect
                },
            );
            for code in [code - 1, code + 1] {
                let versions = with(dialect.versions, at, (*version, code));
                self.add(
                    &format!("{version} is {code}"),
                    "version",
                    Dialect { versions, ..dialect },
                );
            }
        }
        let default_version = match dialect.default_version {
            Version::V31 => Version::V311,
            Version::V311 => Version::V31,
        };
        self.add_unless(
            "default version",
            "QMTCONN",
            Dialect {
                default_version,
                ..dialect
            },
            (!dialect.versions.is_empty()).then_some("if the version can be set, its default is a row"),
        );
        for (at, result) in dialect.open_results.iter().enumerate() {
            let open_results = without(dialect.open_results, at);
            let rule = (*result != OpenResult::NETWORK_ERROR)
                .then_some("every family has it: the module looks up only 5, and the host takes any number");
            let mutated = Dialect {
                open_results,
                ..dialect
            };
            self.add_unless(&format!("open result {} less", result.0), "QMTOPEN", mutated, rule);
        }
        if !dialect.open_results.contains(&OpenResult::NETWORK_ERROR) {
            let more = [dialect.open_results, &[OpenResult::NETWORK_ERROR]].concat();
            self.add(
                "open result 5 more",
                "QMTOPEN",
                Dialect {
                    open_results: more.leak(),
                    ..dialect
                },
            );
        }
        if dialect.urcs.iter().any(|urc| urc.name == "QMTPING") {
            let kept: Vec<_> = dialect
                .urcs
                .iter()
                .copied()
                .filter(|urc| urc.name != "QMTPING")
                .collect();
            self.add(
                "no QMTPING",
                "QMTPING",
                Dialect {
                    urcs: kept.leak(),
                    ..dialect
                },
            );
        }
    }

    fn start(&mut self) {
        let dialect = *self.dialect;
        for at in 0..dialect.boot.len() {
            self.add(
                "one boot line fewer",
                "restart",
                Dialect {
                    boot: without(dialect.boot, at),
                    ..dialect
                },
            );
        }
        for (at, line) in dialect.boot.iter().enumerate() {
            let line: &'static str = format!("{line} ").leak();
            let boot = with(dialect.boot, at, line);
            self.add("a boot line changed", "restart", Dialect { boot, ..dialect });
        }
        for at in 0..dialect.starting.len() {
            let starting = without(dialect.starting, at);
            self.add("one line of a start fewer", "restart", Dialect { starting, ..dialect });
        }
        let joined = match dialect.joined {
            Joined::Last => Joined::Each,
            Joined::Each => Joined::Last,
        };
        self.add(&format!("joined {joined:?}"), ";", Dialect { joined, ..dialect });
    }

    fn life(&mut self) {
        let dialect = *self.dialect;
        for (at, reboot) in dialect.reboots.iter().enumerate() {
            let less = without(dialect.reboots, at);
            self.add(
                "one reboot fewer",
                reboot.name,
                Dialect {
                    reboots: less,
                    ..dialect
                },
            );
            let answer = match reboot.answer {
                None => Some("REBOOTING"),
                Some(_) => None,
            };
            let values: &'static [i64] = if reboot.values.is_empty() { &[1] } else { &[] };
            for changed in [FixedCommand { answer, ..*reboot }, FixedCommand { values, ..*reboot }] {
                let reboots = with(dialect.reboots, at, changed);
                self.add(&format!("{changed:?}"), reboot.name, Dialect { reboots, ..dialect });
            }
        }
        let deactivate = match dialect.deactivate {
            None => FixedCommand {
                name: "QIDEACT",
                values: &[],
                answer: None,
            },
            Some(command) => FixedCommand {
                values: if command.values.is_empty() { &[1] } else { &[] },
                ..command
            },
        };
        for deactivate in [Some(deactivate), None] {
            let rule = (deactivate.is_none() && dialect.deactivate.is_none()).then_some("it is the row's own value");
            self.add_unless(
                &format!("deactivate {deactivate:?}"),
                "QMTOPEN",
                Dialect { deactivate, ..dialect },
                rule,
            );
        }
        let second = Duration::from_secs(1);
        for sleeps_after in dialect.sleeps_after.map_or_else(
            || vec![Some(Duration::from_secs(10))],
            |idle| vec![None, Some(idle.saturating_sub(second)), Some(idle + second)],
        ) {
            let mutated = Dialect {
                sleeps_after,
                ..dialect
            };
            self.add(&format!("sleeps after {sleeps_after:?}"), "idle", mutated);
        }
        self.add(
            "echo",
            "ATE",
            Dialect {
                echo: !dialect.echo,
                ..dialect
            },
        );
        for at in 0..dialect.registration.len() {
            let name = dialect.registration[at];
            let registration = without(dialect.registration, at);
            self.add(
                &format!("no {name}"),
                name,
                Dialect {
                    registration,
                    ..dialect
                },
            );
        }
        self.add(
            "a blank after the colon or not",
            "command",
            Dialect {
                blank_after_colon: !dialect.blank_after_colon,
                ..dialect
            },
        );
    }

    /// What the models call themselves.
    fn names(&mut self) {
        let dialect = *self.dialect;
        for (at, model) in dialect.models.iter().enumerate() {
            let mut changed = vec![(
                "CGMM",
                Model {
                    model_line: "another",
                    ..*model
                },
            )];
            for (line, _) in model.identification.iter().enumerate() {
                let identification = without(model.identification, line);
                changed.push((
                    "ATI",
                    Model {
                        identification,
                        ..*model
                    },
                ));
                let identification = with(model.identification, line, "another");
                changed.push((
                    "ATI",
                    Model {
                        identification,
                        ..*model
                    },
                ));
            }
            for (likely, model) in changed {
                let models = with(dialect.models, at, model);
                self.add(&format!("{model:?}"), likely, Dialect { models, ..dialect });
            }
        }
    }

    fn data_commands(&mut self) {
        let dialect = *self.dialect;
        for (at, known) in dialect.data_commands.iter().enumerate() {
            let data_commands = without(dialect.data_commands, at);
            let less = Dialect {
                data_commands,
                ..dialect
            };
            self.add(&format!("no {}", known.name), known.name, less);
            let counts = match known.count {
                Count::Never => [Count::At(0), Count::Last],
                Count::At(at) => [Count::Never, Count::At(at + 1)],
                Count::Last => [Count::Never, Count::At(0)],
            };
            let zero_reports = !known.zero_reports;
            let mut changed: Vec<_> = counts.map(|count| DataCommand { count, ..*known }).into();
            if known.count != Count::Never {
                changed.push(DataCommand { zero_reports, ..*known });
            }
            for changed in changed {
                let data_commands = with(dialect.data_commands, at, changed);
                let what = format!(
                    "{}: {:?}, zero reports: {}",
                    known.name, changed.count, changed.zero_reports
                );
                let mutated = Dialect {
                    data_commands,
                    ..dialect
                };
                self.add(&what, known.name, mutated);
            }
        }
    }
}
