//! Which project a request speaks about: the first label of its host (`sls-api.md` 1.3).

use http::{HeaderMap, Uri, header};

use crate::settings::OtherHosts;

/// What a host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The project of this name, which need not exist.
    Project(String),
    /// The service as such.
    Endpoint,
    /// Neither, and other hosts are refused.
    Refused,
}

/// The authority a client means: that of an absolute-form target, because a proxy client sends
/// one, else the `Host` header.
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

/// Reads an authority. `endpoints` are lower case.
pub fn project(authority: &str, endpoints: &[String], others: OtherHosts) -> Verdict {
    let host = without_port(authority).to_ascii_lowercase();
    let host = host.as_str();
    let is_ip = |text: &str| {
        text.parse::<std::net::Ipv4Addr>().is_ok()
            || text.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>().is_ok()
    };
    if host.is_empty() || host == "localhost" || is_ip(host) || endpoints.iter().any(|e| e == host)
    {
        return Verdict::Endpoint;
    }
    let of_endpoint = endpoints
        .iter()
        .find_map(|endpoint| host.strip_suffix(endpoint.as_str())?.strip_suffix('.'));
    if let Some(project) = of_endpoint {
        return match project.contains('.') {
            false => Verdict::Project(project.to_owned()),
            // A name has no dots: this is some other host below ours.
            true => Verdict::Refused,
        };
    }
    // Without a dot there is no endpoint behind the label, so it is the endpoint.
    let Some((first, rest)) = host.split_once('.') else { return Verdict::Endpoint };
    if rest == "localhost" || is_ip(rest) || others == OtherHosts::FirstLabel {
        return Verdict::Project(first.to_owned());
    }
    Verdict::Refused
}

fn without_port(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(end) = host.find(']') {
        return &host[..=end];
    }
    host.split_once(':').map_or(host, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authority: &str, expected: Option<&str>) {
        let endpoints = ["sls.test".to_owned()];
        let expected = match expected {
            Some(project) => Verdict::Project(project.into()),
            None => Verdict::Endpoint,
        };
        assert_eq!(project(authority, &endpoints, OtherHosts::FirstLabel), expected, "{authority}");
    }

    #[test]
    fn the_first_label_is_the_project_and_an_address_or_endpoint_name_is_none() {
        check("127.0.0.1:10010", None);
        check("[::1]:80", None);
        check("localhost:80", None);
        check("sls.test", None);
        check("SLS.TEST:80", None);
        check("prj.sls.test:80", Some("prj"));
        check("PRJ.sls.test", Some("prj"));
        check("prj.127.0.0.1", Some("prj"));
        check("prj.localhost:10010", Some("prj"));
        check("prj.cn-hangzhou.log.example.com", Some("prj"));
        check("sidetail-server:10010", None);
        check("", None);
    }

    #[test]
    fn other_hosts_are_refused_when_asked_for() {
        let endpoints = ["sls.test".to_owned()];
        let check = |host, verdict| {
            assert_eq!(project(host, &endpoints, OtherHosts::Refuse), verdict, "{host}");
        };
        check("prj.example.com", Verdict::Refused);
        check("a.b.sls.test", Verdict::Refused);
        check("prj.sls.test", Verdict::Project("prj".into()));
        check("prj.127.0.0.1", Verdict::Project("prj".into()));
    }

    #[test]
    fn an_absolute_target_counts_more_than_the_host_header() {
        let mut headers = HeaderMap::new();
        headers.insert("host", http::HeaderValue::from_static("other.test"));
        let absolute = Uri::from_static("http://prj.sls.local:80/logstores");
        assert_eq!(authority(&absolute, &headers), "prj.sls.local:80");
        assert_eq!(authority(&Uri::from_static("/logstores"), &headers), "other.test");
    }
}
