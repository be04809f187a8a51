//! The script of a test: command lines that it expects, and answers in place of the module's own.

use std::collections::VecDeque;
use std::fmt;

use modemqtt_at::dialect::DataPhase;
use modemqtt_at::secrets::masked;
use modemqtt_at::{Command, Form};
use modemqtt_os::Moment;

use super::data_phase::{End, Purpose};
use super::terminal::framed;
use super::{Module, Parting};
use crate::command_line::{Cursor, Head, Suffix, Value, check, payload_position};
use crate::script::{Expectation, LONGEST_DATA, Step};

/// How many of the command lines that came are shown by [`Unmet`], and how many characters of each.
const LISTED_LINES: usize = 100;
const SHOWN_CHARACTERS: usize = 200;
/// How many answers may wait for a pause to end; further ones skip their pauses.
const MOST_ANSWERS: usize = 256;

/// What is expected, and the answers on their way.
#[derive(Debug, Default)]
pub(super) struct Script {
    entries: Vec<Expected>,
    /// How many earlier ones were dropped.
    dropped: usize,
    came: History,
    /// How many lines had come when the first expectation was made.
    came_before: usize,
    answers: VecDeque<ScriptedAnswer>,
}

#[derive(Debug)]
struct Expected {
    expectation: Expectation,
    seen: u32,
}

impl Expected {
    fn is_open(&self) -> bool {
        self.expectation.times.is_none_or(|times| self.seen < times)
    }

    fn is_unmet(&self) -> bool {
        self.expectation.times.is_some_and(|times| self.seen < times)
    }
}

/// A command line that came, secrets masked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Came {
    text: String,
    expected: bool,
}

/// The latest command lines that came, oldest first.
#[derive(Debug, Default)]
struct History {
    lines: VecDeque<Came>,
    bytes: usize,
    /// How many earlier ones were forgotten.
    forgotten: usize,
}

impl History {
    fn count(&self) -> usize {
        self.forgotten + self.lines.len()
    }

    /// Limits of the list.
    const LINES: usize = 10_000;
    const BYTES: usize = 1024 * 1024;

    fn push(&mut self, line: &[u8], expected: bool) {
        let text = masked(&String::from_utf8_lossy(line));
        self.bytes += text.len();
        self.lines.push_back(Came { text, expected });
        while self.lines.len() > Self::LINES || self.bytes > Self::BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len();
            self.forgotten += 1;
        }
    }
}

/// The steps left of an answer.
#[derive(Debug)]
struct ScriptedAnswer {
    line: Vec<u8>,
    steps: VecDeque<Step>,
    due: Moment,
}

/// What was expected and did not come, and what came. Its text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    expected: Vec<String>,
    came: Vec<Came>,
    forgotten: usize,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected, and did not come:")?;
        for expected in &self.expected {
            write!(f, "\n  {expected}")?;
        }
        if self.came.is_empty() {
            return f.write_str("\nno command line came");
        }
        f.write_str("\ncame:")?;
        if self.forgotten > 0 {
            write!(f, "\n  … {} earlier", self.forgotten)?;
        }
        for Came { text, expected } in &self.came {
            let mut text: String = text.escape_debug().take(SHOWN_CHARACTERS).collect();
            text = text.replace("\\\"", "\"");
            let expected = if *expected { "  (expected)" } else { "" };
            write!(f, "\n  {text}{expected}")?;
        }
        Ok(())
    }
}

impl Module {
    /// Expects a command line from now on, and returns its number for [`Module::answer_by`]. A line meets the first expectation that it fits
    /// and that is still open; a line that fits none gets the module's own answer. Restarts do not end it.
    pub fn expect(&mut self, expectation: Expectation) -> usize {
        if self.script.entries.is_empty() {
            self.script.came_before = self.script.came.count();
        }
        self.script.entries.push(Expected { expectation, seen: 0 });
        self.script.dropped + self.script.entries.len() - 1
    }

    /// Answers an expected line by these steps from now on.
    pub fn answer_by(&mut self, expectation: usize, steps: Vec<Step>) {
        let place = expectation.checked_sub(self.script.dropped);
        if let Some(entry) = place.and_then(|place| self.script.entries.get_mut(place)) {
            entry.expectation.steps = steps;
        }
    }

    /// Ends all expectations: every command line gets the module's own answer.
    pub fn expect_nothing(&mut self) {
        self.script.dropped += self.script.entries.len();
        self.script.entries.clear();
    }

    /// What was expected and has not come; `None` if all has.
    pub fn unmet(&self) -> Option<Unmet> {
        let entries = self.script.entries.iter().filter(|entry| entry.is_unmet());
        let expected: Vec<_> = entries
            .map(|Expected { expectation, seen }| {
                let pattern = masked(expectation.pattern());
                match expectation.times {
                    Some(times) if times > 1 => format!("{pattern}  ({seen} of {times} times)"),
                    _ => pattern,
                }
            })
            .collect();
        let came = &self.script.came;
        let first = came.count().saturating_sub(LISTED_LINES).max(self.script.came_before);
        (!expected.is_empty()).then(|| Unmet {
            expected,
            came: came
                .lines
                .iter()
                .skip(first.saturating_sub(came.forgotten))
                .cloned()
                .collect(),
            forgotten: first - self.script.came_before,
        })
    }

    /// The latest command lines that came, oldest first, each from its `AT` to the end without CR; secrets are masked. Restarts do not end the list.
    pub fn commands(&self) -> Vec<String> {
        self.script.came.lines.iter().map(|came| came.text.clone()).collect()
    }

    /// Whether the script answers the line, with what stood between `AT` and CR.
    pub(super) fn answers_by_script(&mut self, body: &[u8], now: Moment) -> bool {
        let script = &mut self.script;
        let line = [b"AT", body].concat();
        let mut entries = script.entries.iter_mut();
        let entry = entries.find(|entry| entry.is_open() && entry.expectation.matches(&line));
        let steps = entry.map(|entry| {
            entry.seen = entry.seen.saturating_add(1);
            VecDeque::from(entry.expectation.steps.clone())
        });
        script.came.push(&line, steps.is_some());
        let Some(mut steps) = steps else { return false };
        if script.answers.len() >= MOST_ANSWERS {
            steps.retain(|step| !matches!(step, Step::Pause(_)));
        }
        script.answers.push_back(ScriptedAnswer {
            line: body.to_vec(),
            steps,
            due: now,
        });
        self.play_script(now);
        true
    }

    /// Asks for this many bytes, or for as many as the command needs: for none if its line carries the data, or needs none.
    fn ask_by_script(&mut self, line: &[u8], count: Option<usize>, now: Moment) {
        let end = match count {
            Some(count) => Some(End::Count(count)),
            None => self.data_of(line),
        };
        if let Some(end) = end {
            self.begin_data(Purpose::Nothing, end, now);
        }
    }

    /// The data that a command line asks for, by its row.
    fn data_of(&self, line: &[u8]) -> Option<End> {
        let mut cursor = Cursor::new(line);
        let Ok(Some(Head::Extended {
            name,
            suffix: Suffix::Set,
        })) = cursor.next_head()
        else {
            return None;
        };
        let command = Command::from_name(name)?;
        let place = payload_position(self.dialect, command);
        let length = |given: &[Value]| self.inline_length(given).filter(|_| place == Some(given.len()));
        let checked = check(self.dialect, command, Form::Set, cursor.parameters(length).ok()?).ok()?;
        match checked.row.data? {
            DataPhase::UntilCtrlZ => Some(End::CtrlZ(LONGEST_DATA)),
            DataPhase::Counted => Some(End::Count(checked.number(5))),
            DataPhase::Inline | DataPhase::Quoted => None,
        }
    }

    /// When [`Module::play_script`] is due. A data phase goes first.
    pub(super) fn script_due(&self) -> Option<Moment> {
        let answers = self.script.answers.iter().filter(|_| !self.takes_data());
        answers.map(|answer| answer.due).min()
    }

    /// Takes the steps that are due.
    pub(super) fn play_script(&mut self, now: Moment) {
        if !self.is_on() {
            // A module that is off answers nothing.
            self.script.answers.clear();
        }
        while self.script_due().is_some_and(|due| due <= now) {
            let due = self.script.answers.iter().position(|answer| answer.due <= now);
            let Some(mut answer) = due.and_then(|at| self.script.answers.remove(at)) else {
                return;
            };
            while let Some(step) = answer.steps.pop_front() {
                match step {
                    Step::Line(text) => self.terminal.verbatim(&framed(&text)),
                    Step::Bytes(bytes) => self.terminal.verbatim(&bytes),
                    Step::Urc(text) => self.terminal.urc_now(&text),
                    Step::Prompt(count) => self.ask_by_script(&answer.line, count, now),
                    Step::Drop => self.lose_every_connection(Parting::Told),
                    Step::Own => self.execute(&answer.line, now),
                    Step::Pause(pause) => answer.due = now + pause,
                }
                if answer.due > now || self.takes_data() {
                    if !answer.steps.is_empty() {
                        self.script.answers.push_back(answer);
                    }
                    break;
                }
            }
        }
    }
}
