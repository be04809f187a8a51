//! What secures a connection: certificates and keys in PEM, and the settings that go with them.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use modemqtt_at::tls::Credential;

use crate::error::Error;

/// A certificate or a key in PEM (RFC 7468). Traces and errors show only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Vec<u8>);

impl Pem {
    /// Checks that the bytes look like such a credential; the module judges their content.
    pub fn new(credential: Credential, bytes: Vec<u8>) -> Result<Self, Error> {
        let stem = credential.stem();
        let wrong = |problem: String| Err(Error::Usage(format!("{stem}: {problem}")));
        let control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t');
        if let Some(byte) = bytes.iter().find(|byte| control(byte)) {
            return wrong(format!("it must be PEM, which cannot contain the byte 0x{byte:02X}"));
        }
        let label = match credential {
            Credential::Authority | Credential::Certificate => "CERTIFICATE-----",
            Credential::Key => "PRIVATE KEY-----",
        };
        let text = String::from_utf8_lossy(&bytes);
        let line = |mark: &str, label: &str| {
            text.lines().any(|line| {
                line.trim_end()
                    .strip_prefix(mark)
                    .is_some_and(|rest| rest.ends_with(label))
            })
        };
        if line("-----BEGIN ENCRYPTED ", label) || text.contains("\nProc-Type: 4,ENCRYPTED") {
            return wrong("the key is encrypted; the module needs it unencrypted".into());
        }
        if !line("-----BEGIN ", label) || !line("-----END ", label) {
            return wrong(format!(
                "it must be PEM, from -----BEGIN … {label} to -----END … {label}"
            ));
        }
        Ok(Self(bytes))
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// How a connection is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The TLS context in which the module keeps the settings.
    pub context: u8,
    /// `<sslversion>`: 0 SSL 3.0, 1 to 3 TLS 1.0 to 1.2, 4 all.
    pub version: u8,
    /// One cipher suite; `None` allows all.
    pub suite: Option<u16>,
    /// Which side is verified.
    pub verify: Verify,
    /// The certificate of the certificate authority.
    pub ca: Option<Pem>,
    /// The client's certificate.
    pub certificate: Option<Pem>,
    /// The client's key.
    pub key: Option<Pem>,
    /// Whether certificates must be valid now, by the module's clock.
    pub check_time: bool,
    /// Whether the handshake names the server (SNI); `None` names it where the family can.
    pub server_name: Option<bool>,
    /// Time limit of the handshake in seconds; `None` leaves the module's setting.
    pub handshake_time: Option<u16>,
}

/// Which side is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Neither.
    Nobody,
    /// The server.
    Server,
    /// Server and client.
    Mutual,
}

impl Tls {
    /// The credentials that `verify` needs, each with its content; an error if one is missing.
    pub(crate) fn credentials(&self) -> Result<Vec<(Credential, &Pem)>, Error> {
        if self.certificate.is_some() != self.key.is_some() {
            let (given, missing) = if self.key.is_some() {
                ("key", "cert")
            } else {
                ("cert", "key")
            };
            return Err(Error::Usage(format!("{given}: it needs {missing} as well")));
        }
        let needed = match self.verify {
            Verify::Nobody => &[][..],
            Verify::Server => &Credential::ALL[..1],
            Verify::Mutual => &Credential::ALL[..],
        };
        let each = needed.iter().map(|credential| match self.credential(*credential) {
            Some(pem) => Ok((*credential, pem)),
            None => Err(Error::Usage(format!(
                "{}: it is needed to verify {}",
                credential.stem(),
                if self.verify == Verify::Server {
                    "the server"
                } else {
                    "both ends"
                }
            ))),
        });
        each.collect()
    }

    fn credential(&self, credential: Credential) -> Option<&Pem> {
        match credential {
            Credential::Authority => self.ca.as_ref(),
            Credential::Certificate => self.certificate.as_ref(),
            Credential::Key => self.key.as_ref(),
        }
    }
}

/// The checksum that modules print for a file: the exclusive or of its 16-bit big-endian words, with an odd last byte
/// as the high byte of its word (Quectel FILE application notes).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = [0; 2];
    for (at, byte) in bytes.iter().enumerate() {
        sum[at % 2] ^= byte;
    }
    u16::from_be_bytes(sum)
}

/// Distinguishes contents that share the module's checksum; the session remembers this digest instead of a key.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";
    const KEY: &[u8] = b"-----BEGIN EC PRIVATE KEY-----\r\nTUlJ\r\n-----END EC PRIVATE KEY-----\r\n";

    #[test]
    fn the_checksum_is_that_of_the_notes() {
        for (bytes, sum) in [
            (&b"ABC"[..], "242"),
            (b"ABCD", "206"),
            (b"0123456789", "3839"),
            (b"", "0"),
        ] {
            assert_eq!(format!("{:x}", checksum(bytes)), sum);
        }
    }

    #[test]
    fn anything_but_pem_of_its_kind_is_refused_and_not_shown() {
        for (credential, bytes) in [
            (Credential::Authority, &b""[..]),
            (Credential::Authority, b"\x30\x82\x01\x0a"),
            (Credential::Authority, KEY),
            (Credential::Key, CERTIFICATE),
            (Credential::Certificate, b"-----BEGIN CERTIFICATE-----\nTUlJ\n"),
            (
                Credential::Certificate,
                b"-----BEGIN CERTIFICATE-----\n\x1a\n-----END CERTIFICATE-----\n",
            ),
            (
                Credential::Key,
                b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nTUlJ\n-----END ENCRYPTED PRIVATE KEY-----\n",
            ),
        ] {
            let error = Pem::new(credential, bytes.to_vec()).unwrap_err().to_string();
            assert!(
                !error.contains("TUlJ") && error.starts_with(credential.stem()),
                "{error}"
            );
        }
        assert_eq!(
            format!("{:?}", Pem::new(Credential::Key, KEY.to_vec()).unwrap()),
            "<68 bytes>"
        );
    }
}
