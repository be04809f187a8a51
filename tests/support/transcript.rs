//! Reads transcripts; `tests/transcripts/README.md` has the format. Shared by `#[path]` between test binaries.
//!
//! A transcript that cannot be read is a mistake of ours, so every error is a panic that names file and line.

#![allow(dead_code, unreachable_pub)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One conversation of one model, with the steps of the files that it comes after in front.
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
    /// The model, where the file is about several.
    pub of: Option<String>,
}

impl Location {
    /// Fails the test, naming the line.
    pub fn fail(&self, message: impl fmt::Display) -> ! {
        panic!("{self}: {message}")
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)?;
        self.of.iter().try_for_each(|model| write!(f, " ({model})"))
    }
}

/// The folder of what several dialects do alike.
const SHARED: &str = "shared";

/// Every transcript of a dialect, by name: those of its own folder, and those that it shares with others.
pub fn load_all(dialect: &str) -> Vec<Transcript> {
    let mut found: Vec<_> = files_of(dialect).flat_map(|path| load_of(&path, dialect)).collect();
    assert!(!found.is_empty(), "{dialect}: no transcripts");
    found.sort_by(|one, other| (&one.name, &one.model).cmp(&(&other.name, &other.model)));
    for pair in found.windows(2) {
        let twice = (&pair[0].name, &pair[0].model) == (&pair[1].name, &pair[1].model);
        assert!(
            !twice,
            "{} and {} are one",
            pair[0].path.display(),
            pair[1].path.display()
        );
    }
    found
}

/// The files that may be about a dialect.
fn files_of(dialect: &str) -> impl Iterator<Item = PathBuf> {
    let own = folder().join(dialect);
    let own = if own.is_dir() { files(&own) } else { Vec::new() };
    own.into_iter().chain(files(&folder().join(SHARED)))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| {
        entry
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .path()
    });
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "at"))
        .collect()
}

/// What a file says of the models of a dialect, one transcript for each.
fn load_of(path: &Path, dialect: &str) -> Vec<Transcript> {
    let text = text(path);
    let spoken = |model: &String| dialect_of(model) == dialect;
    let models: Vec<_> = models(&text).into_iter().filter(spoken).collect();
    let shared = path.parent().and_then(Path::file_name) == Some(SHARED.as_ref());
    assert!(
        shared || !models.is_empty(),
        "{}: no model of {dialect}",
        path.display()
    );
    let read = models
        .iter()
        .map(|model| read(path, &text, Some((dialect, model)), &mut Vec::new()));
    read.collect()
}

/// A transcript out of a string; `path` serves for messages and for finding what it comes after.
pub fn parse(path: &Path, text: &str) -> Transcript {
    read(path, text, None, &mut Vec::new())
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The models that a file is about.
fn models(text: &str) -> Vec<String> {
    let headers = text.lines().filter_map(|line| line.strip_prefix("@ "));
    let named = headers.filter_map(|header| header.strip_prefix("models ").or(header.strip_prefix("model ")));
    let models = named.flat_map(str::split_whitespace);
    models.map(str::to_owned).collect()
}

/// The file that another comes after: in its folder, or among what several dialects share the one about the model.
fn before(path: &Path, name: &str, dialect: Option<&str>, model: &str) -> PathBuf {
    let own = match dialect {
        Some(dialect) => folder().join(dialect).join(name),
        None => path.with_file_name(name),
    };
    if own.exists() {
        return own;
    }
    let dialect = dialect.unwrap_or_else(|| dialect_of(model));
    let spoken = |other: &String| dialect_of(other) == dialect;
    let shared = files(&folder().join(SHARED));
    let mut named = shared.into_iter().filter(|other| subject(other) == subject(&own));
    named
        .find(|other| models(&text(other)).iter().any(spoken))
        .unwrap_or(own)
}

fn dialect_of(model: &str) -> &'static str {
    let known = modemqtt_at::dialect::of_model(model);
    known.unwrap_or_else(|| panic!("no model {model}")).0.name
}

/// What a file is about: two files that show it differently are told apart behind a dot.
fn subject(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// `tests/transcripts`, above whichever package runs the test.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join("tests/transcripts"))
        .find(|folder| folder.join("README.md").is_file())
        .unwrap_or_else(|| panic!("no tests/transcripts above {}", env!("CARGO_MANIFEST_DIR")))
}

/// Reads a file as it is about one dialect and one of its models.
fn read(path: &Path, text: &str, about: Option<(&str, &str)>, open: &mut Vec<PathBuf>) -> Transcript {
    assert!(
        !open.iter().any(|other| other == path),
        "{}: comes after itself",
        path.display()
    );
    open.push(path.to_path_buf());
    let models = models(text);
    let model = match (about, models.as_slice()) {
        (Some((_, model)), _) => model.to_owned(),
        (None, [model]) => model.clone(),
        (None, _) => panic!("{}: no `@ model`, or several", path.display()),
    };
    let mut revision = None;
    let mut only = None;
    let mut steps = Vec::new();
    let mut own_steps = 0;
    let mut sourced = false;
    for (index, line) in text.lines().enumerate() {
        let location = Location {
            path: path.to_path_buf(),
            line: index + 1,
            of: (models.len() > 1).then(|| model.clone()),
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
                    Some(("model" | "models", _)) => {}
                    Some(("revision", year)) => revision = Some(year.trim().to_string()),
                    Some(("after", name)) => {
                        let dialect = about.map(|(dialect, _)| dialect);
                        let other = before(path, name.trim(), dialect, &model);
                        let text = std::fs::read_to_string(&other)
                            .unwrap_or_else(|error| location.fail(format!("{}: {error}", other.display())));
                        let dialect = dialect.unwrap_or_else(|| dialect_of(&model));
                        steps.extend(read(&other, &text, Some((dialect, &model)), open).steps);
                    }
                    Some(("only", "host")) => only = Some(End::Host),
                    Some(("only", "virtual")) => only = Some(End::Virtual),
                    _ => location.fail(format!("unknown header {body:?}")),
                }
            }
            _ => {
                let action = action(mark, body, &location);
                own_steps += 1;
                add(&mut steps, action, location, own_steps > 1);
            }
        }
    }
    open.pop();
    let folder = match about {
        Some((dialect, _)) => dialect.to_owned(),
        None => path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    let subject = subject(path);
    Transcript {
        path: path.to_path_buf(),
        name: format!("{folder}/{subject}"),
        model,
        revision,
        only,
        steps,
    }
}

/// Adds a step, or to the last one: consecutive bytes of one end are one step.
fn add(steps: &mut Vec<Step>, action: Action, location: Location, follows: bool) {
    match (steps.last_mut().filter(|_| follows), action) {
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

#[path = "transcript_asked.rs"]
mod asked;
#[allow(unused_imports)]
pub use asked::{named, tell};

#[path = "transcript_tests.rs"]
mod tests;
