//! TLS with files, in the families that have a file system.
//!
//! The EG800Q&EG91xQ MQTT note shows the commands in 5.2. Defaults, `negotiatetime`, `sni`, sizes and file errors are those
//! of sister modules (EG800K, BG96): no note of the family itself gives them.

use super::rows::Refusal;
use crate::codes::CmeCode;
use crate::tls::{
    Credential, FileAction, FileRefusals, Files, Storage, Tls, TlsForm, TlsKey, Upload, credential, number, suites,
};

pub(super) const FILE_SYSTEM_TLS: Tls = Tls {
    last_context: 5,
    form: TlsForm::OptionFirst,
    options: &[
        number(TlsKey::Version, "sslversion", (0, 4), 4),
        suites(false),
        number(TlsKey::Level, "seclevel", (0, 2), 0),
        credential(Credential::Authority),
        credential(Credential::Certificate),
        credential(Credential::Key),
        number(TlsKey::IgnoreTime, "ignorelocaltime", (0, 1), 1),
        number(TlsKey::HandshakeTime, "negotiatetime", (10, 300), 300),
        number(TlsKey::ServerName, "sni", (0, 1), 0),
    ],
    others: &[],
    upload: Upload::FileSystem(Files {
        commands: &[
            (FileAction::Write, "QFUPL"),
            (FileAction::Delete, "QFDEL"),
            (FileAction::Read, "QFDWL"),
            (FileAction::List, "QFLST"),
            (FileAction::Room, "QFLDS"),
        ],
        storages: &[Storage {
            prefix: "UFS:",
            most: 32_768,
            total: 286_720,
            kept: true,
        }],
        patience: 5,
        acknowledged: Some(1024),
        refusals: FileRefusals {
            parameter: Refusal::Cme(CmeCode(400)),
            missing: Refusal::Cme(CmeCode(405)),
            exists: Refusal::Cme(CmeCode(407)),
            full: Refusal::Cme(CmeCode(403)),
            late: Some(Refusal::Cme(CmeCode(421))),
        },
    }),
    source: "5.2",
};
