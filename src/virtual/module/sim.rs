//! The SIM card, and the commands about it.

use std::str::FromStr;

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::Refusal;
use modemqtt_os::Moment;

use super::Module;
use super::boot::{SIM_LOCKED, SIM_NOT_READY, SIM_READY};
use super::general::{Answer, Asked, DONE};
use super::terminal::PieceKind;
use crate::command_line::Value;

/// The subscriber of the test network 001/01 (3GPP TS 23.003 section 2.2), and a card to go with it.
const IMSI: &str = "001010123456789";

pub(super) const ICCID: &str = "89001010000000000017";

/// The PIN of the card.
const PIN: &[u8] = b"1234";

/// The state of the SIM card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sim {
    /// It can be used.
    Ready,
    /// It waits for its PIN, 1234.
    Pin,
    /// There is no card.
    Absent,
    /// It does not work.
    Failure,
    /// It is not ready yet.
    Busy,
}

impl Sim {
    /// Every state, by its name.
    pub const ALL: [(&str, Self); 5] = [
        ("ready", Self::Ready),
        ("pin", Self::Pin),
        ("absent", Self::Absent),
        ("failure", Self::Failure),
        ("busy", Self::Busy),
    ];
}

/// A name that no state of a SIM card has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SIM card must be ready, pin, absent, failure or busy, not {0:?}")]
pub struct NoSim(String);

impl FromStr for Sim {
    type Err = NoSim;

    fn from_str(name: &str) -> Result<Self, NoSim> {
        let mut known = Self::ALL.into_iter();
        let found = known.find(|(known, _)| *known == name);
        found.map(|(_, sim)| sim).ok_or_else(|| NoSim(name.into()))
    }
}

impl Module {
    /// Changes the state of the SIM card. The network needs one that is ready.
    pub fn set_sim(&mut self, sim: Sim, now: Moment) {
        self.pace.look(now);
        self.change_sim(sim);
        self.settle(now);
    }

    /// The card and its numbers.
    pub(super) fn card(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match (name, asked) {
            // With the blank in every family.
            ("CPIN", Asked::Read) => match self.lasting.sim {
                Sim::Pin => Ok(Some(vec![SIM_LOCKED.into()])),
                _ => self.with_sim(SIM_READY),
            },
            ("CPIN" | "CIMI", Asked::Test) => DONE,
            ("CPIN", Asked::Set(values)) => self.unlock(values),
            ("CIMI", Asked::Execute) => self.with_sim(IMSI),
            (_, Asked::Execute) if around.iccid == Some(name) => self.with_sim(&self.line(name, ICCID)),
            _ => Ok(None),
        }
    }

    /// Whether the card can be used, and has been read.
    pub(super) fn has_sim_ready(&self) -> bool {
        self.lasting.sim == Sim::Ready && !self.pace.is_reading_card()
    }

    /// Whether there is a card in its slot.
    pub(super) fn has_card(&self) -> bool {
        self.lasting.sim != Sim::Absent
    }

    fn change_sim(&mut self, sim: Sim) {
        if self.lasting.sim == sim {
            return;
        }
        self.change(|module| module.lasting.sim = sim);
        let line = match sim {
            Sim::Ready => SIM_READY,
            Sim::Pin => SIM_LOCKED,
            // AT+QSIMDET in the AT commands manuals of the LTE families reports a card that is taken out by this line.
            Sim::Absent | Sim::Failure | Sim::Busy => SIM_NOT_READY,
        };
        if self.is_on() && self.dialect.boot.contains(&SIM_READY) {
            self.terminal.urc(PieceKind::Urc, line);
        }
    }

    fn unlock(&mut self, values: &[Value]) -> Answer {
        let pin = match values {
            [Value::Quoted(pin)] => pin.clone(),
            // Digits are a string without quotes too (V.250 section 5.4.2.2 leaves the choice to the command).
            [Value::Integer(pin)] => pin.to_string().into_bytes(),
            _ => return Err(self.general_refusal()),
        };
        match self.lasting.sim {
            Sim::Pin if pin == PIN => self.change_sim(Sim::Ready),
            Sim::Pin => return Err(Refusal::Cme(CmeCode::WRONG_PASSWORD)),
            Sim::Ready => return Err(Refusal::Cme(CmeCode::NOT_ALLOWED)),
            Sim::Absent | Sim::Failure | Sim::Busy => return self.with_sim(""),
        }
        DONE
    }

    /// An answer that needs a usable SIM card, or the error that says what is wrong with the card.
    fn with_sim(&self, line: &str) -> Answer {
        Err(Refusal::Cme(match self.lasting.sim {
            Sim::Ready if self.pace.is_reading_card() => CmeCode::SIM_BUSY,
            Sim::Ready => return Ok(Some(vec![line.into()])),
            Sim::Pin => CmeCode::SIM_PIN,
            Sim::Absent => CmeCode::SIM_ABSENT,
            Sim::Failure => CmeCode::SIM_FAILURE,
            Sim::Busy => CmeCode::SIM_BUSY,
        }))
    }
}
