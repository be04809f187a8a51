//! How fast `+QMTRECV` becomes events of their own: this host with its wire log, beside atat with a typed URC.
//!
//! Both are given the same bytes, random topics and payloads, in reads of the same size, one after the other and in turn. Every
//! message of ours is counted, and the lengths of topics and payloads are summed up; what atat does not find is told. The table
//! has the median of the rounds; `--json` prints one row a line, as the other benchmarks do. `--profile SIZE` only
//! decodes, for a profiler, and prints the shortest time per message.
//!
//! Time is an argument of the session: each read is given the time at which a line of 115,200 bits a second would have brought it.
//! Both are built as Cargo builds them unless told otherwise.

use std::hint::black_box;
use std::time::Duration;

use atat::atat_derive::{AtatResp, AtatUrc};
use atat::{AtDigester, AtatIngress as _, Ingress, ResponseSlot, UrcChannel};
use modemqtt_at::dialect;
use modemqtt_host::call::{Call, Event, Ticket};
use modemqtt_host::session::Session;
use modemqtt_host::trace::Ring;
use modemqtt_os::Moment;
use rustix::time::{ClockId, clock_gettime};

const MESSAGES: usize = 20_000;
const ROUNDS: usize = 5;
const SIZES: [usize; 4] = [16, 64, 512, 4096];
/// As much of the wire log as a modem keeps.
const WIRE: usize = 64 * 1024;
/// Bytes a second at 115,200 bits a second.
const SPEED: f64 = 11_520.0;

/// What the messages come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    messages: usize,
    topics: usize,
    payloads: usize,
}

#[derive(Clone, AtatResp)]
struct Received {
    client: u8,
    message_id: u16,
    topic: heapless::String<64>,
    payload: heapless::String<128>,
}

#[derive(Clone, AtatUrc)]
enum Urc {
    #[at_urc("+QMTRECV")]
    Received(Received),
}

/// As xorshift makes them: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }

    fn text(&mut self, length: usize, letters: &[u8]) -> Vec<u8> {
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// The messages as an M95 prints them, and what they come to.
fn stream() -> (Vec<u8>, Sum) {
    let (mut random, mut bytes, mut sum) = (Random(0x9E37_79B9_7F4A_7C15), Vec::new(), Sum::default());
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789/";
    // atat takes neither a quote nor a backslash for what it is.
    let printable: Vec<u8> = (b' '..=b'~').filter(|byte| !b"\"\\".contains(byte)).collect();
    for _ in 0..MESSAGES {
        let (topic, payload) = (4 + random.below(44), 1 + random.below(110));
        let id = random.below(65_536);
        bytes.extend(format!("\r\n+QMTRECV: 0,{id},\"").bytes());
        bytes.extend(random.text(topic, letters));
        bytes.extend(b"\",\"");
        bytes.extend(random.text(payload, &printable));
        bytes.extend(b"\"\r\n");
        sum.messages += 1;
        sum.topics += topic;
        sum.payloads += payload;
    }
    (bytes, sum)
}

/// A session that has found its module.
fn session(now: Moment) -> Session {
    let mut session = Session::new(dialect::of_model("M95"), 115_200);
    session.submit(Ticket(1), Call::SetUp, None, now);
    while let Some(line) = session.poll_transmit() {
        let answer: &[u8] = match line.as_slice() {
            b"AT+CMEE?\r" => b"\r\n+CMEE: 1\r\n\r\nOK\r\n",
            _ => b"\r\nOK\r\n",
        };
        session.receive(answer, now);
    }
    while session.poll_wire().is_some() || session.poll_event().is_some() {}
    session
}

/// What this thread has used of a processor. Other programs have the rest.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .expect("a time that is not negative")
}

fn ours(stream: &[u8], size: usize) -> (Duration, Sum) {
    let began = Moment::now();
    let (mut session, mut ring) = (session(began), Ring::new(WIRE, began));
    let mut sum = Sum::default();
    let (mut now, interval) = (began, Duration::from_secs_f64(size as f64 / SPEED));
    let start = cpu_time();
    for read in stream.chunks(size) {
        now += interval;
        session.receive(read, now);
        while let Some(piece) = session.poll_wire() {
            ring.take(&piece);
        }
        while let Some(event) = session.poll_event() {
            if let Event::Message(message) = black_box(&event) {
                sum.messages += 1;
                sum.topics += message.content.topic_bytes().len();
                sum.payloads += message.content.payload().len();
            }
        }
    }
    // The last line end may be the payload's own until nothing more has come.
    session.handle_timeout(now + Duration::from_secs(1));
    while let Some(event) = session.poll_event() {
        if let Event::Message(message) = event {
            sum.messages += 1;
            sum.topics += message.content.topic_bytes().len();
            sum.payloads += message.content.payload().len();
        }
    }
    (cpu_time() - start, sum)
}

fn theirs(stream: &[u8], size: usize) -> (Duration, Sum) {
    let (slot, channel) = (ResponseSlot::<256>::new(), UrcChannel::<Urc, 64, 1>::new());
    let mut urcs = channel.subscribe().expect("the first subscriber");
    let mut buffer = vec![0; 2 * 4096];
    let mut ingress = Ingress::new(AtDigester::<Urc>::new(), &mut buffer, &slot, &channel);
    let mut sum = Sum::default();
    let start = cpu_time();
    for read in stream.chunks(size) {
        // What does not go into the channel at once goes when it is emptied.
        ingress.try_write(read).expect("room for what one read holds");
        while let Some(urc) = urcs.try_next_message_pure() {
            let Urc::Received(message) = black_box(&urc);
            black_box((message.client, message.message_id));
            sum.messages += 1;
            sum.topics += message.topic.len();
            sum.payloads += message.payload.len();
        }
    }
    (cpu_time() - start, sum)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// One row of the table of `benches/rows.py`.
fn row(what: &str, against: &str, figure: f64, must: f64, aim: f64, behind: &str, json: bool) {
    if json {
        println!(
            "{{\"what\": \"{what}\", \"against\": \"{against}\", \"figure\": {figure}, \"unit\": \"×\", \"must\": {must}, \
             \"aim\": {aim}, \"at_most\": false, \"behind\": \"{behind}\"}}"
        );
    } else {
        let reached = if figure >= aim {
            "aim"
        } else if figure >= must {
            "must"
        } else {
            "NOT REACHED"
        };
        println!("| {what} | {against} | ≥ {must} / {aim} × | {figure:.2} × | {reached} | {behind} |");
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let (stream, wanted) = stream();
    if let Some(at) = arguments.iter().position(|argument| argument == "--profile") {
        let size = arguments[at + 1].parse().expect("the size of a read in bytes");
        let until = Moment::now() + Duration::from_secs(5);
        let mut best = f64::MAX;
        while Moment::now() < until {
            best = best.min(black_box(ours(&stream, size)).0.as_secs_f64());
        }
        println!("{size}: {:.1} ns a message", best * 1e9 / MESSAGES as f64);
        return;
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let megabytes = stream.len() as f64 / 1e6;
    let mut rates = [const { [const { Vec::new() }; 2] }; SIZES.len()];
    let mut lost = [0; SIZES.len()];
    for _ in 0..ROUNDS {
        for ((rates, lost), size) in rates.iter_mut().zip(&mut lost).zip(SIZES) {
            let [of_ours, of_theirs] = rates;
            let (took, sum) = ours(&stream, size);
            assert_eq!(sum, wanted, "reads of {size} bytes");
            of_ours.push(megabytes / took.as_secs_f64());
            let (took, sum) = theirs(&stream, size);
            *lost = wanted.messages - sum.messages;
            of_theirs.push(megabytes / took.as_secs_f64());
        }
    }
    let medians = rates.map(|rates| rates.map(median));
    let bounds = [(6.0, 12.0), (2.5, 4.0), (1.5, 2.5)];
    for (((size, [ours, theirs]), lost), (must, aim)) in SIZES.iter().zip(medians).zip(lost).skip(1).zip(bounds) {
        let behind = format!("{ours:.0} beside {theirs:.0} MB/s, which loses {lost} of {MESSAGES} messages");
        row(
            &format!("decode, reads of {size} bytes"),
            "atat typed",
            ours / theirs,
            must,
            aim,
            &behind,
            json,
        );
    }
    let [[sixteen, _], _, [most, _], _] = medians;
    let behind = format!("{sixteen:.0} beside {most:.0} MB/s");
    row(
        "decode, reads of 16 bytes",
        "those of 512",
        sixteen / most,
        0.4,
        0.5,
        &behind,
        json,
    );
}
