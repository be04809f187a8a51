//! Named faults: what modules were seen to do and a strict one does not. Each is off unless asked for.

use std::fmt;
use std::str::FromStr;

/// A deviation from the notes that some firmware shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// `AT+QMTOPEN` on an index already open is answered `ERROR` instead of `+QMTOPEN: <client>,2`.
    ReopenError,
    /// A packet is never sent again; without an acknowledgement the operation fails after `<pkt_timeout>`.
    NoRetransmit,
    /// `+QMTRECV` has its topic without quotes.
    UrcTopicUnquoted,
    /// `+QMTRECV` has its payload in quotes.
    UrcPayloadQuoted,
    /// The prompt is followed by a line end.
    PromptCrlf,
    /// `+QMTPUB` comes before the `OK` of its command.
    PublishResultBeforeOk,
    /// `+QMTPUB` never comes.
    SilentPublish,
    /// `AT+QMTPUBEX` is answered by `+QMTPUB`.
    PublishExShortName,
    /// The length of a payload that is printed as hexadecimal digits counts the digits.
    HexLengthDigits,
    /// `AT+QMTRECV?` prints one flag for the whole buffer of a client.
    StoreStatusSingle,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 10] = [
        Self::ReopenError,
        Self::NoRetransmit,
        Self::UrcTopicUnquoted,
        Self::UrcPayloadQuoted,
        Self::PromptCrlf,
        Self::PublishResultBeforeOk,
        Self::SilentPublish,
        Self::PublishExShortName,
        Self::HexLengthDigits,
        Self::StoreStatusSingle,
    ];

    /// The name by which it is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReopenError => "reopen-error",
            Self::NoRetransmit => "no-retransmit",
            Self::UrcTopicUnquoted => "urc-topic-unquoted",
            Self::UrcPayloadQuoted => "urc-payload-quoted",
            Self::PromptCrlf => "prompt-crlf",
            Self::PublishResultBeforeOk => "publish-result-before-ok",
            Self::SilentPublish => "silent-publish",
            Self::PublishExShortName => "publish-ex-short-name",
            Self::HexLengthDigits => "hex-length-digits",
            Self::StoreStatusSingle => "store-status-single",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == name)
            .ok_or_else(|| UnknownFault(name.to_string()))
    }
}

/// A name that no fault has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a fault of the virtual module; the known ones are {known}", known = Fault::ALL.map(Fault::name).join(", "))]
pub struct UnknownFault(pub String);

/// The faults that were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn insert(&mut self, fault: Fault) {
        if !self.has(fault) {
            self.0.push(fault);
        }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn an_unknown_fault_is_answered_with_the_known_ones() {
        let error = "gremlin".parse::<Fault>().unwrap_err().to_string();
        assert!(
            error.contains("\"gremlin\"") && error.contains("reopen-error, no-retransmit"),
            "{error}"
        );
    }
}
