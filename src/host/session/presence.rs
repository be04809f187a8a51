//! Whether the module is there, judged by its answers and reports. Here the session notices a restart.
//!
//! | [`Presence`] | known so far | meaning of a start | effect of a call |
//! |---|---|---|---|
//! | `Unknown` | the module was never set up | its first start, not a restart | sets it up first |
//! | `SetUp` | it was set up | a restart, told once: `Starting` | is sent |
//! | `Silent` | it was set up, but no longer answers | the same | sets it up first |
//! | `Off` | it has announced that it switches off, and the restart was told | the rest of that restart, however late: `Starting` | sets it up first |
//! | `Starting` | it has started | another restart | sets it up first |
//!
//! The announcement leads from `SetUp`, `Silent` and `Starting` to `Off`, and is told as a restart, being the first
//! half of one. A set-up leads to `SetUp` from any state. A module that may be asleep is `SetUp`: waking it loses no
//! settings.

use modemqtt_os::Moment;

use super::Session;
use crate::call::{ClientState, Event};
use crate::error::Error;
use crate::framer::DataEcho;
use crate::job::{INTERNAL, Job, Sync, Task};

/// The host stops waiting for a module that starts this often during one set-up.
const MOST_RESTARTS: u8 = 3;

/// What is known about the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// The module was never set up.
    #[default]
    Unknown,
    /// Echo and the format of errors are as the session wants them.
    SetUp,
    /// The module was set up, but must be found again before the next call.
    Silent,
    /// The module has announced that it switches itself off.
    Off,
    /// The module has started, and has not been set up since.
    Starting,
}

/// What a line shows about the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The first line of a start.
    Start,
    /// A line in the middle of a start.
    MidStart,
    /// The announcement that it switches off.
    SwitchedOff,
}

impl Presence {
    /// The module has not answered, or must be set up anew.
    pub(super) fn lost(&mut self) {
        if *self == Self::SetUp {
            *self = Self::Silent;
        }
    }

    /// The new state after a report, and whether the report is a restart not told yet; `None` if it says nothing new.
    fn after(self, sign: Sign) -> Option<(Self, bool)> {
        Some(match (self, sign) {
            (Self::Unknown | Self::Off | Self::Starting, Sign::MidStart) => return None,
            (Self::Unknown, _) => (Self::Unknown, false),
            (Self::Off, Sign::SwitchedOff) => (Self::Off, false),
            (Self::Off, Sign::Start) => (Self::Starting, false),
            (Self::SetUp | Self::Silent | Self::Starting, Sign::SwitchedOff) => (Self::Off, true),
            (Self::SetUp | Self::Silent | Self::Starting, _) => (Self::Starting, true),
        })
    }
}

impl Session {
    /// The module has started again or switched itself off, which to the program is the first half of a restart. A
    /// set-up under way starts its search anew; any other call ends, and the next one searches for the module.
    pub(super) fn handle_restart(&mut self, sign: Sign, now: Moment) {
        let Some((presence, told)) = self.presence.after(sign) else {
            return;
        };
        let reason = if sign == Sign::SwitchedOff {
            &Error::PoweredDown
        } else {
            &Error::Restarted
        };
        let programs = |job: &Job| matches!(job.task, Task::SetUp(_)) && job.ticket != INTERNAL;
        let setting_up = match self.exchange.take_if(|exchange| programs(&exchange.job)) {
            Some(exchange) => Some(exchange.job),
            None => self
                .leaving
                .as_mut()
                .and_then(|leaving| leaving.then.take_if(|job| programs(job))),
        };
        self.forget(reason);
        self.presence = presence;
        if told {
            self.events.push_back(Event::Restarted);
        }
        let Some(mut job) = setting_up else { return };
        let Task::SetUp(sync) = &mut job.task else { return };
        // Settings made before the start are lost with it, and so are answers still to come.
        *sync = Sync {
            restarts: sync.restarts + 1,
            ..Sync::default()
        };
        if sync.restarts > MOST_RESTARTS {
            return self.end(&mut job, Err(reason.clone()));
        }
        self.plan_set_up(&mut job);
        self.step(job, now);
    }

    /// Resets sessions, settings and echo to those of a new module, for this reason.
    pub(super) fn forget(&mut self, reason: &Error) {
        // A caller whose call ends must find the current state.
        for client in self.clients.indices() {
            self.set_state(client, ClientState::Closed);
        }
        self.end_everything(reason);
        self.kept_back.clear();
        self.stop_upload();
        // It may run other firmware now, so what it was seen to print no longer counts.
        self.framer.set_data_echo(DataEcho::Unknown);
        if let Some(dialect) = self.dialect {
            self.framer.set_receive(dialect.receive);
            self.clients.restarted(dialect);
        }
        self.presence.lost();
    }
}
