//! BC35-G and BC28: NB-IoT. "BC35-G&BC28 MQTT Application Note", V1.0, 2018-09-06, and the edition of 2019, which firmware of
//! that time follows. Their sections have the same numbers.

use std::time::Duration;

use super::make::{MQTT_STRING, ROW, integer, read, read_setting, revised, secret, test, text};
use super::rows::{
    Arity, DataPhase, Dialect, FixedCommand, Flag, Gate, Joined, Kind, Model, Parameter, ReadBack, ReceiveLength,
    ReceiveUrc, Refusal, Refusals, Row, Start, Urc, Wait,
};
use crate::codes::{CmeCode, OpenResult};
use crate::{Command, SettingKey, Version};

/// 3.2.1: "Currently only one MQTT instance is supported."
const CLIENT: Parameter = integer("tcpconnectID", 0, 0);
const MESSAGE_ID: Parameter = integer("msgID", 1, 65_535);
const TOPIC: Parameter = text("topic", 1, MQTT_STRING);
const NETWORK: Wait = Wait::Fixed(Duration::from_secs(75));

pub(super) static DIALECT: Dialect = EDITION_2018;

/// "BC35-G&BC28 MQTT 应用指导" (application guide), V1.0, 2019-12-07.
pub(super) static REVISION_2019: Dialect = Dialect {
    revision: Some("2019"),
    note: "BC35-G&BC28 MQTT application guide V1.0, 2019-12-07",
    rows: &ROWS_2019,
    // 3.2.9, <len>; 6.1: what is more is dropped.
    payload: 1024,
    ..EDITION_2018
};

const EDITION_2018: Dialect = Dialect {
    name: "bc35",
    revision: Some("2018"),
    note: "BC35-G&BC28 MQTT Application Note V1.0, 2018-09-06",
    experimental: false,
    models: &[
        Model {
            name: "BC35-G",
            stem: "BC35G",
            identification: &["Quectel", "BC35-G", "Revision:BC35GJBR01A01"],
            model_line: "BC35GJB-02-STD",
        },
        Model {
            name: "BC28",
            stem: "BC28",
            identification: &["Quectel", "BC28", "Revision:BC28JAR01A01"],
            model_line: "BC28JA-02-STD",
        },
    ],
    last_client: 0,
    rows: &ROWS,
    urcs: &[
        Urc {
            name: "QMTSTAT",
            fields: "<tcpconnectID>,<err_code>",
            source: "5.1",
        },
        Urc {
            name: "QMTRECV",
            fields: "<tcpconnectID>,<msgID>,<topic>,<payload>",
            source: "5.2",
        },
    ],
    // 3.2.1, <vsn>.
    versions: &[(Version::V31, 3), (Version::V311, 4)],
    // The note gives no default.
    default_version: Version::V311,
    // 3.2.9, note 2.
    payload: 1548,
    command_line: 2048,
    // 3.2.9, note 1.
    window: 5,
    read_back: ReadBack::KeyThenValues,
    // 5.2 has no length; 6.1 shows the payload in quotes once and without quotes once.
    receive: ReceiveUrc {
        length: ReceiveLength::Never,
        topic_quoted: true,
        payload_quoted: false,
    },
    buffer: None,
    hex_payload: None,
    // Chapter 4: codes of 3GPP TS 27.007 and 27.005 in place of MQTT codes.
    refusals: Refusals {
        parameter: Refusal::Cme(CmeCode::INCORRECT_PARAMETERS),
        state: Refusal::Cme(CmeCode::NOT_ALLOWED),
        window: Refusal::Cme(CmeCode::UPLINK_BUSY),
    },
    // 3.2.3, <result>.
    open_results: &[
        OpenResult::FAILED,
        OpenResult::OPENED,
        OpenResult::WRONG_PARAMETER,
        OpenResult::OCCUPIED,
        OpenResult::PDP_FAILED,
        OpenResult::NAME_NOT_RESOLVED,
        OpenResult::NETWORK_ERROR,
    ],
    spellings: &[],
    // Chapter 4 lists the codes of 3GPP TS 27.005 as `+CME ERROR` too; the rest is BC35-G&BC28&BC95 R2.0 AT Commands
    // Manual V1.0, table 5.
    vendor_errors: &[
        (5, "need to enter PIN"),
        (256, "required parameter not configured, older firmware"),
        (257, "TUP not registered, older firmware"),
        (300, "ME failure"),
        (301, "SMS service of ME reserved"),
        (302, "operation not allowed"),
        (303, "operation not supported"),
        (304, "invalid PDU mode parameter"),
        (305, "invalid text mode parameter"),
        (310, "SIM not inserted"),
        (311, "SIM PIN required"),
        (312, "PH-SIM PIN required"),
        (313, "SIM failure"),
        (314, "SIM busy"),
        (315, "SIM wrong"),
        (316, "SIM PUK required"),
        (317, "SIM PIN2 required"),
        (318, "SIM PUK2 required"),
        (320, "memory failure"),
        (321, "invalid memory index"),
        (322, "memory full"),
        (330, "SMSC address unknown"),
        (331, "no network service"),
        (332, "network timeout"),
        (340, "no +CNMA acknowledgement expected"),
        (500, "unknown error"),
        (512, "required parameter not configured"),
        (513, "TUP not registered"),
        (514, "AT internal error"),
        (515, "CID is active"),
        (516, "incorrect state for command"),
        (517, "CID is invalid"),
        (518, "CID is not active"),
        (520, "deactivate the last active CID"),
        (521, "CID is not defined"),
        (522, "UART parity error"),
        (523, "UART frame error"),
        (524, "UE is in minimal function mode"),
        (525, "AT command aborted: in processing"),
        (526, "AT command aborted: error"),
        (527, "command interrupted"),
        (528, "configuration conflicts"),
        (529, "during FOTA updating"),
        (530, "not the AT allocated socket"),
        (531, "USIM PIN is blocked"),
        (532, "USIM PUK is blocked"),
        (533, "not mipi module"),
        (534, "file not found"),
        (535, "conditions of use not satisfied"),
        (536, "AT UART buffer error"),
        (537, "back-off timer is running"),
    ],
    // 3.2.6 is silent.
    disconnect_closes: false,
    data_idle: None,
    // BC35-G&BC28&BC95 R2.0 AT Commands Manual V1.0, 2019-12-04, 4.1.
    start: Start::Cause("REBOOT_CAUSE_"),
    boot: &["REBOOT_CAUSE_APPLICATION_AT", "Neul", "OK"],
    // A log of a BC28 at a rate that it does not start with: of its start only these can be read.
    starting: &["Neul"],
    // A log of a BC28: `AT+CEREG=2;+CSCON=1;+NPSMR=1` has three `OK`, 40 ms apart.
    joined: Joined::Each,
    // The same manual, 4.1: no `OK`.
    reboots: &[FixedCommand {
        name: "NRB",
        values: &[],
        answer: Some("REBOOTING"),
    }],
    // None in the AT commands manual.
    deactivate: None,
    // The AT commands manual has the deep sleep of an idle module, and no figure; 10 s is that of BC660K-GL.
    sleeps_after: Some(Duration::from_secs(10)),
    // The same manual, chapters 2 and 7.
    echo: false,
    error_levels: &[0, 1],
    error_level: 0,
    registration: &["CEREG"],
    // The manual's answers have none, but for `+CPIN: READY`.
    // Neither the note nor BC35-G&BC28&BC95 R2.0 AT Commands Manual V1.0 has any.
    tls: None,
    blank_after_colon: false,
    data_commands: super::data_commands::NB_IOT,
    around: &super::around::BC35,
};

const ROWS: [Row; 32] = [
    test(
        Command::Configure,
        &[
            "+QMTCFG: \"version\",(0),(3,4)",
            "+QMTCFG: \"keepalive\",(0),(0-3600)",
            "+QMTCFG: \"session\",(0),(0,1)",
            "+QMTCFG: \"timeout\",(0),(1-60),(0-10),(0,1)",
            "+QMTCFG: \"will\",(0),(0,1),(0-2),(0,1),\"will_topic\",\"will_msg\"",
            "+QMTCFG: \"aliauth\",(0),\"product_key\",\"device_name\",\"device_secret\"",
        ],
        "3.2.1",
    ),
    Row {
        setting: Some(SettingKey::VERSION),
        parameters: &[CLIENT, integer("vsn", 3, 4)],
        arity: Arity::Exact(2),
        defaults: &[4],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::VERSION, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::KEEP_ALIVE),
        parameters: &[CLIENT, integer("keep-alive time", 0, 3600)],
        arity: Arity::Exact(2),
        defaults: &[120],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::KEEP_ALIVE, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::SESSION),
        parameters: &[CLIENT, integer("clean_session", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[1],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::SESSION, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::TIMEOUT),
        parameters: &[
            CLIENT,
            integer("pkt_timeout", 1, 60),
            integer("retry_times", 0, 10),
            integer("timeout_notice", 0, 1),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        skips: &[2],
        defaults: &[10, 3, 0],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::TIMEOUT, &[CLIENT], "3.2.1"),
    Row {
        // Note 1: all of them with flag 1, none with flag 0.
        flag: Flag::Whole,
        setting: Some(SettingKey::WILL),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_qos", 0, 2),
            integer("will_retain", 0, 1),
            text("will_topic", 1, MQTT_STRING),
            text("will_msg", 0, MQTT_STRING),
        ],
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::WILL, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::ALIBABA),
        parameters: &[
            CLIENT,
            text("product_key", 1, MQTT_STRING),
            text("device_name", 1, MQTT_STRING),
            secret("device_secret", 1, MQTT_STRING),
        ],
        arity: Arity::Exact(4),
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::ALIBABA, &[CLIENT], "3.2.1"),
    test(
        Command::Token,
        &["+QMTTENAUTH: \"<product_id>\",\"<device_name>\",\"<client_id>\",\"<device_secret>\"[,<expire>[,\"<url>\"]]"],
        "3.2.2",
    ),
    read(Command::Token, "3.2.2"),
    Row {
        command: Command::Token,
        parameters: &[
            text("product_id", 1, MQTT_STRING),
            text("device_name", 1, MQTT_STRING),
            text("client_id", 1, MQTT_STRING),
            secret("device_secret", 1, MQTT_STRING),
            integer("expire", 0, 2_147_483_647),
            text("url", 1, MQTT_STRING),
        ],
        arity: Arity::OneOf(&[4, 5, 6]),
        wait: Wait::Fixed(Duration::from_secs(195)),
        source: "3.2.2",
        ..ROW
    },
    test(Command::Open, &["+QMTOPEN: (0),\"<host_name>\",(1-65535)"], "3.2.3"),
    read(Command::Open, "3.2.3"),
    Row {
        command: Command::Open,
        parameters: &[
            CLIENT,
            text("host_name", 1, 100),
            Parameter {
                name: "port",
                kind: Kind::Port { quoted_too: false },
                secret: false,
            },
        ],
        arity: Arity::Exact(3),
        wait: NETWORK,
        source: "3.2.3",
        ..ROW
    },
    test(Command::Close, &["+QMTCLOSE: (0)"], "3.2.4"),
    Row {
        command: Command::Close,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Opened,
        source: "3.2.4",
        ..ROW
    },
    test(
        Command::Connect,
        &["+QMTCONN: (0),\"<clientID>\"[,\"<username>\"[,\"<password>\"]]"],
        "3.2.5",
    ),
    read(Command::Connect, "3.2.5"),
    Row {
        command: Command::Connect,
        parameters: &[
            CLIENT,
            text("clientID", 0, MQTT_STRING),
            text("username", 0, MQTT_STRING),
            secret("password", 0, MQTT_STRING),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        gate: Gate::Opened,
        wait: Wait::Delivery,
        source: "3.2.5",
        ..ROW
    },
    test(Command::Disconnect, &["+QMTDISC: (0)"], "3.2.6"),
    Row {
        command: Command::Disconnect,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Connected,
        source: "3.2.6",
        ..ROW
    },
    test(
        Command::Subscribe,
        &["+QMTSUB: (0),(1-65535),\"<topic>\",(0-2)"],
        "3.2.7",
    ),
    Row {
        command: Command::Subscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC, integer("qos", 0, 2)],
        arity: Arity::Groups { fixed: 2, group: 2 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.2.7",
        ..ROW
    },
    test(Command::Unsubscribe, &["+QMTUNS: (0),(1-65535),\"<topic>\""], "3.2.8"),
    Row {
        command: Command::Unsubscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC],
        arity: Arity::Groups { fixed: 2, group: 1 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.2.8",
        ..ROW
    },
    test(
        Command::Publish,
        &["+QMTPUB: (0),(0-65535),(0-2),(0,1),\"<topic>\",\"<msg>\""],
        "3.2.9",
    ),
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65535),
            integer("qos", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
        ],
        arity: Arity::Exact(5),
        data: Some(DataPhase::UntilCtrlZ),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.2.9",
        ..ROW
    },
];

/// 3.2.1, 3.2.7 to 3.2.9 of the 2019 guide: 255 bytes.
const TOPIC_2019: Parameter = text("topic", 1, 255);

/// What the 2019 guide has otherwise, and the publish of a length that is new in it.
const ROWS_2019: [Row; ROWS.len() + 1] = revised(
    &ROWS,
    &[
        Row {
            flag: Flag::Whole,
            setting: Some(SettingKey::WILL),
            parameters: &[
                CLIENT,
                integer("will_fg", 0, 1),
                integer("will_QoS", 0, 2),
                integer("will_retain", 0, 1),
                text("will_topic", 1, 255),
                text("will_msg", 0, 255),
            ],
            arity: Arity::OneOf(&[2, 6]),
            defaults: &[0],
            source: "3.2.1 (2019)",
            ..ROW
        },
        test(
            Command::Token,
            &["+QMTTENAUTH: <product_id>,<device_name>,<client_id>,<device_secret>,<expire>,<url>"],
            "3.2.2 (2019)",
        ),
        Row {
            command: Command::Token,
            parameters: &[
                text("product_id", 1, MQTT_STRING),
                text("device_name", 1, MQTT_STRING),
                text("client_id", 1, MQTT_STRING),
                secret("device_secret", 1, MQTT_STRING),
                // In days; the guide gives the largest.
                integer("expire", 0, 60),
                text("url", 1, MQTT_STRING),
            ],
            arity: Arity::OneOf(&[4, 5, 6]),
            wait: Wait::Fixed(Duration::from_secs(195)),
            source: "3.2.2 (2019)",
            ..ROW
        },
        test(Command::Open, &["+QMTOPEN: (0),<host_name>,<port>"], "3.2.3 (2019)"),
        test(
            Command::Connect,
            &["+QMTCONN: (0),<clientID>,<username>,<password>"],
            "3.2.5 (2019)",
        ),
        test(
            Command::Subscribe,
            &["+QMTSUB: (0),(1-65535),<topic>,(0-2)[,<topic>,(0-2)...]"],
            "3.2.7 (2019)",
        ),
        Row {
            command: Command::Subscribe,
            parameters: &[CLIENT, MESSAGE_ID, TOPIC_2019, integer("QoS", 0, 2)],
            arity: Arity::Groups { fixed: 2, group: 2 },
            gate: Gate::Connected,
            wait: Wait::Delivery,
            source: "3.2.7 (2019)",
            ..ROW
        },
        test(
            Command::Unsubscribe,
            &["+QMTUNS: (0),(1-65535),<topic>[,<topic>...]"],
            "3.2.8 (2019)",
        ),
        Row {
            command: Command::Unsubscribe,
            parameters: &[CLIENT, MESSAGE_ID, TOPIC_2019],
            arity: Arity::Groups { fixed: 2, group: 1 },
            gate: Gate::Connected,
            wait: Wait::Delivery,
            source: "3.2.8 (2019)",
            ..ROW
        },
        test(
            Command::Publish,
            &["+QMTPUB: (0),(0-65535),(0-2),(0,1),<topic>,(1-1024)"],
            "3.2.9 (2019)",
        ),
        Row {
            command: Command::Publish,
            parameters: &[
                CLIENT,
                integer("msgID", 0, 65535),
                integer("QoS", 0, 2),
                integer("retain", 0, 1),
                TOPIC_2019,
            ],
            arity: Arity::Exact(5),
            data: Some(DataPhase::UntilCtrlZ),
            gate: Gate::Connected,
            wait: Wait::Delivery,
            source: "3.2.9 (2019)",
            ..ROW
        },
        Row {
            command: Command::Publish,
            parameters: &[
                CLIENT,
                integer("msgID", 0, 65535),
                integer("QoS", 0, 2),
                integer("retain", 0, 1),
                TOPIC_2019,
                integer("len", 1, 1024),
            ],
            arity: Arity::Exact(6),
            data: Some(DataPhase::Counted),
            gate: Gate::Connected,
            wait: Wait::Delivery,
            source: "3.2.9 (2019)",
            ..ROW
        },
    ],
);
