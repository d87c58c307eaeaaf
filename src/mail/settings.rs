//! Where and how mails are handed over: `COMMS_SMTP_URL`, understood.

use std::{fmt, fs, net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use lettre::transport::smtp::{authentication::Credentials, extension::ClientId};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    None,
    /// With STARTTLS where the server offers it; a certificate that doesn't verify is a fault.
    Opportunistic,
    /// With STARTTLS, or not at all.
    Required,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// How long each part of the dialogue may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP, all addresses of the name together.
    pub connect: Duration,
    /// Each reply from the greeting to AUTH, and the TLS handshake.
    pub hello: Duration,
    /// Each reply to RSET, MAIL, RCPT and DATA.
    pub command: Duration,
    /// Handing the body to the kernel.
    pub body: Duration,
    /// The reply to the final dot. RFC 5321 4.5.3.2.6: a shorter one than 10 minutes makes duplicates.
    pub dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            hello: Duration::from_secs(30),
            command: Duration::from_secs(30),
            body: Duration::from_secs(180),
            dot: Duration::from_secs(600),
        }
    }
}

/// A mail server, and how to speak to it. The password is never part of `Debug` or of an error.
#[derive(Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub timeouts: Timeouts,
    pub(super) login: Option<(String, SecretString)>,
    /// `tls=none` was written: then a password may travel in the clear.
    pub(super) clear_text_allowed: bool,
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) tls_config: Option<Arc<rustls::ClientConfig>>,
    /// What we call ourselves in EHLO.
    pub(super) hello_name: String,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("timeouts", &self.timeouts)
            .field("user", &self.login.as_ref().map(|login| &login.0))
            .finish_non_exhaustive()
    }
}

impl SmtpSettings {
    /// Understands `smtp://[user:password@]host[:port]` and `smtps://…`, with `?tls=none`,
    /// `opportunistic` or `required`, and `tls_ca=FILE`, more certificates (PEM) to trust.
    ///
    /// The port is 25, or 465 for smtps. Without `tls`, a server on this machine is spoken to in the
    /// clear, any other with STARTTLS where it offers it.
    ///
    /// # Errors
    /// Names COMMS_SMTP_URL and the part that is wrong, never the password.
    pub fn parse(url: &str) -> Result<Self> {
        let url = Url::parse(url).context("COMMS_SMTP_URL is not a URL")?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            other => bail!("COMMS_SMTP_URL starts with {other:?}, expected smtp or smtps"),
        };
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => bail!("COMMS_SMTP_URL has no host, expected smtp://host:port"),
        };
        if !matches!(url.path(), "" | "/") {
            bail!("COMMS_SMTP_URL has a path, expected smtp://host:port");
        }
        let (wish, ca) = options(&url)?;
        let tls = match (implicit, wish) {
            (true, None | Some(Tls::Required)) => Tls::Implicit,
            (true, Some(_)) => bail!("COMMS_SMTP_URL: smtps is always encrypted, leave tls= out"),
            (false, Some(tls)) => tls,
            (false, None) if is_loopback(&host) => Tls::None,
            (false, None) => Tls::Opportunistic,
        };
        let (server_name, tls_config) = if tls == Tls::None {
            (None, None)
        } else {
            let name = ServerName::try_from(host.clone())
                .with_context(|| format!("COMMS_SMTP_URL: {host:?} is no name for TLS"))?;
            (Some(name), Some(Arc::new(client_config(ca.as_deref())?)))
        };
        Ok(Self {
            port: url.port().unwrap_or(if implicit { 465 } else { 25 }),
            tls,
            timeouts: Timeouts::default(),
            login: login(&url)?,
            clear_text_allowed: wish == Some(Tls::None) || is_loopback(&host),
            server_name,
            tls_config,
            hello_name: ClientId::default().to_string(),
            host,
        })
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        self.login.as_ref().map(|(user, password)| {
            Credentials::new(user.clone(), password.expose_secret().to_owned())
        })
    }
}

fn options(url: &Url) -> Result<(Option<Tls>, Option<String>)> {
    let (mut tls, mut ca) = (None, None);
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("tls", "none") => tls = Some(Tls::None),
            ("tls", "opportunistic") => tls = Some(Tls::Opportunistic),
            ("tls", "required") => tls = Some(Tls::Required),
            ("tls", other) => {
                bail!("COMMS_SMTP_URL: tls={other:?}, expected none, opportunistic or required")
            }
            ("tls_ca", file) => ca = Some(file.to_owned()),
            (other, _) => bail!("COMMS_SMTP_URL: unknown option {other:?}, expected tls or tls_ca"),
        }
    }
    Ok((tls, ca))
}

fn login(url: &Url) -> Result<Option<(String, SecretString)>> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = decode(url.username()).context("COMMS_SMTP_URL: the user is not UTF-8")?;
    let Some(password) = url.password() else {
        bail!("COMMS_SMTP_URL names a user, but no password");
    };
    if user.is_empty() {
        bail!("COMMS_SMTP_URL has a password, but no user");
    }
    let password = decode(password).context("COMMS_SMTP_URL: the password is not UTF-8")?;
    Ok(Some((user, password.into())))
}

/// The bytes may be a password, so the error doesn't carry them.
fn decode(text: &str) -> Result<String> {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("percent-encoded bytes are not UTF-8"))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn client_config(ca: Option<&str>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(file) = ca {
        let pem =
            fs::read(file).with_context(|| format!("COMMS_SMTP_URL: cannot read tls_ca={file}"))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots
                .add(certificate.with_context(|| format!("COMMS_SMTP_URL: tls_ca={file}"))?)
                .with_context(|| format!("COMMS_SMTP_URL: tls_ca={file}"))?;
        }
        if roots.roots.len() == webpki_roots::TLS_SERVER_ROOTS.len() {
            bail!("COMMS_SMTP_URL: tls_ca={file} holds no certificate");
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_encryption_have_their_customary_defaults() {
        let table = [
            ("smtp://127.0.0.1:2500", "127.0.0.1", 2500, Tls::None),
            ("smtp://localhost", "localhost", 25, Tls::None),
            ("smtp://[::1]:2500", "::1", 2500, Tls::None),
            (
                "smtp://mail.example.com",
                "mail.example.com",
                25,
                Tls::Opportunistic,
            ),
            (
                "smtp://mail.example.com:587?tls=required",
                "mail.example.com",
                587,
                Tls::Required,
            ),
            (
                "smtp://mail.example.com/?tls=none",
                "mail.example.com",
                25,
                Tls::None,
            ),
            (
                "smtps://mail.example.com",
                "mail.example.com",
                465,
                Tls::Implicit,
            ),
            (
                "smtps://mail.example.com?tls=required",
                "mail.example.com",
                465,
                Tls::Implicit,
            ),
        ];
        for (url, host, port, tls) in table {
            let settings = SmtpSettings::parse(url).expect(url);
            assert_eq!(
                (settings.host.as_str(), settings.port, settings.tls),
                (host, port, tls),
                "{url}"
            );
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let settings = SmtpSettings::parse("smtp://me%40x.org:se%2Fcr%C3%A9t+%25@mail.example.com")
            .expect("valid");
        let (user, password) = settings.login.as_ref().expect("a login");
        assert_eq!(user, "me@x.org");
        assert_eq!(password.expose_secret(), "se/crét+%");
        assert!(!format!("{settings:?}").contains("crét"), "{settings:?}");
    }

    #[test]
    fn errors_name_the_part_but_never_the_password() {
        let table = [
            ("smtp://u:hunter2@h:70000", "not a URL"),
            ("http://u:hunter2@h", "\"http\""),
            ("smtp://u:hunter2@h?tls=maybe", "maybe"),
            ("smtp://u:hunter2@h?ssl=1", "\"ssl\""),
            ("smtp://u:hunter2@h/inbox", "path"),
            ("smtp://:hunter2@h", "no user"),
            ("smtp://u:hunter2%ff@h", "password is not UTF-8"),
            ("smtps://u:hunter2@h?tls=none", "smtps"),
            ("smtp://u@h", "no password"),
            ("smtp:", "no host"),
            ("smtp://h.example?tls_ca=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ];
        for (url, part) in table {
            let error = format!("{:#}", SmtpSettings::parse(url).expect_err(url));
            assert!(
                error.contains("COMMS_SMTP_URL") && error.contains(part),
                "{url}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
