//! The commands of the dialect's rows. Parameters have been checked against the row; here is checked what no row can say.

use std::time::Duration;

use modemqtt_at::codes::{CloseResult, OpenResult};
use modemqtt_at::dialect::{Gate, Refusal, Row, Wait};
use modemqtt_at::{ClientIndex, Command, Form, Operation, SettingKey, Version};
use modemqtt_os::Moment;

use super::client::{Leaving, Link, ServerAddress};
use super::data_phase::{End, Purpose};
use super::results::LateOk;
use super::settings;
use super::{Action, ConnectionId, Module, Next};
use crate::broker::bridge::{BridgeError, ClientSession, Credentials, Patience, SessionPhase};
use crate::broker::wire::{QoS, TopicFilter};
use crate::command_line::Checked;
use crate::fault::Fault;

/// How many SUBSCRIBE and UNSUBSCRIBE may await their acknowledgement. No note gives a figure; this one bounds memory.
const MOST_SUBSCRIPTIONS: usize = 16;

impl Module {
    pub(super) fn carry_out(&mut self, checked: &Checked, now: Moment) -> Result<Next, Refusal> {
        let row = checked.row;
        match row.form {
            Form::Test if self.faults.strikes(Fault::TestSpacing) => {
                let spaced = row.answer.iter().map(|line| line.replace(": ", ":").replace(',', ", "));
                self.inform(&spaced.collect::<Vec<_>>());
            }
            Form::Test => self.inform(row.answer),
            Form::Read => self.read(checked),
            Form::Set => return self.act(checked, now),
        }
        Ok(Next::Command)
    }

    fn act(&mut self, checked: &Checked, now: Moment) -> Result<Next, Refusal> {
        // A command whose first parameter is not a client index has no gate either.
        let index = ClientIndex(checked.number(0));
        match checked.row.command {
            Command::Publish | Command::PublishExact => return self.start_publish(checked, index, now),
            Command::Configure => return self.configure(checked, index, now),
            _ => self.pass(checked.row, index)?,
        }
        let Some(operation) = Operation::of(checked.row.command) else {
            self.read_messages(checked, index);
            return Ok(Next::Command);
        };
        let (client, id) = match operation {
            Operation::Token => (ClientIndex(0), 0),
            _ if operation.has_message_id() => (index, checked.number(1)),
            _ => (index, 0),
        };
        self.with_result(operation, client, id, |module| match operation {
            Operation::Open => module.open(checked, index, now),
            Operation::Close => {
                module.start_close(index, now);
                Ok(())
            }
            Operation::Connect => module.connect(checked, index, now),
            Operation::Disconnect => module.disconnect(index, now),
            Operation::Subscribe => module.subscribe(checked, index, now),
            Operation::Unsubscribe => module.unsubscribe(checked, index, now),
            Operation::Token => {
                module.request_token(checked);
                Ok(())
            }
            // For any other operation only the row decides.
            _ => {
                module.succeed(operation, checked.row.command, client, id);
                Ok(())
            }
        })
    }

    /// Carries out a command that has a result; a fault may hold its `OK` back until the result comes.
    pub(super) fn with_result(
        &mut self,
        operation: Operation,
        client: ClientIndex,
        id: u16,
        act: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<Next, Refusal> {
        let faults = [Fault::ResultWithOk, Fault::PublishResultBeforeOk, Fault::ResultBeforeOk];
        // Where other commands follow on its line, all share one `OK`.
        let applies = |fault: &Fault| *fault != Fault::PublishResultBeforeOk || operation == Operation::Publish;
        let before = self.faults.list();
        let mut candidates = faults.into_iter().filter(applies);
        let by = candidates.find(|fault| !self.has_more && self.faults.strikes(*fault));
        let Some(by) = by else {
            act(self)?;
            return Ok(Next::Command);
        };
        self.late_oks.push(LateOk {
            operation,
            client,
            id,
            by,
        });
        if let Err(refusal) = act(self) {
            // It was the last to be added: nothing has been reported.
            self.late_oks.pop();
            // The fault did not show, so it is not used up.
            before
                .into_iter()
                .filter(|it| it.fault() == by)
                .for_each(|it| self.faults.insert(it));
            return Err(refusal);
        }
        Ok(Next::LateOk)
    }

    /// Closes the connection, after a while if a fault says so.
    fn start_close(&mut self, index: ClientIndex, now: Moment) {
        match self.faults.duration(Fault::SlowClose) {
            Some(takes) if self.client(index).session().is_some() => {
                self.client_mut(index).leave(Leaving::Closing(now + takes));
            }
            _ => self.finish_close(index),
        }
    }

    /// Whether the client is in the state that the row asks for.
    pub(super) fn pass(&self, row: &Row, index: ClientIndex) -> Result<(), Refusal> {
        let client = self.client(index);
        let passes = match row.gate {
            Gate::Always => true,
            Gate::BeforeOpen => matches!(client.link, Link::Closed),
            Gate::NotConnected => !self.is_connected(index),
            Gate::Opened => client.session().is_some(),
            Gate::Connected => self.is_connected(index),
        };
        if passes {
            Ok(())
        } else {
            Err(self.dialect.refusals.state)
        }
    }

    pub(super) fn is_connected(&self, index: ClientIndex) -> bool {
        let session = self.client(index).session();
        session.is_some_and(|session| session.phase() == SessionPhase::Connected)
    }

    fn configure(&mut self, checked: &Checked, index: ClientIndex, now: Moment) -> Result<Next, Refusal> {
        let given = checked.arguments.len();
        let refused = checked.row.setting == Some(SettingKey::TIMEOUT)
            && given < checked.row.parameters.len()
            && self.faults.strikes(Fault::TimeoutThreeValues);
        if refused || !settings::agrees(checked) {
            return Err(self.mqtt_refusal());
        }
        self.pass(checked.row, index)?;
        // With the flag at 0 there is no message to ask for.
        if checked.row.data.is_some() && checked.integer(1) == 1 {
            self.ends_its_line()?;
            let purpose = Purpose::Will(index, checked.clone());
            return Ok(self.begin_data(purpose, End::Count(checked.number(5)), now));
        }
        self.set(checked, index, Vec::new())
    }

    /// Takes a setting. The client may have been connected during a data phase.
    pub(super) fn set(&mut self, checked: &Checked, index: ClientIndex, payload: Vec<u8>) -> Result<Next, Refusal> {
        self.pass(checked.row, index)?;
        if let Some(key) = checked.row.setting {
            self.client_mut(index).settings.set(key, checked, payload);
        }
        Ok(Next::Command)
    }

    fn open(&mut self, checked: &Checked, index: ClientIndex, now: Moment) -> Result<(), Refusal> {
        if !matches!(self.client(index).link, Link::Closed) {
            if self.faults.strikes(Fault::ReopenError) {
                return Err(Refusal::Error);
            }
            self.open_result(index, OpenResult::OCCUPIED);
            return Ok(());
        }
        if !self.has_network() {
            self.open_result(index, OpenResult::PDP_FAILED);
            return Ok(());
        }
        let mut within = match checked.row.wait {
            Wait::Fixed(within) => within,
            Wait::Delivery => Duration::ZERO,
        };
        let security = match self.client(index).settings.tls() {
            None => None,
            Some(context) => {
                let Some(security) = self.security(context) else {
                    self.open_result(index, OpenResult::FAILED);
                    return Ok(());
                };
                within = self.handshake_time(context).map_or(within, |time| within.min(time));
                Some(Box::new(security))
            }
        };
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let server = ServerAddress {
            host: checked.text(1).to_string(),
            port: checked.number(2),
        };
        self.actions.push_back(Action::Connect {
            connection,
            host: server.host.clone(),
            port: server.port,
            within,
            security,
        });
        self.client_mut(index).link = Link::Opening {
            connection,
            server,
            due: now + within,
        };
        Ok(())
    }

    fn connect(&mut self, checked: &Checked, index: ClientIndex, now: Moment) -> Result<(), Refusal> {
        let patience = self.patience(index);
        let wrong_state = self.dialect.refusals.state;
        let wrong_parameter = self.mqtt_refusal();
        let token = self.token.clone();
        let has_version = self.client(index).settings.has_version();
        let version = if !has_version && self.faults.strikes(Fault::DefaultVersion31) {
            Version::V31
        } else {
            self.client(index).settings.version()
        };
        let client = self.client_mut(index);
        // Programs send `"id","",""` for a client without credentials; a password needs a user name (MQTT 3.1.1 section 3.1.2.9).
        let [username, password] = match [2, 3].map(|position| checked.text(position).to_string()) {
            // A device that has credentials for a cloud need not give them again (BC35-G&BC28 note 3.2.1, note 3).
            [username, password] if username.is_empty() && password.is_empty() => {
                let token = token.map(|token| (token.client_id, token.password));
                client.settings.device().or(token).unwrap_or_default().into()
            }
            given => given,
        };
        let anonymous = username.is_empty() && password.is_empty();
        let credentials = Credentials {
            version,
            client_id: checked.text(1).to_string(),
            username: (!anonymous).then_some(username),
            password: (!password.is_empty()).then_some(password),
            clean_session: client.settings.clean_session(),
            keep_alive: client.settings.keep_alive(),
            ping_timeout: client.settings.ping_timeout(),
            will: client.settings.will(),
        };
        if client
            .session()
            .is_some_and(|session| session.phase() == SessionPhase::Initial)
        {
            client.recall(&credentials.client_id);
        }
        match client.session_mut() {
            Some(session) if session.phase() == SessionPhase::Initial => {
                session
                    .connect(credentials, patience, now)
                    .map_err(|_| wrong_parameter)?;
            }
            _ => return Err(wrong_state),
        }
        self.follow(index);
        Ok(())
    }

    fn disconnect(&mut self, index: ClientIndex, now: Moment) -> Result<(), Refusal> {
        if let Some(code) = self.faults.code(Fault::DisconnectResult)
            && code != CloseResult::CLOSED.0
            && self.is_connected(index)
        {
            self.result(
                Operation::Disconnect,
                index,
                0,
                true,
                &format!("+QMTDISC: {index},{code}"),
            );
            return Ok(());
        }
        self.with_session(index, |session| session.disconnect(now))?;
        let text = format!("+QMTDISC: {index},{}", CloseResult::CLOSED.0);
        self.result(Operation::Disconnect, index, 0, true, &text);
        let closes = if self.dialect.disconnect_closes {
            !self.faults.strikes(Fault::DisconnectKeepsOpen)
        } else {
            self.faults.strikes(Fault::DisconnectCloses)
        };
        if closes {
            self.close(index);
        } else {
            let patience = self.client(index).settings.patience();
            let due = now + patience.timeout;
            self.client_mut(index).leave(Leaving::Disconnected(due));
        }
        Ok(())
    }

    fn subscribe(&mut self, checked: &Checked, index: ClientIndex, now: Moment) -> Result<(), Refusal> {
        if checked.arguments.len() > 2 + 2 * 4 && self.faults.strikes(Fault::SubscribeFourTopics) {
            return Err(self.mqtt_refusal());
        }
        let topics = (2..checked.arguments.len())
            .step_by(2)
            .map(|position| Some((filter(checked.text(position))?, qos(checked, position + 1)?)))
            .collect::<Option<Vec<_>>>()
            .ok_or(self.mqtt_refusal())?;
        // Id 0 is allowed with QoS 0 alone (EG800Q&EG91xQ note 3.3.6), and in no other family.
        if checked.integer(1) == 0 && topics.iter().any(|(_, qos)| *qos != QoS::Level0) {
            return Err(self.mqtt_refusal());
        }
        self.find_room(
            index,
            &[Operation::Subscribe, Operation::Unsubscribe],
            MOST_SUBSCRIPTIONS,
        )?;
        let patience = self.patience(index);
        self.with_session(index, |session| {
            session.subscribe(checked.number(1), topics, patience, now)
        })
    }

    fn unsubscribe(&mut self, checked: &Checked, index: ClientIndex, now: Moment) -> Result<(), Refusal> {
        let topics = (2..checked.arguments.len())
            .map(|position| filter(checked.text(position)))
            .collect::<Option<Vec<_>>>()
            .ok_or(self.mqtt_refusal())?;
        self.find_room(
            index,
            &[Operation::Subscribe, Operation::Unsubscribe],
            MOST_SUBSCRIPTIONS,
        )?;
        let patience = self.patience(index);
        self.with_session(index, |session| {
            session.unsubscribe(checked.number(1), topics, patience, now)
        })
    }

    /// Has the session do something. If it cannot encode the packet, a parameter was wrong.
    pub(super) fn with_session(
        &mut self,
        index: ClientIndex,
        act: impl FnOnce(&mut ClientSession) -> Result<(), BridgeError>,
    ) -> Result<(), Refusal> {
        match self.client_mut(index).session_mut() {
            Some(session) if session.phase() == SessionPhase::Connected => {
                if act(session).is_err() {
                    return Err(self.mqtt_refusal());
                }
                self.follow(index);
                Ok(())
            }
            _ => Err(self.dialect.refusals.state),
        }
    }

    pub(super) fn find_room(&self, index: ClientIndex, operations: &[Operation], most: usize) -> Result<(), Refusal> {
        let session = self.client(index).session();
        let count = |operation: &Operation| session.map_or(0, |session| session.in_flight(*operation));
        if operations.iter().map(count).sum::<usize>() < most {
            Ok(())
        } else {
            Err(self.dialect.refusals.window)
        }
    }

    pub(super) fn patience(&mut self, index: ClientIndex) -> Patience {
        let patience = self.client(index).settings.patience();
        if self.faults.strikes(Fault::NoRetransmit) {
            return Patience { retries: 0, ..patience };
        }
        patience
    }
}

pub(super) fn qos(checked: &Checked, position: usize) -> Option<QoS> {
    QoS::from_u8(checked.number(position)).ok()
}

fn filter(text: &str) -> Option<TopicFilter> {
    TopicFilter::try_from(text).ok()
}
