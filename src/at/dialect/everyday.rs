//! What nearly every program sends before MQTT: operator, clock, battery, signal, bands and the settings of the line.
//!
//! A row has the lines that answer each form. In them `{1}`, `{2}` … are the values that were set, `{all}` is all of them, and other
//! words in braces stand for the state of the module and its world. A line that begins with `=` is printed without the name of the command, one that
//! begins with `?` only while the first of the values is not 0.

use super::make::{EVERYDAY, TEST_ON_OR_OFF, clock, context, integer, numbers, operator, rate, secret, text, told};
use super::rows::Parameter;

/// One command, answered from the state of the module and its world.
#[derive(Clone, Copy, Debug)]
pub struct Everyday {
    /// Its name, without `+`.
    pub name: &'static str,
    /// The answer to the read form; `None` if there is no such form.
    pub read: Option<&'static [&'static str]>,
    /// The answer to the test form.
    pub test: Option<&'static [&'static str]>,
    /// The answer to the command without parameters.
    pub execute: Option<&'static [&'static str]>,
    /// The parameters of the set form.
    pub set: Option<&'static [Parameter]>,
    /// How many of them must be given.
    pub least: usize,
    /// What the set form prints before `OK`.
    pub answer: &'static [&'static str],
    /// The answer to all of these while the module is not registered.
    pub unregistered: Option<&'static [&'static str]>,
    /// The values after a start.
    pub defaults: &'static [&'static str],
    /// What the set form does.
    pub effect: Effect,
    /// Document and section, or where it was seen.
    pub source: &'static str,
}

/// What a set form does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The values are kept until a restart.
    Keep,
    /// The first value must be one of these, and is kept.
    OneOf(&'static [i64]),
    /// The value is kept; while it is not 0, changes of the registration are reported by this name.
    Reports,
    /// The same for the radio: connected, or idle.
    RadioReports,
    /// The first value chooses the line that answers.
    Choose,
    /// The first value is one of these keys, each with its value after a start; the rest is the key's.
    Keyed(&'static [(&'static str, &'static str)]),
    /// The network is left, or chosen (3GPP TS 27.007 section 7.3).
    Operator,
    /// The clock is set (3GPP TS 27.007 section 8.15).
    Clock,
    /// A context is activated or given up (3GPP TS 27.007 section 10.1.10).
    Context,
}

/// The cell that serves a module of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// `<AcT>` (3GPP TS 27.007 section 7.3).
    pub access: i64,
    /// Its band.
    pub band: i64,
    /// Its channel.
    pub channel: i64,
    /// Its identity on the air.
    pub identity: i64,
}

const ON_OR_OFF: &[Parameter] = &[integer("n", 0, 1)];
const FLOW: &[Parameter] = &[integer("dce_by_dte", 0, 2), integer("dte_by_dce", 0, 2)];
const CHARACTERS: &[Parameter] = &[text("chset", 1, 10)];
const AUTHENTICATION: &[Parameter] = &[
    integer("cid", 0, 15),
    integer("auth_prot", 0, 3),
    text("user", 0, 64),
    secret("password", 0, 64),
];
const POWER_SAVING: &[Parameter] = &[
    integer("mode", 0, 2),
    text("rau", 8, 8),
    text("ready", 8, 8),
    text("tau", 8, 8),
    text("active", 8, 8),
];
const DRX: &[Parameter] = &[integer("mode", 0, 3), integer("AcT", 4, 5), text("value", 4, 4)];

const QUOTED_OPERATOR: &[&str] = &["(2,\"{operator}\",\"{operator}\",\"{plmn}\",{access}),,(0-4),(0-2)"];
/// The time that the network has told, and whether it is summer time.
const NETWORK_TIME: &[&str] = &["\"{network clock}\""];
const BATTERY: &[&str] = &["0,{charge},{millivolts}"];
const BATTERY_TEST: &[&str] = &["(0-2),(1-100),<voltage>"];

const M95_MANUAL: &str = "M95 AT Commands Manual V3.2, 2015-11-02";
const M66_PROGRAMS: &str = "programs for M66 and MC60, of the same command set";
const BC35_MANUAL: &str = "BC35-G&BC28&BC95 R2.0 AT Commands Manual V1.0, 2019-12-04";
const BC660K_MANUAL: &str = "BC660K-GL&BC950K-GL AT Commands Manual, 2024-01-26";
const BC660K_CAPTURE: &str = "seen in a capture of a BC660K-GL, revision BC660KGLAAR01A05";
const EG91XQ_MANUAL: &str = "EG800Q&EG91xQ Series AT Commands Manual V1.1, 2024-11-03";
const BG9X_PROGRAMS: &str = "programs for BG95 and BG96";
const SISTER: &str =
    "in doubt: as sister families have it, EC25 and EC21 among them; not checked in this family's manual";

const TIME_ZONE_UPDATE: Everyday = numbers("CTZU", &[integer("mode", 0, 3)], &["0"], &["(0,1,3)"], SISTER);
const TIME_ZONE_REPORT: Everyday = numbers("CTZR", &[integer("reporting", 0, 2)], &["0"], &["(0-2)"], SISTER);
const LATEST_TIME: Everyday = Everyday {
    set: Some(&[integer("mode", 0, 2)]),
    answer: NETWORK_TIME,
    ..told("QLTS", NETWORK_TIME, SISTER)
};

pub(super) static M95: &[Everyday] = &[
    operator(
        &["{mode},{format},\"{named}\""],
        &["(2,\"{operator}\",\"{operator}\",\"{plmn}\"),,(0-4),(0-2)"],
        M95_MANUAL,
    ),
    context(&["1,{context}"], M95_MANUAL),
    clock(&["\"{clock}\""], M95_MANUAL),
    rate(&["0"], M95_MANUAL),
    numbers("IFC", FLOW, &["0", "0"], &["(0-2),(0-2)"], M95_MANUAL),
    Everyday {
        test: Some(BATTERY_TEST),
        ..told("CBC", BATTERY, M95_MANUAL)
    },
    Everyday {
        read: Some(&["\"{1}\""]),
        ..numbers(
            "CSCS",
            CHARACTERS,
            &["GSM"],
            &["(\"GSM\",\"HEX\",\"IRA\",\"PCCP\",\"PCDN\",\"UCS2\",\"8859-1\")"],
            M95_MANUAL,
        )
    },
    numbers("CMGF", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, M95_MANUAL),
    Everyday {
        read: Some(&["{1},{inserted}"]),
        ..numbers("QSIMSTAT", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, M95_MANUAL)
    },
    // The cell's line only while it is switched on; the fields after the identities say that there is no call.
    Everyday {
        read: Some(&[
            "{1},{2}",
            "?0,{mcc},{mnc},{lac},{ci},{channel},{identity},{rssi},40,40,5,5,x,x,x,x,x,x,x",
        ]),
        unregistered: Some(&["{1},{2}"]),
        ..numbers(
            "QENG",
            &[integer("mode", 0, 1), integer("dump", 0, 3)],
            &["0", "0"],
            &["(0,1),(0-3)"],
            M66_PROGRAMS,
        )
    },
    numbers(
        "QIMUX",
        ON_OR_OFF,
        &["0"],
        TEST_ON_OR_OFF,
        "Quectel GSM TCP/IP Application Note",
    ),
    numbers(
        "QIMODE",
        ON_OR_OFF,
        &["0"],
        TEST_ON_OR_OFF,
        "Quectel GSM TCP/IP Application Note",
    ),
    numbers(
        "QIDNSIP",
        ON_OR_OFF,
        &["0"],
        TEST_ON_OR_OFF,
        "Quectel GSM TCP/IP Application Note",
    ),
    Everyday {
        execute: Some(&["\"{iccid}\""]),
        ..told("CCID", &[], M95_MANUAL)
    },
];

pub(super) static BC35: &[Everyday] = &[
    operator(
        &["{mode},2,\"{plmn}\",{access}"],
        &["(2,,,\"{plmn}\"),,(0-2),(2)"],
        BC35_MANUAL,
    ),
    context(&["0,{context}"], BC35_MANUAL),
    // Seen in programs for the family: no quotes.
    clock(&["{clock}"], BC35_MANUAL),
    numbers("CPSMS", POWER_SAVING, &["0"], TEST_ON_OR_OFF, BC35_MANUAL),
    Everyday {
        read: Some(&["5,\"{3}\""]),
        ..numbers(
            "CEDRXS",
            DRX,
            &["0", "5", "0010"],
            &["(0-3),(5),(\"0000\"-\"1111\")"],
            BC35_MANUAL,
        )
    },
    told("CEDRXRDP", &["{granted drx}"], BC35_MANUAL),
    Everyday {
        read: Some(&["{1},{connected}"]),
        effect: Effect::RadioReports,
        ..numbers("CSCON", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, BC35_MANUAL)
    },
    Everyday {
        name: "NCONFIG",
        read: Some(&[
            "AUTOCONNECT,{AUTOCONNECT}",
            "CR_0354_0338_SCRAMBLING,{CR_0354_0338_SCRAMBLING}",
            "CR_0859_SI_AVOID,{CR_0859_SI_AVOID}",
            "COMBINE_ATTACH,{COMBINE_ATTACH}",
            "CELL_RESELECTION,{CELL_RESELECTION}",
            "ENABLE_BIP,{ENABLE_BIP}",
        ]),
        set: Some(&[text("function", 1, 32), text("value", 1, 16)]),
        least: 2,
        effect: Effect::Keyed(&[
            ("AUTOCONNECT", "TRUE"),
            ("CR_0354_0338_SCRAMBLING", "TRUE"),
            ("CR_0859_SI_AVOID", "TRUE"),
            ("COMBINE_ATTACH", "FALSE"),
            ("CELL_RESELECTION", "FALSE"),
            ("ENABLE_BIP", "FALSE"),
        ]),
        source: BC35_MANUAL,
        ..EVERYDAY
    },
    Everyday {
        name: "NUESTATS",
        execute: Some(&[
            "=Signal power:{rsrp}0",
            "=Total power:{rssi}0",
            "=TX power:-32768",
            "=TX time:0",
            "=RX time:0",
            "=Cell ID:{cell number}",
            "=ECL:0",
            "=SNR:{sinr}0",
            "=EARFCN:{channel}",
            "=PCI:{identity}",
            "=RSRQ:{rsrq}0",
            "=OPERATOR MODE:4",
            "=CURRENT BAND:{band}",
        ]),
        source: BC35_MANUAL,
        ..EVERYDAY
    },
    numbers("QREGSWT", &[integer("type", 0, 2)], &["1"], &["(0-2)"], BC35_MANUAL),
    numbers(
        "NSONMI",
        &[integer("indications", 0, 3)],
        &["0"],
        &["(0-3)"],
        BC35_MANUAL,
    ),
];

pub(super) static BC660K: &[Everyday] = &[
    operator(&["{mode},2,\"{plmn}\",{access}"], QUOTED_OPERATOR, BC660K_CAPTURE),
    context(&["0,{context}"], BC660K_MANUAL),
    clock(&["\"{clock}\""], BC660K_MANUAL),
    rate(&["115200"], BC660K_MANUAL),
    numbers("IFC", FLOW, &["0", "0"], &["(0-2),(0-2)"], BC660K_MANUAL),
    told("CBC", &["{millivolts}"], BC660K_CAPTURE),
    numbers("CPSMS", POWER_SAVING, &["0"], TEST_ON_OR_OFF, BC660K_CAPTURE),
    Everyday {
        read: Some(&["5,\"{3}\""]),
        ..numbers(
            "CEDRXS",
            DRX,
            &["0", "5", "0010"],
            &["(0-3),(5),(\"0000\"-\"1111\")"],
            BC660K_CAPTURE,
        )
    },
    told("CEDRXRDP", &["{granted drx}"], BC660K_CAPTURE),
    Everyday {
        read: Some(&["{1},{connected}"]),
        effect: Effect::RadioReports,
        ..numbers("CSCON", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, BC660K_MANUAL)
    },
    Everyday {
        read: Some(&["{1},{stat}"]),
        effect: Effect::Reports,
        ..numbers("CREG", &[integer("n", 0, 2)], &["0"], &["(0-2)"], BC660K_MANUAL)
    },
    Everyday {
        read: Some(&["{1},\"{2}\",\"{3}\",\"{address}\""]),
        least: 2,
        ..numbers(
            "CGDCONT",
            &[integer("cid", 0, 10), text("type", 2, 6), text("apn", 0, 63)],
            &["0", "IP", ""],
            &["(0-10),\"IP\",,,(0),(0)"],
            BC660K_CAPTURE,
        )
    },
    Everyday {
        name: "CGAUTH",
        set: Some(AUTHENTICATION),
        least: 2,
        source: BC660K_MANUAL,
        ..EVERYDAY
    },
    numbers(
        "QBAND",
        &[
            integer("number", 0, 8),
            integer("band", 1, 85),
            integer("band", 1, 85),
            integer("band", 1, 85),
            integer("band", 1, 85),
        ],
        &["0"],
        &["(0-8),(1,2,3,4,5,8,12,13,14,17,18,19,20,25,26,28,66,70,85)"],
        BC660K_MANUAL,
    ),
    numbers(
        "QNBIOTEVENT",
        &[integer("enable", 0, 1), integer("event", 1, 1)],
        &["0", "1"],
        &["(0,1),(1)"],
        BC660K_CAPTURE,
    ),
    Everyday {
        name: "CGSN",
        set: Some(&[integer("snt", 0, 3)]),
        answer: &["{serial}", "{imei}", "{imei sv}", "01"],
        effect: Effect::Choose,
        source: BC660K_MANUAL,
        ..EVERYDAY
    },
    Everyday {
        name: "QCFG",
        set: Some(&[text("function", 1, 32), integer("value", 0, 65_535)]),
        effect: Effect::Keyed(&[("dsevent", "0"), ("slplocktimes", "10"), ("wakeupRXD", "1")]),
        source: BC660K_CAPTURE,
        ..EVERYDAY
    },
    Everyday {
        name: "QENG",
        set: Some(&[integer("mode", 0, 0)]),
        answer: &["0,{channel},12,{identity},\"{cell}\",{rsrp},{rsrq},{rssi},{sinr},{band},\"{area}\",0,-128,2"],
        unregistered: Some(&[]),
        source: BC660K_CAPTURE,
        ..EVERYDAY
    },
];

pub(super) static EG91XQ: &[Everyday] = &[
    operator(
        &["{mode},{format},\"{named}\",{access}"],
        QUOTED_OPERATOR,
        EG91XQ_MANUAL,
    ),
    context(&["1,{context}"], EG91XQ_MANUAL),
    clock(&["\"{clock}\""], EG91XQ_MANUAL),
    rate(&["115200"], EG91XQ_MANUAL),
    numbers("IFC", FLOW, &["0", "0"], &["(0,2),(0,2)"], EG91XQ_MANUAL),
    Everyday {
        test: Some(BATTERY_TEST),
        ..told("CBC", BATTERY, EG91XQ_MANUAL)
    },
    Everyday {
        read: Some(&["\"{1}\""]),
        ..numbers(
            "CSCS",
            CHARACTERS,
            &["GSM"],
            &["(\"GSM\",\"IRA\",\"UCS2\")"],
            EG91XQ_MANUAL,
        )
    },
    numbers("CMGF", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, EG91XQ_MANUAL),
    Everyday {
        read: Some(&["{1},{inserted}"]),
        ..numbers("QSIMSTAT", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, EG91XQ_MANUAL)
    },
    told("QINISTAT", &["7"], EG91XQ_MANUAL),
    Everyday {
        unregistered: Some(&["\"NOSERVICE\""]),
        ..told("QCSQ", &["\"LTE\",{rssi},{rsrp},{sinr},{rsrq}"], EG91XQ_MANUAL)
    },
    Everyday {
        unregistered: Some(&["No Service"]),
        ..told(
            "QNWINFO",
            &["\"FDD LTE\",\"{plmn}\",\"LTE BAND {band}\",{channel}"],
            EG91XQ_MANUAL,
        )
    },
    Everyday {
        name: "QENG",
        test: Some(&["(\"servingcell\",\"neighbourcell\")"]),
        set: Some(&[text("cell", 11, 13)]),
        answer: &[
            "\"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",{mcc},{mnc},{cell},{identity},{channel},{band},3,3,{area},{rsrp},{rsrq},{rssi},{sinr},-",
        ],
        unregistered: Some(&["\"servingcell\",\"SEARCH\""]),
        source: EG91XQ_MANUAL,
        ..EVERYDAY
    },
    Everyday {
        name: "CGAUTH",
        set: Some(AUTHENTICATION),
        least: 2,
        source: EG91XQ_MANUAL,
        ..EVERYDAY
    },
    TIME_ZONE_UPDATE,
    TIME_ZONE_REPORT,
    LATEST_TIME,
    // 3GPP TS 27.007 section 8.1: ready.
    told("CPAS", &["0"], SISTER),
    numbers(
        "QSIMDET",
        &[integer("enable", 0, 1), integer("insert_level", 0, 1)],
        &["0", "0"],
        &["(0,1),(0,1)"],
        SISTER,
    ),
    numbers(
        "CGEREP",
        &[integer("mode", 0, 2), integer("bfr", 0, 1)],
        &["0", "0"],
        &["(0-2),(0,1)"],
        SISTER,
    ),
    Everyday {
        name: "QINDCFG",
        set: Some(&[text("urc", 1, 16), integer("enable", 0, 1), integer("save", 0, 1)]),
        effect: Effect::Keyed(&[
            ("all", "1"),
            ("csq", "0"),
            ("smsfull", "0"),
            ("smsincoming", "1"),
            ("ring", "1"),
        ]),
        source: SISTER,
        ..EVERYDAY
    },
];

/// As doubtful as the rest of the family.
pub(super) static BG9X: &[Everyday] = &[
    operator(
        &["{mode},{format},\"{named}\",{access}"],
        QUOTED_OPERATOR,
        BG9X_PROGRAMS,
    ),
    context(&["1,{context}"], BG9X_PROGRAMS),
    clock(&["\"{clock}\""], BG9X_PROGRAMS),
    rate(&["115200"], BG9X_PROGRAMS),
    numbers("IFC", FLOW, &["0", "0"], &["(0,2),(0,2)"], BG9X_PROGRAMS),
    told("CBC", BATTERY, BG9X_PROGRAMS),
    numbers("CPSMS", POWER_SAVING, &["0"], TEST_ON_OR_OFF, BG9X_PROGRAMS),
    Everyday {
        read: Some(&["4,\"{3}\""]),
        ..numbers(
            "CEDRXS",
            DRX,
            &["0", "4", "0010"],
            &["(0-3),(4,5),(\"0000\"-\"1111\")"],
            BG9X_PROGRAMS,
        )
    },
    Everyday {
        read: Some(&["\"{1}\""]),
        ..numbers(
            "CSCS",
            CHARACTERS,
            &["GSM"],
            &["(\"GSM\",\"IRA\",\"UCS2\")"],
            BG9X_PROGRAMS,
        )
    },
    numbers("CMGF", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, BG9X_PROGRAMS),
    Everyday {
        read: Some(&["{1},{inserted}"]),
        ..numbers("QSIMSTAT", ON_OR_OFF, &["0"], TEST_ON_OR_OFF, BG9X_PROGRAMS)
    },
    told("QINISTAT", &["7"], BG9X_PROGRAMS),
    Everyday {
        unregistered: Some(&["\"NOSERVICE\""]),
        ..told("QCSQ", &["\"eMTC\",{rssi},{rsrp},{sinr},{rsrq}"], BG9X_PROGRAMS)
    },
    Everyday {
        unregistered: Some(&["No Service"]),
        ..told(
            "QNWINFO",
            &["\"eMTC\",\"{plmn}\",\"LTE BAND {band}\",{channel}"],
            BG9X_PROGRAMS,
        )
    },
    TIME_ZONE_UPDATE,
    TIME_ZONE_REPORT,
    LATEST_TIME,
];
