//! Several clients at once, overlapping calls, and answers that are lost, late or refused. The module and the server
//! are the judges: the last state that the program was told is the module's, every publish reported as successful is at
//! the server, and the server has nothing that the program did not write.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use modemqtt_at::{ClientIndex, Qos, dialect};
use modemqtt_host::call::{Call, ClientState, Options, Reply, Ticket};
use modemqtt_host::keep::Upkeep;
use modemqtt_host::session::Session;
use modemqtt_virtual::Fault;
use pair::Pair;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const MODELS: [&str; 4] = ["M95", "BC35-G", "BC660K-GL", "EG915Q"];
/// Answers that are lost, late, early, or wrong. A number after the name is how often; without one, a fault stays until
/// all are healed.
const FAULTS: [&str; 20] = [
    "lost-ok=1",
    "lost-result=1",
    "lost-result=1",
    "lost-prompt=1",
    "result-delay=3",
    "result-delay=8",
    "slow-close=1",
    "late-close=1",
    "late-stat=1",
    "result-before-ok=1",
    "result-with-ok=1",
    "publish-result-before-ok=1",
    "connect-without-result=1",
    "refused-without-stat=1",
    "reopen-error=1",
    "close-result=-1",
    "disconnect-result=-1",
    "connect-result=2",
    "return-code=5",
    "bare-error=3",
];

#[derive(Clone, Debug)]
enum Act {
    Open,
    Connect,
    Disconnect,
    Close,
    Subscribe,
    Publish(Qos),
    Configure(Box<Options>),
    Fault(&'static str),
    Heal,
    /// The server ends every connection.
    Drop,
    /// The script was killed, and another begins.
    AnotherHost,
}

/// What is done, on which client, how long the program waits for it (in tenths of a second, if limited), and the time
/// until the next one.
type Deed = (Act, u8, Option<u64>, u64);

fn act() -> impl Strategy<Value = Act> {
    let qos = select(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][..]);
    let options = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(send, receive, buffered)| {
        Box::new(Options {
            send_hex: Some(send),
            receive_hex: Some(receive),
            buffered: Some(buffered),
            ..Options::default()
        })
    });
    prop_oneof![
        4 => Just(Act::Open),
        4 => Just(Act::Connect),
        1 => Just(Act::Disconnect),
        2 => Just(Act::Close),
        1 => Just(Act::Subscribe),
        4 => qos.prop_map(Act::Publish),
        1 => options.prop_map(Act::Configure),
        4 => select(&FAULTS[..]).prop_map(Act::Fault),
        1 => Just(Act::Heal),
        1 => Just(Act::Drop),
        1 => Just(Act::AnotherHost),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let timeout = prop_oneof![3 => Just(None), 1 => (1..80u64).prop_map(Some)];
    // Mostly at once, so that calls overlap.
    let pause = prop_oneof![3 => Just(0), 2 => 1..30u64, 1 => 30..900u64];
    (act(), 0..3u8, timeout, pause)
}

/// What the program has noted.
struct Run {
    pair: Pair,
    clients: u8,
    payloads: BTreeMap<Ticket, Vec<u8>>,
    /// Publishes of killed hosts, whose end no one was told.
    untold: bool,
    /// The client of each opening.
    opens: BTreeMap<Ticket, u8>,
    /// Clients that another host may have left open and this one has not opened: it takes them to be closed.
    presumed: BTreeSet<u8>,
}

impl Run {
    fn new(model: &str) -> Self {
        let (dialect, _) = dialect::of_model(model).unwrap();
        Self {
            pair: Pair::new(model, 4096),
            clients: dialect.last_client.min(2) + 1,
            payloads: BTreeMap::new(),
            untold: false,
            opens: BTreeMap::new(),
            presumed: BTreeSet::new(),
        }
    }

    fn perform(&mut self, (act, client, timeout, pause): &Deed) {
        let client = ClientIndex(client % self.clients);
        let call = match act {
            Act::Open => Some(Call::Open {
                client,
                host: "broker.lab".into(),
                port: 1883,
            }),
            Act::Connect => Some(Call::connect(client, format!("bench-{}", client.0), None, None)),
            Act::Disconnect => Some(Call::disconnect(client)),
            Act::Close => Some(Call::close(client)),
            Act::Subscribe => Some(Call::Subscribe {
                client,
                topics: vec![(format!("in/{}", client.0), Qos::AtLeastOnce)],
            }),
            Act::Publish(qos) => Some(Call::Publish {
                client,
                topic: "bench/t".into(),
                payload: format!("{}.5", self.payloads.len()).into_bytes(),
                qos: *qos,
                retain: false,
                form: None,
            }),
            Act::Configure(options) => Some(Call::Configure {
                client,
                options: *options.clone(),
            }),
            Act::Fault(fault) => {
                self.pair.rig.inject(fault);
                None
            }
            Act::Heal => {
                self.heal(None);
                None
            }
            Act::Drop => {
                // A module reports an opening before it reports its end.
                self.heal(Some(Fault::ResultDelay));
                self.pair.rig.drop_clients();
                self.pair.pump();
                None
            }
            Act::AnotherHost => {
                // By then the module has answered everything that the previous host asked.
                self.heal(Some(Fault::ResultDelay));
                self.pair.host = Upkeep::new(Session::new(None, 115_200));
                self.pair.states.clear();
                self.pair.ended.clear();
                self.untold |= !self.payloads.is_empty();
                self.opens.clear();
                self.presumed.extend(0..self.clients);
                drop(self.pair.call(Call::SetUp));
                None
            }
        };
        if let Some(call) = call {
            let published = match &call {
                Call::Publish { payload, .. } => Some(payload.clone()),
                _ => None,
            };
            let timeout = timeout.map(|tenths| Duration::from_millis(100 * tenths));
            let opens = matches!(call, Call::Open { .. });
            let ticket = self.pair.submit_for(call, timeout);
            if opens {
                self.opens.insert(ticket, client.0);
            }
            self.payloads.extend(published.map(|payload| (ticket, payload)));
        }
        self.pair.elapse(Duration::from_millis(100 * pause));
    }

    /// The state of each client, as the module reports it.
    fn module(&mut self) -> BTreeMap<u8, ClientState> {
        let mut states: BTreeMap<_, _> = (0..self.clients).map(|client| (client, ClientState::Closed)).collect();
        self.pair.rig.printed.clear();
        self.pair.rig.type_in(b"AT+QMTOPEN?\rAT+QMTCONN?\r");
        let printed = std::mem::take(&mut self.pair.rig.printed);
        for line in String::from_utf8_lossy(&printed).lines() {
            let client = |rest: &str| rest.trim().split(',').next().and_then(|at| at.parse::<u8>().ok());
            if let Some(at) = line.strip_prefix("+QMTOPEN:").and_then(client) {
                states.insert(at, ClientState::Open);
            }
            if let Some(rest) = line.strip_prefix("+QMTCONN:")
                && let (Some(at), true) = (client(rest), rest.ends_with(",3"))
            {
                states.insert(at, ClientState::Connected);
            }
        }
        states
    }

    fn heal(&mut self, fault: Option<Fault>) {
        self.pair.rig.module.heal(fault);
        self.pair.rig.type_in(b"");
        self.pair.pump();
    }

    /// Ends all trouble, and waits for everything due.
    fn end(&mut self) {
        self.heal(None);
        for _ in 0..60 {
            self.pair.elapse(Duration::from_secs(10));
        }
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.pair.host.unfinished(), 0);
        let module = self.module();
        let opened = |client: &u8| {
            let ok = |ticket: &Ticket| {
                self.pair
                    .ended
                    .iter()
                    .any(|(ended, result)| ended == ticket && result.is_ok())
            };
            self.opens.iter().any(|(ticket, of)| of == client && ok(ticket))
        };
        for (client, told) in &self.pair.states {
            if *told == ClientState::Closed && self.presumed.contains(client) && !opened(client) {
                continue;
            }
            prop_assert_eq!(module.get(client), Some(told), "client {}", client);
        }
        let messages = self.pair.rig.broker.messages();
        let arrived = |payload: &[u8]| messages.iter().any(|message| &message.payload[..] == payload);
        let mut doubtful = self.untold;
        for (ticket, result) in &self.pair.ended {
            if let Some(payload) = self.payloads.get(ticket) {
                prop_assert!(
                    *result != Ok(Reply::Published) || arrived(payload),
                    "{:?} is lost",
                    payload
                );
                doubtful |= result.is_err();
            }
        }
        let untold = messages
            .iter()
            .find(|message| !self.payloads.values().any(|payload| payload[..] == message.payload[..]));
        let damaged = untold.is_some_and(|message| doubtful && is_filler(&message.payload));
        prop_assert!(untold.is_none() || damaged, "{:?}", untold);
        Ok(())
    }
}

/// What ends an abandoned counted data phase: an ESC, and as many CRs as were missing; another host's `AT` comes first.
fn is_filler(payload: &[u8]) -> bool {
    let payload = payload.strip_prefix(b"AT").unwrap_or(payload);
    payload.iter().all(|byte| matches!(byte, 0x1B | b'\r'))
}

/// The number of cases: as many as `MODEMQTT_CASES` says, different each time; or 4,000, always the same.
fn config() -> ProptestConfig {
    let cases = std::env::var("MODEMQTT_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok());
    let fixed = RngSeed::Fixed(0x4D_51_54_54);
    ProptestConfig {
        cases: cases.unwrap_or(4_000),
        rng_seed: if cases.is_some() { RngSeed::Random } else { fixed },
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_overlapping_calls_on_several_clients_are_told_is_so_in_the_module(
        model in select(&MODELS[..]),
        deeds in vec(deed(), 1..16),
    ) {
        let mut run = Run::new(model);
        for deed in &deeds {
            run.perform(deed);
        }
        run.end();
        run.check()?;
    }
}

/// Does these things, and compares what was reported with the facts.
fn compare(model: &str, deeds: &[(Act, u64)]) {
    let mut run = Run::new(model);
    for (act, pause) in deeds {
        run.perform(&(act.clone(), 0, None, *pause));
    }
    run.end();
    run.check().unwrap();
}

#[test]
fn a_connect_that_comes_early_waits_for_its_opening() {
    for model in MODELS {
        compare(
            model,
            &[(Act::Fault("result-delay=3"), 0), (Act::Open, 0), (Act::Connect, 0)],
        );
    }
}

#[test]
fn an_end_that_has_begun_after_a_connect_is_the_end() {
    for model in MODELS {
        let deeds = [
            (Act::Open, 0),
            (Act::Fault("result-delay=3"), 0),
            (Act::Connect, 0),
            (Act::Disconnect, 0),
        ];
        compare(model, &deeds);
    }
}

#[test]
fn a_close_that_is_refused_like_everything_else_is_no_close() {
    for model in MODELS {
        compare(
            model,
            &[
                (Act::Open, 0),
                (Act::Connect, 0),
                (Act::Fault("cme-code=3"), 0),
                (Act::Close, 0),
            ],
        );
    }
}

#[test]
fn a_close_reported_late_is_recognised_after_a_connect_in_between() {
    for model in MODELS {
        compare(
            model,
            &[
                (Act::Fault("result-delay=3"), 0),
                (Act::Open, 0),
                (Act::Close, 0),
                (Act::Connect, 30),
            ],
        );
    }
}

#[test]
fn a_close_on_the_way_to_an_opening_that_has_no_result_is_a_close() {
    let faults = [(Act::Fault("reopen-error=1"), 0), (Act::Fault("lost-result=1"), 0)];
    compare("M95", &[&[(Act::Open, 0)][..], &faults, &[(Act::Open, 0)]].concat());
}

#[test]
fn a_server_that_closes_after_a_disconnect_is_recognised_during_the_next_connect() {
    for fault in ["late-stat=1", "lost-result=1"] {
        for model in MODELS {
            let deeds = [
                Act::Open,
                Act::Connect,
                Act::Fault(fault),
                Act::Disconnect,
                Act::Connect,
            ];
            compare(model, &deeds.map(|act| (act, 0)));
        }
    }
}
