//! TLS as a module does it, on a socket that does not block: TLS 1.2; if asked to, it checks the chain of the server's certificate up to one of
//! the authorities; it never checks the server's name.
//!
//! SSL 3.0, TLS 1.0 and TLS 1.1 are not supported: a context that allows nothing else connects to no server.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::TLS12;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::module::Security;

/// `<sslversion>` that allows TLS 1.2, alone or among others.
const WITH_TLS12: [i64; 2] = [3, 4];

/// One end of a secured connection.
#[derive(Debug)]
pub(super) struct Secured {
    connection: ClientConnection,
    established: bool,
    /// What has been read and decrypted.
    plain: Vec<u8>,
}

/// Why a connection cannot be secured, or no longer is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsecured {
    #[error("sslversion {0} allows no TLS 1.2; 3 and 4 do")]
    Version(i64),
    #[error("{0:?} cannot be the name of a server")]
    Name(String),
    #[error("{0} cannot be read as PEM")]
    Pem(&'static str),
    #[error("the certificate of a certificate authority cannot be used: {0}")]
    Authority(Error),
    #[error("the client certificate cannot be used: {0}")]
    Identity(Error),
    #[error("the server's certificate cannot be used: {0}")]
    Certificate(OtherError),
    #[error("{0}")]
    Tls(Error),
    #[error("the server does not speak TLS")]
    Foreign,
    #[error("the server has closed the connection")]
    Ended,
}

impl From<Error> for Unsecured {
    fn from(error: Error) -> Self {
        match error {
            // The library has no error of its own for a certificate of X.509 v1, among others.
            Error::InvalidCertificate(CertificateError::Other(reason)) => Self::Certificate(reason),
            error => Self::Tls(error),
        }
    }
}

/// What became of bytes that were read.
pub(super) enum Progress {
    /// The handshake goes on, or nothing has come.
    Nothing,
    /// The handshake is done.
    Established,
    /// There is decrypted data.
    Data,
    /// The handshake failed, or the connection is broken.
    Broken(Unsecured),
}

impl Secured {
    /// A connection whose handshake has not begun. Fails if a credential is not valid, or if the settings allow nothing that is supported.
    pub(super) fn new(security: &Security, host: &str) -> Result<Self, Unsecured> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Unsecured::Name(host.to_owned()))?;
        let config = Arc::new(configuration(security)?);
        Ok(Self {
            connection: ClientConnection::new(config, name)?,
            established: false,
            plain: Vec::new(),
        })
    }

    /// Whether the handshake is done.
    pub(super) const fn is_established(&self) -> bool {
        self.established
    }

    /// Takes what was read from the socket.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Progress {
        while !bytes.is_empty() {
            // Reading a slice does not fail; if nothing is taken, the other end does not speak TLS.
            let taken = self.connection.read_tls(&mut bytes).unwrap_or(0);
            if taken == 0 {
                return Progress::Broken(Unsecured::Foreign);
            }
            if let Err(error) = self.connection.process_new_packets() {
                return Progress::Broken(error.into());
            }
            // An incomplete record is reported as an error, although more may follow.
            let _ = self.connection.reader().read_to_end(&mut self.plain);
        }
        let established = !self.connection.is_handshaking();
        if established && !std::mem::replace(&mut self.established, established) {
            return Progress::Established;
        }
        if self.plain.is_empty() {
            Progress::Nothing
        } else {
            Progress::Data
        }
    }

    /// The decrypted data that has come since.
    pub(super) fn take_plain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plain)
    }

    /// Encrypts bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        // Without room they would be lost, but the socket counts what waits and gives the connection up long before.
        let _ = self.connection.writer().write_all(bytes);
    }

    /// Sends `close_notify`.
    pub(super) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// Moves the encrypted bytes to the end of the socket's output.
    pub(super) fn drain_into(&mut self, output: &mut Vec<u8>) {
        while self.connection.wants_write() && self.connection.write_tls(output).is_ok_and(|count| count > 0) {}
    }
}

fn configuration(security: &Security) -> Result<ClientConfig, Unsecured> {
    if !WITH_TLS12.contains(&security.version) {
        return Err(Unsecured::Version(security.version));
    }
    let mut provider = ring::default_provider();
    if let Some(suite) = security.suite {
        provider.cipher_suites.retain(|known| u16::from(known.suite()) == suite);
    }
    let provider = Arc::new(provider);
    let verifier = Verifier::new(security, &provider)?;
    // Fails if no cipher suite is left for the version.
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS12])?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &security.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unsecured::Pem("the client key"))?;
            let certificates = certificates(certificate, "the client certificate")?;
            let authenticated = config.with_client_auth_cert(certificates, key);
            authenticated.map_err(Unsecured::Identity)?
        }
    };
    config.enable_sni = security.names_server;
    Ok(config)
}

/// At least one.
fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, Unsecured> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| Unsecured::Pem(what))?;
    if certificates.is_empty() {
        return Err(Unsecured::Pem(what));
    }
    Ok(certificates)
}

/// How much of the server's certificate a module looks at.
#[derive(Debug)]
struct Verifier {
    /// `None`: at nothing.
    authorities: Option<Authorities>,
    checks_times: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Authorities {
    roots: RootCertStore,
    /// A server's own certificate may be among them.
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(security: &Security, provider: &CryptoProvider) -> Result<Self, Unsecured> {
        let authorities = match &security.authorities {
            None => None,
            Some(pem) => {
                let certificates = certificates(pem, "the CA certificate")?;
                let mut roots = RootCertStore::empty();
                for certificate in &certificates {
                    roots.add(certificate.clone()).map_err(Unsecured::Authority)?;
                }
                Some(Authorities { roots, certificates })
            }
        };
        Ok(Self {
            authorities,
            checks_times: security.checks_times,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        /// More certificates than any chain has.
        const LONGEST_CHAIN: usize = 8;
        let Some(Authorities { roots, certificates }) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        if !self.checks_times && certificates.contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let mut at = now;
        let mut result = Ok(());
        for _ in 0..LONGEST_CHAIN {
            result = verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, at, self.algorithms.all);
            // If the time does not matter, any moment at which the certificate is valid will do.
            at = match &result {
                Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }))
                    if !self.checks_times =>
                {
                    *not_after
                }
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))
                    if !self.checks_times =>
                {
                    *not_before
                }
                _ => break,
            };
        }
        result.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.authorities.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
