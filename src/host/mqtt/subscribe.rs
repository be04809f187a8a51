//! Subscriptions, `AT+QMTSUB`: as many commands as the topics need, and the QoS granted.

use std::collections::VecDeque;

use modemqtt_at::codes::SUBSCRIPTION_REFUSED;
use modemqtt_at::{ClientIndex, Command, MessageId, Operation, Qos};

use super::own::Own;
use super::plan::{Planner, Steps, index_of};
use super::rules::{Meaning, Rules, acknowledged};
use super::topics::{in_commands, topic_filter};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{OutcomeKey, Task};
use crate::reader::Outcome;
use crate::writer::Argument;

pub(super) struct Subscribe;

impl Rules for Subscribe {
    fn needs_connection(&self) -> bool {
        true
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        // The task knows how many topics were asked for.
        acknowledged(outcome, Reply::Granted(outcome.values.clone()))
    }
}

/// Progress of the subscriptions.
#[derive(Debug)]
struct Subscribing {
    /// The QoS requested by each command that has no result yet.
    asked: VecDeque<Vec<Qos>>,
    /// The QoS granted so far.
    granted: Vec<i64>,
}

impl Own for Subscribing {
    fn told(&mut self, client: ClientIndex, _: bool, result: Result<Reply, Error>) -> Option<Result<Reply, Error>> {
        match result {
            Ok(Reply::Granted(granted)) => self.granted(client, &granted),
            result => Some(result),
        }
    }
}

impl Planner {
    pub(super) fn subscribe(
        &self,
        client: ClientIndex,
        id: MessageId,
        topics: &[(String, Qos)],
    ) -> Result<(Task, Steps), Error> {
        let commands = in_commands(topics, &|topics| {
            let mut arguments = vec![index_of(client), Argument::Number(id.0.into())];
            for (topic, qos) in topics {
                topic_filter(topic)?;
                arguments.extend([Argument::Text(topic.as_bytes()), Argument::Number(qos.number().into())]);
            }
            self.act(Command::Subscribe, client, Some(id), &arguments)
        })?;
        let asked = commands
            .iter()
            .map(|(topics, _)| topics.iter().map(|(_, qos)| *qos).collect());
        let subscribing = Subscribing {
            asked: asked.collect(),
            granted: Vec::new(),
        };
        let key = OutcomeKey {
            operation: Operation::Subscribe,
            client,
            message_id: Some(id),
        };
        let steps = commands.into_iter().map(|(_, step)| step).collect();
        Ok((Task::of(key, subscribing), steps))
    }
}

impl Subscribing {
    /// Takes the QoS that the module granted for one command. `None` while other commands are to follow.
    fn granted(&mut self, client: ClientIndex, granted: &[i64]) -> Option<Result<Reply, Error>> {
        let asked = self.asked.pop_front().unwrap_or_default();
        let wrong = |expected| {
            let values: Vec<_> = granted.iter().map(ToString::to_string).collect();
            let line = format!("+QMTSUB: {client},…,0,{}", values.join(","));
            Some(Err(Error::Protocol { expected, line }))
        };
        if granted.iter().any(|qos| !matches!(*qos, 0..=2 | SUBSCRIPTION_REFUSED)) {
            return wrong("a granted QoS of 0, 1, 2 or 128");
        }
        if granted.len() > asked.len() {
            return wrong("no more granted QoS than topics");
        }
        if granted.is_empty() {
            // Some firmware omits them.
            self.granted.extend(asked.iter().map(|qos| i64::from(qos.number())));
        } else {
            self.granted.extend(granted);
        }
        let missing = if granted.is_empty() {
            0
        } else {
            asked.len() - granted.len()
        };
        if missing == 0 && !self.asked.is_empty() {
            return None;
        }
        let granted = std::mem::take(&mut self.granted);
        let unasked: usize = self.asked.iter().map(Vec::len).sum();
        let refused = granted.iter().all(|qos| *qos == SUBSCRIPTION_REFUSED);
        Some(if missing > 0 || refused {
            Err(Error::NotGranted {
                client,
                asked: granted.len() + missing + unasked,
                granted,
            })
        } else {
            Ok(Reply::Granted(granted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(asked: &[usize], answers: &[&[i64]]) -> Result<Reply, Error> {
        let mut subscribing = Subscribing {
            asked: asked.iter().map(|count| vec![Qos::AtLeastOnce; *count]).collect(),
            granted: Vec::new(),
        };
        let mut ends = answers
            .iter()
            .filter_map(|answer| subscribing.granted(ClientIndex(0), answer));
        let end = ends.next().expect("an end");
        assert!(ends.next().is_none());
        end
    }

    #[test]
    fn each_topic_has_its_granted_qos_or_the_call_fails() {
        let granted = |values: &[i64]| Ok(Reply::Granted(values.to_vec()));
        assert_eq!(end(&[2], &[&[0, 128]]), granted(&[0, 128]));
        assert_eq!(end(&[2], &[&[]]), granted(&[1, 1]));
        assert_eq!(end(&[2, 1], &[&[2, 1], &[]]), granted(&[2, 1, 1]));
        for (counts, answers, values) in [
            (&[5][..], &[&[1, 0, 2, 2][..]][..], &[1, 0, 2, 2][..]),
            (&[2], &[&[128, 128]], &[128, 128]),
            (&[2, 2], &[&[1, 1], &[1]], &[1, 1, 1]),
            (&[2, 3], &[&[1]], &[1]),
        ] {
            let Err(Error::NotGranted { asked, granted, .. }) = end(counts, answers) else {
                panic!("{counts:?} {answers:?}");
            };
            assert_eq!((asked, granted.as_slice()), (counts.iter().sum(), values));
        }
        for answer in [&[3][..], &[-1], &[127], &[1, 1, 1]] {
            assert!(
                matches!(end(&[2], &[answer]), Err(Error::Protocol { .. })),
                "{answer:?}"
            );
        }
    }
}
