//! What the module prints when it starts: the boot text of the dialect, as far as the SIM card and the faults allow.

use modemqtt_os::Moment;

use super::Module;
use super::pace::START_TIME;
use super::presence::Presence;
use super::sim::Sim;
use crate::fault::Fault;

/// What a boot ROM prints before the firmware runs.
const ROM: &[u8] = b"\n\rF1: 0000 0000\n\rV0: 0000 0000 [0001]\n\r00: 0007 8000\n\r";

/// What the boot text says of the SIM card: ready, or not. Quectel's own programs for its GSM modules compare lines with all four.
pub(super) const SIM_READY: &str = "+CPIN: READY";

pub(super) const SIM_LOCKED: &str = "+CPIN: SIM PIN";

const SIM_ABSENT: &str = "+CPIN: NOT INSERTED";

pub(super) const SIM_NOT_READY: &str = "+CPIN: NOT READY";

impl Module {
    /// Prints the boot text, now or when the time of a start has passed.
    pub(super) fn begin_start(&mut self, now: Moment) {
        self.pace.look(now);
        match self.pace.draw(START_TIME) {
            Some(takes) => self.presence = Presence::Starting(now + takes),
            None => self.boot(),
        }
    }

    /// Prints the boot text.
    pub(super) fn boot(&mut self) {
        if self.faults.strikes(Fault::SilentRestart) {
            return self.pace.forget_card();
        }
        if self.faults.strikes(Fault::BootRomLines) {
            self.terminal.verbatim(ROM);
        }
        if !self.reports_here() {
            return;
        }
        let no_ok = self.boot_lines().contains(&"OK") && self.faults.strikes(Fault::BootWithoutOk);
        let more = self.faults.strikes(Fault::BootAppRdy).then_some("APP RDY");
        for line in self.boot_lines().into_iter().chain(more) {
            if !(no_ok && line == "OK") {
                self.terminal.information(&[line]);
            }
        }
    }

    /// The boot text, as far as the SIM card allows: a line about the card, if the family has one, tells its state, and is the last line
    /// unless the card can be used.
    pub(super) fn boot_lines(&self) -> Vec<&'static str> {
        let lines = self.dialect.boot.iter().copied();
        if self.has_sim_ready() {
            return lines.collect();
        }
        let card = match self.lasting.sim {
            Sim::Pin => SIM_LOCKED,
            Sim::Absent => SIM_ABSENT,
            Sim::Ready | Sim::Failure | Sim::Busy => SIM_NOT_READY,
        };
        let card = self.dialect.boot.contains(&SIM_READY).then_some(card);
        lines.take_while(|line| *line != SIM_READY).chain(card).collect()
    }

    /// The rest of the boot text, which comes once a slow card can be used.
    pub(super) fn rest_of_boot(&self) -> Vec<&'static str> {
        let lines = self.dialect.boot.iter().copied();
        let rest = lines.skip_while(|line| *line != SIM_READY);
        rest.filter(|_| self.lasting.sim == Sim::Ready).collect()
    }
}
