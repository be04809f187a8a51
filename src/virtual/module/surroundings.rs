//! What the module knows of its surroundings: its battery, the cell that serves it, and whether the radio is connected to that cell.

use modemqtt_at::dialect::{Effect, Everyday};
use modemqtt_os::Moment;

use super::Module;
use super::terminal::PieceKind;

/// The command that asks for eDRX (3GPP TS 27.007 section 7.40).
const REQUESTED_DRX: &str = "CEDRXS";
/// How long the network of this cell pages for, 10.24 s in narrow band (3GPP TS 24.008 table 10.5.5.32).
const PAGING_WINDOW: &str = "0011";

/// The state of the battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Battery {
    pub(super) millivolts: u16,
    /// In percent.
    pub(super) charge: u8,
}

/// Where the module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) area: u16,
    pub(super) cell: u32,
}

/// It outlasts a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) battery: Battery,
    pub(super) place: Location,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            battery: Battery {
                millivolts: 3860,
                charge: 88,
            },
            place: Location {
                area: 0x1A2B,
                cell: 0x01A2_B3C4,
            },
        }
    }
}

impl Module {
    /// Sets what `AT+CBC` answers: millivolts, and percent.
    pub const fn set_battery(&mut self, millivolts: u16, charge: u8) {
        self.lasting.surroundings.battery = Battery { millivolts, charge };
    }

    /// Moves the module to another cell. If the host has asked for the cell of a registration, it is told.
    pub fn set_cell(&mut self, area: u16, cell: u32, now: Moment) {
        self.pace.look(now);
        self.change(|module| module.lasting.surroundings.place = Location { area, cell });
        self.settle(now);
    }

    /// `"<area>","<cell>",<access technology>` (3GPP TS 27.007 section 7.2).
    pub(super) fn location(&self) -> String {
        let Location { area, cell } = self.lasting.surroundings.place;
        let access = self.dialect.around.cell.access;
        format!("\"{area:04X}\",\"{cell:08X}\",{access}")
    }

    /// Reports, if asked to, that the radio has been connected or released since the last look (3GPP TS 27.007 section 7.30).
    pub(super) fn report_radio(&mut self) {
        let connected = self.has_connection();
        if std::mem::replace(&mut self.general.radio_connected, connected) == connected {
            return;
        }
        for row in self.reporters(Effect::RadioReports) {
            let line = self.line(row.name, u8::from(connected));
            self.terminal.urc(PieceKind::Urc, &line);
        }
    }

    /// The commands that were asked to report something.
    pub(super) fn reporters(&self, what: Effect) -> Vec<&'static Everyday> {
        let rows = self.dialect.around.everyday.iter();
        let wanted = rows.filter(|row| row.effect == what).filter(|row| {
            let kept = self.general.kept.values(row.name);
            kept.and_then(|values| values.first()).is_some_and(|value| value != "0")
        });
        wanted.collect()
    }

    /// The eDRX that the network has granted: what was asked for, or 0 if nothing was (3GPP TS 27.007 section 7.41).
    pub(super) fn granted_drx(&self) -> String {
        let asked = self.general.kept.values(REQUESTED_DRX).unwrap_or_default();
        match asked {
            [mode, access, cycle, ..] if matches!(mode.as_str(), "1" | "2") && self.has_network() => {
                format!("{access},\"{cycle}\",\"{cycle}\",\"{PAGING_WINDOW}\"")
            }
            _ => "0".into(),
        }
    }
}
