//! What a session has subscribed to, call by call: topics that fitted one command will fit one again.

use std::collections::VecDeque;

use modemqtt_at::Qos;
use modemqtt_at::codes::SUBSCRIPTION_REFUSED;

/// Topic filters with the QoS asked for.
pub(super) type Topics = Vec<(String, Qos)>;

/// The subscriptions of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    calls: VecDeque<Topics>,
}

impl Subscriptions {
    /// Notes the QoS granted to one call.
    pub(super) fn add(&mut self, topics: Topics, granted: &[i64]) {
        let kept: Topics = levels(topics, granted)
            .filter_map(|(pair, level)| (level != SUBSCRIPTION_REFUSED).then_some(pair))
            .collect();
        self.remove(kept.iter().map(|(topic, _)| topic.as_str()));
        if !kept.is_empty() {
            self.calls.push_back(kept);
        }
    }

    /// Forgets topics.
    pub(super) fn remove<'a>(&mut self, topics: impl Iterator<Item = &'a str>) {
        for topic in topics {
            for call in &mut self.calls {
                call.retain(|(known, _)| known != topic);
            }
        }
        self.calls.retain(|call| !call.is_empty());
    }

    /// The topics of each call.
    pub(super) fn calls(&self) -> VecDeque<Topics> {
        self.calls.clone()
    }
}

/// Topics with the QoS granted; if the module names fewer, the rest have the QoS requested.
pub(super) fn levels(topics: Topics, granted: &[i64]) -> impl Iterator<Item = ((String, Qos), i64)> {
    let mut granted = granted.iter().copied();
    topics.into_iter().map(move |pair| {
        let asked = i64::from(pair.1.number());
        (pair, granted.next().unwrap_or(asked))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(pairs: &[(&str, Qos)]) -> Topics {
        pairs.iter().map(|(topic, qos)| ((*topic).to_owned(), *qos)).collect()
    }

    #[test]
    fn a_topic_that_the_answer_leaves_out_is_kept_with_the_qos_requested() {
        let asked = topics(&[("a", Qos::AtMostOnce), ("b", Qos::AtLeastOnce)]);
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(asked.clone(), &[0]);
        assert_eq!(subscriptions.calls().front(), Some(&asked));
        assert_eq!(levels(asked, &[0]).map(|(_, level)| level).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn what_was_refused_is_not_kept_and_what_was_asked_for_again_counts_once() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(
            topics(&[("a", Qos::AtMostOnce), ("b", Qos::AtMostOnce)]),
            &[0, SUBSCRIPTION_REFUSED],
        );
        subscriptions.add(topics(&[("a", Qos::ExactlyOnce)]), &[2]);
        assert_eq!(subscriptions.calls(), [topics(&[("a", Qos::ExactlyOnce)])]);
    }
}
