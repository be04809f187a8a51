//! The state of a client, asked of the module: after it has refused a command that needs a connection, would not close
//! one, or did not report the outcome of an operation. A state changes only by what the module says about that client,
//! or by what it says about others while leaving that client out.

use modemqtt_at::codes::StatCode;
use modemqtt_at::dialect;
use modemqtt_at::{ClientIndex, Command};
use modemqtt_os::Moment;

use super::question::probe_step;
use super::{Exchange, Session};
use crate::call::{ClientState, Event, Reply};
use crate::error::{Error, Refusal};
use crate::job::{Doubt, Job, OutcomeKey, Step, Task};
use crate::mqtt::{Effect, question, rules};
use crate::reader::Outcome;

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Answered,
    Refused,
}

/// What the module has said about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing, and nothing about any other client.
    Untold,
    /// It has refused every question.
    Refused,
    /// Nothing, but it has named others.
    Closed,
    /// The network connection is open.
    Open,
    /// It is connected to the server.
    Connected,
}

impl Session {
    /// Whether a refusal says that the client has no connection.
    fn says_no_connection(&self, refusal: &Refusal) -> bool {
        let state = self.dialect.map(|dialect| dialect.refusals.state);
        matches!(refusal, Refusal::Cme(code) if state == Some(dialect::Refusal::Cme(*code)))
    }

    /// Whether a refusal may mean that. Some families use one code for anything not allowed, and all have `ERROR`.
    pub(super) fn may_mean_no_connection(&self, refusal: &Refusal) -> bool {
        *refusal == Refusal::Error || self.says_no_connection(refusal)
    }

    /// A command that needs a connection was refused. If there is no connection, the report of its loss was lost, or
    /// the module has restarted without reporting it. After a restart it echoes again.
    pub(super) fn doubt_connection(&mut self, key: OutcomeKey, refusal: &Refusal, echoed: bool, now: Moment) {
        let needs_connection = rules(key.operation).needs_connection();
        let connected = self
            .clients
            .get(key.client)
            .is_some_and(|known| known.state == ClientState::Connected);
        if needs_connection && connected && self.may_mean_no_connection(refusal) {
            let restarted = echoed && self.dialect.is_none_or(|dialect| dialect.echo);
            let denied = restarted || self.says_no_connection(refusal);
            self.ask(key.client, Doubt::Connection { denied }, now);
        }
    }

    /// Whether the refusal may mean that a client not known to be connected has no connection. Another program may have
    /// connected it.
    pub(super) fn may_lack_connection(&mut self, key: OutcomeKey, refusal: &Refusal) -> bool {
        let rules = rules(key.operation);
        let needs_connection = rules.needs_connection() || rules.effect() == Effect::Ends;
        let known = self.clients.get(key.client);
        needs_connection
            && known.is_some_and(|known| known.state != ClientState::Connected)
            && self.may_mean_no_connection(refusal)
    }

    /// A command that needs a connection was refused: ask the module whether the client has one before telling the
    /// caller.
    pub(super) fn ask_why_refused(&mut self, mut job: Job, client: ClientIndex, error: Error, now: Moment) {
        self.release(&job, true);
        let doubt = Doubt::Refused { error };
        if !self.turn_into_question(&mut job, client, doubt.clone()) {
            let result = self.settle(client, Standing::Untold, doubt, now);
            return self.end(&mut job, result);
        }
        self.queue.push_front(job);
    }

    /// Asks for the state of a client as soon as the line is free.
    pub(super) fn ask(&mut self, client: ClientIndex, doubt: Doubt, now: Moment) {
        let asked = |job: &Job| matches!(job.task, Task::Ask { client: asked, .. } if asked == client);
        let (task, steps) = self.question(client, doubt);
        if !steps.is_empty() && !self.queue.iter().any(asked) {
            self.queue.push_front(Job::internal(task, steps, now));
        }
    }

    /// Makes a job ask for the state of a client while its caller waits; returns whether there is anything to ask.
    fn turn_into_question(&self, job: &mut Job, client: ClientIndex, doubt: Doubt) -> bool {
        let (task, steps) = self.question(client, doubt);
        job.task = task;
        job.steps = steps.into();
        !job.steps.is_empty()
    }

    fn question(&self, client: ClientIndex, doubt: Doubt) -> (Task, Vec<Step>) {
        let about = |command| self.dialect.and_then(|dialect| question(dialect, command));
        let connections = about(Command::Connect);
        let openings = match doubt {
            Doubt::Connection { .. } | Doubt::Refused { .. } | Doubt::Ping => None,
            Doubt::Outcome { .. } | Doubt::Close { .. } => about(Command::Open),
        };
        let task = Task::Ask {
            client,
            doubt,
            told: None,
        };
        (task, connections.into_iter().chain(openings).collect())
    }

    /// Nothing was left to close, so the call has succeeded.
    pub(super) fn nothing_to_close(&mut self, mut job: Job, client: ClientIndex, now: Moment) {
        self.closed(client);
        self.end(&mut job, Ok(Reply::Done));
        self.release(&job, true);
        self.start_next(now);
    }

    /// A client could not be closed: ask the module, and tell the caller what it says.
    pub(super) fn ask_whether_closed(
        &mut self,
        mut job: Job,
        client: ClientIndex,
        error: Error,
        vague: bool,
        now: Moment,
    ) {
        self.as_before(client);
        let doubt = Doubt::Close {
            error,
            nothing_left: vague,
        };
        self.turn_into_question(&mut job, client, doubt);
        self.step(job, now);
    }

    /// A client's network connection is closed, as the program or the module wanted.
    fn closed(&mut self, client: ClientIndex) {
        self.set_state(client, ClientState::Closed);
        self.connection_over(client);
    }

    /// An operation that was to change a client's state did not.
    pub(super) fn as_before(&mut self, client: ClientIndex) {
        if let Some(known) = self.clients.get(client).filter(|known| known.state.is_passing()) {
            let before = known.before.clone();
            self.set_state(client, before);
        }
    }

    /// An operation has ended without reporting its outcome: the state stays as it was until the module tells.
    pub(super) fn doubt_outcome(&mut self, task: &Task, now: Moment) {
        let Some(OutcomeKey { operation, client, .. }) = task.key() else {
            return;
        };
        if rules(operation).effect() == Effect::None {
            return;
        }
        let Some(known) = self.clients.get(client).filter(|known| known.state.is_passing()) else {
            return;
        };
        let ending = matches!(known.state, ClientState::Disconnecting | ClientState::Closing);
        let ending = ending || known.before == ClientState::Closed;
        self.as_before(client);
        self.ask(client, Doubt::Outcome { ending }, now);
    }

    /// A result that nobody waits for contradicts the known state: ask the module.
    pub(super) fn doubt_late_result(&mut self, outcome: &Outcome, now: Moment) {
        let Some(known) = self.clients.get(outcome.client) else {
            return;
        };
        let state = if known.state.is_passing() {
            &known.before
        } else {
            &known.state
        };
        let rules = rules(outcome.operation);
        if outcome.result == 0 && rules.contradicts(state) {
            if known.state.is_passing() {
                rules.came_late(known);
            }
            self.ask(outcome.client, Doubt::Outcome { ending: true }, now);
            self.start_next(now);
        }
    }

    /// A final result code for one of the questions.
    pub(super) fn standing_told(&mut self, exchange: Exchange, question: Question, now: Moment) {
        let mut job = exchange.job;
        let Task::Ask { client, doubt, told } = &mut job.task else {
            return self.continue_or_release(job, now);
        };
        if question == Question::Answered {
            told.get_or_insert_default().extend(exchange.lines);
        }
        let lines = told.as_deref().unwrap_or_default();
        let echoes = self.dialect.is_none_or(|dialect| dialect.echo);
        if job.steps.is_empty() && !exchange.step.is_probe() {
            // The format of errors reveals a start where the echo does not.
            let vague = matches!(doubt, Doubt::Connection { denied: false });
            let more = vague && !echoes && standing(lines, *client) == Standing::Untold;
            job.steps.extend(more.then(probe_step));
        }
        if !job.steps.is_empty() {
            return self.continue_or_release(job, now);
        }
        if let Doubt::Connection { denied } = doubt {
            let is_default = |line: &String| line.strip_prefix("+CMEE:").is_some_and(|level| level.trim() == "0");
            *denied |= lines.iter().any(is_default);
        }
        if let Some((host, port)) = server(lines, *client) {
            let client = *client;
            self.events.push_back(Event::Opened { client, host, port });
        }
        let standing = match told {
            Some(lines) => standing(lines, *client),
            None => Standing::Refused,
        };
        let (client, doubt) = (*client, doubt.clone());
        let result = self.settle(client, standing, doubt, now);
        self.end(&mut job, result);
        self.continue_or_release(job, now);
    }

    fn settle(&mut self, client: ClientIndex, standing: Standing, doubt: Doubt, now: Moment) -> Result<Reply, Error> {
        match doubt {
            Doubt::Connection { denied } => {
                let gone = match standing {
                    Standing::Connected => false,
                    Standing::Untold | Standing::Refused => denied,
                    Standing::Closed | Standing::Open => true,
                };
                if gone {
                    self.handle_stat(client, StatCode::LINK_DOWN, now);
                }
                if standing == Standing::Open {
                    self.set_state(client, ClientState::Open);
                }
                Ok(Reply::Done)
            }
            Doubt::Refused { error } => {
                let lost = self.clients.get(client).and_then(|known| known.lost);
                self.follow(client, standing);
                match error {
                    Error::Command {
                        command, refusal, name, ..
                    } if standing != Standing::Connected => Err(Error::NotConnected {
                        client,
                        command,
                        refusal,
                        name,
                        lost: lost.map(|(code, at)| (code, now.since(at))),
                    }),
                    error => Err(error),
                }
            }
            Doubt::Ping => {
                if standing != Standing::Connected {
                    self.handle_stat(client, StatCode::PING_FAILED, now);
                }
                Ok(Reply::Done)
            }
            Doubt::Outcome { ending } => {
                let ended = ending && standing == Standing::Untold;
                let standing = if ended { Standing::Closed } else { standing };
                self.follow(client, standing);
                Ok(Reply::Done)
            }
            Doubt::Close { nothing_left: true, .. } if standing == Standing::Untold => {
                self.closed(client);
                Ok(Reply::Done)
            }
            Doubt::Close { .. } if standing == Standing::Closed => {
                self.closed(client);
                Ok(Reply::Done)
            }
            Doubt::Close { error, .. } => {
                self.follow(client, standing);
                Err(error)
            }
        }
    }

    /// Takes over what the module said, unless an operation that changes it has begun meanwhile.
    fn follow(&mut self, client: ClientIndex, standing: Standing) {
        let passing = self.clients.get(client).is_none_or(|known| known.state.is_passing());
        match standing {
            Standing::Closed if !passing => self.closed(client),
            Standing::Open if !passing => self.set_state(client, ClientState::Open),
            Standing::Connected if !passing => self.set_state(client, ClientState::Connected),
            _ => {}
        }
    }
}

/// What the answers to `AT+QMTCONN?` and `AT+QMTOPEN?` say about a client: `+QMTCONN: <client>,<state>`, where 3 means
/// connected, and `+QMTOPEN: <client>,<host>,<port>`.
fn standing(lines: &[String], client: ClientIndex) -> Standing {
    const CONNECTED: &str = "3";
    let mut standing = Standing::Untold;
    for line in lines {
        let Some((name, fields)) = line.split_once(':') else {
            continue;
        };
        let mut fields = fields.split(',').map(str::trim);
        let told = match (name.trim_end(), fields.next().map(str::parse)) {
            ("+QMTCONN", Some(Ok(index))) if ClientIndex(index) == client => {
                if fields.next() == Some(CONNECTED) {
                    Standing::Connected
                } else {
                    Standing::Open
                }
            }
            ("+QMTOPEN", Some(Ok(index))) if ClientIndex(index) == client => Standing::Open,
            ("+QMTCONN" | "+QMTOPEN", Some(Ok(_))) => Standing::Closed,
            _ => continue,
        };
        // If several lines name one client, the most advanced state counts.
        standing = match (standing, told) {
            (Standing::Connected, _) | (_, Standing::Connected) => Standing::Connected,
            (Standing::Open, _) | (_, Standing::Open) => Standing::Open,
            _ => Standing::Closed,
        };
    }
    standing
}

/// Host and port of a client's network connection, from `+QMTOPEN: <client>,<host>,<port>`.
fn server(lines: &[String], client: ClientIndex) -> Option<(String, u16)> {
    lines.iter().find_map(|line| {
        let (index, server) = line.strip_prefix("+QMTOPEN:")?.split_once(',')?;
        let (host, port) = server.rsplit_once(',')?;
        let own = index.trim().parse().map(ClientIndex) == Ok(client);
        let port = port.trim().trim_matches('"').parse().ok()?;
        own.then(|| (host.trim().trim_matches('"').to_owned(), port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_to_both_questions_tell_where_a_client_stands() {
        let told = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            standing(&lines, ClientIndex(1))
        };
        assert_eq!(told(&[]), Standing::Untold);
        assert_eq!(told(&["+QMTCONN: 0,3"]), Standing::Closed);
        assert_eq!(told(&["+QMTCONN: 1,3", "+QMTOPEN: 0,\"h\",1883"]), Standing::Connected);
        assert_eq!(told(&["+QMTCONN: 1,1", "+QMTOPEN: 1,\"h\",1883"]), Standing::Open);
        assert_eq!(told(&["+QMTOPEN: 1,\"h\",1883"]), Standing::Open);
    }

    #[test]
    fn the_answer_about_openings_tells_the_server_of_a_client() {
        let lines = ["+QMTCONN: 1,1", "+QMTOPEN: 0,\"a\",1883", "+QMTOPEN: 1,\"b.lab\",8883"].map(str::to_owned);
        assert_eq!(server(&lines, ClientIndex(1)), Some(("b.lab".to_owned(), 8883)));
        assert_eq!(server(&lines, ClientIndex(2)), None);
        assert_eq!(server(&["+QMTOPEN: 1,2".to_owned()], ClientIndex(1)), None);
    }
}
