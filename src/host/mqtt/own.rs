//! What one call knows of itself beyond its steps: what it takes from their answers, when it goes on without one that was
//! refused, and what its caller is told. The file of the call says it; what that leaves out is as here.
//!
//! What holds for every call of an operation, whether or not one is under way, is in its [`super::rules::Rules`]. Among that is what
//! the loss of a connection means to it. A call without a result URC has nothing to lose: its final result code ends it.

use std::collections::VecDeque;
use std::fmt;

use modemqtt_at::codes::OpenResult;
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, SettingKey};

use super::clients::{Client, Clients};
use crate::call::Reply;
use crate::error::Error;
use crate::job::Step;

/// What a call has of its own.
pub(crate) trait Own: fmt::Debug + Send {
    /// Whether its line is the program's: it may do anything, and ask for data that were not given.
    fn is_verbatim(&self) -> bool {
        false
    }

    /// Whether the settings that it makes are those that the program wants from now on.
    fn configures(&self) -> bool {
        false
    }

    /// The server that an opening leads to.
    fn server(&self) -> Option<(&str, u16)> {
        None
    }

    /// Whether it closes behind an opening that no one waits for any longer, once that has ended.
    fn is_behind(&self) -> bool {
        false
    }

    /// Whether the server may have one of its messages half way when it ends.
    fn may_be_half_way(&self) -> bool {
        false
    }

    /// Nothing was sent to the server.
    fn was_not_sent(&mut self) {}

    /// Takes the lines that answered one of its commands. Where the command read a setting, that is the key.
    fn take(
        &mut self,
        _setting: Option<SettingKey>,
        _lines: Vec<String>,
        _dialect: &'static Dialect,
        _client: Option<&mut Client>,
    ) {
    }

    /// One of its commands was refused. Whether the call goes on with the steps that are left, to which it may add some.
    fn goes_on_without(
        &mut self,
        _step: &Step,
        _client: Option<ClientIndex>,
        _left: &mut VecDeque<Step>,
        _dialect: &'static Dialect,
    ) -> bool {
        false
    }

    /// The call has failed with that result, or with `ERROR` where there is none. What may cure it before the caller is told.
    fn cure(
        &mut self,
        _result: Option<i64>,
        _client: ClientIndex,
        _dialect: &'static Dialect,
        _clients: &mut Clients,
    ) -> Option<Cure> {
        None
    }

    /// What the caller is told of a result; `None` while other commands of the call are to follow, as they are where there are
    /// `more`.
    fn told(
        &mut self,
        _client: ClientIndex,
        _more: bool,
        result: Result<Reply, Error>,
    ) -> Option<Result<Reply, Error>> {
        Some(result)
    }

    /// What the caller is told once the last command is done, if that has no result URC.
    fn reply(&mut self) -> Reply {
        Reply::Done
    }
}

/// What is done about a failure before the call is tried once more.
pub(crate) struct Cure {
    /// What has made it fail.
    pub(crate) reason: OpenResult,
    /// The second and last try.
    pub(crate) steps: VecDeque<Step>,
}

/// A call that has nothing of its own.
#[derive(Debug)]
pub(super) struct Nothing;

impl Own for Nothing {}
