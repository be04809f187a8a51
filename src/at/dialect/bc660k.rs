//! BC660K-GL: NB-IoT. "BC660K-GL MQTT Application Note", V1.1, 2021-12-20.

use std::time::Duration;

use super::make::{ROW, integer, read, read_setting, secret, test, text};
use super::rows::{
    Arity, DataIdle, DataPhase, Dialect, FixedCommand, Flag, Gate, Joined, Kind, Model, Parameter, ReadBack,
    ReceiveLength, ReceiveUrc, Refusal, Refusals, Row, Start, Urc, Wait,
};
use crate::codes::{CmeCode, OpenResult};
use crate::tls::{Credential, OtherOption, Tls, TlsForm, TlsKey, Upload, credential, number};
use crate::{Command, SettingKey, Version};

const CLIENT: Parameter = integer("TCP_connectID", 0, 4);
const MESSAGE_ID: Parameter = integer("msgID", 1, 65_535);
const TOPIC: Parameter = text("topic", 1, 256);
const NETWORK: Wait = Wait::Fixed(Duration::from_secs(176));

pub(super) static DIALECT: Dialect = Dialect {
    name: "bc660k",
    revision: None,
    note: "BC660K-GL MQTT Application Note V1.1, 2021-12-20",
    experimental: false,
    models: &[Model {
        name: "BC660K-GL",
        stem: "BC660K",
        identification: &["Quectel_Ltd", "Quectel_BC660K-GL", "Revision: BC660KGLAAR01A01"],
        model_line: "Quectel_BC660K-GL",
    }],
    // 3.3.1, <TCP_connectID>.
    last_client: 4,
    rows: ROWS,
    urcs: &[
        Urc {
            name: "QMTSTAT",
            fields: "<TCP_connectID>,<err_code>",
            source: "5.1",
        },
        Urc {
            name: "QMTRECV",
            fields: "<TCP_connectID>,<msgID>,<topic>[,<payload_len>],<payload>",
            source: "5.2",
        },
    ],
    // 3.3.1, <version_num>.
    versions: &[(Version::V31, 0), (Version::V311, 1)],
    // The underline of the default is lost in the text of 3.3.1; a sibling of the module starts with 3.1.
    default_version: Version::V311,
    // 3.3.8, <msg_len> in text mode.
    payload: 1460,
    command_line: 2048,
    // 3.3.8, note 1: the next publish after the final result of the last.
    window: 1,
    read_back: ReadBack::Values,
    // 5.2; 6.1 shows both in quotes.
    receive: ReceiveUrc {
        length: ReceiveLength::Switchable {
            key: SettingKey::SHOW_RECEIVE_LENGTH,
            value: 0,
        },
        topic_quoted: true,
        payload_quoted: true,
    },
    buffer: None,
    // 3.3.8, <msg_len> in hex mode.
    hex_payload: Some(730),
    // 3.3.1 to 3.3.8 allow `ERROR` and `+CME ERROR: <err>`; modules answer errors of syntax with the former.
    refusals: Refusals {
        parameter: Refusal::Error,
        state: Refusal::Cme(CmeCode::MQTT_LINK),
        window: Refusal::Cme(CmeCode::MQTT_TOO_LARGE),
    },
    // 3.3.2, <result>.
    open_results: &[
        OpenResult::FAILED,
        OpenResult::OPENED,
        OpenResult::WRONG_PARAMETER,
        OpenResult::OCCUPIED,
        OpenResult::PDP_FAILED,
        OpenResult::NAME_NOT_RESOLVED,
    ],
    // 3.3.1: its test form has echo_mode.
    spellings: &[(SettingKey::ECHO_DATA, "echomode")],
    // BC660K-GL&BC950K-GL AT Commands Manual, 2024-01-26.
    vendor_errors: &[
        (301, "internal error base"),
        (302, "UE busy"),
        (303, "not powered on"),
        (304, "PDN not active"),
        (305, "PDN not valid"),
        (306, "PDN invalid type"),
        (307, "PDN no parameter"),
        (308, "UE failure"),
        (309, "PDN type and APN duplicate used"),
        (312, "PIN already enabled"),
        (602, "no RRC connection"),
    ],
    // 3.3.5: the command "is about to close its TCP/IP connection"; modules do.
    disconnect_closes: true,
    // 3.3.8, note 5; the firmware of BC260Y, a sibling, prints the line.
    data_idle: Some(DataIdle {
        after: Duration::from_mins(1),
        report: "Timeout",
    }),
    // BC660K-GL&BC950K-GL AT Commands Manual, 2024-01-26.
    start: Start::Line("RDY"),
    boot: &["RDY", "+CFUN: 1", "+CEREG: 2"],
    starting: &[],
    joined: Joined::Last,
    // BC660K-GL&BC950K-GL AT Commands Manual, 2024-01-26, for the second.
    reboots: &[
        FixedCommand {
            name: "CFUN",
            values: &[1, 1],
            answer: None,
        },
        FixedCommand {
            name: "QRST",
            values: &[1],
            answer: None,
        },
    ],
    deactivate: None,
    // BC660K-GL&BC950K-GL AT Commands Manual, `AT+QSCLK` and `AT+QCFG="slplocktimes"`: 10 s by default.
    sleeps_after: Some(Duration::from_secs(10)),
    echo: true,
    // The default of the manual could not be read.
    error_levels: &[0, 1, 2],
    error_level: 1,
    registration: &["CEREG"],
    // 6.2; BC660K-GL SSL Application Note V1.1, 2023-04-25, whose defaults but that of the timeout could not be read.
    tls: Some(Tls {
        // The syntax has 0 to 10, and 0 alone works.
        last_context: 0,
        form: TlsForm::ContextFirst,
        options: &[
            number(TlsKey::Version, "sslversion", (1, 4), 4),
            number(TlsKey::Level, "seclevel", (0, 2), 0),
            credential(Credential::Authority),
            credential(Credential::Certificate),
            credential(Credential::Key),
            number(TlsKey::HandshakeTime, "timeout", (10, 300), 90),
        ],
        // The defaults could not be read.
        others: &[
            OtherOption {
                name: "dataformat",
                values: &[(0, 1, 0), (0, 1, 0)],
            },
            OtherOption {
                name: "debug",
                values: &[(0, 4, 0)],
            },
            OtherOption {
                name: "dtls",
                values: &[(0, 1, 0)],
            },
            OtherOption {
                name: "dtlsversion",
                values: &[(0, 2, 2)],
            },
        ],
        // No note gives a figure for the longest.
        upload: Upload::Prompt { most: 8192 },
        source: "6.2",
    }),
    blank_after_colon: true,
    data_commands: super::data_commands::NB_IOT,
    around: &super::around::BC660K,
};

const ROWS: &[Row] = &[
    test(
        Command::Configure,
        &[
            "+QMTCFG: \"will\",(0-4),(0,1),(0-2),(0,1),<will_topic>,<will_msg>",
            "+QMTCFG: \"timeout\",(0-4),(1-60),(0-10),(0,1)",
            "+QMTCFG: \"session\",(0-4),(0,1)",
            "+QMTCFG: \"keepalive\",(0-4),(0-3600)",
            "+QMTCFG: \"aliauth\",(0-4),<product_key>,<device_name>,<device_secret>",
            "+QMTCFG: \"version\",(0-4),(0,1)",
            "+QMTCFG: \"showrecvlen\",(0-4),(0,1)",
            "+QMTCFG: \"echo_mode\",(0-4),(0,1)",
            "+QMTCFG: \"dataformat\",(0-4),(0,1),(0,1)",
            "+QMTCFG: \"ssl\",(0-4),(0,1),(0-10),(0-4)",
        ],
        "3.3.1",
    ),
    Row {
        setting: Some(SettingKey::WILL),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_QoS", 0, 2),
            integer("will_retain", 0, 1),
            text("will_topic", 1, 256),
            text("will_msg", 1, 256),
        ],
        // Note 1: all of them with flag 1, none with flag 0.
        flag: Flag::Whole,
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        // Note 6.
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::WILL, &[CLIENT], "3.3.1"),
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
        defaults: &[30, 0, 0],
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::TIMEOUT, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::SESSION),
        parameters: &[CLIENT, integer("clean_session", 0, 1)],
        arity: Arity::Exact(2),
        // The underline of the default is lost in the text; 1 is what the other families have.
        defaults: &[1],
        // Note 6.
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::SESSION, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::KEEP_ALIVE),
        parameters: &[CLIENT, integer("keep_alive_time", 0, 3600)],
        arity: Arity::Exact(2),
        defaults: &[120],
        // Note 6.
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::KEEP_ALIVE, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::VERSION),
        parameters: &[CLIENT, integer("version_num", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[1],
        // Note 6.
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::VERSION, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::SHOW_RECEIVE_LENGTH),
        parameters: &[CLIENT, integer("show_flag", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[0],
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::SHOW_RECEIVE_LENGTH, &[CLIENT], "3.3.1"),
    Row {
        // Note 6 for the gate.
        setting: Some(SettingKey::ALIBABA),
        parameters: &[
            CLIENT,
            text("product_key", 1, 64),
            text("device_name", 1, 64),
            secret("device_secret", 1, 64),
        ],
        arity: Arity::Exact(4),
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::ALIBABA, &[CLIENT], "3.3.1"),
    Row {
        // The underline of the default is lost in the text; a sibling of the module starts with 1.
        setting: Some(SettingKey::ECHO_DATA),
        parameters: &[CLIENT, integer("echo_mode", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[0],
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::ECHO_DATA, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::DATA_FORMAT),
        parameters: &[CLIENT, integer("send_format", 0, 1), integer("recv_format", 0, 1)],
        arity: Arity::Exact(3),
        defaults: &[0, 0],
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::DATA_FORMAT, &[CLIENT], "3.3.1"),
    Row {
        // Note 6 for the gate. "Currently only 0 is supported" of the context and connect ids.
        only: &[(2, 0), (3, 0)],
        setting: Some(SettingKey::TLS),
        parameters: &[
            CLIENT,
            integer("SSL_enable", 0, 1),
            integer("SSL_contextID", 0, 0),
            integer("SSL_connectID", 0, 0),
        ],
        arity: Arity::OneOf(&[2, 4]),
        defaults: &[0],
        gate: Gate::BeforeOpen,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::TLS, &[CLIENT], "3.3.1"),
    test(Command::Open, &["+QMTOPEN: (0-4),<host_name>,(1-65535)"], "3.3.2"),
    read(Command::Open, "3.3.2"),
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
        source: "3.3.2",
        ..ROW
    },
    test(Command::Close, &["+QMTCLOSE: (0-4)"], "3.3.3"),
    Row {
        command: Command::Close,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Opened,
        source: "3.3.3",
        ..ROW
    },
    test(
        Command::Connect,
        &["+QMTCONN: (0-4),<clientID>,<username>,<password>"],
        "3.3.4",
    ),
    read(Command::Connect, "3.3.4"),
    Row {
        command: Command::Connect,
        parameters: &[
            CLIENT,
            text("clientID", 0, 128),
            text("username", 0, 256),
            secret("password", 0, 256),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        gate: Gate::Opened,
        wait: Wait::Delivery,
        source: "3.3.4",
        ..ROW
    },
    test(Command::Disconnect, &["+QMTDISC: (0-4)"], "3.3.5"),
    Row {
        command: Command::Disconnect,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Connected,
        source: "3.3.5",
        ..ROW
    },
    test(
        Command::Subscribe,
        &["+QMTSUB: (0-4),(1-65535),<topic>,(0-2),<topic>,(0-2),..."],
        "3.3.6",
    ),
    Row {
        command: Command::Subscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC, integer("qos", 0, 2)],
        arity: Arity::Groups { fixed: 2, group: 2 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.6",
        ..ROW
    },
    test(
        Command::Unsubscribe,
        &["+QMTUNS: (0-4),(1-65535),<topic>,<topic>,..."],
        "3.3.7",
    ),
    Row {
        command: Command::Unsubscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC],
        arity: Arity::Groups { fixed: 2, group: 1 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.7",
        ..ROW
    },
    test(
        Command::Publish,
        &["+QMTPUB: (0-4),(0-65535),(0-2),(0,1),<topic>,(0-1460),<msg>"],
        "3.3.8",
    ),
    // The same command with three arities is three rows, the order that of the host's preference.
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("QoS", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
            integer("msg_len", 0, 1460),
        ],
        arity: Arity::Exact(6),
        data: Some(DataPhase::Counted),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.8",
        ..ROW
    },
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("QoS", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
        ],
        arity: Arity::Exact(5),
        data: Some(DataPhase::UntilCtrlZ),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.8",
        ..ROW
    },
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("QoS", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
            integer("msg_len", 0, 1460),
            Parameter {
                name: "msg",
                kind: Kind::Payload,
                secret: false,
            },
        ],
        arity: Arity::Exact(7),
        data: Some(DataPhase::Inline),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.8",
        ..ROW
    },
];
