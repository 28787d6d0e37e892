//! Makes certificates for tests: authorities of an hour, and what they sign, as files.
//!
//! Only tests use it: whatever goes wrong is a panic.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a crate of tests")]

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// Signs certificates, and writes everything into one folder.
pub struct Authority {
    directory: PathBuf,
    file: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct Issued {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

// === impl Authority ===

impl Authority {
    /// A new one, whose own certificate is `NAME.pem` in `directory`.
    pub fn new(directory: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("an authority without names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of its own");
        let file = directory.join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).expect("the folder can be written");
        Self { directory: directory.to_owned(), file, issuer }
    }

    /// The file that whoever trusts this authority needs.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// For a server on this machine: `localhost`, 127.0.0.1 and ::1.
    pub fn server(&self, name: &str) -> Issued {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("names of this machine");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(name, params)
    }

    /// For a client with these URI names.
    pub fn client(&self, name: &str, uris: &[&str]) -> Issued {
        self.issue(name, client(uris))
    }

    /// The same, of a time long gone.
    pub fn expired_client(&self, name: &str, uris: &[&str]) -> Issued {
        let mut params = client(uris);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.issue(name, params)
    }

    fn issue(&self, name: &str, mut params: CertificateParams) -> Issued {
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        let issued = Issued {
            certificate: self.directory.join(format!("{name}.crt")),
            key: self.directory.join(format!("{name}.key")),
        };
        std::fs::write(&issued.certificate, certificate.pem()).expect("the folder can be written");
        std::fs::write(&issued.key, key.serialize_pem()).expect("the folder can be written");
        issued
    }
}

fn client(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("a client without DNS names");
    let uri = |uri: &&str| SanType::URI((*uri).to_owned().try_into().expect("URIs are ASCII"));
    params.subject_alt_names = uris.iter().map(uri).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
