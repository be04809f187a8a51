//! A module that does with a data phase whatever firmware has been seen to do.

use std::time::Duration;

use modemqtt_at::ascii::{CR, CTRL_Z, ESC};
use modemqtt_at::dialect::{DataPhase, Dialect};
use modemqtt_os::Moment;
use proptest::collection::vec;
use proptest::prelude::*;

/// The pause that ends a burst.
const BURST: Duration = Duration::from_millis(5);

/// How it departs from the notes.
#[derive(Clone, Debug)]
pub(crate) struct Quirks {
    /// ESC cancels only at the end of a burst.
    escape_ends_burst: bool,
    /// ESC also cancels a data phase of counted bytes.
    escape_cancels_counted: bool,
    /// A length of 0 means no length.
    zero_is_none: bool,
    /// A data phase is given up after this many milliseconds without a byte.
    patience: Option<u64>,
    /// The fate of each command that asks for data; the list repeats.
    fates: Vec<Fate>,
    /// The data phase in which it restarts.
    restart: Option<(usize, u64)>,
}

/// The fate of one command that asks for data.
#[derive(Clone, Debug)]
enum Fate {
    /// All goes well.
    Fine,
    /// The command line is lost.
    LineLost,
    /// The prompt is lost.
    PromptLost,
    /// The prompt comes after this many milliseconds; whether bytes that arrive meanwhile are kept for the data phase.
    PromptLate(u64, bool),
    /// From this position on, this many bytes of the data are lost.
    DataLost(usize, usize),
    /// The final result code is lost.
    CodeLost,
    /// A second final result code of the previous command comes first, and the prompt this many milliseconds later.
    SecondCode(u64),
}

pub(crate) fn quirks() -> impl Strategy<Value = Quirks> {
    let fate = prop_oneof![
        2 => Just(Fate::Fine),
        1 => Just(Fate::LineLost),
        1 => Just(Fate::PromptLost),
        2 => (0..20_000u64, any::<bool>()).prop_map(|(late, kept)| Fate::PromptLate(late, kept)),
        3 => (0..40usize, 1..40usize).prop_map(|(from, count)| Fate::DataLost(from, count)),
        1 => Just(Fate::CodeLost),
        1 => (0..150u64).prop_map(Fate::SecondCode),
    ];
    let restart = proptest::option::weighted(0.1, (0..4usize, 0..9_000u64));
    let patience = proptest::option::weighted(0.3, 500..15_000u64);
    (any::<[bool; 3]>(), patience, vec(fate, 1..5), restart).prop_map(
        |([escape_ends_burst, escape_cancels_counted, zero_is_none], patience, fates, restart)| Quirks {
            escape_ends_burst,
            escape_cancels_counted,
            zero_is_none,
            patience,
            fates,
            restart,
        },
    )
}

/// What was published, sent or stored.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) line: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) counted: bool,
}

#[derive(Debug)]
enum Mode {
    Command,
    /// Ignores everything until the prompt; holds what has arrived meanwhile.
    Busy {
        until: Moment,
        kept: Option<Vec<u8>>,
        phase: Phase,
    },
    Data(Phase),
}

#[derive(Clone, Debug)]
struct Phase {
    line: String,
    /// How many bytes end it; `None` if Ctrl-Z does.
    wanted: Option<usize>,
    taken: Vec<u8>,
    fate: Fate,
    /// The first burst has come.
    begun: bool,
    idle_since: Moment,
}

pub(crate) struct Firmware {
    quirks: Quirks,
    well: bool,
    mode: Mode,
    line: Vec<u8>,
    echo: bool,
    burst: Vec<u8>,
    burst_ends: Option<Moment>,
    restarts: Option<Moment>,
    phases: usize,
    dialect: &'static Dialect,
    pub(crate) taken: Vec<Taken>,
}

impl Firmware {
    pub(crate) fn new(dialect: &'static Dialect, quirks: Quirks) -> Self {
        Self {
            quirks,
            well: true,
            mode: Mode::Command,
            line: Vec::new(),
            echo: true,
            burst: Vec::new(),
            burst_ends: None,
            restarts: None,
            phases: 0,
            dialect,
            taken: Vec::new(),
        }
    }

    pub(crate) fn misbehave(&mut self) {
        self.well = false;
    }

    pub(crate) fn behave(&mut self) {
        self.well = true;
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        let own = match &self.mode {
            Mode::Command => None,
            Mode::Busy { until, .. } => Some(*until),
            Mode::Data(phase) => self.gives_up_at(phase),
        };
        [own, self.burst_ends, self.restarts].into_iter().flatten().min()
    }

    fn gives_up_at(&self, phase: &Phase) -> Option<Moment> {
        self.quirks
            .patience
            .map(|patience| phase.idle_since + Duration::from_millis(patience))
    }

    pub(crate) fn handle_timeout(&mut self, now: Moment) -> Vec<u8> {
        let mut printed = Vec::new();
        if self.burst_ends.take_if(|at| *at <= now).is_some() {
            let burst = std::mem::take(&mut self.burst);
            self.take(&burst, now, &mut printed);
        }
        if self.restarts.take_if(|at| *at <= now).is_some() {
            self.mode = Mode::Command;
            self.line.clear();
            self.burst.clear();
            self.burst_ends = None;
            self.echo = true;
            printed.extend(b"\r\nRDY\r\n");
        }
        if let Mode::Busy { until, .. } = &self.mode
            && *until <= now
            && let Mode::Busy { kept, phase, .. } = std::mem::replace(&mut self.mode, Mode::Command)
        {
            printed.extend(b"\r\n> ");
            let nothing = phase.wanted == Some(0);
            self.mode = Mode::Data(Phase {
                idle_since: now,
                ..phase
            });
            if nothing {
                self.commit(&mut printed);
            }
            self.take(&kept.unwrap_or_default(), now, &mut printed);
        }
        if let Mode::Data(phase) = &self.mode
            && self.gives_up_at(phase).is_some_and(|at| at <= now)
        {
            self.mode = Mode::Command;
            printed.extend(b"\r\nTimeout\r\n\r\nOK\r\n");
            // A burst that had begun continues as a command line.
            self.burst_ends = None;
            let burst = std::mem::take(&mut self.burst);
            self.take(&burst, now, &mut printed);
        }
        printed
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], now: Moment) -> Vec<u8> {
        let mut printed = Vec::new();
        if self.quirks.escape_ends_burst && matches!(self.mode, Mode::Data(_)) {
            self.burst.extend(bytes);
            self.burst_ends = Some(now + BURST);
        } else {
            self.take(bytes, now, &mut printed);
        }
        printed
    }

    /// One burst.
    fn take(&mut self, burst: &[u8], now: Moment, printed: &mut Vec<u8>) {
        let lost = self.lost_of(burst.len());
        for (at, &byte) in burst.iter().enumerate() {
            match &mut self.mode {
                Mode::Busy { kept, .. } => {
                    if let Some(kept) = kept {
                        kept.push(byte);
                    }
                }
                Mode::Data(phase) => {
                    phase.idle_since = now;
                    if lost.contains(&at) {
                        continue;
                    }
                    let at_the_end = at + 1 == burst.len();
                    let escapes = byte == ESC && (at_the_end || !self.quirks.escape_ends_burst);
                    let cancels = match phase.wanted {
                        None => escapes,
                        Some(_) => escapes && self.quirks.escape_cancels_counted && at_the_end && burst.len() == 1,
                    };
                    if cancels {
                        self.mode = Mode::Command;
                        printed.extend(b"\r\nOK\r\n");
                        continue;
                    }
                    let ends = phase.wanted.is_none() && byte == CTRL_Z;
                    if !ends {
                        phase.taken.push(byte);
                    }
                    if ends || phase.wanted.is_some_and(|wanted| phase.taken.len() >= wanted) {
                        self.commit(printed);
                    }
                }
                Mode::Command => self.command(byte, now, printed),
            }
        }
    }

    /// Which of the program's data, sent in one burst, the line loses.
    fn lost_of(&mut self, length: usize) -> std::ops::Range<usize> {
        let Mode::Data(phase) = &mut self.mode else { return 0..0 };
        if std::mem::replace(&mut phase.begun, true) || length < 2 {
            return 0..0;
        }
        match phase.fate {
            Fate::DataLost(from, count) => from..from + count,
            _ => 0..0,
        }
    }

    fn commit(&mut self, printed: &mut Vec<u8>) {
        let Mode::Data(phase) = std::mem::replace(&mut self.mode, Mode::Command) else {
            return;
        };
        if !matches!(phase.fate, Fate::CodeLost) {
            printed.extend(b"\r\nOK\r\n");
        }
        let fields: Vec<_> = phase.line.split([',', '=']).collect();
        if phase.line.starts_with("AT+QMTPUB") {
            printed.extend(format!("\r\n+QMTPUB: 0,{},0\r\n", fields[2]).into_bytes());
        }
        self.taken.push(Taken {
            line: phase.line,
            bytes: phase.taken,
            counted: phase.wanted.is_some(),
        });
    }

    fn command(&mut self, byte: u8, now: Moment, printed: &mut Vec<u8>) {
        if byte != CR {
            self.line.push(byte);
            return;
        }
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let Some(at) = line.find("AT") else { return };
        if self.echo {
            printed.extend(format!("{line}\r").into_bytes());
        }
        let line = line[at..].to_owned();
        match line.as_str() {
            "ATE0" => self.echo = false,
            "AT+CMEE?" => printed.extend(b"\r\n+CMEE: 1\r\n"),
            "AT+CSQ" => printed.extend(b"\r\n+CSQ: 20,0\r\n"),
            _ if asks(&line) => return self.ask(line, now, printed),
            _ => {}
        }
        printed.extend(b"\r\nOK\r\n");
    }

    fn ask(&mut self, line: String, now: Moment, printed: &mut Vec<u8>) {
        let fate = if self.well {
            Fate::Fine
        } else {
            self.quirks.fates[self.phases % self.quirks.fates.len()].clone()
        };
        if let Some((_, after)) = self.quirks.restart.take_if(|(phase, _)| *phase == self.phases) {
            self.restarts = Some(now + Duration::from_millis(after));
        }
        self.phases += 1;
        let phase = Phase {
            wanted: self.wanted(&line),
            line,
            taken: Vec::new(),
            fate: fate.clone(),
            begun: false,
            idle_since: now,
        };
        let busy = |after, kept: bool| Mode::Busy {
            until: now + Duration::from_millis(after),
            kept: kept.then(Vec::new),
            phase: phase.clone(),
        };
        match fate {
            Fate::LineLost => return,
            Fate::PromptLost => {}
            Fate::PromptLate(after, kept) => {
                self.mode = busy(after, kept);
                return;
            }
            Fate::SecondCode(after) => {
                printed.extend(b"\r\n+CME ERROR: 30\r\n");
                self.mode = busy(after, true);
                return;
            }
            _ if phase.line.starts_with("AT+QFUPL") => printed.extend(b"\r\nCONNECT\r\n"),
            _ => printed.extend(b"\r\n> "),
        }
        let nothing = phase.wanted == Some(0);
        self.mode = Mode::Data(phase);
        if nothing {
            self.commit(printed);
        }
    }

    /// How many bytes end the data phase of this line.
    fn wanted(&self, line: &str) -> Option<usize> {
        let fields = line.split(',').count();
        let counted = if line.starts_with("AT+QMTPUB") {
            self.dialect
                .publish(DataPhase::Counted)
                .is_some_and(|row| row.parameters.len() == fields)
        } else {
            !line.starts_with("AT+CMGS")
        };
        let count = line.rsplit([',', '=']).next().and_then(|digits| digits.parse().ok());
        count.filter(|count| counted && !(*count == 0 && self.quirks.zero_is_none))
    }
}

fn asks(line: &str) -> bool {
    ["AT+QMTPUB", "AT+CMGS", "AT+QISEND", "AT+QFUPL", "AT+QASK"]
        .iter()
        .any(|name| line.starts_with(name))
}
