//! From the options that secure a connection to the commands that hand over credentials and set them.

use std::time::Duration;

use modemqtt_at::dialect::DataPhase;
use modemqtt_at::general::MAXIMUM_RESPONSE_TIME;
use modemqtt_at::tls::{self, Credential, FileAction, Files, Storage, TlsForm, TlsKey, TlsOption, TlsValue, Upload};
use modemqtt_at::{ClientIndex, Form, SettingKey};

use super::clients::Kept;
use super::plan::{Planner, Steps, dialects};
use crate::credentials::{Pem, Tls, Verify, checksum, digest};
use crate::error::Error;
use crate::job::{Data, Goal, Invitation, Step, Stored};
use crate::names::models;
use crate::writer::{Argument, CommandLine};

/// Every cipher suite.
const EVERY_SUITE: u16 = 0xFFFF;
/// How long the module waits for the content of a file, besides the time that this takes on a slow line.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes per second of the slowest line assumed for a file.
const SLOWEST: usize = 200;

impl Planner {
    /// Files first, then the context, then the client's own setting.
    pub(super) fn secure(
        &self,
        client: ClientIndex,
        wanted: &Tls,
        kept: &Kept,
        steps: &mut Steps,
    ) -> Result<(), Error> {
        let tls = self.tls()?;
        let context = wanted.context;
        if context > tls.last_context {
            return Err(Error::Usage(format!(
                "context must be 0 to {}, not {context} ({})",
                tls.last_context,
                models(self.dialect)
            )));
        }
        for (credential, pem) in wanted.credentials()? {
            let option = self.option(tls, TlsKey::Credential(credential), "a credential")?;
            match tls.upload {
                Upload::Prompt { most } => {
                    fits(credential, pem, most, self.dialect.name)?;
                    steps.push_back(prompted(&option_head(tls, option, context), credential, pem));
                }
                Upload::SecureFile(files) | Upload::FileSystem(files) => {
                    let file = File::new(&files, credential, context, pem, self.dialect.name)?;
                    steps.extend(file.steps(&files, kept));
                    steps.push_back(set_option(
                        &option_head(tls, option, context),
                        &format!("\"{}\"", file.name),
                    ));
                }
            }
        }
        self.options(tls, wanted, steps)?;
        let values = [1, context.into(), 0].map(Argument::Number);
        let count = self.row(SettingKey::TLS)?.parameters.len() - 1;
        steps.push_back(self.set(SettingKey::TLS, client, &values[..count.min(values.len())])?);
        Ok(())
    }

    /// Sets every option that the family has, since another program may have set it differently.
    fn options(&self, tls: &'static tls::Tls, wanted: &Tls, steps: &mut Steps) -> Result<(), Error> {
        let mut number = |key, what: &str, value: Option<i64>, asked: bool| -> Result<(), Error> {
            let option = match tls.option(key) {
                Some(option) => option,
                None if asked => return self.option(tls, key, what).map(drop),
                None => return Ok(()),
            };
            if let Some(value) = value {
                in_range(option, what, value)?;
                steps.push_back(set_option(
                    &option_head(tls, option, wanted.context),
                    &value.to_string(),
                ));
            }
            Ok(())
        };
        number(TlsKey::Version, "versions", Some(wanted.version.into()), true)?;
        let level = match wanted.verify {
            Verify::Nobody => 0,
            Verify::Server => 1,
            Verify::Mutual => 2,
        };
        number(TlsKey::Level, "verify", Some(level), true)?;
        number(
            TlsKey::IgnoreTime,
            "check_time",
            Some((!wanted.check_time).into()),
            wanted.check_time,
        )?;
        let server_name = wanted.server_name.unwrap_or(true);
        number(
            TlsKey::ServerName,
            "sni",
            Some(server_name.into()),
            wanted.server_name == Some(true),
        )?;
        let seconds = wanted.handshake_time.map(i64::from);
        number(TlsKey::HandshakeTime, "handshake_timeout", seconds, seconds.is_some())?;
        let suite = wanted.suite.unwrap_or(EVERY_SUITE);
        match tls.option(TlsKey::Suites) {
            None if wanted.suite.is_some() => self.option(tls, TlsKey::Suites, "cipher_suite").map(drop)?,
            None => {}
            Some(option) => {
                let value = match option.value {
                    TlsValue::Suites { quoted: true } => format!("\"0X{suite:04X}\""),
                    _ => format!("0X{suite:04X}"),
                };
                steps.push_back(set_option(&option_head(tls, option, wanted.context), &value));
            }
        }
        Ok(())
    }

    fn tls(&self) -> Result<&'static tls::Tls, Error> {
        self.dialect.tls.as_ref().ok_or_else(|| {
            let have = dialects(|dialect| dialect.tls.is_some());
            Error::Usage(format!(
                "{} has no TLS; dialects that have it: {have}",
                self.dialect.name
            ))
        })
    }

    fn option(&self, tls: &'static tls::Tls, key: TlsKey, what: &str) -> Result<&'static TlsOption, Error> {
        tls.option(key).ok_or_else(|| {
            let have = dialects(|dialect| dialect.tls.is_some_and(|tls| tls.option(key).is_some()));
            Error::Usage(format!(
                "{what}: {} has no such option; dialects that have it: {have}",
                self.dialect.name
            ))
        })
    }
}

/// A file in the module that holds a credential.
struct File<'a> {
    name: String,
    credential: Credential,
    pem: &'a Pem,
}

impl<'a> File<'a> {
    fn new(files: &Files, credential: Credential, context: u8, pem: &'a Pem, dialect: &str) -> Result<Self, Error> {
        let Some(Storage { prefix, most, .. }) = files.storages.first() else {
            return Err(Error::Usage(format!("{dialect} cannot store files")));
        };
        fits(credential, pem, *most, dialect)?;
        Ok(Self {
            name: format!("{prefix}{}{context}.pem", credential.stem()),
            credential,
            pem,
        })
    }

    /// The module does not overwrite files, so an earlier one is deleted first, if there is one. A file that the
    /// session itself put there stays if the module still gives its checksum. If the module gives only a size, the file
    /// is replaced, since another of that size may have taken its place.
    fn steps(&self, files: &Files, kept: &Kept) -> Steps {
        let bytes = self.pem.bytes();
        let stored = self.stored();
        let mut steps = Steps::new();
        if let Some(checksum) = files.command(FileAction::Checksum)
            && kept.holds(&self.name, bytes)
        {
            let goal = Goal::Present(stored.clone());
            steps.push_back(vendor_command(checksum, &format!("\"{}\"", self.name), goal));
        }
        if let Some(delete) = files.command(FileAction::Delete) {
            steps.push_back(vendor_command(delete, &format!("\"{}\"", self.name), Goal::Whatever));
        }
        let patience = PATIENCE.as_secs() + bytes.len().div_ceil(SLOWEST) as u64;
        let values = format!("\"{}\",{},{patience}", self.name, bytes.len());
        let write = files.command(FileAction::Write).unwrap_or_default();
        steps.push_back(Step {
            data: Some(Data {
                phase: DataPhase::Counted,
                invitation: Invitation::Connect,
                upload: Some(self.credential.stem()),
                bytes: bytes.to_vec(),
            }),
            ..vendor_command(write, &values, Goal::Stored(stored))
        });
        steps
    }

    fn stored(&self) -> Stored {
        Stored {
            name: Some(self.name.clone()),
            ..stored(self.pem)
        }
    }
}

/// The command that asks for the credential itself.
fn prompted(head: &str, credential: Credential, pem: &Pem) -> Step {
    Step {
        data: Some(Data {
            phase: DataPhase::UntilCtrlZ,
            invitation: Invitation::Prompt,
            upload: Some(credential.stem()),
            bytes: pem.bytes().to_vec(),
        }),
        ..vendor_command("QSSLCFG", head, Goal::Stored(stored(pem)))
    }
}

fn stored(pem: &Pem) -> Stored {
    let bytes = pem.bytes();
    Stored {
        name: None,
        size: bytes.len(),
        checksum: checksum(bytes),
        digest: digest(bytes),
    }
}

fn fits(credential: Credential, pem: &Pem, most: usize, dialect: &str) -> Result<(), Error> {
    let length = pem.bytes().len();
    if length <= most {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{}: it is {length} bytes long; {dialect} takes at most {most}",
        credential.stem()
    )))
}

fn in_range(option: &TlsOption, what: &str, value: i64) -> Result<(), Error> {
    let TlsValue::Number { low, high, .. } = option.value else {
        return Ok(());
    };
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{what} must be {low} to {high}, not {value} (\"{}\")",
        option.name
    )))
}

/// The part of the command before the value of an option.
fn option_head(tls: &tls::Tls, option: &TlsOption, context: u8) -> String {
    match tls.form {
        TlsForm::ContextFirst => format!("{context},0,\"{}\"", option.name),
        TlsForm::OptionFirst if option.of_context => format!("\"{}\",{context}", option.name),
        TlsForm::OptionFirst => format!("\"{}\"", option.name),
    }
}

fn set_option(head: &str, value: &str) -> Step {
    vendor_command("QSSLCFG", &format!("{head},{value}"), Goal::Final)
}

/// Our own names and numbers only: nothing in them can act on the command line.
fn vendor_command(name: &str, values: &str, goal: Goal) -> Step {
    Step {
        line: CommandLine::plain(&format!("AT+{name}={values}")),
        form: Form::Set,
        name: format!("+{name}"),
        data: None,
        goal,
        final_wait: MAXIMUM_RESPONSE_TIME,
        change: None,
        setting: None,
        other: None,
    }
}
