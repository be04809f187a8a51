//! The values that are known to be secrets, identities or inventions, found in whatever form they stand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use crate::encodings;
use crate::entry::Kind;
use crate::substitute;

/// A value of fewer bytes would be found everywhere.
const SHORTEST: usize = 4;
/// A text is looked at in steps of this many bytes. Wherever a needle stands, one of its first pairs is met.
const STRIDE: usize = SHORTEST - 1;
/// A value of fewer digits than this, and nothing else, is found only where no digit is beside it.
const FEW_DIGITS: usize = 8;

/// How many values are looked for at most; beyond that the oldest that is not a secret is forgotten.
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
    /// The needles with these two bytes near their beginning: how far behind it, and which.
    by_pair: HashMap<[u8; 2], Vec<(usize, usize)>, BuildHasherDefault<PairHasher>>,
    /// Whether there are any, one bit for each pair.
    pairs: Pairs,
    /// The pairs anywhere in a needle that is to be replaced, and behind 0 its first byte.
    within: Pairs,
    /// The length of the longest needle.
    longest: usize,
}

/// A set of pairs of bytes, which takes no memory before there are any.
#[derive(Debug, Default)]
struct Pairs(Vec<u64>);

impl Pairs {
    fn insert(&mut self, pair: [u8; 2]) {
        self.0.resize(1024, 0);
        let at = usize::from(u16::from_be_bytes(pair));
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, pair: [u8; 2]) -> bool {
        let at = usize::from(u16::from_be_bytes(pair));
        self.0.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

/// Of a pair of bytes, which no one chooses to make others slow.
#[derive(Debug, Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
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

    /// Has a value be found from now on, in any form, and a secret also as what it is read as. Its number, and what stands for it.
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
        if kind == Kind::Secret {
            for meaning in encodings::meanings(value) {
                self.learn(kind, &meaning);
            }
        }
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
        (self.pairs, self.within, self.longest) = (Pairs::default(), Pairs::default(), 0);
        for index in 0..self.needles.len() {
            self.index(index);
        }
    }

    /// Has a needle be found by its first pairs of bytes.
    fn index(&mut self, index: usize) {
        let needle = &self.needles[index];
        for (behind, pair) in needle.bytes.windows(2).enumerate() {
            let pair = [pair[0], pair[1]];
            if behind < STRIDE {
                self.by_pair.entry(pair).or_default().push((behind, index));
                self.pairs.insert(pair);
            }
            if needle.kind != Kind::Invented {
                self.within.insert(pair);
            }
        }
        if needle.kind != Kind::Invented {
            self.within.insert([0, needle.bytes[0]]);
            self.longest = self.longest.max(needle.bytes.len());
        }
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

    /// Whether nothing is looked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Whether a line may end within a value, so that the rest of it comes behind another line.
    pub(crate) fn may_be_torn(&self, line: &[u8]) -> bool {
        let Some(&last) = line.last() else { return false };
        let before = line.len().checked_sub(2).map(|at| line[at]);
        self.within.contains([0, last]) || before.is_some_and(|before| self.within.contains([before, last]))
    }

    /// Where a value stands of which the beginning ends one line and the rest begins another: how much of it is in each.
    pub(crate) fn torn(&self, line: &[u8], other: &[u8], is_replaced: impl Fn(Kind) -> bool) -> Option<(usize, usize)> {
        let (last, first) = (*line.last()?, *other.first()?);
        if !self.within.contains([last, first]) {
            return None;
        }
        let most = self.longest - 1;
        let before = &line[line.len().saturating_sub(most)..];
        let joined = [before, &other[..other.len().min(most)]].concat();
        let mut places = Vec::new();
        self.find(&joined, false, &mut places);
        places.retain(|place| place.kind != Kind::Invented && is_replaced(place.kind));
        let across = places.into_iter().map(|place| place.range);
        let across = across.filter(|range| range.start < before.len() && before.len() < range.end);
        let whole = across.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))?;
        Some((before.len() - whole.start, whole.end - before.len()))
    }

    /// Where known values stand. With `open` the text may go on: what begins one at its end counts as one.
    pub(crate) fn find(&self, text: &[u8], open: bool, places: &mut Vec<Place>) {
        if self.needles.is_empty() {
            return;
        }
        for at in (0..text.len().saturating_sub(1)).step_by(STRIDE) {
            let pair = [text[at], text[at + 1]];
            if !self.pairs.contains(pair) {
                continue;
            }
            // Another may begin within one, and it may be a secret.
            let begins = (0..STRIDE.min(at + 1)).filter_map(|behind| self.at(text, at, pair, behind, open));
            places.extend(begins);
        }
    }

    /// What stands in a text so that a pair of it is there, so far behind the beginning: of several a secret, and of those the longest.
    fn at(&self, text: &[u8], at: usize, pair: [u8; 2], behind: usize, open: bool) -> Option<Place> {
        let indices = self.by_pair.get(&pair)?.iter().filter(|known| known.0 == behind);
        let candidates = indices.map(|(_, index)| &self.needles[*index]);
        let at = at - behind;
        let rest = &text[at..];
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let fits = |needle: &&Needle| {
            if needle.alone && (at > 0 && is_digit(text.get(at - 1)) || is_digit(rest.get(needle.bytes.len()))) {
                return false;
            }
            rest.starts_with(&needle.bytes)
                || (open && rest.len() >= SHORTEST && needle.bytes.starts_with(rest) && needle.kind != Kind::Invented)
        };
        // Of equal ones it is the first: a value itself comes before what another is written as.
        let needle = candidates
            .filter(fits)
            .rev()
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
    fn a_value_is_found_at_any_distance_and_beside_any_other() {
        let mut known = Known::default();
        known.learn(Kind::Secret, b"hunter2");
        known.learn(Kind::Secret, b"ab+1");
        for before in 0..7 {
            for between in 0..7 {
                let text = format!("{}ab+1{}hunter2", ".".repeat(before), "-".repeat(between));
                assert_eq!(found(&known, &text), ["ab+1", "hunter2"], "{text}");
                let mut places = Vec::new();
                known.find(&text.as_bytes()[..text.len() - 3], true, &mut places);
                assert_eq!(places.len(), 2, "{text}");
            }
        }
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
