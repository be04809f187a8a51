//! How a family secures the connection to the server: where credentials are kept, and what `AT+QSSLCFG` sets.

use crate::dialect::Refusal;

/// TLS in one family; a dialect without it has none.
#[derive(Clone, Copy, Debug)]
pub struct Tls {
    /// The highest context that works; the lowest is 0.
    pub last_context: u8,
    /// How `AT+QSSLCFG` names the context.
    pub form: TlsForm,
    /// What it sets.
    pub options: &'static [TlsOption],
    /// What else it takes and reads back; MQTT does not depend on it.
    pub others: &'static [OtherOption],
    /// How credentials get into the module.
    pub upload: Upload,
    /// Document and section.
    pub source: &'static str,
}

impl Tls {
    /// The option with this key; `None` if the family lacks it.
    #[must_use]
    pub fn option(&self, key: TlsKey) -> Option<&'static TlsOption> {
        self.options.iter().find(|option| option.key == key)
    }
}

/// Where the context stands in `AT+QSSLCFG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsForm {
    /// `AT+QSSLCFG="option",<context>,<value>`
    OptionFirst,
    /// `AT+QSSLCFG=<context>,<connect id>,"option",<value>`, of which connect id 0 works.
    ContextFirst,
}

/// One option of `AT+QSSLCFG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsOption {
    /// What it is about.
    pub key: TlsKey,
    /// Its name on the line.
    pub name: &'static str,
    /// What it takes.
    pub value: TlsValue,
    /// Whether each context has its own; otherwise it holds for all, and the command names no context.
    pub of_context: bool,
}

/// An option of one context that MQTT does not depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherOption {
    /// Its name on the line.
    pub name: &'static str,
    /// The smallest and the largest of each of its numbers, and its value after a start.
    pub values: &'static [(i64, i64, i64)],
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsKey {
    /// The protocol versions: 0 SSL 3.0, 1 to 3 TLS 1.0 to 1.2, 4 all.
    Version,
    /// The cipher suites.
    Suites,
    /// Who is verified: 0 nobody, 1 the server, 2 the client as well.
    Level,
    /// A certificate or a key.
    Credential(Credential),
    /// Whether the times in certificates are ignored.
    IgnoreTime,
    /// How long the handshake may take, in seconds.
    HandshakeTime,
    /// Whether the client names the server that it wants (RFC 6066 section 3).
    ServerName,
}

/// What identifies an end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// The certificate of the authority that has signed the server's.
    Authority,
    /// The client's certificate.
    Certificate,
    /// The client's private key.
    Key,
}

impl Credential {
    /// All of them, in the order in which they are handed over.
    pub const ALL: [Self; 3] = [Self::Authority, Self::Certificate, Self::Key];

    /// The stem of the name of its file.
    #[must_use]
    pub const fn stem(self) -> &'static str {
        match self {
            Self::Authority => "ca",
            Self::Certificate => "cert",
            Self::Key => "key",
        }
    }
}

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsValue {
    /// A number in a closed range.
    Number {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
        /// After a start.
        default: i64,
    },
    /// One cipher suite by its number in hexadecimal digits, or 0xFFFF for all of them, the default.
    Suites {
        /// Whether it stands in quotes.
        quoted: bool,
    },
    /// A credential, in the way that [`Tls::upload`] says.
    Credential,
}

/// How credentials get into the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// Into a secure file, whose name `AT+QSSLCFG` takes. Its name begins with that of a storage.
    SecureFile(Files),
    /// Into a file, whose name `AT+QSSLCFG` takes. A name without a storage means the first storage.
    FileSystem(Files),
    /// `AT+QSSLCFG` itself asks for it, and Ctrl-Z ends it. The module keeps it over a restart.
    Prompt {
        /// The longest, in bytes.
        most: usize,
    },
}

/// Where files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// The commands about them, without `+`.
    pub commands: &'static [(FileAction, &'static str)],
    /// The storages; the host uses the first.
    pub storages: &'static [Storage],
    /// How many seconds the module waits for the content, unless the command says otherwise.
    pub patience: u16,
    /// The module prints an `A` after each of this many bytes, if the command that writes asks for it; `None` if it cannot.
    pub acknowledged: Option<usize>,
    /// What is refused.
    pub refusals: FileRefusals,
}

/// What a command about files does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Writes a file: name, size, seconds.
    Write,
    /// Deletes it.
    Delete,
    /// Reports its checksum.
    Checksum,
    /// Returns its content.
    Read,
    /// Lists files with their sizes.
    List,
    /// Reports the space of a storage: free, and in all.
    Room,
}

impl Files {
    /// The command for it, if it has one.
    #[must_use]
    pub fn command(&self, action: FileAction) -> Option<&'static str> {
        let mut commands = self.commands.iter();
        commands.find(|(known, _)| *known == action).map(|(_, name)| *name)
    }
}

/// One storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The beginning of the names of its files.
    pub prefix: &'static str,
    /// The longest file, in bytes.
    pub most: usize,
    /// How much it holds, in bytes.
    pub total: usize,
    /// Whether files outlast a restart.
    pub kept: bool,
}

/// How the file commands refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRefusals {
    /// A wrong parameter.
    pub parameter: Refusal,
    /// There is no such file.
    pub missing: Refusal,
    /// The file exists already.
    pub exists: Refusal,
    /// There is no room for it.
    pub full: Refusal,
    /// The content has not all come in time; `None` if the module keeps what has come and reports no error.
    pub late: Option<Refusal>,
}

/// A number, for one context.
pub(crate) const fn number(key: TlsKey, name: &'static str, range: (i64, i64), default: i64) -> TlsOption {
    TlsOption {
        key,
        name,
        value: TlsValue::Number {
            low: range.0,
            high: range.1,
            default,
        },
        of_context: true,
    }
}

/// The cipher suites.
pub(crate) const fn suites(quoted: bool) -> TlsOption {
    TlsOption {
        key: TlsKey::Suites,
        name: "ciphersuite",
        value: TlsValue::Suites { quoted },
        of_context: true,
    }
}

/// A credential.
pub(crate) const fn credential(credential: Credential) -> TlsOption {
    TlsOption {
        key: TlsKey::Credential(credential),
        name: match credential {
            Credential::Authority => "cacert",
            Credential::Certificate => "clientcert",
            Credential::Key => "clientkey",
        },
        value: TlsValue::Credential,
        of_context: true,
    }
}
