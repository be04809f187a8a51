//! What a program calls the parameters of the notes, for the errors that name them.

use modemqtt_at::Form;
use modemqtt_at::dialect::{Dialect, Kind};

/// The name in the notes, the name for programs, and the unit.
const NAMES: &[(&str, &str, &str)] = &[
    ("client_idx", "client index", ""),
    ("keep_alive_time", "keepalive", " s"),
    ("pkt_timeout", "packet_timeout", " s"),
    ("retry_times", "retries", ""),
    ("qmtping_interval", "ping_interval", " s"),
    ("edit_timeout", "edit_timeout", " s"),
    ("cid", "pdp_context", ""),
    ("SSL_ctx_idx", "tls_context", ""),
    ("host_name", "host", ""),
    ("clientID", "client_id", ""),
    ("QoS", "qos", ""),
    ("will_topic", "topic of the will", ""),
    ("willtopic", "topic of the will", ""),
    ("will_msg", "payload of the will", ""),
    ("will_message", "payload of the will", ""),
    ("willmessage", "payload of the will", ""),
    ("will_qos", "qos of the will", ""),
    ("will_QoS", "qos of the will", ""),
];

/// What a program calls a parameter, and the unit of its values.
pub(crate) fn called(parameter: &'static str) -> (&'static str, &'static str) {
    NAMES
        .iter()
        .find(|(name, ..)| *name == parameter)
        .map_or((parameter, ""), |(_, called, unit)| (called, unit))
}

/// The values that an option of a client may have, as in `0 to 3600 s`; `None` where the dialect has no such option.
pub fn range(dialect: &Dialect, option: &str) -> Option<(i64, i64, &'static str)> {
    let rows = dialect
        .rows
        .iter()
        .filter(|row| row.setting.is_some() && row.form == Form::Set);
    rows.flat_map(|row| row.parameters)
        .find_map(|parameter| match (called(parameter.name), parameter.kind) {
            ((name, unit), Kind::Integer { low, high }) if name == option => Some((low, high, unit)),
            _ => None,
        })
}

/// The models that speak a dialect, for a sentence.
pub fn models(dialect: &Dialect) -> String {
    let names: Vec<_> = dialect.models.iter().map(|model| model.name).collect();
    names.join(", ")
}
