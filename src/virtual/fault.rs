//! Named faults: what modules and lines in the field do, and strict ones do not. Each is off unless asked for.
//!
//! The table below is the only list of them; the help of the command line and the documentation are written from it.

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// The rows: variant, name, the value it takes, and what it does.
macro_rules! faults {
    ($($fault:ident $name:literal $takes:ident $(($($value:literal),+))?, $does:literal;)*) => {
        /// A deviation that some firmware, or some line, shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $does] $fault,)*
        }

        impl Fault {
            /// Every fault.
            pub const ALL: [Self; [$(Self::$fault),*].len()] = [$(Self::$fault),*];

            /// The name by which it is asked for.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }

            /// What it does, in half a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$fault => $does,)* }
            }

            /// The value that may follow its name.
            #[must_use]
            pub const fn takes(self) -> Takes {
                match self { $(Self::$fault => Takes::$takes $(($($value),+))?,)* }
            }
        }
    };
}

faults! {
    ReopenError "reopen-error" Each, "`AT+QMTOPEN` on an index that is open gets `ERROR` instead of `+QMTOPEN: <client>,2`";
    TimeoutThreeValues "timeout-three-values" Each, "`AT+QMTCFG=\"timeout\"` with fewer than three values is refused";
    DefaultVersion31 "default-version-3-1" Each, "a client whose `version` was not set speaks MQTT 3.1";
    DisconnectCloses "disconnect-closes" Each, "`AT+QMTDISC` closes the network connection too, so that `AT+QMTCLOSE` is refused afterwards";
    DisconnectKeepsOpen "disconnect-keeps-open" Each, "`AT+QMTDISC` leaves the network connection to the server, which closes it";
    SubscribeFourTopics "subscribe-four-topics" Each, "`AT+QMTSUB` with more than four topics is refused";
    TestSpacing "test-spacing" Each, "the answer to a test command has a blank after each comma and none after the colon";
    NoRetransmit "no-retransmit" Each, "a packet is never sent again; without an acknowledgement the operation fails after `<pkt_timeout>`";
    UrcTopicUnquoted "urc-topic-unquoted" Each, "`+QMTRECV` has its topic without quotes";
    UrcPayloadQuoted "urc-payload-quoted" Each, "`+QMTRECV` has its payload in quotes";
    UrcPayloadUnquoted "urc-payload-unquoted" Each, "`+QMTRECV` has its payload without quotes";
    UrcLength "urc-length" Each, "`+QMTRECV` has the length of its payload, whatever the settings say";
    UrcHeaderSplit "urc-header-split" Each, "`+QMTRECV` has a line end in place of the comma after the length, where it has a length";
    UrcNulUnclosed "urc-nul-unclosed" Each, "`+QMTRECV` lacks the closing quote when the payload holds a NUL";
    HexLengthDigits "hex-length-digits" Each, "the length of a payload that is printed as hexadecimal digits counts the digits";
    StoreStatusSingle "store-status-single" Each, "`AT+QMTRECV?` prints one flag for the whole buffer of a client";
    SingleCrlf "single-crlf" Each, "a line that follows another begins without its own line end";
    BlankLines "blank-lines" Each, "six empty lines come before a line";
    UnknownLine "unknown-line" Each, "a line that no note knows comes before an `OK`";
    UrcBeforeOk "urc-before-ok" Each, "the registration is reported between a command and its `OK`";
    UrcInData "urc-in-data" Each, "unsolicited lines come in a data phase too";
    MessageBeforeSuback "message-before-suback" Each, "the result of `AT+QMTSUB` waits up to 0.2 s for a message and comes after it";
    PublishResultBeforeOk "publish-result-before-ok" Each, "`+QMTPUB` comes before the `OK` of its command";
    ResultBeforeOk "result-before-ok" Each, "the result of any command comes before its `OK`";
    ResultWithOk "result-with-ok" Each, "the `OK` of a command waits for its result, and both come together";
    ResultDelay "result-delay" Seconds(2.0), "results come this much later";
    LateClose "late-close" Each, "`+QMTCLOSE` comes before the `OK` of the next command line";
    LateStat "late-stat" Each, "`+QMTSTAT` comes before the `OK` of the next command line";
    SlowClose "slow-close" Seconds(2.0), "`AT+QMTCLOSE` takes this long, and the index is occupied meanwhile";
    SilentPublish "silent-publish" Each, "`+QMTPUB` never comes";
    LostResult "lost-result" Each, "the result of a command never comes";
    LostOk "lost-ok" Each, "an `OK` never comes";
    LostPrompt "lost-prompt" Each, "the prompt never comes; the module waits for data all the same";
    ConnectWithoutResult "connect-without-result" Each, "a CONNECT that is answered has no `+QMTCONN`, only `+QMTSTAT: <client>,1`";
    ConnectTwoFields "connect-two-fields" Each, "a CONNECT that is accepted has the result `+QMTCONN: <client>,3`";
    RefusedWithoutStat "refused-without-stat" Each, "a CONNECT that is refused has its result and no `+QMTSTAT`";
    StatCode "stat-code" Code(77.0, 0.0, 255.0), "`+QMTSTAT` has this code";
    OpenResult "open-result" Code(3.0, -1.0, 255.0), "`+QMTOPEN` has this result; unless it is 0 nothing is opened";
    CloseResult "close-result" Code(-1.0, -1.0, 255.0), "`+QMTCLOSE` has this result; unless it is 0 the connection stays";
    DisconnectResult "disconnect-result" Code(-1.0, -1.0, 255.0), "`+QMTDISC` has this result; unless it is 0 the client stays connected";
    ConnectResult "connect-result" Code(2.0, 0.0, 255.0), "`+QMTCONN` has this result: 1 in front of its own, another in place of it, and the connection is lost";
    ReturnCode "return-code" Code(5.0, 0.0, 255.0), "a CONNECT that is accepted is reported as refused, with this return code; 0 is acceptance";
    StateCode "state-code" Code(2.0, 0.0, 255.0), "`AT+QMTCONN?` shows this state";
    PacketResult "packet-result" Code(2.0, 0.0, 255.0), "`+QMTSUB`, `+QMTUNS` and `+QMTPUB` have this result: 1 in front of their own, another in place of it";
    TokenResult "token-result" Code(6.0, 0.0, 255.0), "`+QMTENAUTH` has this result; unless it is 0 there is no token";
    CmeCode "cme-code" Code(3.0, 0.0, 65535.0), "a command of MQTT is refused with this code of `+CME ERROR`, as `+CMEE` says";
    CmsCode "cms-code" Code(500.0, 0.0, 65535.0), "a command of MQTT is refused, and every refusal is `+CMS ERROR` with this code";
    PublishExShortName "publish-ex-short-name" Each, "`AT+QMTPUBEX` is answered by `+QMTPUB`";
    BareError "bare-error" Each, "an error is `ERROR`, whatever `+CMEE` says";
    CmeNumber "cme-number" Each, "an error is `+CME ERROR` with a number, whatever `+CMEE` says";
    CmeText "cme-text" Each, "an error is `+CME ERROR` with words, whatever `+CMEE` says";
    CmsError "cms-error" Each, "an error is `+CMS ERROR: 500`";
    PromptCrlf "prompt-crlf" Each, "the prompt is followed by a line end instead of a blank";
    PromptNoBlank "prompt-no-blank" Each, "the prompt is not followed by a blank";
    PromptNoCrlf "prompt-no-crlf" Each, "no line end comes before the prompt";
    PromptBare "prompt-bare" Each, "the prompt is `>` alone";
    EchoStuck "echo-stuck" Each, "`ATE0` is answered `OK`, and the echo stays on";
    EchoReturns "echo-returns" Each, "the echo is on again after an `OK`";
    DataEcho "data-echo" Each, "data is echoed, whatever `ATE` says";
    BootRomLines "boot-rom-lines" Each, "lines that end in LF CR come before the boot text";
    BootAppRdy "boot-app-rdy" Each, "`APP RDY` ends the boot text";
    BootWithoutOk "boot-without-ok" Each, "the boot text has no `OK`";
    SilentRestart "silent-restart" Each, "a restart has no boot text";
    StringEscapes "string-escapes" Each, "`\\22` in a string is a quote, `\\5C` a backslash and so on (V.250 section 5.4.2.2)";
    LfInLine "lf-in-line" Each, "an LF within a command line is a character of it";
    SettingsKept "settings-kept" Each, "a restart leaves the echo and the reports of the registration as they were set";
    Sleep "sleep" Seconds(10.0), "after that long without input or answer the module sleeps: all up to the next CR is lost, and it is awake 0.1 s later";
    Mute "mute" Nothing, "the module hears nothing and prints nothing";
    LineLost "line-lost" Probability(0.001), "each byte of the line is lost, in both directions";
    LineFlipped "line-flipped" Probability(0.001), "each byte of the line has one bit flipped, in both directions";
    LineBreak "line-break" Probability(0.0001), "at each byte there is a break: a NUL is received in its place, in both directions";
    LineOverrun "line-overrun" Probability(0.0001), "at each byte a receiver is late and loses 16 bytes, in both directions";
    LineChunk "line-chunk" Bytes(1.0), "bytes come through in pieces of this many, in both directions";
    LineGap "line-gap" Seconds(0.01), "after each piece nothing comes through for this long, in both directions";
    Latency "latency" Seconds(0.1), "bytes take this much longer, in both directions";
}

/// The value that may follow a fault's name, as `NAME=VALUE`, with its default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// From 1, how many times the fault shows; below 1, the probability that it shows each time. Without a value it always shows.
    Each,
    /// A time.
    Seconds(f64),
    /// A probability.
    Probability(f64),
    /// A number of bytes.
    Bytes(f64),
    /// A code: the default, the lowest and the highest.
    Code(f64, f64, f64),
}

impl Takes {
    /// What the value means, with its range and default; empty if the fault takes none.
    #[must_use]
    pub fn meaning(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Each => "how often; each time".into(),
            Self::Seconds(default) => format!("seconds, 0 to 3600; {default}"),
            Self::Probability(default) => format!("probability; {default}"),
            Self::Bytes(default) => format!("bytes, 1 to 65536; {default}"),
            Self::Code(default, low, high) => format!("code, {low} to {high}; {default}"),
        }
    }

    fn allows(self, value: f64) -> bool {
        let whole = value.fract() == 0.0;
        match self {
            Self::Nothing => false,
            Self::Each => value > 0.0 && (value < 1.0 || whole && value <= f64::from(u32::MAX)),
            Self::Seconds(_) => (0.0..=3600.0).contains(&value),
            Self::Probability(_) => value > 0.0 && value <= 1.0,
            Self::Bytes(_) => whole && (1.0..=65536.0).contains(&value),
            Self::Code(_, low, high) => whole && (low..=high).contains(&value),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, FaultError> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == name)
            .ok_or_else(|| FaultError::Unknown(name.to_string()))
    }
}

/// A fault that is asked for, perhaps with a value: `NAME` or `NAME=VALUE`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Injection {
    fault: Fault,
    value: Option<f64>,
}

impl Injection {
    /// The fault with a value. Fails if the fault takes no value, or not this one.
    pub fn new(fault: Fault, value: f64) -> Result<Self, FaultError> {
        if fault.takes().allows(value) {
            return Ok(Self {
                fault,
                value: Some(value),
            });
        }
        Err(FaultError::Value(fault, value.to_string()))
    }

    /// The fault.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.fault
    }
}

impl From<Fault> for Injection {
    fn from(fault: Fault) -> Self {
        let value = match fault.takes() {
            Takes::Nothing | Takes::Each => None,
            Takes::Seconds(value) | Takes::Probability(value) | Takes::Bytes(value) | Takes::Code(value, ..) => {
                Some(value)
            }
        };
        Self { fault, value }
    }
}

impl FromStr for Injection {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((name, value)) = text.split_once('=') else {
            return text.parse().map(Fault::into);
        };
        let fault = name.parse()?;
        match value.parse() {
            Ok(number) if fault_takes_number(value) => Self::new(fault, number),
            _ => Err(FaultError::Value(fault, value.to_string())),
        }
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "{}={value}", self.fault),
            None => write!(f, "{}", self.fault),
        }
    }
}

/// `inf`, `nan` and `1e9` are numbers to Rust; here they are mistakes.
fn fault_takes_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Why a fault cannot be switched on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No fault has the name.
    #[error("{0:?} is not a fault of the virtual module; the known ones are {known}", known = Fault::ALL.map(Fault::name).join(", "))]
    Unknown(String),
    /// It takes no value, or not this one.
    #[error("{0}={1}: {wanted}", wanted = wanted(*.0))]
    Value(Fault, String),
}

fn wanted(fault: Fault) -> String {
    match fault.takes() {
        Takes::Nothing => "this fault takes no value".into(),
        Takes::Each => "the value is how many times, from 1, or a probability between 0 and 1".into(),
        Takes::Seconds(_) => "the value is a time in seconds, 0 to 3600".into(),
        Takes::Probability(_) => "the value is a probability, above 0 and at most 1".into(),
        Takes::Bytes(_) => "the value is a number of bytes, 1 to 65536".into(),
        Takes::Code(_, low, high) => format!("the value is a code, {low} to {high}"),
    }
}

/// The faults that are on.
#[derive(Debug)]
pub(crate) struct Faults {
    on: [Option<Injection>; Fault::ALL.len()],
    any: bool,
    random: Random,
}

impl Faults {
    /// No faults; `seed` is that of their randomness.
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            on: [None; Fault::ALL.len()],
            any: false,
            random: Random::new(seed, 0),
        }
    }

    /// Switches one on. One that is on takes the new value.
    pub(crate) fn insert(&mut self, injection: Injection) {
        self.set(injection.fault, Some(injection));
    }

    /// Switches one off, or all.
    pub(crate) fn heal(&mut self, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.set(fault, None),
            None => Fault::ALL.into_iter().for_each(|fault| self.set(fault, None)),
        }
    }

    /// The faults that are on, each with the number of times that is left.
    pub(crate) fn list(&self) -> Vec<Injection> {
        self.on.iter().copied().flatten().collect()
    }

    pub(crate) const fn any(&self) -> bool {
        self.any
    }

    /// Whether it is on at all.
    pub(crate) const fn has(&self, fault: Fault) -> bool {
        self.on[fault as usize].is_some()
    }

    /// Its value; `None` if it is off or has none.
    pub(crate) fn value(&self, fault: Fault) -> Option<f64> {
        self.on[fault as usize]?.value
    }

    /// Its value as a code; `None` if it is off.
    pub(crate) fn code(&self, fault: Fault) -> Option<i64> {
        // A whole number, as its row says.
        self.value(fault).and_then(|code| format!("{code}").parse().ok())
    }

    /// Its value as a time; `None` if it is off.
    pub(crate) fn duration(&self, fault: Fault) -> Option<std::time::Duration> {
        self.value(fault).map(std::time::Duration::from_secs_f64)
    }

    /// Whether it shows this time. Ask once each time: the call counts down.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        match self.on[fault as usize] {
            None => false,
            Some(Injection { value: None, .. }) => true,
            Some(Injection { value: Some(value), .. }) if value < 1.0 => self.random.happens(value),
            Some(Injection { value: Some(times), .. }) => {
                let left = Some(times - 1.0).filter(|left| *left >= 1.0);
                self.set(
                    fault,
                    left.map(|left| Injection {
                        fault,
                        value: Some(left),
                    }),
                );
                true
            }
        }
    }

    fn set(&mut self, fault: Fault, injection: Option<Injection>) {
        self.on[fault as usize] = injection;
        self.any = self.on.iter().any(Option::is_some);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(injections: &[&str]) -> Faults {
        let mut faults = Faults::new(1);
        for injection in injections {
            faults.insert(injection.parse().unwrap());
        }
        faults
    }

    fn listed(faults: &Faults) -> Vec<String> {
        faults.list().iter().map(Injection::to_string).collect()
    }

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn an_unknown_fault_is_answered_with_the_known_ones() {
        for text in ["gremlin", "gremlin=1"] {
            let error = text.parse::<Injection>().unwrap_err().to_string();
            assert!(
                error.contains("\"gremlin\"") && error.contains("reopen-error, timeout-three-values"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_value_is_of_the_kind_that_the_fault_takes() {
        for right in [
            "lost-ok",
            "lost-ok=3",
            "lost-ok=0.01",
            "result-delay=0.25",
            "result-delay=0",
            "line-lost=1",
            "line-chunk=65536",
            "stat-code=8",
        ] {
            assert_eq!(right.parse::<Injection>().unwrap().to_string(), right);
        }
        assert_eq!("latency".parse::<Injection>().unwrap().to_string(), "latency=0.1");
        for (wrong, reason) in [
            ("mute=1", "no value"),
            ("lost-ok=0", "how many times"),
            ("lost-ok=1.5", "how many times"),
            ("lost-ok=-1", "how many times"),
            ("lost-ok=", "how many times"),
            ("lost-ok=often", "how many times"),
            ("result-delay=inf", "seconds"),
            ("result-delay=3601", "seconds"),
            ("line-lost=1.1", "probability"),
            ("line-lost=nan", "probability"),
            ("line-chunk=0", "bytes"),
            ("line-chunk=1.5", "bytes"),
            ("stat-code=256", "code"),
            ("open-result=-2", "-1 to 255"),
        ] {
            let error = wrong.parse::<Injection>().unwrap_err().to_string();
            assert!(error.starts_with(wrong) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_number_of_times_runs_out() {
        let mut faults = faults(&["lost-ok=2"]);
        assert!(faults.strikes(Fault::LostOk));
        assert_eq!(listed(&faults), ["lost-ok=1"]);
        assert!(faults.strikes(Fault::LostOk));
        assert!(!faults.strikes(Fault::LostOk) && !faults.any());
    }

    #[test]
    fn the_same_seed_strikes_on_the_same_occasions() {
        let strikes = || {
            let mut faults = faults(&["lost-ok=0.3"]);
            (0..1000).map(|_| faults.strikes(Fault::LostOk)).collect::<Vec<_>>()
        };
        assert_eq!(strikes(), strikes());
        let times = strikes().into_iter().filter(|strikes| *strikes).count();
        assert!((250..350).contains(&times), "{times}");
    }

    #[test]
    fn a_fault_is_healed_alone_or_with_all_the_others() {
        let mut faults = faults(&["lost-ok", "line-lost=0.5", "line-lost=0.25", "mute"]);
        assert_eq!(listed(&faults), ["lost-ok", "mute", "line-lost=0.25"]);
        faults.heal(Some(Fault::LostOk));
        faults.heal(Some(Fault::LostOk));
        assert_eq!(listed(&faults), ["mute", "line-lost=0.25"]);
        faults.heal(None);
        assert!(!faults.any() && !faults.has(Fault::Mute));
    }
}
