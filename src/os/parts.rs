//! A file that goes on in others: `FILE`, `FILE.1`, `FILE.2` …
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::fs::{DirEntry, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::Kept;

/// A longer line is not one of ours.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// The path of a part; the first is the file itself.
pub fn part_of(path: &Path, number: u64) -> PathBuf {
    if number == 0 {
        return path.to_path_buf();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// A line as it stands in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLine {
    /// The part.
    pub path: PathBuf,
    /// Its number there, from 1.
    pub number: u64,
    /// Its bytes, without the line end.
    pub bytes: Vec<u8>,
    /// Whether it has a line end.
    pub ended: bool,
}

/// A place between two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of the part.
    pub part: u64,
    /// How many bytes of it stand before.
    pub offset: u64,
    /// How many lines of it stand before.
    pub lines: u64,
}

/// Reads the lines of all parts, one at a time.
#[derive(Debug)]
pub struct PartReader {
    path: PathBuf,
    at: Position,
    file: BufReader<File>,
}

impl PartReader {
    /// Opens the first part.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            at: Position::default(),
            file: open_to_read(path)?,
        })
    }

    /// The part that is being read.
    pub fn path(&self) -> PathBuf {
        part_of(&self.path, self.at.part)
    }

    /// Where the next line begins.
    pub const fn position(&self) -> Position {
        self.at
    }

    /// Goes on from a position.
    pub fn go_to(&mut self, position: Position) -> io::Result<()> {
        self.at = position;
        self.file = open_to_read(&self.path())?;
        self.file.seek(SeekFrom::Start(position.offset)).map(drop)
    }

    /// A part that is there although one before it, and behind the one that is read, is not.
    pub fn later_part(&self) -> Option<PathBuf> {
        let name = self.path.file_name()?.to_str()?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let files = folder.unwrap_or(Path::new(".")).read_dir().ok()?;
        let number = |file: io::Result<DirEntry>| {
            let number = file
                .ok()?
                .file_name()
                .to_str()?
                .strip_prefix(name)?
                .strip_prefix('.')?
                .parse()
                .ok();
            number.filter(|number: &u64| *number > self.at.part)
        };
        files.filter_map(number).min().map(|number| part_of(&self.path, number))
    }

    /// The next line.
    pub fn next_line(&mut self) -> io::Result<Option<RawLine>> {
        loop {
            let mut bytes = Vec::new();
            (&mut self.file).take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
            if !bytes.is_empty() {
                self.at.lines += 1;
                self.at.offset += bytes.len() as u64;
                let ended = bytes.last() == Some(&b'\n');
                if ended {
                    bytes.pop();
                } else if bytes.len() as u64 == LONGEST_LINE {
                    let long = format!("line {} is longer than {LONGEST_LINE} bytes", self.at.lines);
                    return Err(io::Error::new(ErrorKind::InvalidData, long));
                }
                return Ok(Some(RawLine {
                    path: self.path(),
                    number: self.at.lines,
                    bytes,
                    ended,
                }));
            }
            let next = part_of(&self.path, self.at.part + 1);
            match open_to_read(&next) {
                Ok(file) => self.file = file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
            self.at = Position {
                part: self.at.part + 1,
                ..Position::default()
            };
        }
    }
}

/// A FIFO or a device, which may never answer, is not opened at all.
fn open_to_read(path: &Path) -> io::Result<BufReader<File>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if !kind.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(BufReader::new(File::open(path)?))
}

/// Writes lines, and begins the next part when one is full. No part takes the place of a file that exists.
#[derive(Debug)]
pub struct PartWriter {
    path: PathBuf,
    part: u64,
    written: u64,
    size: u64,
    output: Output,
}

/// The part that is written.
#[derive(Debug)]
struct Output {
    _kept: Kept,
    file: File,
}

impl PartWriter {
    /// Makes the first part, which no one else may read.
    pub fn create(path: &Path, size: u64) -> io::Result<Self> {
        let next = part_of(path, 1);
        if next.symlink_metadata().is_ok() && path.symlink_metadata().is_err() {
            // Whoever reads this file would go on in that one.
            let text = format!("{} is left from another recording", next.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        Ok(Self {
            path: path.to_path_buf(),
            part: 0,
            written: 0,
            size,
            output: create(path)?,
        })
    }

    /// The number of the part that is written.
    pub const fn part(&self) -> u64 {
        self.part
    }

    /// Whether the part is full, so that [`PartWriter::next_part`] is due.
    pub const fn is_full(&self) -> bool {
        self.written >= self.size
    }

    /// Begins the next part.
    pub fn next_part(&mut self) -> io::Result<()> {
        self.output = create(&part_of(&self.path, self.part + 1))?;
        (self.part, self.written) = (self.part + 1, 0);
        Ok(())
    }

    /// Writes whole lines at once.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.output.file.write_all(lines)?;
        self.written += lines.len() as u64;
        // A file whose folder is gone takes what no one will find.
        if self
            .output
            .file
            .metadata()
            .is_ok_and(|file| std::os::unix::fs::MetadataExt::nlink(&file) == 0)
        {
            return Err(io::Error::new(
                ErrorKind::NotFound,
                "it was removed while it was written",
            ));
        }
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<Output> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path)?;
    Ok(Output {
        _kept: Kept::new(&file),
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_left_from_another_file_is_named_and_nothing_is_made() {
        let path = std::env::temp_dir().join(format!("modemqtt-parts-{}", std::process::id()));
        let next = part_of(&path, 1);
        std::fs::write(&next, "old").unwrap();
        let error = PartWriter::create(&path, 10).unwrap_err();
        std::fs::remove_file(&next).unwrap();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains(next.to_str().unwrap()), "{error}");
        assert!(!path.exists());
    }
}
