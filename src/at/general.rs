//! Commands of V.250 and 3GPP TS 27.007 that every family shares, as far as their timing is known.

use std::time::Duration;

/// The longest that a module takes to answer most commands: 5 s by the BC660K-GL&BC950K-GL AT Commands Manual
/// (2024-01-26), 300 ms by those of the other families.
pub const MAXIMUM_RESPONSE_TIME: Duration = Duration::from_secs(5);

/// The commands that may take longer, with the largest figure of any family's AT commands manual.
const LONGER: &[(&str, u64)] = &[
    // Network search.
    ("+COPS", 630),
    // Radio on and off.
    ("+CFUN", 85),
    // Attach and detach.
    ("+CGATT", 140),
    // PDP context.
    ("+QIACT", 150),
    ("+QIDEACT", 40),
    ("+CGACT", 150),
    // Power down.
    ("+QPOWD", 65),
    // A message through the network.
    ("+CMGS", 120),
];

/// The maximum response time of a command, by its name with the prefix.
#[must_use]
pub fn maximum_response_time(name: &str) -> Duration {
    LONGER
        .iter()
        .find(|(longer, _)| longer.eq_ignore_ascii_case(name))
        .map_or(MAXIMUM_RESPONSE_TIME, |(_, seconds)| Duration::from_secs(*seconds))
}

/// Commands that some families answer with a final result code of their own in place of `OK`.
const ACCEPTED: &[(&str, &str)] = &[
    // GSM/GPRS families.
    ("QIDEACT", "DEACT OK"),
    ("QPOWD", "NORMAL POWER DOWN"),
    // Every family; some give an `OK` as well, before it.
    ("QISEND", "SEND OK"),
    ("QSSLSEND", "SEND OK"),
];

/// Commands that some families refuse with a final result code of their own.
const REFUSED: &[(&str, &str)] = &[("QISEND", "SEND FAIL"), ("QSSLSEND", "SEND FAIL")];

/// Lines that a module prints unasked, without a name before a colon. They never answer a command.
const UNSOLICITED: &[&str] = &[
    // V.250 section 5.7.1, of a call that comes or ends.
    "RING",
    "NO CARRIER",
    "NO ANSWER",
    "NO DIALTONE",
    "BUSY",
    // GSM/GPRS families, when they are ready.
    "Call Ready",
    "SMS Ready",
];

/// Lines that report a failed call (V.250 section 6.3) if they follow a command that makes or answers one.
const NO_CALL: &[&str] = &["NO CARRIER", "NO ANSWER", "NO DIALTONE", "BUSY"];

/// Whether a line is unsolicited by its words alone, whatever command is under way.
#[must_use]
pub fn is_unsolicited(line: &str) -> bool {
    UNSOLICITED.contains(&line)
}

/// Whether a line is the final result code of a command of that name, `D…` or `A`, that could make or answer no call.
#[must_use]
pub fn is_no_call(name: &str, line: &str) -> bool {
    let calls = name.eq_ignore_ascii_case("A") || name.get(..1).is_some_and(|first| first.eq_ignore_ascii_case("D"));
    calls && NO_CALL.contains(&line)
}

/// Commands after which `CONNECT` means a connection, whatever numbers follow it: 3GPP TS 27.007 section 10.1.12, and the TCP/IP
/// application notes of the families.
const CONNECTING: &[&str] = &["QIOPEN", "QSSLOPEN", "QISWTMD", "CGDATA"];

/// Whether a command, of that name without `+`, opens a connection through the module.
#[must_use]
pub fn opens_connection(name: &str) -> bool {
    CONNECTING.contains(&name)
}

/// Commands that some families answer with a line and no final result code.
const BARE: &[&str] = &[
    // GSM/GPRS families.
    "QILOCIP",
];

/// Whether the answer to a command, of that name without `+`, is complete with its first line.
#[must_use]
pub fn is_bare(name: &str) -> bool {
    BARE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a line is the final result code of a command, of that name without `+`, that could not be carried out.
#[must_use]
pub fn is_refused(name: &str, line: &str) -> bool {
    REFUSED
        .iter()
        .any(|(known, result)| known.eq_ignore_ascii_case(name) && *result == line)
}

/// Whether a line is the final result code of a command, of that name without `+`, that was carried out.
#[must_use]
pub fn is_accepted(name: &str, line: &str) -> bool {
    ACCEPTED
        .iter()
        .any(|(known, result)| known.eq_ignore_ascii_case(name) && *result == line)
}
