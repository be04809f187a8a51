//! Why some changes cannot be noticed on the line. Each rule is a sentence, printed with the changes that it excuses.

use modemqtt_at::dialect::{Arity, DataPhase, Dialect, Flag, Gate, Kind, Row, Wait};
use modemqtt_at::{Command, Form, SettingKey};

const CHECKED_TWICE: &str =
    "the module requires a flag to be 0 or 1, and takes only the one value that works of some others";
const NO_PARAMETER: &str = "a parameter that the row does not name is refused, however many there are";

type Rule = Option<&'static str>;

const UNUSED_WAIT: &str = "the host has no call that sends this form by its row, and the module waits for nothing";
const ASKS_SESSION: &str = "the module also checks the session, which is connected or not";
const LONG_LINE: &str = "no command line can hold such a long string";
const NO_LEGAL_LINE: &str = "no line that the row allows tells the two apart";

/// What a changed limit of a parameter amounts to.
pub(super) fn limit(dialect: &Dialect, row: &Row, at: usize, kind: Kind) -> Rule {
    match (row.parameters[at].kind, kind) {
        (
            Kind::Text { least, most },
            Kind::Text {
                least: new_least,
                most: new_most,
            },
        ) if least == new_least && most.min(new_most) >= dialect.command_line => Some(LONG_LINE),
        (
            Kind::Integer { low, high },
            Kind::Integer {
                low: new_low,
                high: new_high,
            },
        ) if new_low <= low && new_high >= high => {
            let flag = at == 1 && row.flag == Flag::Complete;
            let only = row.only.iter().any(|(position, _)| *position == at);
            // In this order: message id, QoS, retain, topic, length.
            let publish = matches!(row.command, Command::Publish | Command::PublishExact);
            let qos = new_high > high && (publish && at == 2 || row.command == Command::Subscribe && at == 3);
            let length = publish && at == 5 && new_high > high;
            match () {
                () if flag || only => Some(CHECKED_TWICE),
                () if qos => Some("the module makes an MQTT packet of it, which has no QoS 3"),
                () if row.data == Some(DataPhase::Inline) && at == 5 && new_low < low => {
                    Some("no payload follows a negative length")
                }
                () if length => Some("the dialect limits the payload as well"),
                () => None,
            }
        }
        (
            Kind::Text { least: 1, most },
            Kind::Text {
                least: 0,
                most: new_most,
            },
        ) if most == new_most && row.command == Command::Unsubscribe => {
            Some("the module makes an MQTT packet of it, which has no empty topic")
        }
        _ => None,
    }
}

pub(super) fn arity(dialect: &Dialect, row: &Row, arity: Arity) -> Rule {
    // The change must not give this row's lines to another form of the command that comes after it.
    let behind = dialect
        .rows
        .iter()
        .skip_while(|other| !std::ptr::eq(*other, row))
        .skip(1);
    let mut same =
        behind.filter(|other| (other.command, other.setting, other.form) == (row.command, row.setting, row.form));
    let taken = same.any(|other| (0..10).any(|count| other.arity.allows(count) && arity.allows(count)));
    let groups = matches!(row.arity, Arity::Groups { .. }) || matches!(arity, Arity::Groups { .. });
    let alike = (0..=row.parameters.len()).all(|count| arity.allows(count) == row.arity.allows(count));
    let mut others = (0..=row.parameters.len()).filter(|count| arity.allows(*count) != row.arity.allows(*count));
    let between = others.all(|count| count > 2 && count < row.parameters.len() && arity.allows(count));
    match row.flag {
        _ if groups || taken => None,
        _ if alike => Some(NO_PARAMETER),
        Flag::Whole if between => Some("with such a flag only all or none of them match"),
        _ => None,
    }
}

pub(super) fn data(dialect: &Dialect, row: &Row, data: Option<DataPhase>) -> Rule {
    let in_line = matches!(row.data, Some(DataPhase::Inline));
    let other_form = dialect.publish(DataPhase::Counted).is_some() && row.data == Some(DataPhase::UntilCtrlZ);
    match data {
        Some(_) if row.setting.is_some() => Some("a will has one form of data phase, whichever the row names"),
        Some(DataPhase::Quoted) => None,
        Some(DataPhase::UntilCtrlZ) if in_line => None,
        _ if in_line => Some("a payload with its length in the line has already come, whichever phase the row names"),
        None | Some(DataPhase::Inline) if other_form => Some(
            "the module ends data with Ctrl-Z unless the row says otherwise, and the host prefers the form with the length",
        ),
        _ => None,
    }
}

pub(super) fn gate(row: &Row, gate: Gate) -> Rule {
    let asks = matches!(
        row.command,
        Command::Disconnect | Command::Subscribe | Command::Unsubscribe
    ) || matches!(row.data, Some(DataPhase::Inline | DataPhase::Quoted));
    if row.command == Command::Connect && matches!(gate, Gate::Always | Gate::NotConnected) {
        return Some(ASKS_SESSION);
    }
    let weaker = matches!(gate, Gate::Always | Gate::Opened);
    (asks && row.gate == Gate::Connected && weaker).then_some(ASKS_SESSION)
}

pub(super) fn wait(dialect: &Dialect, row: &Row, _wait: Wait) -> Rule {
    let other_publish = row.setting.is_none()
        && row.data.is_some()
        && (row.data != Some(DataPhase::Counted) && dialect.publish(DataPhase::Counted).is_some()
            || matches!(row.data, Some(DataPhase::Inline | DataPhase::Quoted)));
    let unused = row.form == Form::Test
        || (row.form == Form::Read && row.setting.is_none())
        || row.setting == Some(SettingKey::SEND_MODE) && row.form == Form::Set
        || other_publish;
    unused.then_some(UNUSED_WAIT)
}

/// By trying every line that the row allows.
pub(super) fn flag(row: &Row, flag: Flag) -> Rule {
    let firsts: Vec<i64> = match row.parameters.get(1).map(|parameter| parameter.kind) {
        Some(Kind::Integer { low, high }) => (low..=high.min(low + 3)).collect(),
        // Anything that is not a number counts as 0.
        _ => vec![0],
    };
    let all = row.parameters.len();
    let complete = |flag: Flag, first: i64, given: usize| match (flag, first) {
        (Flag::Free, _) | (Flag::Complete, 0) => true,
        (Flag::Complete | Flag::Whole, 1) => given == all,
        (Flag::Whole, _) => given == 2,
        (Flag::Complete, _) => false,
    };
    let counts = (2..=all).filter(|count| row.arity.allows(*count));
    let alike = |given: usize| {
        firsts
            .iter()
            .all(|first| complete(flag, *first, given) == complete(row.flag, *first, given))
    };
    counts.into_iter().all(alike).then_some(NO_LEGAL_LINE)
}
