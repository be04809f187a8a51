//! Whatever the module takes as data, the program gave it.
//!
//! The module in this test is not our virtual module: it loses bytes, prompts late or never, takes ESC as a cancel only
//! at the end of a burst, takes a length of 0 to mean no length, gives up a data phase by itself, sends a second final
//! result code, and restarts. What it publishes or stores is compared with what the program gave for it.

#[path = "data_phase_support/firmware.rs"]
mod firmware;

use std::time::Duration;

use firmware::{Firmware, Quirks, Taken};
use modemqtt_at::ascii::{CR, CTRL_Z, ESC};
use modemqtt_at::{ClientIndex, Qos, dialect};
use modemqtt_host::call::{Call, Event, Reply, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::session::Session;
use modemqtt_os::Moment;
use proptest::collection::vec;
use proptest::prelude::*;

const MODELS: [&str; 4] = ["M95", "BC35-G", "BC660K-GL", "EG915Q"];

/// What the program does.
#[derive(Clone, Debug)]
enum Act {
    Publish(Vec<u8>),
    /// A command line of its own with a publish, a message, a packet or a file.
    Command(Own, Vec<u8>),
    /// A command line that it does not know to ask for data.
    Unknown(u8),
    Ask,
}

#[derive(Clone, Copy, Debug)]
enum Own {
    Publish,
    Message,
    Packet,
    File,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(prop_oneof![Just(b'x'), Just(b'A'), Just(b'T'), Just(CR), any::<u8>()], 0..40),
        1 => vec(any::<u8>(), 0..600),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let own = prop_oneof![
        Just(Own::Publish),
        Just(Own::Message),
        Just(Own::Packet),
        Just(Own::File)
    ];
    prop_oneof![
        5 => payload().prop_map(Act::Publish),
        3 => (own, payload()).prop_map(|(own, data)| Act::Command(own, data)),
        1 => (1..30u8).prop_map(Act::Unknown),
        1 => Just(Act::Ask),
    ]
}

/// How many cases are tried: `MODEMQTT_CASES`, or 10,000.
fn cases() -> u32 {
    std::env::var("MODEMQTT_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_module_takes_as_data_the_program_has_given(
        model in 0..MODELS.len(),
        quirks in firmware::quirks(),
        acts in vec((act(), 0..3_000u64), 1..5),
    ) {
        let mut run = Run::new(MODELS[model], quirks);
        for (act, pause) in acts {
            run.act(&act);
            run.elapse(Duration::from_millis(pause));
        }
        // A message may take two minutes.
        run.elapse(Duration::from_secs(700));
        run.check()?;
    }
}

struct Run {
    session: Session,
    firmware: Firmware,
    now: Moment,
    tickets: u64,
    /// The data given for each command line that asks for data, in order.
    given: Vec<(Ticket, Vec<u8>)>,
    ended: Vec<(Ticket, Result<Reply, Error>)>,
    model: &'static str,
    begun: Moment,
    wire: Vec<String>,
}

impl Run {
    fn new(model: &'static str, quirks: Quirks) -> Self {
        let known = dialect::of_model(model).expect("a known model");
        let mut run = Self {
            session: Session::new(Some(known), 115_200),
            firmware: Firmware::new(known.0, quirks),
            now: Moment::now(),
            tickets: 0,
            given: Vec::new(),
            ended: Vec::new(),
            model,
            begun: Moment::now(),
            wire: Vec::new(),
        };
        let ticket = run.submit(Call::SetUp);
        run.elapse(Duration::from_secs(1));
        assert!(matches!(run.ended.pop(), Some((ended, Ok(_))) if ended == ticket));
        run.firmware.misbehave();
        run
    }

    fn submit(&mut self, call: Call) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.session.submit(ticket, call, None, self.now);
        self.pump();
        ticket
    }

    fn act(&mut self, act: &Act) {
        let (call, data) = match act {
            Act::Publish(payload) => (publish(payload.clone()), payload.clone()),
            Act::Command(own, data) => (self.own(*own, data), data.clone()),
            // Not known to ask for data, but it does.
            Act::Unknown(count) => (Call::command(format!("AT+QASK={count}")), Vec::new()),
            Act::Ask => (Call::command("AT+CSQ"), Vec::new()),
        };
        // The session numbers its publishes, and a mark distinguishes what is given for each.
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.given.push((ticket, data));
        self.session.submit(ticket, call, None, self.now);
        self.pump();
    }

    fn own(&self, own: Own, data: &[u8]) -> Call {
        let count = data.len();
        let line = match (own, self.model) {
            (Own::Publish, "BC660K-GL") => format!("AT+QMTPUB=0,0,0,0,\"t\",{count}"),
            (Own::Publish, "EG915Q") => format!("AT+QMTPUBEX=0,0,0,0,\"t\",{count}"),
            (Own::Publish, _) => "AT+QMTPUB=0,0,0,0,\"t\"".to_owned(),
            (Own::Message, _) => "AT+CMGS=\"+49170\"".to_owned(),
            (Own::Packet, "M95") => format!("AT+QISEND={}", count.max(1)),
            (Own::Packet, _) => format!("AT+QISEND=0,{}", count.max(1)),
            (Own::File, _) => format!("AT+QFUPL=\"x\",{count}"),
        };
        Call::Command {
            line,
            data: Some(data.to_vec()),
        }
    }

    fn elapse(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let wake = [self.session.next_timeout(), self.firmware.next_timeout()];
            let next = wake.into_iter().flatten().min().filter(|at| *at <= end);
            self.now = next.map_or(end, |at| at.max(self.now));
            let printed = self.firmware.handle_timeout(self.now);
            self.print(&printed);
            self.pump();
            self.session.handle_timeout(self.now);
            self.pump();
            if next.is_none() {
                return;
            }
        }
    }

    fn pump(&mut self) {
        loop {
            self.session.poll_stale();
            while let Some(piece) = self.session.poll_wire() {
                if let Some(entry) = piece.entry() {
                    self.wire.push(format!("{:?} {}", entry.at - self.begun, entry.text));
                }
            }
            while let Some(event) = self.session.poll_event() {
                if let Event::Ended(ticket, result) = event {
                    self.ended.push((ticket, *result));
                }
            }
            let Some(bytes) = self.session.poll_transmit() else {
                return;
            };
            let printed = self.firmware.receive(&bytes, self.now);
            self.print(&printed);
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.session.receive(bytes, self.now);
        }
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        for (ticket, _) in &self.given {
            prop_assert_eq!(
                self.ended.iter().filter(|(ended, _)| ended == ticket).count(),
                1,
                "{:?}",
                ticket
            );
        }
        for taken in std::mem::take(&mut self.firmware.taken) {
            self.check_taken(&taken)?;
        }
        // The line works again.
        self.firmware.behave();
        let ticket = self.submit(Call::command("AT+CSQ"));
        self.elapse(Duration::from_secs(20));
        let answered =
            |result: &Result<Reply, Error>| matches!(result, Ok(Reply::Response { lines }) if lines.len() == 1);
        prop_assert!(
            self.ended
                .iter()
                .any(|(ended, result)| *ended == ticket && answered(result)),
            "{:?}",
            self.ended.last()
        );
        Ok(())
    }

    /// The data of one command, in order and without any other, and then at most fillers.
    fn check_taken(&self, taken: &Taken) -> Result<(), TestCaseError> {
        let fits = |(ticket, given): &(Ticket, Vec<u8>)| {
            let whole = taken.bytes == *given;
            let filled = |from: usize| {
                let (data, fillers) = taken.bytes.split_at(from);
                let fillers_only = fillers
                    .strip_prefix(&[ESC])
                    .unwrap_or(fillers)
                    .iter()
                    .all(|byte| *byte == CR);
                is_subsequence(data, given) && fillers_only && (fillers.is_empty() || taken.counted)
            };
            let told = || {
                let result = self.ended.iter().find(|(ended, _)| ended == ticket);
                match result {
                    Some((_, Err(Error::Timeout { hint, .. }))) => {
                        let words = ["damaged", "wrong end", "asks for data"];
                        is_subsequence(&taken.bytes, given) || words.iter().any(|words| hint.contains(words))
                    }
                    // If a second final result code refused the command, nobody can say more.
                    Some((_, Err(Error::Command { .. } | Error::Protocol { .. } | Error::Usage(_)))) => true,
                    Some(_) => is_subsequence(&taken.bytes, given),
                    None => false,
                }
            };
            whole || ((0..=taken.bytes.len()).any(filled) && told())
        };
        prop_assert!(
            self.given.iter().any(fits),
            "taken for {}: {}, after {:?} and {:#?}",
            taken.line,
            taken.bytes.escape_ascii(),
            self.ended,
            self.wire
        );
        Ok(())
    }
}

fn publish(payload: Vec<u8>) -> Call {
    Call::Publish {
        client: ClientIndex(0),
        topic: "t".into(),
        payload,
        qos: Qos::AtLeastOnce,
        retain: false,
        form: None,
    }
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
}

#[test]
fn the_judge_tells_text_of_the_hosts_from_the_programs() {
    assert!(is_subsequence(b"ac", b"abc"));
    assert!(!is_subsequence(b"AT", b"abc"));
    assert!(!is_subsequence(&[CTRL_Z], b"abc"));
}
