//! The mutants of a dialect's data beyond MQTT.
//!
//! Not mutated: the everyday commands, the letters and S-parameters of V.250, and the serving cell. Tests of the virtual module alone have
//! them (`everyday.rs`, `v250.rs`), and few transcripts.

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{Address, Around, Cell, Dialect, FixedCommand, Ping, PingKind, Refusal, Stack};

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
    maker.radio();
    maker.power();
    maker.contexts();
    maker.lists();
    maker.ping();
    maker.mutants
}

#[expect(clippy::large_types_passed_by_value, reason = "each is made for its call")]
impl Maker {
    fn add(&mut self, what: &str, likely: &str, around: Around) {
        self.add_unless(what, likely, around, None);
    }

    fn add_unless(&mut self, what: &str, likely: &str, around: Around, equivalent: Option<&'static str>) {
        self.mutants.push(Mutant {
            place: format!("{}: around MQTT", self.dialect.name),
            change: what.to_owned(),
            mutated: Dialect {
                around: Box::leak(Box::new(around)),
                ..*self.dialect
            },
            likely: likely.to_owned(),
            equivalent,
        });
    }

    fn radio(&mut self) {
        let around = *self.dialect.around;
        let refused = match around.refused {
            Refusal::Error => Refusal::Cme(CmeCode::INCORRECT_PARAMETERS),
            Refusal::Cme(_) => Refusal::Error,
        };
        self.add("refused", "CFUN", Around { refused, ..around });
        for reporting in [around.reporting - 1, around.reporting + 1] {
            self.add("reporting", "REG", Around { reporting, ..around });
        }
        let location = !around.location;
        self.add("location or not", "REG", Around { location, ..around });
        if around.location {
            let access = around.cell.access + 1;
            let cell = Cell { access, ..around.cell };
            self.add("access technology", "REG", Around { cell, ..around });
        }
        for iccid in [None, Some("NCCID"), Some("QCCID")] {
            if iccid != around.iccid {
                self.add("iccid", "CCID", Around { iccid, ..around });
            }
        }
        let extended_signal = !around.extended_signal;
        self.add(
            "extended signal or not",
            "CESQ",
            Around {
                extended_signal,
                ..around
            },
        );
    }

    fn power(&mut self) {
        let around = *self.dialect.around;
        for at in 0..around.sleep_modes.len() {
            let changed = with(around.sleep_modes, at, !around.sleep_modes[at]);
            for sleep_modes in [changed, without(around.sleep_modes, at)] {
                let rule = (self.dialect.sleeps_after.is_none() && sleep_modes.len() == around.sleep_modes.len())
                    .then_some("a module without a sleep time sleeps in no mode");
                self.add_unless("sleep modes", "QSCLK", Around { sleep_modes, ..around }, rule);
            }
        }
        let more = [around.sleep_modes, &[false]].concat().leak();
        self.add(
            "one sleep mode more",
            "QSCLK",
            Around {
                sleep_modes: more,
                ..around
            },
        );
        for (at, command) in around.power_off.iter().enumerate() {
            let less = without(around.power_off, at);
            self.add(
                "one way to switch off fewer",
                "QPOWD",
                Around {
                    power_off: less,
                    ..around
                },
            );
            let answer = match command.answer {
                None => Some("OK"),
                Some(_) => None,
            };
            let power_off = with(around.power_off, at, FixedCommand { answer, ..*command });
            self.add("power off", "QPOWD", Around { power_off, ..around });
        }
        for at in 0..around.powered_down.len() {
            let powered_down = without(around.powered_down, at);
            self.add("last words", "power", Around { powered_down, ..around });
        }
        let stores_profile = !around.stores_profile;
        self.add(
            "profile or not",
            "AT&W",
            Around {
                stores_profile,
                ..around
            },
        );
        let power_saving = !around.power_saving;
        self.add("power saving or not", "NPSMR", Around { power_saving, ..around });
    }

    fn contexts(&mut self) {
        let around = *self.dialect.around;
        let addresses = match around.address {
            None => vec![Some(Address {
                context: 0,
                quoted: true,
            })],
            Some(Address { context, quoted }) => vec![
                None,
                Some(Address {
                    context: 1 - context,
                    quoted,
                }),
                Some(Address {
                    context,
                    quoted: !quoted,
                }),
            ],
        };
        for address in addresses {
            self.add("address", "CGPADDR", Around { address, ..around });
        }
        let ranges = match around.contexts {
            None => vec![Some((0, 10))],
            Some((low, high)) => vec![
                None,
                Some((low - 1, high)),
                Some((low + 1, high)),
                Some((low, high - 1)),
                Some((low, high + 1)),
            ],
        };
        let everyday = around.everyday.iter().any(|row| row.name == "CGDCONT");
        let rule = everyday.then_some("the everyday row of the command comes first");
        for contexts in ranges {
            self.add_unless("contexts", "CGDCONT", Around { contexts, ..around }, rule);
        }
        let default_context = !around.default_context;
        self.add(
            "default context or not",
            "QCGDEFCONT",
            Around {
                default_context,
                ..around
            },
        );
        let stacks = [
            None,
            Some(Stack::Single),
            Some(Stack::Numbered(15)),
            Some(Stack::Numbered(14)),
            Some(Stack::Numbered(16)),
        ];
        for stack in stacks {
            if stack != around.stack {
                self.add("stack", "QIACT", Around { stack, ..around });
            }
        }
    }

    fn lists(&mut self) {
        let around = *self.dialect.around;
        for at in 0..around.functions.len() {
            let functions = without(around.functions, at);
            self.add("one function fewer", "CFUN", Around { functions, ..around });
        }
        let functions = [around.functions, &[5]].concat().leak();
        self.add("one function more", "CFUN", Around { functions, ..around });
        for at in 0..around.bands.len() {
            let bands = without(around.bands, at);
            self.add("one band fewer", "NBAND", Around { bands, ..around });
        }
        let bands = [around.bands, &[2]].concat().leak();
        self.add("one band more", "NBAND", Around { bands, ..around });
        for at in 0..around.urc_ports.len() {
            let urc_ports = without(around.urc_ports, at);
            self.add("one port fewer", "urcport", Around { urc_ports, ..around });
        }
        let urc_ports = [around.urc_ports, &["com1"]].concat().leak();
        self.add("one port more", "urcport", Around { urc_ports, ..around });
    }

    fn ping(&mut self) {
        let around = *self.dialect.around;
        let Some(ping) = around.ping else { return };
        let quoted = !ping.quoted;
        let sizes = match ping.sizes {
            None => vec![Some((1, 1500))],
            Some((low, high)) => vec![
                None,
                Some((low - 1, high)),
                Some((low, high + 1)),
                Some((low + 1, high)),
            ],
        };
        let bytes = ping.bytes + 1;
        let mut changed: Vec<_> = sizes.into_iter().map(|sizes| Ping { sizes, ..ping }).collect();
        changed.push(Ping { quoted, ..ping });
        if matches!(ping.kind, PingKind::Series { .. }) {
            changed.push(Ping { bytes, ..ping });
        }
        changed.extend(kinds(ping.kind).into_iter().map(|kind| Ping { kind, ..ping }));
        for ping in changed {
            let ping = Some(ping);
            self.add("ping", "PING", Around { ping, ..around });
        }
        self.add("no ping", "PING", Around { ping: None, ..around });
    }
}

/// The same with one value changed.
fn kinds(kind: PingKind) -> Vec<PingKind> {
    match kind {
        PingKind::Series {
            contexts,
            finished,
            unanswered,
            unknown,
            no_network,
            busy,
        } => {
            let of = |contexts, [finished, unanswered, unknown, no_network]: [u16; 4]| PingKind::Series {
                contexts,
                finished,
                unanswered,
                unknown,
                no_network,
                busy,
            };
            let codes = [finished, unanswered, unknown, no_network];
            let ranges = match contexts {
                None => vec![Some((1, 15))],
                Some((low, high)) => vec![
                    None,
                    Some((low, high + 1)),
                    Some((low + 1, high)),
                    Some((low, high - 1)),
                ],
            };
            let changed_codes = (0..codes.len()).map(|at| {
                let mut changed = codes;
                changed[at] += 1;
                of(contexts, changed)
            });
            let changed_ranges = ranges.into_iter().map(|range| of(range, codes));
            changed_codes.chain(changed_ranges).collect()
        }
        PingKind::Once {
            failed,
            unanswered,
            unsent,
        } => [
            ("NPING", unanswered, unsent),
            (failed, unanswered + 1, unsent),
            (failed, unanswered, unsent + 1),
        ]
        .map(|(failed, unanswered, unsent)| PingKind::Once {
            failed,
            unanswered,
            unsent,
        })
        .into(),
    }
}
