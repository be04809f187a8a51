//! The network connection, `AT+QMTOPEN`: the settings made before it, and the second attempt after a failure that can
//! be cured.

use modemqtt_at::codes::OpenResult;
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, Command, Form, Operation, SettingKey};

use super::clients::{Client, Clients, Context};
use super::configuration::value_of;
use super::own::{Cure, Own};
use super::plan::{Planner, Steps, index_of};
use super::prepare::PREPARED;
use super::rules::{Effect, Loss, Meaning, Rules, ended};
use super::settings::Wanted;
use super::verbatim::plain;
use crate::call::{ClientState, Reply};
use crate::error::Error;
use crate::job::{OutcomeKey, Step, Task};
use crate::reader::Outcome;
use crate::writer::Argument;

pub(super) struct Open;

impl Rules for Open {
    fn effect(&self) -> Effect {
        Effect::Opens
    }

    fn passing(&self) -> Option<ClientState> {
        Some(ClientState::Opening)
    }

    fn overtakes_publishes(&self) -> bool {
        false
    }

    fn begins(&self, client: &mut Client, server: Option<(&str, u16)>) {
        client.server = server.map(|(host, port)| format!("{host}:{port}"));
        client.known_end.opens();
        client.context = Context::Sound;
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        ended(outcome, Reply::Done, OpenResult(outcome.result).name())
    }

    fn state_after(&self, client: &Client, _: &Dialect, result: &Result<Reply, Error>) -> Option<ClientState> {
        Some(match result {
            Ok(_) => ClientState::Open,
            // Nothing was closed.
            Err(Error::Operation { result, .. }) if OpenResult(*result) == OpenResult::OCCUPIED => {
                client.before.clone()
            }
            Err(_) => ClientState::Closed,
        })
    }

    fn leaves_in_doubt(&self, result: i64) -> bool {
        // A connection is open there, whoever opened it.
        OpenResult(result) == OpenResult::OCCUPIED
    }

    fn contradicts(&self, state: &ClientState) -> bool {
        *state == ClientState::Closed
    }

    fn loss(&self) -> Loss {
        Loss::Nothing
    }
}

/// An opening, tried twice if the first failure can be cured.
#[derive(Debug)]
struct Opening {
    host: String,
    port: u16,
    /// Whether this is the second try.
    again: bool,
    /// The settings that the module refused.
    refused: Vec<SettingKey>,
}

impl Own for Opening {
    fn server(&self) -> Option<(&str, u16)> {
        Some((&self.host, self.port))
    }

    /// Another program may have left settings, and time limits follow the settings in force.
    fn take(
        &mut self,
        setting: Option<SettingKey>,
        lines: Vec<String>,
        dialect: &'static Dialect,
        client: Option<&mut Client>,
    ) {
        if let (Some(key), Some(line), Some(client)) = (setting, lines.first(), client) {
            client.settings.read_back(dialect, key, value_of(line, key));
        }
    }

    /// The preparations for an opening are optional: some firmware lacks the setting, and an index that cannot be
    /// closed is already closed. If the module refuses a setting, the host reads it instead, and tries again once the
    /// client is closed.
    fn goes_on_without(
        &mut self,
        step: &Step,
        client: Option<ClientIndex>,
        left: &mut Steps,
        dialect: &'static Dialect,
    ) -> bool {
        if left.is_empty() {
            return false;
        }
        if let Some(key) = step.setting
            && PREPARED.contains(&key)
            && step.form == Form::Set
            && !self.refused.contains(&key)
        {
            self.refused.push(key);
            if let Some((row, client)) = dialect.setting(key, Form::Read).zip(client)
                && let Ok(read) = (Planner { dialect }).read(row, client)
            {
                left.push_front(read);
            }
        }
        true
    }

    /// Closes an occupied index, or gives up a PDP context that the network took away; once.
    fn cure(
        &mut self,
        result: Option<i64>,
        client: ClientIndex,
        dialect: &'static Dialect,
        clients: &mut Clients,
    ) -> Option<Cure> {
        // Some firmware answers `ERROR` where the notes give `+QMTOPEN: <client>,2`.
        let reason = result.map_or(OpenResult::OCCUPIED, OpenResult);
        let known = clients.get(client).filter(|_| !self.again)?;
        let (context, wanted) = (known.settings.pdp_context, known.wanted);
        // A context that carries another client's connection is not at fault, and giving it up would end that
        // connection.
        if reason == OpenResult::PDP_FAILED && clients.others_use(client, context) {
            return None;
        }
        let steps = Planner { dialect }
            .open_again(client, self, reason, context, wanted)?
            .ok()?;
        self.again = true;
        Some(Cure { reason, steps })
    }
}

impl Planner {
    /// Opens. A PDP context that must be renewed is given up first: the opening brings it up again.
    pub(super) fn open(
        &self,
        client: ClientIndex,
        host: String,
        port: u16,
        wanted: Wanted,
        renewed: Option<u8>,
    ) -> Result<(Task, Steps), Error> {
        without_a_port(&host)?;
        let open = self.open_step(client, &host, port)?;
        let deactivate = renewed.and_then(|context| self.deactivate(context)).transpose()?;
        let mut steps: Steps = deactivate.into_iter().collect();
        steps.extend(self.prepare(client, wanted, &PREPARED)?);
        // Another program may have left settings, and time limits follow the settings in force.
        if let Some(row) = self.dialect.setting(SettingKey::TIMEOUT, Form::Read) {
            steps.push_back(self.read(row, client)?);
        }
        steps.push_back(open);
        let opening = Opening {
            host,
            port,
            again: false,
            refused: Vec::new(),
        };
        let key = OutcomeKey {
            operation: Operation::Open,
            client,
            message_id: None,
        };
        Ok((Task::of(key, opening), steps))
    }

    /// The steps that cure the failure of an opening and open again; `None` if there is no cure.
    fn open_again(
        &self,
        client: ClientIndex,
        opening: &Opening,
        reason: OpenResult,
        pdp_context: u8,
        wanted: Wanted,
    ) -> Option<Result<Steps, Error>> {
        let cure = match reason {
            OpenResult::OCCUPIED => self.act(Command::Close, client, None, &[index_of(client)]),
            OpenResult::PDP_FAILED => self.deactivate(pdp_context)?,
            _ => return None,
        };
        let steps = || {
            let mut steps = Steps::from([cure?]);
            steps.extend(self.prepare(client, wanted, &opening.refused)?);
            steps.push_back(self.open_step(client, &opening.host, opening.port)?);
            Ok(steps)
        };
        Some(steps())
    }

    /// The step that gives up a PDP context; `None` if the dialect has no command for it.
    fn deactivate(&self, pdp_context: u8) -> Option<Result<Step, Error>> {
        let command = self.dialect.deactivate?;
        Some(plain(&match command.values {
            [] => command.line(),
            _ => format!("AT+{}={pdp_context}", command.name),
        }))
    }

    fn open_step(&self, client: ClientIndex, host: &str, port: u16) -> Result<Step, Error> {
        let arguments = [
            index_of(client),
            Argument::Text(host.as_bytes()),
            Argument::Number(port.into()),
        ];
        self.act(Command::Open, client, None, &arguments)
    }
}

/// Refuses a URL, and a name with a port behind it; an IPv6 address has more than one colon.
fn without_a_port(host: &str) -> Result<(), Error> {
    let with_port = host
        .split_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    if host.contains("://") || with_port {
        return Err(Error::Usage(format!(
            "host must be a name or an address such as \"broker.lab\", without scheme or port, not {host:?}; the port is an \
             argument of its own"
        )));
    }
    Ok(())
}
