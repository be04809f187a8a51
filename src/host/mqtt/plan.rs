//! From a call to the commands that carry it out, each checked against its row before a byte is sent.

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_at::dialect::{self, Dialect, Row, Wait};
use modemqtt_at::general::MAXIMUM_RESPONSE_TIME;
use modemqtt_at::{ClientIndex, Command, Form, MessageId, Operation, Qos, SettingKey};

use super::clients::Clients;
use super::close::Behind;
use super::own::{Nothing, Own};
use super::publish::Outgoing;
use super::rules::rules;
use super::settings::Settings;
use super::verbatim::verbatim;
use crate::call::{Call, Value};
use crate::error::Error;
use crate::job::{Goal, OutcomeKey, Step, Sync, Task};
use crate::names::{called, models};
use crate::writer::{self, Argument};

pub(super) type Steps = VecDeque<Step>;

/// The task and steps of a call, with the message id that it has or takes. An id that it takes is given back if the
/// call cannot be carried out.
pub(crate) fn plan(
    call: Call,
    dialect: &'static Dialect,
    clients: &mut Clients,
    id: Option<MessageId>,
) -> Result<(Task, Steps), Error> {
    let planner = Planner { dialect };
    match call {
        Call::SetUp | Call::SetUpAnew => Ok((Task::SetUp(Sync::default()), Steps::new())),
        Call::Command { line, data } => verbatim(&line, data, dialect, clients),
        Call::Configure { client, options } => {
            writer::client(dialect, client)?;
            let kept = clients.kept.clone();
            let Some(state) = clients.get(client) else {
                return Err(Error::Closed);
            };
            planner.configure(client, &options, state.settings, &kept)
        }
        Call::Configuration { client } => planner.configuration(client),
        Call::Open { client, host, port } => {
            writer::client(dialect, client)?;
            let renewed = clients.context_to_renew(client);
            let Some(state) = clients.get(client) else {
                return Err(Error::Closed);
            };
            planner.open(client, host, port, state.wanted, renewed)
        }
        Call::Operate {
            operation,
            client,
            values,
        } => {
            let plan = |message_id| {
                let key = OutcomeKey {
                    operation,
                    client,
                    message_id,
                };
                planner.operation(key, Nothing, &values)
            };
            if operation.has_message_id() {
                with_id(clients, client, dialect, id, |id| plan(Some(id)))
            } else {
                plan(None)
            }
        }
        Call::CloseBehind { client } => {
            let key = OutcomeKey {
                operation: Operation::Close,
                client,
                message_id: None,
            };
            planner.operation(key, Behind, &[])
        }
        Call::Subscribe { client, topics } => with_id(clients, client, dialect, id, |id| {
            planner.subscribe(client, id, &topics)
        }),
        Call::Unsubscribe { client, topics } => with_id(clients, client, dialect, id, |id| {
            planner.unsubscribe(client, id, &topics)
        }),
        Call::Publish {
            client,
            topic,
            payload,
            qos,
            retain,
            form,
        } => {
            writer::client(dialect, client)?;
            let hex = clients.get(client).is_some_and(|client| client.settings.send.is_hex());
            let message = Outgoing {
                client,
                topic,
                payload,
                qos,
                retain,
                form,
                hex,
            };
            match qos {
                Qos::AtMostOnce => planner.publish(MessageId(0), message),
                _ => with_id(clients, client, dialect, id, |id| planner.publish(id, message)),
            }
        }
    }
}

/// The step that asks for the state of a command for all clients; `None` if the dialect has none.
pub(crate) fn question(dialect: &'static Dialect, command: Command) -> Option<Step> {
    let row = dialect.row(command, Form::Read)?;
    Planner { dialect }.step(row, &[], Goal::Lines).ok()
}

/// The step that fetches one message from the module's buffer; `None` if the dialect has none.
pub(crate) fn drain(dialect: &'static Dialect, client: ClientIndex, slot: u8) -> Option<Step> {
    let row = dialect.row(Command::Receive, Form::Set)?;
    let arguments = [index_of(client), Argument::Number(slot.into())];
    Planner { dialect }.step(row, &arguments, Goal::Lines).ok()
}

fn with_id(
    clients: &mut Clients,
    client: ClientIndex,
    dialect: &Dialect,
    id: Option<MessageId>,
    plan: impl FnOnce(MessageId) -> Result<(Task, Steps), Error>,
) -> Result<(Task, Steps), Error> {
    writer::client(dialect, client)?;
    let Some(state) = clients.get(client) else {
        return Err(Error::Closed);
    };
    if let Some(id) = id {
        return plan(id);
    }
    let Some(id) = state.take_id() else {
        return Err(Error::Usage(format!(
            "all 65,535 message ids of client {client} are in use"
        )));
    };
    plan(id).inspect_err(|_| state.release_id(id))
}

pub(super) struct Planner {
    pub(super) dialect: &'static Dialect,
}

impl Planner {
    /// An operation that takes one command: its values after the client index, in the order of the row.
    fn operation(
        &self,
        key: OutcomeKey,
        own: impl Own + 'static,
        values: &[Option<Value>],
    ) -> Result<(Task, Steps), Error> {
        rules(key.operation).check(values)?;
        let row = self.action(key.operation.command())?;
        let mut arguments = Vec::new();
        if key.operation.has_client() {
            writer::client(self.dialect, key.client)?;
            arguments.push(index_of(key.client));
        }
        arguments.extend(key.message_id.map(|id| Argument::Number(id.0.into())));
        let given = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for value in &values[..given] {
            let Some(value) = value else {
                let name = |position| called(row, position).0;
                return Err(Error::Usage(format!(
                    "{} needs {} as well, which comes before it",
                    name(arguments.len() + 1),
                    name(arguments.len())
                )));
            };
            arguments.push(value.argument());
        }
        if !row.arity.allows(arguments.len()) && row.parameter(arguments.len()).is_some() {
            let (missing, _) = called(row, arguments.len());
            let models = models(self.dialect);
            return Err(Error::Usage(match given {
                0 => format!("{missing} must be given ({models})"),
                _ => format!(
                    "{} needs {missing} as well ({models})",
                    called(row, arguments.len() - 1).0
                ),
            }));
        }
        let step = self.step(row, &arguments, outcome(row, key.client, key.message_id))?;
        Ok((Task::of(key, own), [step].into()))
    }

    /// The row of a command that acts; otherwise an error that names the dialects with that command.
    fn action(&self, command: Command) -> Result<&'static Row, Error> {
        self.dialect.row(command, Form::Set).ok_or_else(|| {
            let have = dialects(|dialect| dialect.row(command, Form::Set).is_some());
            Error::Usage(format!(
                "{} has no {command}; dialects that have it: {have}",
                self.dialect.name
            ))
        })
    }

    pub(super) fn act(
        &self,
        command: Command,
        client: ClientIndex,
        id: Option<MessageId>,
        arguments: &[Argument<'_>],
    ) -> Result<Step, Error> {
        writer::client(self.dialect, client)?;
        let row = self.action(command)?;
        self.step(row, arguments, outcome(row, client, id))
    }

    pub(super) fn set(&self, key: SettingKey, client: ClientIndex, values: &[Argument<'_>]) -> Result<Step, Error> {
        let row = self.row(key)?;
        let arguments: Vec<_> = [index_of(client)].into_iter().chain(values.iter().copied()).collect();
        writer::client(self.dialect, client)?;
        self.step(row, &arguments, Goal::Final)
    }

    pub(super) fn read(&self, row: &'static Row, client: ClientIndex) -> Result<Step, Error> {
        writer::client(self.dialect, client)?;
        let goal = row.setting.map_or(Goal::Lines, Goal::Values);
        self.step(row, &[index_of(client)], goal)
    }

    /// The row that sets a key; otherwise an error that names the dialects with that key.
    pub(super) fn row(&self, key: SettingKey) -> Result<&'static Row, Error> {
        self.dialect.setting(key, Form::Set).ok_or_else(|| {
            let have = dialects(|dialect| dialect.setting(key, Form::Set).is_some());
            Error::Usage(format!(
                "{} has no AT+QMTCFG=\"{}\"; dialects that have it: {}",
                self.dialect.name,
                key.name(),
                have
            ))
        })
    }

    pub(super) fn step(&self, row: &'static Row, arguments: &[Argument<'_>], goal: Goal) -> Result<Step, Error> {
        Ok(Step {
            line: writer::command(self.dialect, row, arguments)?,
            other: writer::other_spelling(self.dialect, row, arguments)?,
            form: row.form,
            name: format!("+{}", row.command.name()),
            data: None,
            final_wait: match (&goal, row.wait) {
                // The final result code is the whole answer.
                (Goal::Outcome { .. }, _) | (_, Wait::Delivery) => MAXIMUM_RESPONSE_TIME,
                (_, Wait::Fixed(wait)) => wait,
            },
            goal,
            change: None,
            setting: row.setting,
        })
    }
}

/// The names of the dialects for which this holds.
pub(super) fn dialects(have: impl Fn(&Dialect) -> bool) -> String {
    let names = dialect::ALL
        .iter()
        .filter(|dialect| have(dialect))
        .map(|dialect| dialect.name);
    names.collect::<Vec<_>>().join(", ")
}

/// A command with a result URC succeeds by that.
pub(super) fn outcome(row: &Row, client: ClientIndex, message_id: Option<MessageId>) -> Goal {
    let Some(operation) = Operation::of(row.command) else {
        return Goal::Final;
    };
    Goal::Outcome {
        key: OutcomeKey {
            operation,
            client,
            message_id,
        },
        wait: row.wait,
    }
}

pub(super) fn index_of(client: ClientIndex) -> Argument<'static> {
    Argument::Number(client.0.into())
}

/// How long to wait for a result: never less than the module itself may take.
pub(crate) fn outcome_wait(wait: Wait, settings: Settings) -> Duration {
    match wait {
        Wait::Fixed(fixed) => fixed,
        Wait::Delivery => settings.delivery(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Options;

    fn call(model: &str, call: Call) -> Result<Vec<String>, Error> {
        let (dialect, _) = dialect::of_model(model).unwrap();
        let mut clients = Clients::of(dialect);
        let (_, steps) = plan(call, dialect, &mut clients, None)?;
        Ok(steps.iter().map(|step| step.line.shown.clone()).collect())
    }

    fn publish(payload: &[u8]) -> Call {
        Call::Publish {
            client: ClientIndex(0),
            topic: "bench/t".into(),
            payload: payload.to_vec(),
            qos: Qos::AtLeastOnce,
            retain: false,
            form: None,
        }
    }

    #[test]
    fn a_publish_takes_the_safest_form_of_the_dialect() {
        assert_eq!(
            call("BC660K-GL", publish(b"12\x1a4")).unwrap(),
            ["AT+QMTPUB=0,1,1,0,\"bench/t\",4"]
        );
        assert_eq!(
            call("M95", publish(b"1234")).unwrap(),
            ["AT+QMTPUB=0,1,1,0,\"bench/t\""]
        );
    }

    #[test]
    fn a_payload_that_the_form_cannot_carry_is_refused_with_the_reason() {
        let error = call("M95", publish(b"12\x1a4")).unwrap_err().to_string();
        assert!(error.contains("0x1A"), "{error}");
        let error = call("BC660K-GL", publish(&[0; 1461])).unwrap_err().to_string();
        assert!(error.contains("at most 1460"), "{error}");
    }

    #[test]
    fn an_option_that_the_dialect_lacks_names_those_that_have_it() {
        let options = Options {
            version: Some(modemqtt_at::Version::V311),
            ..Options::default()
        };
        let error = call(
            "M95",
            Call::Configure {
                client: ClientIndex(0),
                options,
            },
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("bc660k"), "{error}");
    }

    #[test]
    fn a_client_index_beyond_the_dialect_is_refused() {
        let close = |index| Call::close(ClientIndex(index));
        assert!(call("M95", close(5)).is_ok());
        let error = call("BC660K-GL", close(5)).unwrap_err().to_string();
        assert!(error.contains("0 to 4"), "{error}");
    }

    #[test]
    fn a_message_id_of_a_refused_call_is_free_again() {
        let (dialect, _) = dialect::of_model("M95").unwrap();
        let mut clients = Clients::of(dialect);
        assert!(plan(publish(b"\x1b"), dialect, &mut clients, None).is_err());
        let client = clients.get(ClientIndex(0)).unwrap();
        assert_eq!((1..=65_535u32).filter_map(|_| client.take_id()).count(), 65_535);
    }
}
