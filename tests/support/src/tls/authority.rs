//! A CA of the tests, and the certificates that it signs, good and bad.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm, date_time_ymd,
};

/// A CA that no system trusts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub enum Valid {
    Now,
    /// Until 2020-01-02.
    Before,
    /// From 2100-01-01 on.
    Later,
}

impl Authority {
    /// With a key on the curve P-256.
    pub fn new(name: &str) -> Self {
        Self::with(name, KeyPair::generate().unwrap())
    }

    /// With a key of this kind.
    pub fn of_kind(name: &str, kind: &'static SignatureAlgorithm) -> Self {
        Self::with(name, KeyPair::generate_for(kind).unwrap())
    }

    /// With this key in PEM.
    pub fn with_key(name: &str, pem: &str) -> Self {
        Self::with(name, KeyPair::from_pem(pem).unwrap())
    }

    fn with(name: &str, key: KeyPair) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Python 3.13 requires this, and the key identifier below.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for these domains and IP addresses.
    pub fn sign(&self, names: &[&str], valid: Valid) -> Identity {
        let (key, mut params) = (KeyPair::generate().unwrap(), params("server", names));
        match valid {
            Valid::Now => {}
            Valid::Before => params.not_after = date_time_ymd(2020, 1, 2),
            Valid::Later => params.not_before = date_time_ymd(2100, 1, 1),
        }
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Its own certificate and key, as carelessly configured servers use them.
    pub fn identity(&self) -> Identity {
        Identity { certificate: self.pem(), key: self.0.key().serialize_pem() }
    }
}

/// A self-signed certificate for `name`.
pub fn self_signed(name: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params("self-signed", &[name]).self_signed(&key).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

impl Identity {
    /// Both in one file, as servers need them.
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2200, 1, 1);
    params
}
