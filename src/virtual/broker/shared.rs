//! Shared subscriptions, `$share/group/filter`: each message goes to one member of a group (MQTT 5.0 section 4.8.2).
//!
//! MQTT 3.1.1 has none, but servers take them from its clients too; mosquitto 2.0.11 is the reference for the turns.

use std::collections::{BTreeMap, VecDeque};

use super::topics::matches;
use super::wire::TopicFilter;

const MARK: &str = "$share";

/// The filter within a shared subscription; `None` if the subscription is not shared.
pub(super) fn shared_filter(filter: &str) -> Option<&str> {
    let group = filter.strip_prefix(MARK)?.strip_prefix('/')?;
    group.split_once('/').map(|(_, inner)| inner)
}

/// Whether a filter begins with `$share` but has no valid group name or no filter after it (MQTT 5.0 section 4.8.2).
/// mosquitto closes the connection for a bare `$share`; it accepts the other malformed ones, which then receive nothing.
pub(super) fn is_malformed(filter: &str) -> bool {
    let mut levels = filter.splitn(3, '/');
    let has_mark = levels.next() == Some(MARK);
    let group = levels.next().unwrap_or_default();
    let inner = levels.next().unwrap_or_default();
    has_mark && (group.is_empty() || group.contains(['+', '#']) || inner.is_empty())
}

/// Who shares what, and whose turn it is: the first in each row.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<TopicFilter, VecDeque<String>>);

impl Shares {
    /// Adds a client at the end of the row; a member keeps its place.
    pub(super) fn join(&mut self, filter: &TopicFilter, client: &str) {
        let row = self.0.entry(filter.clone()).or_default();
        if !row.iter().any(|member| member == client) {
            row.push_back(client.to_owned());
        }
    }

    /// A client leaves one group.
    pub(super) fn leave(&mut self, filter: &TopicFilter, client: &str) {
        if let Some(row) = self.0.get_mut(filter) {
            row.retain(|member| member != client);
            if row.is_empty() {
                self.0.remove(filter);
            }
        }
    }

    /// A session has ended: its client leaves every group.
    pub(super) fn forget(&mut self, client: &str) {
        self.0.retain(|_, row| {
            row.retain(|member| member != client);
            !row.is_empty()
        });
    }

    /// The member whose turn it is, for each group that wants the message, with the filter of the group. A member that is away gets its turn as well.
    pub(super) fn turns(&mut self, topic: &str) -> Vec<(TopicFilter, String)> {
        let mut turns = Vec::new();
        for (filter, row) in &mut self.0 {
            if shared_filter(filter).is_some_and(|inner| matches(inner, topic))
                && let Some(member) = row.front().cloned()
            {
                row.rotate_left(1);
                turns.push((filter.clone(), member));
            }
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_within_a_shared_subscription_stands_behind_the_group() {
        for (filter, inner) in [
            ("$share/g/a/#", Some("a/#")),
            ("$share/g//a", Some("/a")),
            ("$shared/g/a", None),
            ("$share", None),
            ("a/$share/g", None),
        ] {
            assert_eq!(shared_filter(filter), inner, "{filter}");
        }
    }

    #[test]
    fn a_shared_subscription_has_a_group_and_a_filter() {
        for good in [
            "$share/g/a",
            "$share/g//",
            "$share/g/#",
            "$shared",
            "$shared/g",
            "a/$share",
            "$SYS",
        ] {
            assert!(!is_malformed(good), "{good}");
        }
        for bad in [
            "$share",
            "$share/",
            "$share/g",
            "$share/g/",
            "$share//a",
            "$share/+/a",
            "$share/#",
        ] {
            assert!(is_malformed(bad), "{bad}");
        }
    }

    #[test]
    fn a_group_without_members_takes_no_memory() {
        let filter = TopicFilter::try_from("$share/g/a").unwrap();
        let mut shares = Shares::default();
        shares.join(&filter, "one");
        shares.join(&filter, "other");
        shares.leave(&filter, "one");
        shares.forget("other");
        assert!(shares.0.is_empty());
    }
}
