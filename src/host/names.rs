//! What a program calls the parameters of the notes, for the errors that name them.

use modemqtt_at::dialect::{Dialect, Row};

use crate::options::OPTIONS;

/// The name in the notes and the name for programs, but for the numbers among the options of a client.
const NAMES: &[(&str, &str)] = &[
    ("client_idx", "client index"),
    ("host_name", "host"),
    ("clientID", "client_id"),
    ("QoS", "qos"),
    ("will_topic", "topic of the will"),
    ("willtopic", "topic of the will"),
    ("will_msg", "payload of the will"),
    ("will_message", "payload of the will"),
    ("willmessage", "payload of the will"),
    ("will_qos", "qos of the will"),
    ("will_QoS", "qos of the will"),
];

/// What a program calls the parameter of a row at a position, and the unit of its values.
pub fn called(row: &Row, position: usize) -> (&'static str, &'static str) {
    let option = OPTIONS.iter().find(|entry| {
        // Behind the client index.
        row.setting == Some(entry.key) && entry.number().is_some_and(|number| number + 1 == position)
    });
    if let Some(option) = option {
        return (option.name, option.unit);
    }
    let parameter = row.parameter(position).map_or("", |parameter| parameter.name);
    let named = NAMES.iter().find(|(name, _)| *name == parameter);
    (named.map_or(parameter, |(_, called)| called), "")
}

/// The models that speak a dialect, for a sentence.
pub fn models(dialect: &Dialect) -> String {
    let names: Vec<_> = dialect.models.iter().map(|model| model.name).collect();
    names.join(", ")
}
