//! Modules as they were seen: a profile holds the faults that one capture, or one firmware, shows together.

use crate::fault::{Fault, Injection};

/// The faults of one module in the field.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// The models that it is of.
    pub models: &'static [&'static str],
    /// What it does wrong.
    pub faults: &'static [Fault],
    /// What that looks like, in half a sentence.
    pub description: &'static str,
    /// Where it was seen.
    pub source: &'static str,
}

/// Every profile.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "m95-air",
        models: &["M95"],
        faults: &[Fault::UrcTopicUnquoted, Fault::SingleCrlf],
        description: "topic and payload of `+QMTRECV` have no quotes, and a line that follows another has one line end",
        source: "logs of M95 and M65 in use",
    },
    Profile {
        name: "bc660k-kept",
        models: &["BC660K-GL"],
        faults: &[Fault::SettingsKept],
        description: "`ATE` and the reports of the registration outlast a restart",
        source: "programs for BC660K-GL, which find their echo off after a start",
    },
    Profile {
        name: "bc660k-sibling",
        models: &["BC660K-GL"],
        faults: &[
            Fault::PromptCrlf,
            Fault::ReopenError,
            Fault::TimeoutThreeValues,
            Fault::DefaultVersion31,
            Fault::NoRetransmit,
            Fault::SubscribeFourTopics,
        ],
        description: "the prompt is followed by a line end, an open index gets `ERROR`, MQTT 3.1 by default, nothing is sent again",
        source: "the firmware of BC260Y",
    },
    Profile {
        name: "eg91xq-short",
        models: &["EG800Q", "EG915Q", "EG916Q"],
        faults: &[Fault::PublishExShortName, Fault::StoreStatusSingle],
        description: "`AT+QMTPUBEX` is answered by `+QMTPUB`, and `AT+QMTRECV?` prints one flag",
        source: "programs for EG800K and EC200U",
    },
];

/// The profile of that name.
#[must_use]
pub fn of_name(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

impl Profile {
    /// Its faults, ready to be injected.
    pub fn injections(&self) -> impl Iterator<Item = Injection> {
        self.faults.iter().map(|fault| (*fault).into())
    }
}

/// The names, for people.
pub(crate) fn known() -> String {
    PROFILES
        .iter()
        .map(|profile| profile.name)
        .collect::<Vec<_>>()
        .join(", ")
}
