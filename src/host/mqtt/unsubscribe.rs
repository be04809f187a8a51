//! The end of subscriptions, `AT+QMTUNS`, in as many commands as the command line needs.

use modemqtt_at::{ClientIndex, Command, MessageId, Operation};

use super::own::Own;
use super::plan::{Planner, Steps, index_of};
use super::rules::Rules;
use super::topics::{in_commands, topic_filter};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{OutcomeKey, Task};
use crate::writer::Argument;

pub(super) struct Unsubscribe;

impl Rules for Unsubscribe {
    fn needs_connection(&self) -> bool {
        true
    }
}

/// Topics on their way out.
#[derive(Debug)]
struct Unsubscribing;

impl Own for Unsubscribing {
    fn told(&mut self, _: ClientIndex, more: bool, result: Result<Reply, Error>) -> Option<Result<Reply, Error>> {
        (result.is_err() || !more).then_some(result)
    }
}

impl Planner {
    pub(super) fn unsubscribe(
        &self,
        client: ClientIndex,
        id: MessageId,
        topics: &[String],
    ) -> Result<(Task, Steps), Error> {
        let commands = in_commands(topics, &|topics| {
            let mut arguments = vec![index_of(client), Argument::Number(id.0.into())];
            for topic in topics {
                topic_filter(topic)?;
                arguments.push(Argument::Text(topic.as_bytes()));
            }
            self.act(Command::Unsubscribe, client, Some(id), &arguments)
        })?;
        let key = OutcomeKey {
            operation: Operation::Unsubscribe,
            client,
            message_id: Some(id),
        };
        let steps = commands.into_iter().map(|(_, step)| step).collect();
        Ok((Task::of(key, Unsubscribing), steps))
    }
}
