//! Reads transcripts; `tests/transcripts/README.md` has the format. Shared by `#[path]` between test binaries.
//!
//! A transcript that cannot be read is a mistake of ours, so every error is a panic that names file and line.

#![allow(dead_code, unreachable_pub)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One conversation, with the steps of the files that it comes after in front.
#[derive(Debug, Clone)]
pub struct Transcript {
    pub path: PathBuf,
    /// `<dialect>/<subject>`, for messages.
    pub name: String,
    pub model: String,
    /// The edition of the note that its firmware follows, where it is not the usual one.
    pub revision: Option<String>,
    pub only: Option<End>,
    pub steps: Vec<Step>,
}

/// An end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Host,
    Virtual,
}

/// One step; consecutive lines of host bytes, or of module bytes, are one.
#[derive(Debug, Clone)]
pub struct Step {
    pub location: Location,
    pub action: Action,
    /// Where in its bytes the lines of the file after the first begin.
    pub lines: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `*`: what the program calls.
    Call(Words),
    /// `>`: bytes from the host.
    Host(Vec<u8>),
    /// `<`: bytes from the module.
    Module(Vec<u8>),
    /// `=`: what the program is told.
    Report(Words),
    /// `!`: what happens in the world.
    World(World),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum World {
    BrokerRefuse(u8),
    BrokerAccept,
    BrokerWithhold,
    BrokerRelease,
    BrokerMute,
    BrokerPublish {
        qos: u8,
        retain: bool,
        topic: String,
        payload: Vec<u8>,
    },
    BrokerDrop,
    BrokerDown,
    BrokerUp,
    NameUnknown(String),
    NetworkDown,
    NetworkUp,
    Registration(u8),
    Sim(String),
    PowerOff,
    PowerOn,
    Elapse(Duration),
    Restart,
}

/// Words of a line, without their quotes and with their escapes resolved. A word may hold any bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Vec<Vec<u8>>);

impl Words {
    /// The words as text; bytes that are not UTF-8 show as replacement characters.
    pub fn texts(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }
}

/// Written so that two of them can be compared by eye: every word escaped, quoted where it has to be.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, word) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            let quote = if word.is_empty() || word.contains(&b' ') {
                "\""
            } else {
                ""
            };
            write!(f, "{separator}{quote}{}{quote}", word.escape_ascii())?;
        }
        Ok(())
    }
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub path: PathBuf,
    pub line: usize,
}

impl Location {
    /// Fails the test, naming the line.
    pub fn fail(&self, message: impl fmt::Display) -> ! {
        panic!("{self}: {message}")
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

/// Every transcript of a dialect, by name.
pub fn load_all(dialect: &str) -> Vec<Transcript> {
    let folder = folder().join(dialect);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| {
            entry
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
                .path()
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "at"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: no transcripts", folder.display());
    paths.iter().map(|path| load(path)).collect()
}

/// One transcript.
pub fn load(path: &Path) -> Transcript {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(path, &text, &mut Vec::new())
}

/// A transcript out of a string; `path` serves for messages and for finding what it comes after.
pub fn parse(path: &Path, text: &str) -> Transcript {
    read(path, text, &mut Vec::new())
}

/// `tests/transcripts`, above whichever package runs the test.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join("tests/transcripts"))
        .find(|folder| folder.join("README.md").is_file())
        .unwrap_or_else(|| panic!("no tests/transcripts above {}", env!("CARGO_MANIFEST_DIR")))
}

fn read(path: &Path, text: &str, open: &mut Vec<PathBuf>) -> Transcript {
    assert!(
        !open.iter().any(|other| other == path),
        "{}: comes after itself",
        path.display()
    );
    open.push(path.to_path_buf());
    let mut model = None;
    let mut revision = None;
    let mut only = None;
    let mut steps = Vec::new();
    let mut own_steps = 0;
    let mut sourced = false;
    for (index, line) in text.lines().enumerate() {
        let location = Location {
            path: path.to_path_buf(),
            line: index + 1,
        };
        let Some(mark) = line.chars().next() else { continue };
        let rest = &line[mark.len_utf8()..];
        let body = match rest.strip_prefix(' ') {
            Some(body) => body,
            None if rest.is_empty() => "",
            None if mark == '#' => rest,
            None => location.fail("a space must follow the mark"),
        };
        if mark != '#' && !sourced {
            location.fail("the first lines must be comments that name the source");
        }
        match mark {
            '#' => sourced = true,
            '@' => {
                if own_steps > 0 {
                    location.fail("a header must stand before the first step");
                }
                match body.trim().split_once(' ') {
                    Some(("model", name)) => model = Some(name.trim().to_string()),
                    Some(("revision", year)) => revision = Some(year.trim().to_string()),
                    Some(("after", name)) => {
                        let other = path.with_file_name(name.trim());
                        let text = std::fs::read_to_string(&other)
                            .unwrap_or_else(|error| location.fail(format!("{}: {error}", other.display())));
                        steps.extend(read(&other, &text, open).steps);
                    }
                    Some(("only", "host")) => only = Some(End::Host),
                    Some(("only", "virtual")) => only = Some(End::Virtual),
                    _ => location.fail(format!("unknown header {body:?}")),
                }
            }
            _ => {
                let action = action(mark, body, &location);
                own_steps += 1;
                let previous = if own_steps > 1 { steps.last_mut() } else { None };
                match (previous, action) {
                    (
                        Some(Step {
                            action: Action::Host(bytes),
                            lines,
                            ..
                        }),
                        Action::Host(more),
                    )
                    | (
                        Some(Step {
                            action: Action::Module(bytes),
                            lines,
                            ..
                        }),
                        Action::Module(more),
                    ) => {
                        lines.push(bytes.len());
                        bytes.extend(more);
                    }
                    (_, action) => steps.push(Step {
                        location,
                        action,
                        lines: Vec::new(),
                    }),
                }
            }
        }
    }
    open.pop();
    let name = [path.parent().and_then(Path::file_name), path.file_stem()]
        .into_iter()
        .flatten()
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join("/");
    Transcript {
        path: path.to_path_buf(),
        name,
        model: model.unwrap_or_else(|| panic!("{}: no `@ model`", path.display())),
        revision,
        only,
        steps,
    }
}

fn action(mark: char, body: &str, location: &Location) -> Action {
    match mark {
        '*' => Action::Call(words(body, location)),
        '>' => Action::Host(unescape(body, location)),
        '<' => Action::Module(unescape(body, location)),
        '=' => Action::Report(words(body, location)),
        '!' => Action::World(world(&words(body, location), location)),
        _ => location.fail(format!("unknown mark {mark:?}")),
    }
}

/// A word that begins with a quote ends at the next quote before a space or the end of the line; quotes between are bytes.
fn words(body: &str, location: &Location) -> Words {
    let mut words = Vec::new();
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (word, tail) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted
                .match_indices('"')
                .map(|(at, _)| at)
                .find(|at| matches!(quoted.as_bytes().get(at + 1), None | Some(b' ')))
                .unwrap_or_else(|| location.fail("a quoted word does not end"));
            (&quoted[..end], &quoted[end + 1..])
        } else {
            rest.split_at(rest.find(' ').unwrap_or(rest.len()))
        };
        words.push(unescape(word, location));
        rest = tail.trim_start_matches(' ');
    }
    Words(words)
}

fn unescape(text: &str, location: &Location) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut input = text.bytes();
    while let Some(byte) = input.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match input.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b's') => b' ',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [input.next(), input.next()].map(|digit| digit.map_or('?', char::from));
                let digits: String = digits.iter().collect();
                u8::from_str_radix(&digits, 16).unwrap_or_else(|_| location.fail(format!("\\x{digits} is not a byte")))
            }
            other => location.fail(format!("unknown escape \\{}", other.map_or('?', char::from))),
        });
    }
    bytes
}

fn world(words: &Words, location: &Location) -> World {
    let texts = words.texts();
    let number = |text: &str| -> u8 {
        text.parse()
            .unwrap_or_else(|_| location.fail(format!("{text:?} is not a number")))
    };
    match texts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["broker", "refuse", code] => World::BrokerRefuse(number(code)),
        ["broker", "accept"] => World::BrokerAccept,
        ["broker", "withhold"] => World::BrokerWithhold,
        ["broker", "release"] => World::BrokerRelease,
        ["broker", "mute"] => World::BrokerMute,
        ["broker", "publish", qos, retain, topic, _] => World::BrokerPublish {
            qos: number(qos),
            retain: number(retain) != 0,
            topic: topic.to_string(),
            payload: words.0[5].clone(),
        },
        ["broker", "drop"] => World::BrokerDrop,
        ["broker", "down"] => World::BrokerDown,
        ["broker", "up"] => World::BrokerUp,
        ["name", "unknown", name] => World::NameUnknown(name.to_string()),
        ["network", "down"] => World::NetworkDown,
        ["network", "up"] => World::NetworkUp,
        ["registration", stat] => World::Registration(number(stat)),
        ["sim", state] => World::Sim(state.to_string()),
        ["power", "off"] => World::PowerOff,
        ["power", "on"] => World::PowerOn,
        ["elapse", seconds] => World::Elapse(
            seconds
                .parse()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .unwrap_or_else(|| location.fail(format!("{seconds:?} is not a time in seconds"))),
        ),
        ["restart"] => World::Restart,
        _ => location.fail(format!("unknown world step {words}")),
    }
}

mod tests {
    use super::*;

    fn sample(text: &str) -> Transcript {
        parse(Path::new("m95/sample.at"), text)
    }

    #[test]
    fn a_transcript_is_read_step_by_step() {
        let transcript = sample(concat!(
            "# our own\n@ model M95\n@ only virtual\n\n",
            "> AT\n# between\n> +X\\r\n< \\r\\nOK\\r\\n\n* publish 0 1 0 \"a b\" \"\"\n= urc \"+X: \"a\",1\"\n",
            "! broker publish 1 0 t/u \\x00\\xff\n! elapse 0.5\n< >\\s\n"
        ));
        assert_eq!(
            (transcript.name.as_str(), transcript.model.as_str()),
            ("m95/sample", "M95")
        );
        assert_eq!(transcript.only, Some(End::Virtual));
        let words = |words: &[&[u8]]| Words(words.iter().map(|word| word.to_vec()).collect());
        let actions: Vec<_> = transcript.steps.into_iter().map(|step| step.action).collect();
        assert_eq!(
            actions,
            [
                Action::Host(b"AT+X\r".to_vec()),
                Action::Module(b"\r\nOK\r\n".to_vec()),
                Action::Call(words(&[b"publish", b"0", b"1", b"0", b"a b", b""])),
                Action::Report(words(&[b"urc", b"+X: \"a\",1"])),
                Action::World(World::BrokerPublish {
                    qos: 1,
                    retain: false,
                    topic: "t/u".into(),
                    payload: vec![0, 0xff]
                }),
                Action::World(World::Elapse(Duration::from_millis(500))),
                Action::Module(b"> ".to_vec()),
            ]
        );
    }

    #[test]
    #[should_panic(expected = "m95/sample.at:3: unknown mark '?'")]
    fn a_mistake_is_named_with_its_line() {
        sample("# our own\n@ model M95\n? what\n");
    }
}
