//! Topic names and topic filters under the rules of MQTT itself, and how many of them fit into a command.

use std::collections::VecDeque;

use crate::error::Error;
use crate::job::Step;

/// MQTT 3.1.1 section 4.7.1: a topic name contains no wildcard.
pub(super) fn topic_name(topic: &str) -> Result<(), Error> {
    if topic.contains(['+', '#']) {
        return Err(Error::Usage(format!(
            "the topic {topic:?} contains a wildcard; + and # are allowed only in subscriptions (MQTT 3.1.1 section 4.7.1)"
        )));
    }
    Ok(())
}

/// MQTT 3.1.1 section 4.7.1: `#` must be the last level and alone in it; `+` must be alone in its level.
pub(super) fn topic_filter(filter: &str) -> Result<(), Error> {
    let levels: Vec<_> = filter.split('/').collect();
    let fits = levels.iter().enumerate().all(|(at, level)| match *level {
        "#" => at + 1 == levels.len(),
        "+" => true,
        level => !level.contains(['+', '#']),
    });
    if fits {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the topic filter {filter:?} has a wildcard that is not alone in its level, or a # that is not last \
         (MQTT 3.1.1 section 4.7.1)"
    )))
}

/// The topics with the command for them, halved until each command fits into a command line.
pub(super) fn in_commands<'a, T>(
    topics: &'a [T],
    command: &impl Fn(&[T]) -> Result<Step, Error>,
) -> Result<VecDeque<(&'a [T], Step)>, Error> {
    if topics.is_empty() {
        return Err(Error::Usage("at least one topic is needed".into()));
    }
    match command(topics) {
        Ok(step) => Ok([(topics, step)].into()),
        Err(error) if topics.len() == 1 => Err(error),
        Err(_) => {
            let (first, second) = topics.split_at(topics.len().div_ceil(2));
            let mut commands = in_commands(first, command)?;
            commands.extend(in_commands(second, command)?);
            Ok(commands)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_where_mqtt_allows_them() {
        for good in ["#", "+", "a/+/b", "a/#", "+/+/#", "$SYS/#", "/"] {
            assert!(topic_filter(good).is_ok(), "{good}");
        }
        for bad in ["a#", "#/a", "a+/b", "a/b+", "a/#/b"] {
            assert!(topic_filter(bad).is_err(), "{bad}");
        }
        assert!(topic_name("a/b").is_ok() && topic_name("a/+").is_err());
    }
}
