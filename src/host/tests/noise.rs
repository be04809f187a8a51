//! Whatever the module prints, in any state and any pieces: no panic, bounded memory, and the next command gets its own
//! answer.

#[path = "support/bench.rs"]
mod bench;

use std::fmt;
use std::time::Duration;

use bench::{Bench, CLIENT, OK};
use modemqtt_host::call::{Call, Event, Options, Reply};
use modemqtt_host::error::Error;
use proptest::collection::vec;
use proptest::prelude::*;

/// The longest that noise may delay the next command: the command in flight waits for its answer, then the module is
/// asked whether it answers at all.
const RECOVERY: Duration = Duration::from_secs(12);
/// The longest payload and topic accepted, and a line.
const MOST_BUFFERED: usize = 400 * 1024;
/// The slots in the buffers of six clients.
const MOST_UNFINISHED: usize = 6 * 5 + 3;

/// What the session is doing when the noise begins.
#[derive(Clone, Copy, Debug)]
enum State {
    SettingUp,
    Idle,
    Opening,
    CommandInFlight,
    BufferAsked,
    PromptAwaited,
    DataSent,
    ResultAwaited,
    Draining,
    Probing,
}

const STATES: [State; 10] = [
    State::SettingUp,
    State::Idle,
    State::Opening,
    State::CommandInFlight,
    State::BufferAsked,
    State::PromptAwaited,
    State::DataSent,
    State::ResultAwaited,
    State::Draining,
    State::Probing,
];

const MODELS: [&str; 5] = ["M95", "BC35-G", "BC660K-GL", "EG915Q", "BG95"];

/// What modules print, whole and in parts.
const TOKENS: &[&str] = &[
    "\r\n",
    "\n\r",
    "\r",
    "OK",
    "\r\nOK\r\n",
    "\r\nERROR\r\n",
    "\r\n+CME ERROR: 3\r\n",
    ">",
    "\r\n> ",
    "\r\n+QMTRECV: 0,0,",
    "\r\n+QMTRECV: 0,0,\"t\",",
    "\r\n+QMTRECV: 0,0,\"t\",21.5\r\n",
    "\r\n+QMTRECV: 0,1\r\n",
    "\r\n+QMTRECV: 0,4\r\n",
    "\r\n+QMTRECV: 0,0,1,0,0,1\r\n",
    "4\r\n",
    "500,\"",
    "131072,",
    "3,\"abc\"\r\n",
    "\"",
    ",",
    "+QMT",
    ": 0,",
    "\r\n+QMTSTAT: 0,1\r\n",
    "\r\n+QMTPUB: 0,1,0\r\n",
    "\r\n+QMTPUB: 0,1,1,1\r\n",
    "\r\n+QMTSUB: 0,1,0,1\r\n",
    "\r\n+QMTOPEN: 0,0\r\n",
    "\r\n+QMTOPEN: 0,2\r\n",
    "\r\n+QMTCONN: 0,0,0\r\n",
    "\r\n+CMEE: 1\r\n",
    "\r\nRDY\r\n",
    "\r\nREBOOT_CAUSE_APPLICATION_AT\r\n",
    "AT+CSQ\r",
    "AT\r",
    "21.5",
    "\0",
    "\x1a",
    "\x1b",
];

/// Pieces, each with the milliseconds that pass after it.
#[derive(Clone)]
struct Noise(Vec<(Vec<u8>, u64)>);

impl fmt::Debug for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (piece, pause) in &self.0 {
            write!(f, "\n    {} … {pause} ms", piece.escape_ascii())?;
        }
        Ok(())
    }
}

fn noise() -> impl Strategy<Value = Noise> {
    let piece = prop_oneof![
        8 => proptest::sample::select(TOKENS).prop_map(|token| token.as_bytes().to_vec()),
        2 => vec(any::<u8>(), 0..40),
        1 => (proptest::sample::select(&b"x0\", >\r"[..]), 1_usize..20_000).prop_map(|(byte, count)| vec![byte; count]),
    ];
    let pause = prop_oneof![6 => Just(0_u64), 2 => 1..100_u64, 1 => 100..4000_u64];
    vec((piece, pause), 1..30).prop_map(Noise)
}

fn in_state(model: &str, state: State) -> Bench {
    if matches!(state, State::SettingUp) {
        let mut bench = Bench::fresh(model);
        bench.submit(Call::SetUp);
        return bench;
    }
    if matches!(state, State::Opening) {
        let mut bench = Bench::set_up(model);
        bench.open();
        return bench;
    }
    let mut bench = Bench::connected(model);
    match state {
        State::SettingUp | State::Opening | State::Idle => {}
        State::CommandInFlight => {
            bench.command("AT+CREG?");
        }
        State::BufferAsked => {
            bench.command("AT+QMTRECV?");
        }
        State::PromptAwaited => {
            bench.publish(b"21.5");
        }
        State::DataSent | State::ResultAwaited => {
            bench.publish(b"21.5");
            bench.feed(b"\r\n> ");
            if matches!(state, State::ResultAwaited) {
                bench.feed(OK);
            }
        }
        State::Draining => {
            let options = Options {
                buffered: Some(true),
                ..Options::default()
            };
            // Without a buffer, the notice is a line like any other.
            bench.submit(Call::Configure {
                client: CLIENT,
                options,
            });
            bench.feed(OK);
            bench.feed(b"\r\n+QMTRECV: 0,0\r\n");
        }
        State::Probing => {
            bench.command("AT+CREG?");
            bench.elapse(Duration::from_secs(3));
        }
    }
    bench
}

/// Answers every command line that was sent, as a module in command mode does.
fn answer(bench: &mut Bench) {
    loop {
        let sent = bench.sent();
        if sent.is_empty() {
            return;
        }
        for line in sent.split_inclusive('\r').filter_map(|line| line.strip_suffix('\r')) {
            // Anything before it was data, or ESC.
            let Some(at) = line.rfind("AT") else { continue };
            let answer: &[u8] = match &line[at..] {
                "AT+CSQ" => b"\r\n+CSQ: 17,0\r\n\r\nOK\r\n",
                "AT+CCLK?" => b"\r\n+CCLK: 0\r\n\r\nOK\r\n",
                "AT+CMEE?" => b"\r\n+CMEE: 1\r\n\r\nOK\r\n",
                "AT" | "ATQ0V1" | "ATE0" | "AT+CMEE=1" => OK,
                line if line.starts_with("AT+QMTRECV=") => OK,
                _ => b"\r\nERROR\r\n",
            };
            bench.feed(answer);
        }
    }
}

fn check(bench: &mut Bench) {
    bench.collect();
    bench.events.clear();
    while bench.session.poll_wire().is_some() {}
    assert!(bench.session.buffered() < MOST_BUFFERED, "{}", bench.session.buffered());
    assert!(bench.session.unfinished() <= MOST_UNFINISHED, "{:?}", bench.session);
}

/// How a command ends when a module answers it, with a URC every half second if it chatters. It must end in time.
fn ends(bench: &mut Bench, line: &str, chatters: bool) -> Result<Reply, Error> {
    let ticket = bench.command(line);
    let begun = bench.now();
    for turn in 0.. {
        if chatters && turn % 25 == 0 {
            bench.feed(b"\r\n+QTEST: 7\r\n");
        }
        answer(bench);
        if let Some(result) = bench.ended(ticket) {
            return result;
        }
        assert!(bench.now() - begun < RECOVERY, "no end: {:?}", bench.session);
        bench.elapse(Duration::from_millis(20));
    }
    unreachable!("the command ends in time")
}

fn is_response(result: Result<Reply, Error>, line: &str) -> bool {
    matches!(result, Ok(Reply::Response { lines }) if lines.iter().any(|given| given == line))
}

/// What the program is told, without times, and what is sent.
fn outcome(mut bench: Bench) -> (Vec<String>, String) {
    let mut sent = bench.sent();
    for _ in 0..50 {
        bench.elapse(Duration::from_millis(100));
        sent += &bench.sent();
    }
    bench.collect();
    let told = bench.events.iter().map(|event| match event {
        Event::Message(message) => {
            let payload = message.content.payload().escape_ascii();
            format!(
                "{} {} {payload} {}",
                message.content.client(),
                message.content.topic(),
                message.content.is_complete()
            )
        }
        // How long it waited depends on when the bench was made.
        Event::Ended(ticket, result) => match &**result {
            Err(Error::Timeout { awaited, .. }) => format!("{ticket:?} {awaited}"),
            result => format!("{ticket:?} {result:?}"),
        },
        event => format!("{event:?}"),
    });
    (told.collect(), sent)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_noise_in_any_state_gives_the_same_events(
        model in proptest::sample::select(&MODELS[..]),
        state in proptest::sample::select(&STATES[..]),
        noise in noise(),
        sizes in vec(1..30_usize, 1..6),
    ) {
        let bytes: Vec<u8> = noise.0.iter().take(12).flat_map(|(piece, _)| piece.iter().take(300).copied()).collect();
        let mut whole = in_state(model, state);
        whole.feed(&bytes);
        let mut split = in_state(model, state);
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            split.feed(piece);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(outcome(split), outcome(whole), "{}", bytes.escape_ascii());
    }

    #[test]
    fn after_any_noise_in_any_state_commands_get_their_own_answers(
        model in proptest::sample::select(&MODELS[..]),
        state in proptest::sample::select(&STATES[..]),
        noise in noise(),
        line_ends: bool,
        chatters: bool,
    ) {
        let mut bench = in_state(model, state);
        for (piece, pause) in &noise.0 {
            bench.feed(piece);
            check(&mut bench);
            bench.elapse(Duration::from_millis(*pause));
            check(&mut bench);
        }
        bench.sent();
        if line_ends {
            bench.feed(b"\r\n");
        }
        // Meanwhile the host gives up on whatever a payload lacks.
        for _ in 0..15 {
            bench.elapse(Duration::from_millis(100));
            answer(&mut bench);
        }
        check(&mut bench);
        let first = ends(&mut bench, "AT+CSQ", chatters);
        // Half a line at the end of the noise could be any answer.
        if line_ends {
            prop_assert!(is_response(first.clone(), "+CSQ: 17,0"), "{:?}", first);
        }
        let second = ends(&mut bench, "AT+CCLK?", chatters);
        prop_assert!(is_response(second.clone(), "+CCLK: 0"), "{:?}", second);
    }
}
