//! A recording from its file and the parts that follow it.

use std::io;
use std::path::{Path, PathBuf};

use modemqtt_os::parts::{PartReader, RawLine};

use crate::entry::{Entry, What};
use crate::header::{FORMAT, Header, NoHeader, VERSION};

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing in it, or not even a whole first line.
    #[error("{} ends within its first line, so that nothing is recorded in it", .0.display())]
    Empty(PathBuf),
    /// It is something else.
    #[error("{} is no recording: its first line must be an object with \"recording\": \"{FORMAT}\", as record= writes it", .0.display())]
    Foreign(PathBuf),
    /// It was written by a later version.
    #[error("{} is of version {version} of the format, and this library reads up to {VERSION}; a newer one reads it", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A field of the header is missing or of another type.
    #[error("line 1 of {} has no usable \"{field}\"; the file is damaged", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
    /// A line is no entry.
    #[error("line {number} of {} {wrong}; the file is damaged there, and what stands before it can be used alone", path.display())]
    Damaged {
        /// Which part.
        path: PathBuf,
        /// The line, from 1.
        number: u64,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// A part is missing between two others, or belongs to another recording.
    #[error("{} is part {found} of a recording, and part {wanted} is due", path.display())]
    Part {
        /// Which.
        path: PathBuf,
        /// What it is.
        found: u64,
        /// What it should be.
        wanted: u64,
    },
}

/// The entries of a recording, one at a time.
#[derive(Debug)]
pub struct Recording {
    lines: PartReader,
    header: Header,
    part: u64,
}

impl Recording {
    /// Opens a file, and reads its header.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::File {
            path: path.to_path_buf(),
            source,
        };
        let mut lines = PartReader::open(path).map_err(failed)?;
        let first = lines.next_line().map_err(failed)?;
        let first = first.ok_or_else(|| ReadError::Empty(path.to_path_buf()))?;
        let header = header(&first)?;
        if header.part != 0 {
            return Err(ReadError::Part {
                path: path.to_path_buf(),
                found: header.part,
                wanted: 0,
            });
        }
        Ok(Self { lines, header, part: 0 })
    }

    /// Reads all of it once, and nothing is kept, so that damage is found before anything is played.
    pub fn check(path: &Path) -> Result<Header, ReadError> {
        let mut recording = Self::open(path)?;
        while recording.next_entry()?.is_some() {}
        Ok(recording.header)
    }

    /// The first line, with what was learnt of the module later, as far as that is read.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next entry, with the file and the line that it is from; `None` at the end, which may be within a line.
    pub fn next_entry(&mut self) -> Result<Option<(Entry, u64)>, ReadError> {
        loop {
            let line = self.lines.next_line().map_err(|source| ReadError::File {
                path: self.lines.path(),
                source,
            })?;
            let Some(line) = line else { return Ok(None) };
            if line.number == 1 {
                match header(&line) {
                    Ok(header)
                        if header.part == self.part + 1
                            && header.started.to_bits() == self.header.started.to_bits() =>
                    {
                        self.part += 1;
                        continue;
                    }
                    Ok(header) => {
                        return Err(ReadError::Part {
                            path: line.path,
                            found: header.part,
                            wanted: self.part + 1,
                        });
                    }
                    Err(ReadError::Empty(_)) => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
            return match Entry::parse(&line.bytes) {
                Ok(entry) => {
                    self.learn(&entry.what);
                    Ok(Some((entry, line.number)))
                }
                // The recording was cut off there.
                Err(_) if !line.ended => Ok(None),
                Err(wrong) => Err(ReadError::Damaged {
                    path: line.path,
                    number: line.number,
                    wrong,
                }),
            };
        }
    }

    fn learn(&mut self, what: &What) {
        if let What::Module {
            model,
            dialect,
            firmware,
        } = what
        {
            let header = &mut self.header;
            for (known, new) in [
                (&mut header.model, model),
                (&mut header.dialect, dialect),
                (&mut header.firmware, firmware),
            ] {
                if new.is_some() {
                    known.clone_from(new);
                }
            }
        }
    }
}

fn header(line: &RawLine) -> Result<Header, ReadError> {
    let path = line.path.clone();
    match Header::parse(&line.bytes) {
        Ok(header) => Ok(header),
        Err(NoHeader::Foreign) if !line.ended && (line.bytes.is_empty() || line.bytes.starts_with(b"{")) => {
            Err(ReadError::Empty(path))
        }
        Err(NoHeader::Foreign) => Err(ReadError::Foreign(path)),
        Err(NoHeader::Newer(version)) => Err(ReadError::Newer { path, version }),
        Err(NoHeader::Field(field)) => Err(ReadError::Header { path, field }),
    }
}

#[cfg(test)]
mod tests;
