//! Whether what the host sends is what it sent when it was recorded.

use std::collections::{HashMap, HashSet};

use modemqtt_at::shown;
use modemqtt_recording::{Kind, Span};

use super::steps::Marked;

/// What spans stand for in this run.
#[derive(Debug, Default)]
pub(super) struct Bound {
    values: HashMap<(Kind, u32), Vec<u8>>,
}

impl Bound {
    /// What was recorded, with what the spans stand for now.
    pub(super) fn filled(&self, marked: &Marked) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(marked.bytes.len());
        let mut from = 0;
        for span in &marked.spans {
            bytes.extend_from_slice(&marked.bytes[from..span.start]);
            let end = span.start + span.length;
            let value = self.values.get(&(span.kind, span.id));
            bytes.extend_from_slice(value.map_or(&marked.bytes[span.start..end], Vec::as_slice));
            from = end;
        }
        bytes.extend_from_slice(&marked.bytes[from..]);
        bytes
    }

    /// Whether a line is the one that was recorded, and if so what its spans stand for from now on.
    pub(super) fn line(&mut self, recorded: &Marked, line: &[u8]) -> bool {
        let Some(values) = values(recorded, line) else {
            return false;
        };
        let spans = recorded.spans.iter().map(|span| (span.kind, span.id));
        self.values.extend(spans.zip(values));
        true
    }

    /// Whether a line is the one that was recorded.
    pub(super) fn fits(recorded: &Marked, line: &[u8]) -> bool {
        values(recorded, line).is_some()
    }
}

/// What stands in the places of the spans.
fn values(recorded: &Marked, line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    rest(recorded, &recorded.spans, 0, line, &mut found, &mut HashSet::new()).then_some(found)
}

/// Matches what was recorded from there on with the spans that are still to come. If nothing fitted when the same numbers of spans and of
/// bytes were left, nothing does now.
fn rest(
    recorded: &Marked,
    spans: &[Span],
    from: usize,
    line: &[u8],
    found: &mut Vec<Vec<u8>>,
    tried: &mut HashSet<(usize, usize)>,
) -> bool {
    if !tried.insert((spans.len(), line.len())) {
        return false;
    }
    let Some((span, behind)) = spans.split_first() else {
        return recorded.bytes[from..] == *line;
    };
    let Some(line) = line.strip_prefix(&recorded.bytes[from..span.start]) else {
        return false;
    };
    let most = line.iter().take_while(|byte| span.kind.takes(**byte)).count();
    for length in usize::from(span.length > 0)..=most {
        found.push(line[..length].to_vec());
        if rest(
            recorded,
            behind,
            span.start + span.length,
            &line[length..],
            found,
            tried,
        ) {
            return true;
        }
        found.pop();
    }
    false
}

/// Bytes in one line, for people.
pub(super) fn told(bytes: &[u8]) -> String {
    const MOST: usize = 400;
    let text = shown::data(&bytes[..bytes.len().min(MOST)]);
    let more = if bytes.len() > MOST { "…" } else { "" };
    format!("{text}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(text: &str, spans: &[(usize, usize, Kind, u32)]) -> Marked {
        let span = |&(start, length, kind, id)| Span {
            start,
            length,
            kind,
            id,
        };
        Marked {
            bytes: text.into(),
            spans: spans.iter().map(span).collect(),
        }
    }

    #[test]
    fn a_span_takes_any_value_of_its_kind_and_gives_it_back() {
        let line = recorded(
            "AT+QMTPUB=0,7,1,0,\"a/t\",2\r",
            &[(12, 1, Kind::Invented, 3), (19, 1, Kind::Invented, 4)],
        );
        let mut bound = Bound::default();
        assert!(!bound.line(&line, b"AT+QMTPUB=0,12,2,0,\"bench/t\",2\r"));
        assert!(bound.line(&line, b"AT+QMTPUB=0,12,1,0,\"bench/t\",2\r"));
        let answer = recorded("+QMTPUB: 0,7,0", &[(11, 1, Kind::Invented, 3)]);
        assert_eq!(bound.filled(&answer), b"+QMTPUB: 0,12,0");
        assert!(!Bound::fits(
            &recorded("AT+CPIN=***", &[(8, 3, Kind::Imei, 1)]),
            b"AT+CPIN=a b"
        ));
        assert!(!Bound::fits(&line, b"AT+QMTPUB=0,,1,0,\"bench/t\",2\r"));
    }

    #[test]
    fn many_spans_in_a_row_are_matched_without_trying_every_division() {
        let many: Vec<_> = (0..100).map(|number| (2 * number, 1, Kind::Secret, 1)).collect();
        let line = recorded(&"*a".repeat(100), &many);
        assert!(Bound::fits(&line, "aa".repeat(100).as_bytes()));
        assert!(!Bound::fits(&line, ("aa".repeat(100) + "b").as_bytes()));
    }
}
