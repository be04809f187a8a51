//! Which transcripts `make transcript` asks for, and what it is told of them.

use super::*;

/// Every transcript of one file, wherever it stands.
fn load(path: &Path) -> Vec<Transcript> {
    let dialects = modemqtt_at::dialect::ALL.iter();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let own = dialects.filter(|dialect| folder == SHARED || folder == dialect.name);
    own.flat_map(|dialect| load_of(path, dialect.name)).collect()
}

/// What `make transcript` plays: those of the file `TRANSCRIPT`, or those of the model `TRANSCRIPTS_OF` as if they were about
/// `TRANSCRIPTS_FOR`.
pub fn named() -> Vec<Transcript> {
    let word = |name| std::env::var(name).ok();
    match (word("TRANSCRIPT"), word("TRANSCRIPTS_OF"), word("TRANSCRIPTS_FOR")) {
        (Some(path), ..) => load(Path::new(&path)),
        (None, Some(of), Some(model)) => load_as(&of, &model),
        _ => panic!("`make transcript` says what to play"),
    }
}

/// Tells `make transcript` how one has fared at an end; whether as written.
pub fn tell(transcript: &Transcript, end: End, play: impl FnOnce() -> Result<(), String>) -> bool {
    let told = if transcript.only.is_some_and(|only| only != end) {
        Ok("not for this end")
    } else {
        play().map(|()| "as written")
    };
    let (good, told) = match &told {
        Ok(told) => (true, *told),
        Err(told) => (false, told.as_str()),
    };
    println!(
        "transcript: {}: {}: {told}\n",
        transcript.path.display(),
        transcript.model
    );
    good
}

/// Every transcript about one model, as if it were about another.
pub fn load_as(of: &str, model: &str) -> Vec<Transcript> {
    let dialect = dialect_of(of);
    let mut found = Vec::new();
    for path in files_of(dialect) {
        let text = text(&path);
        if models(&text).iter().any(|other| other == of) {
            let transcript = read(&path, &text, Some((dialect, model)), &mut Vec::new());
            // An edition is one of its own dialect's.
            if transcript.revision.is_none() || dialect_of(model) == dialect {
                found.push(transcript);
            }
        }
    }
    found
}
