//! TLS in one dialect, and beside the others.

use modemqtt_at::dialect::Dialect;
use modemqtt_at::tls::{Files, Tls, TlsForm, TlsValue, Upload};

use super::table;

/// In a few words.
pub(super) fn brief(dialect: &Dialect) -> String {
    let Some(tls) = dialect.tls else { return "none".into() };
    let contexts = match tls.last_context {
        0 => "context 0".to_owned(),
        last => format!("contexts 0–{last}"),
    };
    let upload = match tls.upload {
        Upload::SecureFile(_) => "`AT+QSECWRITE`",
        Upload::FileSystem(_) => "`AT+QFUPL`",
        Upload::Prompt { .. } => "the prompt of `AT+QSSLCFG`",
    };
    format!("{contexts}, credentials by {upload}")
}

/// In full; nothing for a dialect without it.
pub(super) fn all(dialect: &Dialect) -> String {
    let Some(tls) = dialect.tls else { return String::new() };
    let mut text = format!("### TLS\n\nSource: {}.\n\n", tls.source);
    text.push_str(&table(&options(&tls)));
    text.push_str(&match tls.upload {
        Upload::SecureFile(files) => stored("`AT+QSECWRITE`, `AT+QSECREAD` and `AT+QSECDEL`", files),
        Upload::FileSystem(files) => stored("`AT+QFUPL`, `AT+QFDWL`, `AT+QFLST`, `AT+QFDEL` and `AT+QFLDS`", files),
        Upload::Prompt { most } => format!(
            "A credential is asked for by a prompt, ended by Ctrl-Z and kept over a restart: at most {most} bytes.\n\n"
        ),
    });
    text
}

fn options(tls: &Tls) -> Vec<Vec<String>> {
    let head = ["form", "value", "after a start"].map(str::to_owned).to_vec();
    let lines = tls.options.iter().map(|option| {
        let before = match tls.form {
            TlsForm::ContextFirst => format!("<context>,0,\"{}\"", option.name),
            TlsForm::OptionFirst if option.of_context => format!("\"{}\",<context>", option.name),
            TlsForm::OptionFirst => format!("\"{}\"", option.name),
        };
        let (value, range, default) = match option.value {
            TlsValue::Number { low, high, default } => (",<value>", format!("{low}–{high}"), default.to_string()),
            TlsValue::Suites { quoted: true } => (",\"<suite>\"", "0X0000–0XFFFF".into(), "0XFFFF, all".into()),
            TlsValue::Suites { quoted: false } => (",<suite>", "0X0000–0XFFFF".into(), "0XFFFF, all".into()),
            TlsValue::Credential if matches!(tls.upload, Upload::Prompt { .. }) => {
                ("", "behind the prompt".into(), "as it was".into())
            }
            TlsValue::Credential => (",\"<file>\"", "a file".into(), "unset".into()),
        };
        vec![format!("`AT+QSSLCFG={before}{value}`"), range, default]
    });
    [head].into_iter().chain(lines).collect()
}

fn stored(commands: &str, files: Files) -> String {
    let storages = files.storages.iter().map(|storage| {
        let kept = if storage.kept {
            "kept over a restart"
        } else {
            "lost by a restart"
        };
        format!(
            "`{}` files of at most {} bytes, {} together, {kept}",
            storage.prefix, storage.most, storage.total
        )
    });
    let storages: Vec<_> = storages.collect();
    format!(
        "{commands}: {}. The content is waited for {} s unless told.\n\n",
        storages.join("; "),
        files.patience
    )
}
