//! Which names HTTP answers to.
//!
//! A page in somebody's browser can point a name of its own at this machine (DNS rebinding) and
//! would then read whatever is served here. The Host header reveals this: it contains that name.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri, Version};

use crate::config::Host;

/// Checks that `request` names us: the address `local`, or one of `hosts`.
///
/// # Errors
/// The status and the text to answer with.
pub(super) fn check<B>(
    request: &Request<B>,
    local: IpAddr,
    hosts: &[Host],
) -> Result<(), (StatusCode, &'static str)> {
    let mut headers = request.headers().get_all(HOST).iter();
    let host = match (headers.next(), headers.next()) {
        // RFC 9112 section 3.2. Health checks of load balancers speak 1.0; browsers never do.
        (None, _) if request.version() == Version::HTTP_10 => None,
        (Some(host), None) => {
            let uri = Uri::builder().authority(host.as_bytes()).build();
            Some(uri.map_err(|_| MALFORMED)?)
        }
        _ => return Err(MALFORMED),
    };
    // The Host header, and the target of an absolute-form request (RFC 9112 section 3.2.2).
    let named = [host.as_ref(), Some(request.uri())];
    let known = |name: &str| is_known(name, local, hosts);
    if named.into_iter().flatten().filter_map(Uri::host).all(known) { Ok(()) } else { Err(UNKNOWN) }
}

/// The machine itself, the very address that was connected to, or what the configuration names;
/// any port, since one may be forwarded.
fn is_known(host: &str, local: IpAddr, hosts: &[Host]) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => {
            let same = |other: &IpAddr| ip.to_canonical() == other.to_canonical();
            let named = |host: &Host| matches!(host, Host::Address(address) if same(address));
            ip.is_loopback() || same(&local) || hosts.iter().any(named)
        }
        Err(_) => {
            let named = |h: &Host| matches!(h, Host::Name(name) if host.eq_ignore_ascii_case(name));
            host.eq_ignore_ascii_case("localhost") || hosts.iter().any(named)
        }
    }
}

const MALFORMED: (StatusCode, &str) =
    (StatusCode::BAD_REQUEST, "A request has exactly one Host header, with a host and a port.\n");
const UNKNOWN: (StatusCode, &str) = (
    StatusCode::MISDIRECTED_REQUEST,
    "This is jat-proxy, and the Host header of the request names something else. It answers to \
     localhost, 127.0.0.1, [::1] and the address that it listens on, and to the hosts of [http] in \
     its configuration, not to other names, so that web pages can't read it through a browser.\n",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, uri: &str, hosts: &[&str], local: &str) -> u16 {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let hosts = [
            Host::Name("metrics.example".to_owned()),
            Host::Address("192.0.2.1".parse().unwrap()),
            Host::Address("2001:db8::1".parse().unwrap()),
        ];
        let checked = check(&request.body(()).unwrap(), local.parse().unwrap(), &hosts);
        checked.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn names_of_others_are_refused() {
        let with = |host| status(Version::HTTP_11, "/", &[host], "10.0.0.1");
        for known in ["localhost", "LocalHost:9114", "127.0.0.1:1", "[::1]", "[::1]:80", "10.0.0.1"]
        {
            assert_eq!(with(known), 200, "{known}");
        }
        for known in ["metrics.example", "METRICS.example:443", "192.0.2.1", "[2001:db8:0::1]:80"] {
            assert_eq!(with(known), 200, "{known}");
        }
        for other in ["a.metrics.example", "metrics.example.evil.example", "192.0.2.2", "metrics"] {
            assert_eq!(with(other), 421, "{other}");
        }
        for other in ["evil.example", "localhost.evil.example", "10.0.0.2:9114", "x@evil.example"] {
            assert_eq!(with(other), 421, "{other}");
        }
        for malformed in ["", "a b", "localhost/", "[::1"] {
            assert_eq!(with(malformed), 400, "{malformed}");
        }
    }

    #[test]
    fn the_host_is_where_the_rfc_wants_it() {
        assert_eq!(status(Version::HTTP_10, "/", &[], "::1"), 200);
        assert_eq!(status(Version::HTTP_11, "/", &[], "::1"), 400);
        assert_eq!(status(Version::HTTP_11, "/", &["localhost", "localhost"], "::1"), 400);
        assert_eq!(status(Version::HTTP_11, "http://evil.example/", &["localhost"], "::1"), 421);
        assert_eq!(status(Version::HTTP_11, "/", &["10.0.0.1"], "::ffff:10.0.0.1"), 200);
    }
}
