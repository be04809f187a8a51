//! The token of Tencent Cloud (BC35-G&BC28 note 3.2.2). A stand-in: our cloud needs no name server and signs nothing.

use modemqtt_at::codes::TokenResult;
use modemqtt_at::{ClientIndex, Command, Operation};

use super::Module;
use crate::command_line::Checked;
use crate::fault::Fault;

/// The token of the last successful `AT+QMTENAUTH`. A CONNECT without user name and password uses it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) client_id: String,
    pub(super) password: String,
}

/// The note has the second spelling in every answer.
fn name() -> &'static str {
    Command::Token.other_name().unwrap_or(Command::Token.name())
}

impl Module {
    pub(super) fn request_token(&mut self, checked: &Checked) {
        let name = name();
        let result = if self.has_network() {
            self.faults.code(Fault::TokenResult).unwrap_or_default()
        } else {
            TokenResult::NAME_NOT_RESOLVED.0
        };
        if result != TokenResult::OK.0 {
            return self.token_result(&format!("+{name}: {result}"));
        }
        let password = derive(checked);
        self.token_result(&format!("+{name}: {},\"{password}\"", TokenResult::OK.0));
        self.token = Some(Token {
            client_id: checked.text(2).to_string(),
            password,
        });
    }

    fn token_result(&mut self, text: &str) {
        // It belongs to no client; its `OK` waits under the first.
        self.result(Operation::Token, ClientIndex(0), 0, true, text);
    }

    /// The answer to `AT+QMTENAUTH?`.
    pub(super) fn token_line(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(format!("+{}: \"{}\"", name(), token.password))
    }
}

/// The same parameters always give the same password: 64 bits of FNV-1a over them, each preceded by a comma.
fn derive(checked: &Checked) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let texts = (0..4).flat_map(|position| [",", checked.text(position)]);
    let hash = texts
        .flat_map(str::bytes)
        .fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}
