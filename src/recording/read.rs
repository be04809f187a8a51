//! A recording from its file and the parts that follow it.

use std::io;
use std::path::{Path, PathBuf};

use modemqtt_os::parts::{PartReader, Position, RawLine, part_of};

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
    #[error("{} is not a recording: its first line must be an object with \"recording\": \"{FORMAT}\", as record= writes it", .0.display())]
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
    /// A line is not an entry.
    #[error("line {number} of {} {wrong}; the file is damaged there, and what stands before it can be used alone", path.display())]
    Damaged {
        /// Which part.
        path: PathBuf,
        /// The line, from 1.
        number: u64,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// A part stands under the name of another.
    #[error(
        "line 1 of {} says that it is part {found} of the recording, and part {wanted} is due; part N of FILE is FILE.N, and part 0 FILE",
        path.display()
    )]
    Part {
        /// Which.
        path: PathBuf,
        /// What it is.
        found: u64,
        /// What it should be.
        wanted: u64,
    },
    /// A file that has the name of the next part is of another recording.
    #[error("line 1 of {} says that it is of another recording than {}; move it away", path.display(), first.display())]
    Stray {
        /// Which.
        path: PathBuf,
        /// The recording that is read.
        first: PathBuf,
    },
    /// A part is not there, and one behind it is.
    #[error("{} is missing, and {} goes on behind it; put it there", path.display(), later.display())]
    Missing {
        /// Which.
        path: PathBuf,
        /// The one behind it.
        later: PathBuf,
    },
}

/// What a recording holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The first line, with what was learnt of the module later.
    pub header: Header,
    /// The names of its sections, in order, and where what they hold begins.
    pub sections: Vec<(String, Position)>,
}

/// The entries of a recording, one at a time.
#[derive(Debug)]
pub struct Recording {
    lines: PartReader,
    path: PathBuf,
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
        Ok(Self {
            lines,
            path: path.to_path_buf(),
            header,
            part: 0,
        })
    }

    /// Opens a file, and goes on from a position of it.
    pub fn open_at(path: &Path, position: Position) -> Result<Self, ReadError> {
        let mut recording = Self::open(path)?;
        recording.lines.go_to(position).map_err(|source| ReadError::File {
            path: recording.lines.path(),
            source,
        })?;
        recording.part = position.part;
        Ok(recording)
    }

    /// Reads all of it once, and keeps no entry, so that damage is found before anything is played.
    pub fn check(path: &Path) -> Result<Contents, ReadError> {
        let mut recording = Self::open(path)?;
        let mut sections = Vec::new();
        while let Some((entry, _)) = recording.next_entry()? {
            if let What::Mark(name) = entry.what {
                sections.push((name, recording.lines.position()));
            }
        }
        Ok(Contents {
            header: recording.header,
            sections,
        })
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
            let Some(line) = line else { return self.end() };
            if line.number == 1 {
                match header(&line) {
                    Ok(header) if !self.is_same(&header) => {
                        return Err(ReadError::Stray {
                            path: line.path,
                            first: self.path.clone(),
                        });
                    }
                    Ok(header) if header.part == self.part + 1 => {
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

    /// Whether a header is of the same recording.
    fn is_same(&self, header: &Header) -> bool {
        header.started.to_bits() == self.header.started.to_bits()
    }

    /// There is no further part, unless there is one behind a part that is missing.
    fn end(&self) -> Result<Option<(Entry, u64)>, ReadError> {
        let Some(later) = self.lines.later_part() else {
            return Ok(None);
        };
        let first = PartReader::open(&later).and_then(|mut lines| lines.next_line());
        let header = first.ok().flatten().and_then(|line| header(&line).ok());
        if header.is_some_and(|header| self.is_same(&header)) {
            let path = part_of(&self.path, self.part + 1);
            return Err(ReadError::Missing { path, later });
        }
        Ok(None)
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
