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
    let told = |path: &Path| all(path).unwrap_err().to_string();
    assert!(told(&path).contains("a.rec.1 says that it is part 2 of the recording, and part 1 is due"));
    assert!(told(&part_of(&path, 2)).contains("line 1 of"));
    assert!(told(&part_of(&path, 2)).contains("part 0 is due"));
}

#[test]
fn a_part_that_is_missing_or_of_another_recording_is_named() {
    let folder = Folder::new("stray");
    let path = folder.0.join("a.rec");
    for part in [0, 2] {
        fs::write(part_of(&path, part), first_line(part) + &entry(part).to_line() + "\n").unwrap();
    }
    let told = |path: &Path| all(path).unwrap_err().to_string();
    let named = |part| part_of(&path, part).display().to_string();
    assert_eq!(
        told(&path),
        format!(
            "{} is missing, and {} goes on behind it; put it there",
            named(1),
            named(2)
        )
    );
    // A file left over from another recording, after the end of this one, is not one of its parts.
    let other = first_line(2).replace("1764336000.25", "1764336999.5");
    fs::write(part_of(&path, 2), &other).unwrap();
    assert_eq!(all(&path).unwrap(), [entry(0)]);
    fs::rename(part_of(&path, 2), part_of(&path, 1)).unwrap();
    assert_eq!(
        told(&path),
        format!(
            "line 1 of {} says that it is of another recording than {}; move it away",
            named(1),
            named(0)
        )
    );
    fs::write(part_of(&path, 1), "hello\n").unwrap();
    assert!(told(&path).contains("a.rec.1 is not a recording"));
}

#[test]
fn a_section_is_read_from_its_mark_on() {
    let folder = Folder::new("sections");
    let path = folder.0.join("a.rec");
    let mark = |name: &str| Entry {
        at: Duration::ZERO,
        what: What::Mark(name.into()),
    };
    let written = [entry(0), mark("one"), entry(1), entry(2), mark("two"), entry(3)];
    let lines = written.iter().map(|entry| entry.to_line() + "\n").collect::<Vec<_>>();
    fs::write(&path, first_line(0) + &lines[..4].concat()).unwrap();
    fs::write(part_of(&path, 1), first_line(1) + &lines[4..].concat()).unwrap();
    let contents = Recording::check(&path).unwrap();
    assert_eq!(contents.header.baudrate, 115_200);
    let names: Vec<_> = contents.sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    for ((_, position), (at, line)) in contents.sections.iter().zip([(2, 4), (5, 3)]) {
        let mut recording = Recording::open_at(&path, *position).unwrap();
        assert_eq!(recording.next_entry().unwrap(), Some((written[at].clone(), line)));
    }
}

#[test]
fn a_file_that_is_no_recording_of_ours_is_refused_in_one_sentence_with_the_line() {
    let folder = Folder::new("foreign");
    let path = folder.0.join("a.rec");
    let header = first_line(0);
    let cases = [
        (String::new(), "ends within its first line"),
        ("hello\n".into(), "is not a recording"),
        ("hello".into(), "is not a recording"),
        ("{\"recording\":\"other\"}\n".into(), "is not a recording"),
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
    // A FIFO would be waited for until someone writes to it.
    let device = all(Path::new("/dev/null")).unwrap_err().to_string();
    assert!(device.contains("it is not a regular file"), "{device}");
    assert!(all(&folder.0.join("none")).unwrap_err().to_string().contains("none"));
}
