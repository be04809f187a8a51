//! Topic names, topic filters and who wants what (MQTT 3.1.1 section 4.7).

use std::collections::BTreeMap;

use super::shared::shared_filter;
use super::wire::{QoS, TopicFilter};

const SEPARATOR: char = '/';
const ONE_LEVEL: &str = "+";
const ALL_LEVELS: &str = "#";
const LONGEST_TOPIC: usize = u16::MAX as usize;

/// Whether a message may be published to `topic`: not empty, no wildcards, no NUL, at most 65535 bytes.
pub fn is_topic(topic: &str) -> bool {
    has_legal_length(topic) && !topic.contains(['+', '#', '\0'])
}

/// Whether `filter` may be subscribed to: `+` fills a level, `#` fills the last one.
pub fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split(SEPARATOR).rev();
    let last = levels.next().unwrap_or_default();
    has_legal_length(filter)
        && !filter.contains('\0')
        && (last == ALL_LEVELS || is_plain_level(last))
        && levels.all(is_plain_level)
}

fn has_legal_length(text: &str) -> bool {
    (1..=LONGEST_TOPIC).contains(&text.len())
}

fn is_plain_level(level: &str) -> bool {
    level == ONE_LEVEL || !level.contains(['+', '#'])
}

/// Whether a message published to `topic` reaches a subscription to `filter`.
///
/// Topics that start with `$` belong to the server: a filter that starts with a wildcard does not reach them (MQTT 3.1.1 section 4.7.2).
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = topic.split(SEPARATOR);
    for level in filter.split(SEPARATOR) {
        let fits = match level {
            ALL_LEVELS => return true, // also the parent level itself
            ONE_LEVEL => names.next().is_some(),
            name => names.next() == Some(name),
        };
        if !fits {
            return false;
        }
    }
    names.next().is_none()
}

/// Whether `filter` matches every topic that `other`, a filter as well, matches.
pub fn covers(filter: &str, other: &str) -> bool {
    if other.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut others = other.split(SEPARATOR);
    for level in filter.split(SEPARATOR) {
        let fits = match (level, others.next()) {
            (ALL_LEVELS, _) => return true,
            (ONE_LEVEL, Some(other)) => other != ALL_LEVELS,
            (name, other) => other == Some(name),
        };
        if !fits {
            return false;
        }
    }
    others.next().is_none()
}

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub struct Subscriptions(BTreeMap<TopicFilter, QoS>);

impl Subscriptions {
    /// Adds a subscription, or replaces the one with the identical filter (MQTT 3.1.1 section 3.8.4).
    ///
    /// Returns false and changes nothing if that would exceed `limit`.
    pub fn insert(&mut self, filter: TopicFilter, granted: QoS, limit: usize) -> bool {
        if self.0.len() >= limit && !self.0.contains_key(&filter) {
            return false;
        }
        self.0.insert(filter, granted);
        true
    }

    /// The QoS granted to the identical filter.
    pub fn granted_to(&self, filter: &TopicFilter) -> Option<QoS> {
        self.0.get(filter).copied()
    }

    /// Removes the subscription with the identical filter, if there is one.
    pub fn remove(&mut self, filter: &TopicFilter) {
        self.0.remove(filter);
    }

    /// The QoS at which the session wants `topic`, or `None`. Shared subscriptions do not count: they wait for their turn.
    ///
    /// Where filters overlap the highest one counts and the message goes out once (MQTT 3.1.1 section 3.3.5 leaves the choice).
    pub fn granted(&self, topic: &str) -> Option<QoS> {
        let own = self.0.iter().filter(|(filter, _)| shared_filter(filter).is_none());
        let matching = own.filter(|(filter, _)| matches(filter, topic));
        matching.map(|(_, granted)| *granted).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::try_from(text).unwrap()
    }

    #[test]
    fn filters_match_as_the_standard_tells() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/B", false),
            ("a/b", "a", false),
            ("a", "a/b", false),
            ("a", "/a", false),
            ("a", "a/", false),
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/tennis/player1/#", "sport/tennis/player10", false),
            ("sport/#", "sport", true),
            ("#", "a", true),
            ("#", "/", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("+/b/#", "a/b", true),
            ("a//b", "a//b", true),
            ("a/+/b", "a//b", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_filter_covers_those_that_match_no_more() {
        for (filter, other, expected) in [
            ("a/b", "a/b", true),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/+", "a/#", false),
            ("a/#", "a/#", true),
            ("a/#", "a/+/b", true),
            ("a/#", "a", true),
            ("a/#", "#", false),
            ("a/b", "a/+", false),
            ("#", "+/b", true),
            ("#", "$SYS/#", false),
            ("a", "a/b", false),
            ("a/b", "a", false),
        ] {
            assert_eq!(covers(filter, other), expected, "{filter} {other}");
        }
    }

    #[test]
    fn a_leading_wildcard_does_not_reach_dollar_topics() {
        assert!(!matches("#", "$SYS/uptime"));
        assert!(!matches("+/uptime", "$SYS/uptime"));
        assert!(matches("$SYS/#", "$SYS/uptime"));
        assert!(matches("$SYS/+", "$SYS/uptime"));
        assert!(matches("a/#", "a/$b"));
    }

    #[test]
    fn wildcards_fill_a_level() {
        for good in ["a", "/", "+", "#", "+/#", "a/+/b", "/+/", "a b/ä", "$SYS/#"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a+", "+a", "/+a", "a#", "#/a", "a/#/b", "a/b#", "++", "\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
        assert!(is_filter(&"a".repeat(65535)));
        assert!(!is_filter(&"a".repeat(65536)));
    }

    #[test]
    fn a_topic_has_no_wildcards() {
        for good in ["a", "/", "$SYS/x", "ä/ö"] {
            assert!(is_topic(good), "{good}");
        }
        for bad in ["", "a/+", "#", "a\0"] {
            assert!(!is_topic(bad), "{bad:?}");
        }
    }

    #[test]
    fn overlapping_subscriptions_grant_the_highest_qos() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.insert(filter("a/#"), QoS::Level0, 10));
        assert!(subscriptions.insert(filter("a/+"), QoS::Level2, 10));
        assert!(subscriptions.insert(filter("+/b"), QoS::Level1, 10));
        assert_eq!(subscriptions.granted("a/b"), Some(QoS::Level2));
        subscriptions.remove(&filter("a/+"));
        assert_eq!(subscriptions.granted("a/b"), Some(QoS::Level1));
        assert_eq!(subscriptions.granted("c"), None);
    }

    #[test]
    fn a_full_table_still_replaces() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.insert(filter("a"), QoS::Level0, 1));
        assert!(!subscriptions.insert(filter("b"), QoS::Level0, 1));
        assert!(subscriptions.insert(filter("a"), QoS::Level1, 1));
        assert_eq!(subscriptions.granted("a"), Some(QoS::Level1));
    }
}
