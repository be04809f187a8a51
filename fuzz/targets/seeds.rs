//! Writes the first inputs for both targets, one a transcript: what the module prints for the one, what the host writes for
//! the other.

mod input;
#[path = "../../tests/support/transcript.rs"]
mod transcript;

use std::path::Path;
use std::{env, fs, io};

use modemqtt_at::dialect::{self, Dialect};
use modemqtt_host::call::Call;
use transcript::{Action, Transcript, World};

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other("the folder for the inputs is missing"));
    };
    let folder = Path::new(&folder);
    for target in ["host", "virtual_module"] {
        fs::create_dir_all(folder.join(target))?;
    }
    for dialect in dialect::ALL {
        for transcript in transcript::load_all(dialect.name) {
            let name = transcript.name.replace('/', "-");
            // The steps of the connection before it are those of every other as well.
            let connected = transcript
                .steps
                .iter()
                .any(|step| matches!(&step.action, Action::Host(line) if line.starts_with(b"AT+QMTCONN=")));
            let start = input::Start::byte(dialect, connected);
            fs::write(folder.join("host").join(&name), printed(start, &transcript))?;
            fs::write(folder.join("virtual_module").join(&name), written(start, &transcript))?;
        }
        fs::write(
            folder.join("host").join(format!("{}-broken-echo", dialect.name)),
            broken_echo(dialect),
        )?;
        for target in ["host", "virtual_module"] {
            fs::write(
                folder.join(target).join(format!("{}-without-end", dialect.name)),
                endless(dialect),
            )?;
        }
    }
    Ok(())
}

/// A command whose answer has no end.
fn endless(dialect: &Dialect) -> Vec<u8> {
    let command = call(&["command".to_owned(), "AT+CSQ".to_owned()]).unwrap_or_default();
    let mut bytes = vec![input::Start::byte(dialect, true)];
    bytes.extend([input::ESCAPE, input::CALL + command, input::ESCAPE, input::FLOOD]);
    elapse(&mut bytes, input::TIMES[4]);
    bytes
}

/// A login whose echo a line of the module's breaks.
fn broken_echo(dialect: &Dialect) -> Vec<u8> {
    let open = call(&["open".to_owned()]).unwrap_or_default();
    let login = u8::try_from(input::calls("").len() - 1).unwrap_or_default();
    let mut bytes = vec![input::Start::byte(dialect, false)];
    bytes.extend([input::ESCAPE, input::ANSWER, input::ESCAPE, input::CALL + open]);
    bytes.extend([input::ESCAPE, input::ANSWER, input::ESCAPE, input::CALL + login]);
    bytes.extend([input::ESCAPE, input::HALF_ECHO]);
    bytes.extend(b"\r\n+CREG: 1\r\n");
    bytes.extend([input::ESCAPE, input::ECHO, input::ESCAPE, input::ANSWER]);
    bytes
}

fn printed(start: u8, transcript: &Transcript) -> Vec<u8> {
    let mut bytes = vec![start];
    for step in &transcript.steps {
        match &step.action {
            Action::Module(text) => literally(&mut bytes, text),
            Action::Call(words) => {
                if let Some(at) = call(&words.texts()) {
                    bytes.extend([input::ESCAPE, input::CALL + at]);
                }
            }
            Action::World(World::Elapse(time)) => elapse(&mut bytes, *time),
            _ => {}
        }
    }
    bytes
}

fn written(start: u8, transcript: &Transcript) -> Vec<u8> {
    let mut bytes = vec![start];
    for step in &transcript.steps {
        match &step.action {
            Action::Host(text) => literally(&mut bytes, text),
            Action::World(world) => match world {
                World::Elapse(time) => elapse(&mut bytes, *time),
                World::BrokerPublish { qos, .. } => bytes.extend([input::ESCAPE, input::CALL + qos % 3]),
                World::BrokerDrop => bytes.extend([input::ESCAPE, input::CALL + 3]),
                World::Restart => bytes.extend([input::ESCAPE, input::CALL + 4]),
                _ => {}
            },
            _ => {}
        }
    }
    bytes
}

fn literally(bytes: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        bytes.push(byte);
        if byte == input::ESCAPE {
            bytes.push(byte);
        }
    }
}

fn elapse(bytes: &mut Vec<u8>, time: std::time::Duration) {
    let at = input::TIMES
        .iter()
        .position(|known| *known >= time)
        .unwrap_or(input::TIMES.len() - 1);
    bytes.extend([input::ESCAPE, input::ELAPSE + u8::try_from(at).unwrap_or(0)]);
}

/// The number of the call that is most like the transcript's.
fn call(words: &[String]) -> Option<u8> {
    let like = |call: &Call| match (call, words[0].as_str()) {
        (Call::Publish { qos, .. }, "publish") => words.get(2).is_some_and(|word| *word == qos.number().to_string()),
        (Call::Command { line, .. }, "command") => words.get(1).is_some_and(|word| line.starts_with(word.as_str())),
        (Call::Operate { operation, .. }, word) => operation.word() == word,
        (Call::Open { .. }, "open")
        | (Call::Subscribe { .. }, "subscribe")
        | (Call::Unsubscribe { .. }, "unsubscribe")
        | (Call::Configuration { .. }, "configuration")
        | (Call::Configure { .. }, "configure") => true,
        _ => false,
    };
    input::calls("")
        .iter()
        .position(like)
        .and_then(|at| u8::try_from(at).ok())
}
