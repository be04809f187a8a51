//! The files of the module, and the commands about them. The dialect has the names of the commands, and how much fits.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use modemqtt_at::ascii::is_forbidden_in_string;
use modemqtt_at::dialect::Refusal;
use modemqtt_at::tls::{FileAction, Files, Storage, Upload};
use modemqtt_os::Moment;

use super::data_phase::{Data, End, Idle, Intake, Purpose};
use super::{Module, Next};
use crate::command_line::{Cursor, Suffix, Value};

/// The longest name, with its storage (Quectel FILE application notes of several families).
const LONGEST_FILE_NAME: usize = 80;
/// How many files there may be. No note gives a figure; this one bounds memory.
const MOST_FILES: usize = 64;
/// The size that is assumed if the command gives none (the same notes).
const DEFAULT_SIZE: i64 = 10_240;

/// The files, by name.
#[derive(Default)]
pub(super) struct Vault {
    files: BTreeMap<String, File>,
}

struct File {
    bytes: Vec<u8>,
    kept: bool,
}

/// Shows sizes only: some files are keys.
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
    /// The module reports progress after each of this many bytes.
    acknowledged: Option<usize>,
}

/// A command about files, with its parameters.
struct FileCommand<'a> {
    action: FileAction,
    name: &'static str,
    suffix: Suffix,
    values: &'a [Value],
}

impl Module {
    /// A command about files; `None` if the family has none with that name.
    pub(super) fn file_command(
        &mut self,
        name: &str,
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
        now: Moment,
    ) -> Option<Result<Next, Refusal>> {
        let upload = self.dialect.tls.as_ref().map(|tls| &tls.upload)?;
        let files: &'static Files = match upload {
            Upload::SecureFile(files) | Upload::FileSystem(files) => files,
            Upload::Prompt { .. } => return None,
        };
        let (action, name) = files.commands.iter().copied().find(|(_, known)| *known == name)?;
        let values = match suffix {
            Suffix::Set => match cursor.parameters(|_| None) {
                Ok(values) => values,
                Err(_) => return Some(Err(files.refusals.parameter)),
            },
            _ => Vec::new(),
        };
        self.look_behind(cursor);
        let given = FileCommand {
            action,
            name,
            suffix,
            values: &values,
        };
        Some(self.about_files(files, &given, now))
    }

    fn about_files(&mut self, files: &'static Files, given: &FileCommand<'_>, now: Moment) -> Result<Next, Refusal> {
        let most = files.storages.first().map_or(0, |storage| storage.most);
        match (given.action, given.suffix) {
            (FileAction::Write, Suffix::Test) => {
                let acknowledged = files.acknowledged.map_or("", |_| ",(0,1)");
                self.tell_file(format_args!(
                    "+{}: <filename>,(1-{most}),(1-65535){acknowledged}",
                    given.name
                ));
            }
            (FileAction::List, Suffix::None) => self.list(given.name, files, "*")?,
            (_, Suffix::Test) => {}
            (FileAction::Write, Suffix::Set) => return self.start_writing(files, given, now),
            (_, Suffix::Set) => {
                let [Value::Quoted(text)] = given.values else {
                    return Err(files.refusals.parameter);
                };
                let text = std::str::from_utf8(text).map_err(|_| files.refusals.parameter)?;
                self.about_file(given, files, text)?;
            }
            _ => return Err(files.refusals.parameter),
        }
        Ok(Next::Command)
    }

    /// A command with a name, or a pattern, as its only parameter.
    fn about_file(&mut self, given: &FileCommand<'_>, files: &'static Files, text: &str) -> Result<(), Refusal> {
        let missing = files.refusals.missing;
        let full_name = |module: &Self| Ok(module.file_name(files, text).ok_or(files.refusals.parameter)?.0);
        let command = given.name;
        match given.action {
            FileAction::List => self.list(command, files, text)?,
            FileAction::Room => {
                let storage = files
                    .storages
                    .iter()
                    .find(|storage| storage.prefix.trim_end_matches(':') == text);
                let storage = storage.ok_or(files.refusals.parameter)?;
                let free = storage.total.saturating_sub(self.vault.used(storage));
                self.tell_file(format_args!("+{command}: {free},{}", storage.total));
            }
            FileAction::Delete if text == "*" && self.is_in_a_file_system() => {
                for storage in files.storages {
                    for name in self.vault.names(storage.prefix) {
                        self.vault.files.remove(&name);
                    }
                }
            }
            FileAction::Delete => {
                let name = full_name(self)?;
                self.vault.files.remove(&name).ok_or(missing)?;
            }
            FileAction::Checksum => {
                let name = full_name(self)?;
                let sum = checksum(self.vault.get(&name).ok_or(missing)?);
                self.tell_file(format_args!("+{command}: 1,{sum:x}"));
            }
            FileAction::Read => {
                let name = full_name(self)?;
                let bytes = self.vault.get(&name).ok_or(missing)?.to_vec();
                self.terminal.information(&["CONNECT"]);
                self.terminal.verbatim(&bytes);
                self.tell_file(format_args!("+{command}: {},{:x}", bytes.len(), checksum(&bytes)));
            }
            // It has other parameters.
            FileAction::Write => {}
        }
        Ok(())
    }

    fn list(&mut self, command: &str, files: &'static Files, text: &str) -> Result<(), Refusal> {
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
            .map(|name| format!("+{command}: \"{name}\",{}", self.vault.get(name).map_or(0, <[u8]>::len)))
            .collect();
        if !lines.is_empty() {
            self.terminal.information(&lines);
        }
        Ok(())
    }

    fn start_writing(&mut self, files: &'static Files, given: &FileCommand<'_>, now: Moment) -> Result<Next, Refusal> {
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
        if !in_range || rest.len() > if files.acknowledged.is_some() { 3 } else { 2 } {
            return Err(refusals.parameter);
        }
        if self.vault.get(&name).is_some() {
            return Err(refusals.exists);
        }
        if self.vault.used(storage) + size > storage.total || self.vault.files.len() >= MOST_FILES {
            return Err(refusals.full);
        }
        let writing = Writing {
            command: given.name,
            name,
            kept: storage.kept,
            acknowledged: files.acknowledged.filter(|_| acknowledges == 1),
        };
        self.ends_its_line()?;
        self.terminal.connect();
        let idle = Idle::Keep(Duration::from_secs(patience.into()), refusals.late);
        self.intake = Intake::Data(Data::raw(
            Purpose::File(writing),
            End::Count(size),
            false,
            Some(idle),
            now,
        ));
        Ok(Next::Data)
    }

    /// Reports that a piece has come, if that was asked for.
    pub(super) fn acknowledge_piece(&mut self, piece: Option<usize>, count: usize) {
        if piece.is_some_and(|piece| count.is_multiple_of(piece)) {
            self.terminal.verbatim(b"A");
        }
    }

    /// Stores a file, or as much of it as has come in time.
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
        let by_default = self.is_in_a_file_system() && !text.contains(':');
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
        (sound && name.len() <= LONGEST_FILE_NAME).then_some((name, storage))
    }

    fn is_in_a_file_system(&self) -> bool {
        matches!(self.dialect.tls.map(|tls| tls.upload), Some(Upload::FileSystem(_)))
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
    pub(super) const fn acknowledged(&self) -> Option<usize> {
        self.acknowledged
    }
}

/// The exclusive or of all 16-bit words, high byte first; an odd last byte is a high byte (Quectel FILE
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
