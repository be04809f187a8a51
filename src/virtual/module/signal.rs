//! The signal of the cell that serves the module.

use super::Module;
use super::general::{Answer, Asked};

/// The step of `+CSQ` for a level that is not known or not detectable (3GPP TS 27.007 section 8.5).
pub(super) const UNKNOWN_RSSI: u8 = 99;
const HIGHEST: u8 = 31;
/// In dB: each of 12 equal subcarriers is 10.8 dB weaker than the carrier.
const OF_A_SUBCARRIER: i16 = 11;
/// In dB, unless set otherwise.
const ORDINARY_RSRQ: i16 = -11;
const ORDINARY_SINR: i16 = 13;

/// What the module measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `<rssi>` of `+CSQ`: 0 to 31, or 99 (3GPP TS 27.007 section 8.5).
    pub rssi: u8,
    /// `<ber>` of `+CSQ`: 0 to 7, or 99.
    pub ber: u8,
    /// In dBm; `None` to derive it from `rssi`.
    pub rsrp: Option<i16>,
    /// In dB; `None` for an ordinary one.
    pub rsrq: Option<i16>,
    /// In dB; `None` for an ordinary one.
    pub sinr: Option<i16>,
}

impl Signal {
    /// A signal given by `<rssi>` and `<ber>` alone.
    #[must_use]
    pub const fn of(rssi: u8, ber: u8) -> Self {
        Self {
            rssi,
            ber,
            ..Self::NONE
        }
    }

    /// The same with RSRP, RSRQ and SINR.
    #[must_use]
    pub const fn with_levels(self, levels: [Option<i16>; 3]) -> Self {
        Self {
            rsrp: levels[0],
            rsrq: levels[1],
            sinr: levels[2],
            ..self
        }
    }

    /// The signal in an ordinary place.
    pub(super) const ORDINARY: Self = Self::of(20, 0);
    /// The signal while the radio is off.
    pub(super) const NONE: Self = Self {
        rssi: UNKNOWN_RSSI,
        ber: UNKNOWN_RSSI,
        rsrp: None,
        rsrq: None,
        sinr: None,
    };

    /// In dBm: -113, and 2 more for each step (3GPP TS 27.007 section 8.5). An unknown one counts as the weakest.
    pub(super) fn decibels(self) -> i16 {
        let step = if self.rssi > HIGHEST { 0 } else { self.rssi };
        2 * i16::from(step) - 113
    }

    pub(super) fn rsrp(self) -> i16 {
        self.rsrp.unwrap_or(self.decibels() - OF_A_SUBCARRIER)
    }

    pub(super) fn rsrq(self) -> i16 {
        self.rsrq.unwrap_or(ORDINARY_RSRQ)
    }

    pub(super) fn sinr(self) -> i16 {
        self.sinr.unwrap_or(ORDINARY_SINR)
    }

    /// `<rxlev>` to `<rsrp>` of `+CESQ`: RSRQ from -20 dB on in steps of half a dB, RSRP from -141 dBm on in steps of one (3GPP TS 27.007
    /// section 8.69).
    pub(super) fn extended(self) -> String {
        if self.rssi == UNKNOWN_RSSI {
            return "99,99,255,255,255,255".into();
        }
        let quality = (2 * self.rsrq() + 39).clamp(0, 34);
        let power = (self.rsrp() + 141).clamp(0, 97);
        format!("99,99,255,255,{quality},{power}")
    }
}

impl Module {
    /// Sets what the module measures from now on.
    pub const fn set_signal(&mut self, signal: Signal) {
        self.lasting.signal = signal;
    }

    /// Answers the commands that ask for the signal.
    pub(super) fn signal_quality(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match (name, asked) {
            ("CSQ", Asked::Execute) => {
                let Signal { rssi, ber, .. } = self.signal();
                self.answer(name, format_args!("{rssi},{ber}"))
            }
            ("CSQ", Asked::Test) => self.answer(name, "(0-31,99),(0-7,99)"),
            ("CESQ", Asked::Execute) if around.extended_signal => self.answer(name, self.signal().extended()),
            ("CESQ", Asked::Test) if around.extended_signal => {
                self.answer(name, "(0-63,99),(0-7,99),(0-96,255),(0-127,255),(0-34,255),(0-97,255)")
            }
            _ => Ok(None),
        }
    }

    /// What it measures while its radio is on.
    pub(super) fn signal(&self) -> Signal {
        if self.is_on_air() {
            self.lasting.signal
        } else {
            Signal::NONE
        }
    }
}
