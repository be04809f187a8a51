//! The files of the module, and the commands about them: `QSECWRITE` and its like for secure files, `QFUPL` and its like
//! for a file system. Which of them there are, and how much fits, the dialect says.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use modemqtt_at::ascii::is_forbidden_in_string;
use modemqtt_at::dialect::Refusal;
use modemqtt_at::tls::{Files, Storage, Upload};

use super::data_phase::{Data, End, Idle, Purpose};
use super::{Module, Next};
use crate::command_line::{Cursor, Suffix, Value};

/// The longest name, with its storage (Quectel FILE application notes of several families).
const LONGEST_NAME: usize = 80;
/// How many files there may be; no note gives a figure, memory wants one.
const MOST_FILES: usize = 64;
/// What is taken for the size of a file whose size is not given (the same notes).
const DEFAULT_SIZE: i64 = 10_240;
/// After so many bytes each the module says so, where that was asked for (the same notes).
const ACKNOWLEDGED: usize = 1024;

/// What is stored, by name.
#[derive(Default)]
pub(super) struct Vault {
    files: BTreeMap<String, File>,
}

struct File {
    bytes: Vec<u8>,
    kept: bool,
}

/// Sizes only: there are keys among them.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.files.iter().map(|(name, file)| (name, file.bytes.len())))
            .finish()
    }
}

impl Vault {
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|file| file.bytes.as_slice())
    }

    pub(super) fn insert(&mut self, name: String, bytes: Vec<u8>, kept: bool) {
        self.files.insert(name, File { bytes, kept });
    }

    /// What outlasts a restart.
    pub(super) fn after_restart(&mut self) -> Self {
        let mut files = std::mem::take(&mut self.files);
        files.retain(|_, file| file.kept);
        Self { files }
    }

    /// How many bytes a storage holds.
    fn used(&self, storage: &Storage) -> usize {
        let files = self.files.iter();
        files
            .filter(|(name, _)| name.starts_with(storage.prefix))
            .map(|(_, file)| file.bytes.len())
            .sum()
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.files.keys().filter(|name| name.starts_with(prefix));
        names.cloned().collect()
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    /// The command that has asked for it.
    command: &'static str,
    name: String,
    kept: bool,
    /// Whether the module says so after each piece.
    acknowledges: bool,
}

/// A command about files, with its parameters.
struct Given<'a> {
    suffix: Suffix,
    values: &'a [Value],
}

impl Module {
    /// A command about files; `None` where the family has none of that name.
    pub(super) fn file_command(
        &mut self,
        name: &str,
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
        now: Instant,
    ) -> Option<Result<Next, Refusal>> {
        let upload = self.dialect.tls.as_ref().map(|tls| &tls.upload)?;
        let (files, known): (&'static Files, _) = match upload {
            Upload::SecureFile(files) => (files, ["QSECWRITE", "QSECREAD", "QSECDEL"].as_slice()),
            Upload::FileSystem(files) => (files, ["QFUPL", "QFDWL", "QFDEL", "QFLST", "QFLDS"].as_slice()),
            Upload::Prompt { .. } => return None,
        };
        let name = known.iter().copied().find(|known| *known == name)?;
        let values = match suffix {
            Suffix::Set => match cursor.parameters(|_| None) {
                Ok(values) => values,
                Err(_) => return Some(Err(files.refusals.parameter)),
            },
            _ => Vec::new(),
        };
        self.look_behind(cursor);
        let given = Given {
            suffix,
            values: &values,
        };
        Some(self.about_files(name, files, &given, now))
    }

    fn about_files(
        &mut self,
        name: &'static str,
        files: &'static Files,
        given: &Given<'_>,
        now: Instant,
    ) -> Result<Next, Refusal> {
        let most = files.storages.first().map_or(0, |storage| storage.most);
        match (name, given.suffix) {
            ("QSECWRITE", Suffix::Test) => {
                self.tell_file(format_args!("+QSECWRITE: <filename>,(1-{most}),(1-65535)"));
            }
            ("QFUPL", Suffix::Test) => {
                self.tell_file(format_args!("+QFUPL: <filename>,(1-{most}),(1-65535),(0,1)"));
            }
            ("QFLST", Suffix::None) => self.list(files, "*")?,
            (_, Suffix::Test) => {}
            ("QSECWRITE", Suffix::Set) => return self.start_writing("QSECWRITE", files, given, now),
            ("QFUPL", Suffix::Set) => return self.start_writing("QFUPL", files, given, now),
            (_, Suffix::Set) => {
                let [Value::Quoted(text)] = given.values else {
                    return Err(files.refusals.parameter);
                };
                let text = std::str::from_utf8(text).map_err(|_| files.refusals.parameter)?;
                self.about_file(name, files, text)?;
            }
            _ => return Err(files.refusals.parameter),
        }
        Ok(Next::Command)
    }

    /// A command with a name, or a pattern, as its only parameter.
    fn about_file(&mut self, command: &str, files: &'static Files, text: &str) -> Result<(), Refusal> {
        let missing = files.refusals.missing;
        let full_name = |module: &Self| Ok(module.file_name(files, text).ok_or(files.refusals.parameter)?.0);
        match command {
            "QFLST" => self.list(files, text)?,
            "QFLDS" => {
                let storage = files
                    .storages
                    .iter()
                    .find(|storage| storage.prefix.trim_end_matches(':') == text);
                let storage = storage.ok_or(files.refusals.parameter)?;
                let free = storage.total.saturating_sub(self.vault.used(storage));
                self.tell_file(format_args!("+QFLDS: {free},{}", storage.total));
            }
            "QFDEL" if text == "*" => {
                for storage in files.storages {
                    for name in self.vault.names(storage.prefix) {
                        self.vault.files.remove(&name);
                    }
                }
            }
            "QFDEL" | "QSECDEL" => {
                let name = full_name(self)?;
                self.vault.files.remove(&name).ok_or(missing)?;
            }
            "QSECREAD" => {
                let name = full_name(self)?;
                let sum = checksum(self.vault.get(&name).ok_or(missing)?);
                self.tell_file(format_args!("+QSECREAD: 1,{sum:x}"));
            }
            // What is left is QFDWL.
            _ => {
                let name = full_name(self)?;
                let bytes = self.vault.get(&name).ok_or(missing)?.to_vec();
                self.terminal.information(&["CONNECT"]);
                self.terminal.verbatim(&bytes);
                self.tell_file(format_args!("+QFDWL: {},{:x}", bytes.len(), checksum(&bytes)));
            }
        }
        Ok(())
    }

    fn list(&mut self, files: &'static Files, text: &str) -> Result<(), Refusal> {
        let is_meant = |storage: &&Storage| text == "*" || text == format!("{}*", storage.prefix);
        let mut names: Vec<String> = files
            .storages
            .iter()
            .filter(is_meant)
            .flat_map(|storage| self.vault.names(storage.prefix))
            .collect();
        if !text.ends_with('*') {
            let (name, _) = self.file_name(files, text).ok_or(files.refusals.parameter)?;
            self.vault.get(&name).ok_or(files.refusals.missing)?;
            names.push(name);
        }
        let lines: Vec<_> = names
            .iter()
            .map(|name| format!("+QFLST: \"{name}\",{}", self.vault.get(name).map_or(0, <[u8]>::len)))
            .collect();
        if !lines.is_empty() {
            self.terminal.information(&lines);
        }
        Ok(())
    }

    fn start_writing(
        &mut self,
        command: &'static str,
        files: &'static Files,
        given: &Given<'_>,
        now: Instant,
    ) -> Result<Next, Refusal> {
        let refusals = files.refusals;
        let (text, rest) = match given.values {
            [Value::Quoted(text), rest @ ..] => (std::str::from_utf8(text).map_err(|_| refusals.parameter)?, rest),
            _ => return Err(refusals.parameter),
        };
        let whole = |at: usize, otherwise: i64| match rest.get(at) {
            Some(Value::Integer(number)) => Ok(*number),
            None => Ok(otherwise),
            Some(_) => Err(refusals.parameter),
        };
        let size = usize::try_from(whole(0, DEFAULT_SIZE)?).map_err(|_| refusals.parameter)?;
        let patience = u16::try_from(whole(1, files.patience.into())?).map_err(|_| refusals.parameter)?;
        let acknowledges = whole(2, 0)?;
        let (name, storage) = self.file_name(files, text).ok_or(refusals.parameter)?;
        let in_range = (1..=storage.most).contains(&size) && patience > 0 && (0..=1).contains(&acknowledges);
        if !in_range || rest.len() > if command == "QFUPL" { 3 } else { 2 } {
            return Err(refusals.parameter);
        }
        if self.vault.get(&name).is_some() {
            return Err(refusals.exists);
        }
        if self.vault.used(storage) + size > storage.total || self.vault.files.len() >= MOST_FILES {
            return Err(refusals.full);
        }
        let writing = Writing {
            command,
            name,
            kept: storage.kept,
            acknowledges: acknowledges == 1,
        };
        self.ends_its_line()?;
        self.terminal.connect();
        let idle = Idle::Keep(Duration::from_secs(patience.into()), refusals.late);
        self.data = Some(Data::raw(
            Purpose::File(writing),
            End::Count(size),
            false,
            Some(idle),
            now,
        ));
        Ok(Next::Data)
    }

    /// Says that a piece has come, where that was asked for.
    pub(super) fn acknowledge_piece(&mut self, writing: bool, count: usize) {
        if writing && count.is_multiple_of(ACKNOWLEDGED) {
            self.terminal.verbatim(b"A");
        }
    }

    /// Keeps a file, all of it or what has come in time.
    pub(super) fn store(&mut self, writing: Writing, bytes: Vec<u8>) {
        self.tell_file(format_args!(
            "+{}: {},{:x}",
            writing.command,
            bytes.len(),
            checksum(&bytes)
        ));
        self.vault.insert(writing.name, bytes, writing.kept);
    }

    /// The full name of a file and where it is. In a file system the first storage need not be named.
    fn file_name(&self, files: &'static Files, text: &str) -> Option<(String, &'static Storage)> {
        let named = files.storages.iter().find(|storage| text.starts_with(storage.prefix));
        let by_default = matches!(self.dialect.tls?.upload, Upload::FileSystem(_)) && !text.contains(':');
        let (storage, name) = match named {
            Some(storage) => (storage, text.to_owned()),
            None if by_default => {
                let storage = files.storages.first()?;
                (storage, format!("{}{text}", storage.prefix))
            }
            None => return None,
        };
        let bare = &name[storage.prefix.len()..];
        let sound = !bare.is_empty() && !bare.contains(['*', ':']) && !bare.bytes().any(is_forbidden_in_string);
        (sound && name.len() <= LONGEST_NAME).then_some((name, storage))
    }

    /// The full name of a file that a setting names, whether or not there is one.
    pub(super) fn named_file(&self, text: &str) -> Option<String> {
        match &self.dialect.tls.as_ref()?.upload {
            Upload::SecureFile(files) | Upload::FileSystem(files) => Some(self.file_name(files, text)?.0),
            Upload::Prompt { .. } => None,
        }
    }

    fn tell_file(&mut self, line: fmt::Arguments<'_>) {
        self.terminal.information(&[line.to_string()]);
    }
}

impl Writing {
    pub(super) const fn acknowledges(&self) -> bool {
        self.acknowledges
    }
}

/// All 16-bit words, the first byte the high one, joined by exclusive or; an odd last byte is a high one (Quectel FILE
/// application notes).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]);
    bytes.chunks(2).map(word).fold(0, |sum, word| sum ^ word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_notes() {
        for (bytes, sum) in [
            (&b"ABC"[..], 0x242),
            (b"ABCD", 0x206),
            (b"0123456789", 0x3839),
            (b"", 0),
            (b"AAAA", 0),
        ] {
            assert_eq!(checksum(bytes), sum, "{}", bytes.escape_ascii());
        }
    }
}
