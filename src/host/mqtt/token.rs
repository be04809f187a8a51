//! A token of Tencent Cloud, `AT+QMTENAUTH`.

use modemqtt_at::codes::TokenResult;

use super::rules::{Loss, Meaning, Rules, ended};
use crate::call::{Reply, Secret};
use crate::reader::Outcome;

pub(super) struct Token;

impl Rules for Token {
    fn meaning(&self, outcome: &Outcome) -> Meaning {
        let token = outcome.token.clone().unwrap_or(Secret(String::new()));
        ended(outcome, Reply::Token(token), TokenResult(outcome.result).name())
    }

    /// A token belongs to no client.
    fn loss(&self) -> Loss {
        Loss::Nothing
    }
}
