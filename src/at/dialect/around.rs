//! What each family has around MQTT: radio, SIM, network, sleep and power.
//!
//! It holds only what the AT commands manual of the family, or V.250 and 3GPP TS 27.007, say beyond doubt.

use super::FixedCommand;
use super::everyday::{self, Cell, Everyday};
use super::ping::{self, Ping};
use super::rows::Refusal;
use crate::codes::CmeCode;

/// What a family has besides MQTT.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Around {
    /// What refuses a wrong parameter of a command other than those of the note.
    pub refused: Refusal,
    /// `<fun>` of `AT+CFUN` (3GPP TS 27.007 section 8.2).
    pub functions: &'static [i64],
    /// The highest `<n>` of the commands that report the registration.
    pub reporting: i64,
    /// Whether they add area, cell and access technology to a registration with `<n>` 2 and more.
    pub location: bool,
    /// The command that tells the number of the SIM card.
    pub iccid: Option<&'static str>,
    /// Whether there is `AT+CESQ` (3GPP TS 27.007 section 8.69).
    pub extended_signal: bool,
    /// For each mode of `AT+QSCLK`, whether the module falls asleep by itself; empty without the command.
    pub sleep_modes: &'static [bool],
    /// The commands that switch the module off.
    pub power_off: &'static [FixedCommand],
    /// The last lines that the module may print; the first is printed after a command.
    pub powered_down: &'static [&'static str],
    /// Whether `AT&W` keeps the settings of `E`, `Q`, `V` and of the registration reports (V.250 section 6.1).
    pub stores_profile: bool,
    /// How `AT+CGPADDR` prints an address (3GPP TS 27.007 section 10.1.14).
    pub address: Option<Address>,
    /// The lowest and the highest `<cid>` of `AT+CGDCONT` (3GPP TS 27.007 section 10.1.1).
    pub contexts: Option<(i64, i64)>,
    /// Whether `AT+QCGDEFCONT` names the access point.
    pub default_context: bool,
    /// How the module's own protocols get a context.
    pub stack: Option<Stack>,
    /// The bands of `AT+NBAND`, in the order in which it lists them.
    pub bands: &'static [i64],
    /// Whether there is `AT+NPSMR`.
    pub power_saving: bool,
    /// The other commands that nearly every program sends.
    pub everyday: &'static [Everyday],
    /// The command that asks a host for an echo.
    pub ping: Option<Ping>,
    /// The letters of V.250 that are accepted and do nothing, each with its highest number; an ampersand is part of the name.
    pub letters: &'static [(&'static str, u32)],
    /// The S-parameters of V.250.
    pub registers: &'static [Register],
    /// The cell that serves the module.
    pub cell: Cell,
    /// The ports of `AT+QURCCFG="urcport"`, to one of which unsolicited lines go; the UART comes first.
    pub urc_ports: &'static [&'static str],
}

/// The address of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The context that is always there.
    pub context: i64,
    /// Whether it is in quotes.
    pub quoted: bool,
}

/// How the module's own protocols get a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// One at a time: `AT+QIFGCNT`, `AT+QICSGP`, `AT+QIREGAPP`, `AT+QIACT`, `AT+QILOCIP`.
    Single,
    /// Contexts 1 to this number: `AT+QICSGP`, `AT+QIACT`, `AT+QIDEACT`.
    Numbered(i64),
}

const NONE: Around = Around {
    refused: Refusal::Error,
    functions: &[0, 1],
    reporting: 2,
    location: false,
    iccid: None,
    extended_signal: false,
    sleep_modes: &[],
    power_off: &[],
    powered_down: &[],
    stores_profile: false,
    address: None,
    contexts: None,
    default_context: false,
    stack: None,
    bands: &[],
    power_saving: false,
    everyday: &[],
    ping: None,
    letters: &[],
    registers: &[],
    cell: Cell {
        access: 0,
        band: 900,
        channel: 62,
        identity: 26,
    },
    urc_ports: &[],
};

const NARROW_BAND: Cell = Cell {
    access: 9,
    band: 20,
    channel: 6254,
    identity: 299,
};

const LTE_CELL: Cell = Cell {
    access: 7,
    band: 3,
    channel: 1300,
    identity: 383,
};

/// V.250 sections 6.2.8, 6.2.9 and 6.3.14, and 6.3.6 without a call, as far as a line without those circuits can follow them.
const LETTERS: &[(&str, u32)] = &[("X", 4), ("H", 0), ("&C", 1), ("&D", 2)];

/// An S-parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its number.
    pub number: u32,
    /// Its value after a start.
    pub default: u32,
    /// The lowest and the highest value that it takes.
    pub range: (u32, u32),
}

/// V.250 sections 6.3.8 and 6.2.1 to 6.2.3. S0: the rings before a call is answered. S3, S4 and S5: the characters for the end of a line, for
/// the line feed of an answer and for deleting; each takes its standard value alone, since nothing here uses another.
const REGISTERS: &[Register] = &[
    Register {
        number: 0,
        default: 0,
        range: (0, 255),
    },
    Register {
        number: 3,
        default: 13,
        range: (13, 13),
    },
    Register {
        number: 4,
        default: 10,
        range: (10, 10),
    },
    Register {
        number: 5,
        default: 8,
        range: (8, 8),
    },
];

/// By default it logs out first.
const POWER_OFF: FixedCommand = FixedCommand {
    name: "QPOWD",
    values: &[],
    answer: None,
};

/// With 0 it does so at once, with 1 it logs out first.
const POWER_OFFS: &[FixedCommand] = &[
    POWER_OFF,
    FixedCommand {
        values: &[0],
        ..POWER_OFF
    },
    FixedCommand {
        values: &[1],
        ..POWER_OFF
    },
];

/// M95 Hardware Design, and what drivers of the family send.
pub(super) static M95: Around = Around {
    // 3GPP TS 27.007 section 9.2.
    refused: Refusal::Cme(CmeCode::INCORRECT_PARAMETERS),
    functions: &[0, 1, 4],
    // Drivers of the family: 1 needs DTR, 2 is automatic.
    sleep_modes: &[false, false, true],
    // M95 Hardware Design, 3.4.
    power_off: &[FixedCommand {
        values: &[1],
        answer: Some("NORMAL POWER DOWN"),
        ..POWER_OFF
    }],
    // The words for the two voltages: M95 Hardware Design, 3.4, and drivers of the family.
    powered_down: &[
        "NORMAL POWER DOWN",
        "UNDER_VOLTAGE POWER DOWN",
        "OVER_VOLTAGE POWER DOWN",
    ],
    stack: Some(Stack::Single),
    everyday: everyday::M95,
    ping: Some(ping::M95),
    letters: LETTERS,
    registers: REGISTERS,
    ..NONE
};

/// BC35-G&BC28&BC95 R2.0 AT Commands Manual V1.0, 2019-12-04.
pub(super) static BC35: Around = Around {
    refused: Refusal::Cme(CmeCode::INCORRECT_PARAMETERS),
    reporting: 5,
    iccid: Some("NCCID"),
    address: Some(Address {
        context: 0,
        quoted: false,
    }),
    contexts: Some((0, 10)),
    bands: &[5, 8, 3, 28, 20, 1],
    power_saving: true,
    everyday: everyday::BC35,
    ping: Some(ping::BC35),
    cell: NARROW_BAND,
    ..NONE
};

/// BC660K-GL&BC950K-GL AT Commands Manual, 2024-01-26.
pub(super) static BC660K: Around = Around {
    reporting: 5,
    location: true,
    iccid: Some("QCCID"),
    extended_signal: true,
    // 1 light and deep sleep, 2 light sleep alone; the UART wakes from either.
    sleep_modes: &[false, true, true],
    address: Some(Address {
        context: 0,
        quoted: true,
    }),
    default_context: true,
    everyday: everyday::BC660K,
    ping: Some(ping::BC660K),
    cell: NARROW_BAND,
    ..NONE
};

/// EG800Q&EG91xQ Series AT Commands Manual V1.1, 2024-11-03.
pub(super) static EG91XQ: Around = Around {
    functions: &[0, 1, 4],
    location: true,
    iccid: Some("QCCID"),
    // 1 sleeps while DTR is not asserted, which no port of the virtual module has.
    sleep_modes: &[false, false],
    power_off: POWER_OFFS,
    powered_down: &["POWERED DOWN"],
    stores_profile: true,
    address: Some(Address {
        context: 1,
        quoted: true,
    }),
    contexts: Some((1, 15)),
    stack: Some(Stack::Numbered(15)),
    everyday: everyday::EG91XQ,
    ping: Some(ping::EG91XQ),
    letters: LETTERS,
    registers: REGISTERS,
    cell: LTE_CELL,
    urc_ports: &["uart1", "uart2", "usbat", "usbmodem", "all"],
    ..NONE
};

/// Doubtful as a whole: what the EG800Q&EG91xQ manual and programs for the family have in common.
pub(super) static BG9X: Around = Around {
    functions: &[0, 1, 4],
    iccid: Some("QCCID"),
    sleep_modes: &[false, false],
    power_off: POWER_OFFS,
    powered_down: &["POWERED DOWN"],
    address: Some(Address {
        context: 1,
        quoted: true,
    }),
    contexts: Some((1, 15)),
    stack: Some(Stack::Numbered(15)),
    everyday: everyday::BG9X,
    ping: Some(ping::BG9X),
    letters: LETTERS,
    registers: REGISTERS,
    cell: Cell { access: 8, ..LTE_CELL },
    ..NONE
};
