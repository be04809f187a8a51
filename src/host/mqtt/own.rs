//! The data particular to one call, beyond its steps: what it takes from the answers, when it goes on after a refusal,
//! and what its caller is told. Each call's file implements this; the defaults are here.
//!
//! What holds for every call of an operation, whether or not one is under way, is in its [`super::rules::Rules`],
//! including what the loss of a connection means to it. A call without a result URC has nothing to lose: its final
//! result code ends it.

use std::collections::VecDeque;
use std::fmt;

use modemqtt_at::codes::OpenResult;
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, SettingKey};

use super::clients::{Client, Clients};
use crate::call::Reply;
use crate::error::Error;
use crate::job::Step;

/// The data particular to a call.
pub(crate) trait Own: fmt::Debug + Send {
    /// Whether the program wrote the line: it may do anything, and ask for data that were not given.
    fn is_verbatim(&self) -> bool {
        false
    }

    /// Whether its settings are what the program wants from now on.
    fn configures(&self) -> bool {
        false
    }

    /// The server that an opening leads to.
    fn server(&self) -> Option<(&str, u16)> {
        None
    }

    /// Whether it closes after an opening that nobody waits for any more, once that has ended.
    fn is_behind(&self) -> bool {
        false
    }

    /// Whether the server may have one of its messages half way when it ends.
    fn may_be_half_way(&self) -> bool {
        false
    }

    /// Called if nothing was sent to the server.
    fn was_not_sent(&mut self) {}

    /// Takes the lines that answered one of its commands. The key is given if the command read a setting.
    fn take(
        &mut self,
        _setting: Option<SettingKey>,
        _lines: Vec<String>,
        _dialect: &'static Dialect,
        _client: Option<&mut Client>,
    ) {
    }

    /// One of its commands was refused. Returns whether the call goes on with the remaining steps, to which it may add
    /// some.
    fn goes_on_without(
        &mut self,
        _step: &Step,
        _client: Option<ClientIndex>,
        _left: &mut VecDeque<Step>,
        _dialect: &'static Dialect,
    ) -> bool {
        false
    }

    /// The call has failed with this result, or with `ERROR` if `None`. Returns what may cure it before the caller is
    /// told.
    fn cure(
        &mut self,
        _result: Option<i64>,
        _client: ClientIndex,
        _dialect: &'static Dialect,
        _clients: &mut Clients,
    ) -> Option<Cure> {
        None
    }

    /// What the caller is told of a result; `None` if further commands of the call follow, as they do when there are
    /// `more`.
    fn told(
        &mut self,
        _client: ClientIndex,
        _more: bool,
        result: Result<Reply, Error>,
    ) -> Option<Result<Reply, Error>> {
        Some(result)
    }

    /// What the caller is told after the last command, if that has no result URC.
    fn reply(&mut self) -> Reply {
        Reply::Done
    }
}

/// What is done about a failure before the call is tried again.
pub(crate) struct Cure {
    /// Why it failed.
    pub(crate) reason: OpenResult,
    /// The second and last try.
    pub(crate) steps: VecDeque<Step>,
}

/// A call with no data of its own.
#[derive(Debug)]
pub(super) struct Nothing;

impl Own for Nothing {}
