use std::fs;
use std::time::Duration;

use modemqtt_os::parts::part_of;

use super::*;
use crate::entry::{Kind, Piece, Span};

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("modemqtt-recording-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn first_line(part: u64) -> String {
    let header = Header {
        part,
        started: 1_764_336_000.25,
        library: "0.1.0".into(),
        port: "device".into(),
        baudrate: 115_200,
        identities_replaced: true,
        ..Header::default()
    };
    header.to_line() + "\n"
}

fn entry(number: u64) -> Entry {
    Entry {
        at: Duration::from_millis(number),
        what: What::Piece(Piece {
            sent: number.is_multiple_of(2),
            bytes: vec![0, b'a', b'\\', 0xff, u8::try_from(number).unwrap()],
            spans: vec![Span {
                start: 1,
                length: 2,
                kind: Kind::Secret,
                id: 1,
            }],
        }),
    }
}

fn all(path: &Path) -> Result<Vec<Entry>, ReadError> {
    let mut recording = Recording::open(path)?;
    let mut entries = Vec::new();
    while let Some((entry, _)) = recording.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

#[test]
fn a_recording_that_was_cut_anywhere_is_read_up_to_there() {
    let folder = Folder::new("cut");
    let path = folder.0.join("a.rec");
    let entries: Vec<_> = (0..5).map(entry).collect();
    let lines: Vec<_> = entries.iter().map(|entry| entry.to_line() + "\n").collect();
    let text = first_line(0) + &lines.concat();
    for cut in 0..=text.len() {
        fs::write(&path, &text[..cut]).unwrap();
        let read = all(&path);
        let header = first_line(0).len();
        if cut < header - 1 {
            let error = read.unwrap_err().to_string();
            assert!(error.contains("ends within its first line"), "{cut}: {error}");
            continue;
        }
        // An entry that lacks nothing but its line end is whole.
        let whole = (0..=lines.len())
            .rev()
            .find(|count| cut + 1 >= header + lines[..*count].concat().len());
        assert_eq!(read.unwrap(), entries[..whole.unwrap()], "{cut}");
    }
}

#[test]
fn the_parts_of_a_recording_are_read_as_one() {
    let folder = Folder::new("parts");
    let path = folder.0.join("a.rec");
    for part in 0..3 {
        fs::write(part_of(&path, part), first_line(part) + &entry(part).to_line() + "\n").unwrap();
    }
    assert_eq!(all(&path).unwrap(), (0..3).map(entry).collect::<Vec<_>>());
    fs::write(part_of(&path, 1), first_line(2)).unwrap();
    assert!(
        all(&path)
            .unwrap_err()
            .to_string()
            .ends_with("a.rec.1 is part 2 of a recording, and part 1 is due")
    );
    assert!(
        all(&part_of(&path, 2))
            .unwrap_err()
            .to_string()
            .contains("and part 0 is due")
    );
}

#[test]
fn a_file_that_is_no_recording_of_ours_is_refused_in_one_sentence_with_the_line() {
    let folder = Folder::new("foreign");
    let path = folder.0.join("a.rec");
    let header = first_line(0);
    let cases = [
        (String::new(), "ends within its first line"),
        ("hello\n".into(), "is no recording"),
        ("hello".into(), "is no recording"),
        ("{\"recording\":\"other\"}\n".into(), "is no recording"),
        (
            header.replace("\"version\":1", "\"version\":9"),
            "is of version 9 of the format, and this library reads up to 1",
        ),
        (header.replace("115200", "\"fast\""), "line 1 of"),
        (
            header.clone() + &entry(1).to_line() + "\n{\"t\":1,\n" + &entry(2).to_line() + "\n",
            "line 3 of",
        ),
        (header.clone() + &header, "line 2 of"),
    ];
    for (text, wrong) in cases {
        fs::write(&path, text).unwrap();
        let error = all(&path).unwrap_err().to_string();
        assert!(error.contains(wrong) && !error.contains('\n'), "{error}");
        assert!(error.contains("a.rec"), "{error}");
    }
    assert!(all(&folder.0).unwrap_err().to_string().contains("folder"));
    assert!(all(&folder.0.join("none")).unwrap_err().to_string().contains("none"));
}
