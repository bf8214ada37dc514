//! Where the service is, and which `Host` a project has there.

use std::fmt;
use std::str::FromStr;

/// Base address of a log service, such as `https://cn-hangzhou.log.aliyuncs.com` or
/// `http://127.0.0.1:8100`.
///
/// The project is the first label of the `Host` header (`sls-api` 1.1), but every project is
/// dialled at the endpoint's own address: that needs no wildcard DNS and works for plain IPs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whether to speak TLS.
    pub(crate) tls: bool,
    /// Host name or address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

/// A text that is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an endpoint: {reason}; write http://HOST[:PORT] or https://HOST[:PORT]")]
pub struct EndpointError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// A missing scheme means `http`, as the official clients take it.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refuse = |reason| EndpointError { text: text.to_owned(), reason };
        let (tls, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if text.contains("://") {
            return Err(refuse("unknown scheme"));
        } else {
            (false, text)
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| refuse("`[` without `]`"))?;
            (host, rest.strip_prefix(':'))
        } else {
            match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(refuse("the host is empty or has a character that no host has"));
        }
        let port = match port {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => {
                port.parse().map_err(|_| refuse("the port is not a number up to 65535"))?
            }
        };
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }
}

impl Endpoint {
    /// The `Host` header for calls of `project`, or of the endpoint itself when it is empty.
    pub fn host_header(&self, project: &str) -> String {
        let mut host = String::with_capacity(project.len() + self.host.len() + 8);
        if !project.is_empty() {
            host.extend([project, "."]);
        }
        host.push_str(&self.bracketed());
        if self.port != if self.tls { 443 } else { 80 } {
            host.push_str(&format!(":{}", self.port));
        }
        host
    }

    /// The name that the server's certificate must carry: the endpoint's own, since a wildcard
    /// certificate for projects covers it or lists it.
    #[cfg(feature = "tls")]
    pub(crate) fn server_name(&self) -> &str {
        &self.host
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.host_header(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str, project_host: &str) {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!(endpoint.host_header("prj"), project_host);
    }

    #[test]
    fn the_project_is_the_first_label_of_the_host() {
        check("http://127.0.0.1:8100", "http://127.0.0.1:8100", "prj.127.0.0.1:8100");
        check("127.0.0.1:80/", "http://127.0.0.1", "prj.127.0.0.1");
        check("https://CN.log.example.com", "https://cn.log.example.com", "prj.cn.log.example.com");
        check("https://a:8443", "https://a:8443", "prj.a:8443");
        check("http://[::1]:90", "http://[::1]:90", "prj.[::1]:90");
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused_with_the_form() {
        for text in [
            "",
            "ftp://x",
            "http://",
            "http://a b",
            "http://a:port",
            "http://a:99999",
            "http://[::1",
            "http://a/path",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains("write http://HOST"), "{text}: {error}");
        }
    }
}
