//! What programs call the parameters of the notes, for error messages.

use modemqtt_at::dialect::{Dialect, Row};

use crate::options::OPTIONS;

/// The name in the notes and the name for programs. The numeric options of a client are not listed.
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

/// What a program calls the parameter at this position of a row, and the unit of its values.
pub fn called(row: &Row, position: usize) -> (&'static str, &'static str) {
    let option = OPTIONS.iter().find(|entry| {
        // After the client index.
        row.setting == Some(entry.key) && entry.number().is_some_and(|number| number + 1 == position)
    });
    if let Some(option) = option {
        return (option.name, option.unit);
    }
    let parameter = row.parameter(position).map_or("", |parameter| parameter.name);
    let named = NAMES.iter().find(|(name, _)| *name == parameter);
    (named.map_or(parameter, |(_, called)| called), "")
}

/// The models that speak a dialect, as part of a sentence.
pub fn models(dialect: &Dialect) -> String {
    let names: Vec<_> = dialect.models.iter().map(|model| model.name).collect();
    names.join(", ")
}
