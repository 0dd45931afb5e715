//! Whose certificates are trusted: those that the system trusts, and one more that the configuration names.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    config::Authority,
    errors::{self, Stage},
    stream::Stream,
};
use crate::error::{Error, Result};

/// How to encrypt, to one host.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    pub(super) fn new(host: &str, ca: Option<&Authority>) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::config("no certificate can be for this SMTP host"))?;
        let trusted = ca.map_or(Ok(Vec::new()), certificates)?;
        let crypto = Arc::new(aws_lc_rs::default_provider());
        let failed =
            |why: rustls::Error| Error::config(format!("TLS cannot be set up: {why}")).with_source(why);
        let verifier = Verifier::new_with_extra_roots(trusted, Arc::clone(&crypto)).map_err(failed)?;
        let config = ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            // Not less than the usual checks, but those of the platform.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// The handshake.
    pub(super) async fn encrypted(&self, stream: TcpStream) -> Result<Stream> {
        let shaken = self.connector.connect(self.name.clone(), stream).await;
        shaken.map(|stream| Stream::Tls(Box::new(stream))).map_err(failed)
    }
}

fn failed(why: io::Error) -> Error {
    let rustls = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(fault)) = rustls {
        let fault = format!("{fault:?}");
        return errors::untrusted(fault).with_source(why);
    }
    errors::io(Stage::Connect, why)
}

fn certificates(ca: &Authority) -> Result<Vec<CertificateDer<'static>>> {
    let pem = match ca {
        Authority::Pem(pem) => pem.clone(),
        Authority::Path(path) => std::fs::read_to_string(path)
            .map_err(|why| Error::config(format!("the CA file {} cannot be read: {why}", path.display())))?,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    // An authority without certificates would trust nobody, and say so only at the first message.
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| Error::config("the CA is no PEM certificate (-----BEGIN CERTIFICATE-----)"))
}
