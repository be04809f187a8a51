//! The values that are known to be secrets, identities or inventions, found in whatever form they stand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;

use crate::encodings;
use crate::entry::Kind;
use crate::substitute;

/// A value of fewer bytes would be found everywhere.
const SHORTEST: usize = 4;
/// Of digits alone, so few are looked for between other characters only.
const FEW_DIGITS: usize = 8;

/// How many values are looked for at most; beyond that the oldest that is no secret is forgotten.
const MOST_VALUES: usize = 4096;
/// How many are forgotten at once.
const FORGOTTEN: usize = 256;
/// The number of a place whose value is not looked for, until it gets one of its own.
pub(crate) const NAMELESS: u32 = 0;

/// One form of a value.
#[derive(Debug)]
struct Needle {
    bytes: Vec<u8>,
    put: Vec<u8>,
    kind: Kind,
    id: u32,
    /// Whether a digit beside it makes it another number.
    alone: bool,
}

/// A place that is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) range: Range<usize>,
    pub(crate) put: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) id: u32,
    /// What is missing of it, where the text ends too early.
    pub(crate) rest: Vec<u8>,
}

impl Place {
    /// A secret that is known by its place alone.
    pub(crate) fn masked(range: Range<usize>) -> Self {
        Self {
            put: vec![b'*'; range.len()],
            range,
            kind: Kind::Secret,
            id: NAMELESS,
            rest: Vec::new(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Known {
    ids: HashMap<(Kind, Vec<u8>), u32>,
    counts: HashMap<Kind, u32>,
    /// The values that are looked for, the oldest first.
    values: VecDeque<(Kind, Vec<u8>)>,
    needles: Vec<Needle>,
    /// The needles that begin with these two bytes.
    by_pair: HashMap<[u8; 2], Vec<usize>>,
    /// Whether any does: what is looked at for each byte.
    pairs: Vec<u64>,
}

impl Known {
    /// The number of a value, which is the same each time.
    pub(crate) fn id(&mut self, kind: Kind, value: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(&(kind, value.to_vec())) {
            return *id;
        }
        let id = self.fresh(kind);
        self.ids.insert((kind, value.to_vec()), id);
        id
    }

    /// A number that no value has yet.
    pub(crate) fn fresh(&mut self, kind: Kind) -> u32 {
        let count = self.counts.entry(kind).or_default();
        *count = count.wrapping_add(1).max(1);
        *count
    }

    /// Has a value be found from now on, in any form. Its number, and what stands for it.
    pub(crate) fn learn(&mut self, kind: Kind, value: &[u8]) -> (u32, Vec<u8>) {
        let known = self.ids.contains_key(&(kind, value.to_vec()));
        let id = self.id(kind, value);
        let put = substitute::of(kind, value, id);
        if known || value.len() < SHORTEST {
            return (id, put);
        }
        if self.values.len() >= MOST_VALUES {
            self.forget();
        }
        self.values.push_back((kind, value.to_vec()));
        self.add_forms(kind, value, id, &put);
        (id, put)
    }

    /// Has the oldest values be looked for no more: secrets only where there is nothing else.
    fn forget(&mut self) {
        let mut left = FORGOTTEN;
        for secrets_too in [false, true] {
            let ids = &mut self.ids;
            self.values.retain(|value| {
                let stays = left == 0 || (value.0 == Kind::Secret && !secrets_too);
                if !stays {
                    left -= 1;
                    ids.remove(value);
                }
                stays
            });
        }

        let stay: HashSet<_> = self.values.iter().map(|value| (value.0, self.ids[value])).collect();
        self.needles.retain(|needle| stay.contains(&(needle.kind, needle.id)));
        self.by_pair.clear();
        self.pairs.fill(0);
        for index in 0..self.needles.len() {
            self.index(index);
        }
    }

    /// Has a needle be found by its first two bytes.
    fn index(&mut self, index: usize) {
        let pair = [self.needles[index].bytes[0], self.needles[index].bytes[1]];
        self.by_pair.entry(pair).or_default().push(index);
        self.pairs.resize(1024, 0);
        let at = usize::from(u16::from_be_bytes(pair));
        self.pairs[at / 64] |= 1 << (at % 64);
    }

    fn add_forms(&mut self, kind: Kind, value: &[u8], id: u32, put: &[u8]) {
        let alone = value.len() < FEW_DIGITS && value.iter().all(u8::is_ascii_digit);
        let mut add = |bytes: Vec<u8>, put, alone| {
            self.needles.push(Needle {
                bytes,
                put,
                kind,
                id,
                alone,
            });
            self.index(self.needles.len() - 1);
        };
        add(value.to_vec(), put.to_vec(), alone);
        if kind != Kind::Invented {
            for (form, put) in encodings::forms(value, put) {
                add(form, put, false);
            }
        }
    }

    /// Where known values stand. With `open` the text may go on: what begins one at its end counts as one.
    pub(crate) fn find(&self, text: &[u8], open: bool, places: &mut Vec<Place>) {
        if self.needles.is_empty() {
            return;
        }
        let mut at = 0;
        while at + 1 < text.len() {
            let pair = [text[at], text[at + 1]];
            let index = usize::from(u16::from_be_bytes(pair));
            if self.pairs[index / 64] >> (index % 64) & 1 == 0 {
                at += 1;
                continue;
            }
            // Another may begin within one, and it may be a secret.
            places.extend(self.at(text, at, pair, open));
            at += 1;
        }
    }

    fn at(&self, text: &[u8], at: usize, pair: [u8; 2], open: bool) -> Option<Place> {
        let candidates = self.by_pair.get(&pair)?.iter().map(|index| &self.needles[*index]);
        let rest = &text[at..];
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let fits = |needle: &&Needle| {
            if needle.alone && (at > 0 && is_digit(text.get(at - 1)) || is_digit(rest.get(needle.bytes.len()))) {
                return false;
            }
            rest.starts_with(&needle.bytes)
                || (open && rest.len() >= SHORTEST && needle.bytes.starts_with(rest) && needle.kind != Kind::Invented)
        };
        let needle = candidates
            .filter(fits)
            .max_by_key(|needle| (needle.kind == Kind::Secret, needle.bytes.len()))?;
        let length = needle.bytes.len().min(rest.len());
        Some(Place {
            range: at..at + length,
            put: needle.put[..length.min(needle.put.len())].to_vec(),
            kind: needle.kind,
            id: needle.id,
            rest: needle.bytes[length..].to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(known: &Known, text: &str) -> Vec<String> {
        let mut places = Vec::new();
        known.find(text.as_bytes(), false, &mut places);
        places.into_iter().map(|place| text[place.range].to_owned()).collect()
    }

    #[test]
    fn a_value_is_found_wherever_it_stands_and_a_short_number_only_alone() {
        let mut known = Known::default();
        known.learn(Kind::Secret, b"hunter2");
        known.learn(Kind::Secret, b"1234");
        known.learn(Kind::Secret, b"abc");
        assert_eq!(
            found(&known, "xhunter2yhunter2 1234 a1234b 12345 abc"),
            ["hunter2", "hunter2", "1234", "1234"]
        );
        assert_eq!(found(&known, "68756E74657232"), ["68756E74657232"]);
    }

    #[test]
    fn what_may_be_the_beginning_of_a_secret_is_one_where_the_text_ends_too_early() {
        let mut known = Known::default();
        known.learn(Kind::Secret, b"hunter2");
        let mut places = Vec::new();
        known.find(b"is hunt", true, &mut places);
        assert_eq!(places[0].range, 3..7);
        assert_eq!(places[0].put, b"****");
        assert_eq!(places[0].rest, b"er2");
    }

    #[test]
    fn of_very_many_values_the_oldest_that_is_no_secret_is_forgotten() {
        let mut known = Known::default();
        known.learn(Kind::Secret, b"hunter2");
        for number in 0..MOST_VALUES {
            known.learn(Kind::Phone, format!("+49{number:09}").as_bytes());
        }
        assert!(known.values.len() <= MOST_VALUES && known.ids.len() <= MOST_VALUES);
        assert_eq!(
            found(&known, "hunter2 +49000000000 +49000004095"),
            ["hunter2", "+49000004095"]
        );
    }

    #[test]
    fn the_same_value_has_the_same_number_and_another_has_another() {
        let mut known = Known::default();
        assert_eq!(known.learn(Kind::Imei, b"866425031234565").0, 1);
        assert_eq!(known.learn(Kind::Imei, b"866425031234573").0, 2);
        assert_eq!(known.learn(Kind::Imei, b"866425031234565").0, 1);
        assert_eq!(known.learn(Kind::Secret, b"hunter2").0, 1);
    }
}
