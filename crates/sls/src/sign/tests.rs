//! The vectors of `sls-api` 1.8, made with the official Python client.

use super::*;
use http::{HeaderName, HeaderValue};

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CREATE_PROJECT: &str = r#"{"projectName": "prj", "description": "d", "resourceGroupId": ""}"#;

struct Vector {
    method: &'static str,
    path: &'static str,
    query: Vec<(String, String)>,
    headers: HeaderMap,
}

impl Vector {
    fn new(
        method: &'static str,
        path: &'static str,
        query: &[(&str, &str)],
        headers: &[(&'static str, &str)],
    ) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let query = query.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Self { method, path, query, headers }
    }

    fn signable(&self) -> Signable<'_> {
        Signable {
            method: self.method,
            path: self.path,
            query: &self.query,
            headers: &self.headers,
        }
    }
}

const V1_HEADERS: [(&str, &str); 4] = [
    ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("x-log-apiversion", "0.6.0"),
    ("x-log-bodyrawsize", "0"),
    ("x-log-signaturemethod", "hmac-sha1"),
];

fn list_logstores_v1() -> Vector {
    Vector::new(
        "GET",
        "/logstores",
        &[("offset", "0"), ("size", "10"), ("logstoreName", "")],
        &V1_HEADERS,
    )
}

fn v4_headers(content_sha256: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("host", "prj.sls.local"),
        ("x-log-apiversion", "0.6.0"),
        ("x-log-date", "20260101T000000Z"),
        ("x-log-content-sha256", content_sha256),
    ]
}

fn list_logstores_v4() -> Vector {
    let mut headers = v4_headers(EMPTY_SHA256);
    headers.push(("x-log-bodyrawsize", "0"));
    Vector::new(
        "GET",
        "/logstores",
        &[("offset", "0"), ("size", "10"), ("logstoreName", "")],
        &headers,
    )
}

fn check_v1(vector: &Vector, signature: &str) {
    let value = v1::authorization("testAK", "testSK", &vector.signable());
    assert_eq!(value, format!("LOG testAK:{signature}"));
    let parsed = Authorization::parse(&value).unwrap();
    assert_eq!(parsed.key_id(), "testAK");
    assert!(parsed.verify("testSK", &vector.signable()));
    assert!(!parsed.verify("testSk", &vector.signable()));
}

fn check_v4(vector: &Vector, signature: &str) {
    let value = v4::authorization("testAK", "testSK", "cn-test", &vector.signable());
    assert_eq!(
        value,
        format!(
            "SLS4-HMAC-SHA256 Credential=testAK/20260101/cn-test/sls/aliyun_v4_request,\
             Signature={signature}"
        )
    );
    let parsed = Authorization::parse(&value).unwrap();
    assert_eq!(parsed.key_id(), "testAK");
    assert!(parsed.verify("testSK", &vector.signable()));
    assert!(!parsed.verify("other", &vector.signable()));
}

#[test]
fn v1_a_a_get_with_an_empty_parameter() {
    check_v1(&list_logstores_v1(), "0+RJDcerbdlL3LsY/DvLZim9RcA=");
}

#[test]
fn v1_b_a_query_with_quotes_and_chinese() {
    let query = [
        ("type", "log"),
        ("from", "1767225600"),
        ("to", "1767229200"),
        ("query", r#"a: "b c" | select count(1) as 数"#),
    ];
    check_v1(
        &Vector::new("GET", "/logstores/app", &query, &V1_HEADERS),
        "DRWrBEvTZIAkv08M+4FImSkUGE8=",
    );
}

#[test]
fn v1_c_a_post_with_a_body() {
    let md5 = content_md5(CREATE_PROJECT.as_bytes());
    assert_eq!(md5, "E47493D111B07A7ADF2E141F5EC9D957");
    let headers = [
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("content-type", "application/json"),
        ("content-md5", &md5),
        ("x-log-apiversion", "0.6.0"),
        ("x-log-bodyrawsize", "65"),
        ("x-log-signaturemethod", "hmac-sha1"),
    ];
    check_v1(&Vector::new("POST", "/", &[], &headers), "6p/NPffBIwURl3S5zOzKPSCgpkc=");
}

#[test]
fn v4_a_a_get_with_an_empty_parameter() {
    check_v4(
        &list_logstores_v4(),
        "d8d656d850689e79aa057cd4804b7e136badb8040395ec18224081cc994e04a8",
    );
}

#[test]
fn v4_b_a_post_with_a_body() {
    let sha256 = content_sha256(CREATE_PROJECT.as_bytes());
    let mut headers = v4_headers(&sha256);
    headers.extend([("content-type", "application/json"), ("x-log-bodyrawsize", "65")]);
    check_v4(
        &Vector::new("POST", "/", &[], &headers),
        "fa246b3eb28e85ddb2ed33ad1b99184bbe61be0ba7335543016a126ab6736ff4",
    );
}

#[test]
fn the_log_date_stands_for_the_date_and_is_accepted_signed_or_not() {
    let mut vector = list_logstores_v1();
    let date = vector.headers.remove("date").unwrap();
    vector.headers.insert("x-log-date", date.clone());
    // As the Python client does: `x-log-date` is added after signing.
    assert!(v1::verify("testSK", &vector.signable(), "0+RJDcerbdlL3LsY/DvLZim9RcA="));

    // A client that signs it: its text has one header line more.
    let mut signed = list_logstores_v1();
    signed.headers.insert("x-acs-zzz", HeaderValue::from_static("1"));
    let value = v1::authorization("k", "testSK", &signed.signable());
    signed.headers.insert("x-log-date", date);
    let Some(Authorization::V1 { signature, .. }) = Authorization::parse(&value) else {
        panic!("not a v1 header: {value}");
    };
    assert!(v1::verify("testSK", &signed.signable(), &signature));
}

#[test]
fn any_change_of_a_signed_part_breaks_the_signature() {
    let original = list_logstores_v4();
    let value = v4::authorization("testAK", "testSK", "cn-test", &original.signable());
    let parsed = Authorization::parse(&value).unwrap();
    let changes: [fn(&mut Vector); 5] = [
        |vector| vector.method = "DELETE",
        |vector| vector.path = "/logstores/x",
        |vector| vector.query[1].1 = "11".into(),
        |vector| drop(vector.headers.insert("x-log-bodyrawsize", HeaderValue::from_static("1"))),
        |vector| drop(vector.headers.insert("host", HeaderValue::from_static("other.sls.local"))),
    ];
    for change in changes {
        let mut changed = list_logstores_v4();
        change(&mut changed);
        assert!(!parsed.verify("testSK", &changed.signable()));
    }
}

#[test]
fn other_authorization_headers_are_not_taken_apart() {
    for value in [
        "",
        "Basic abc",
        "LOG nothing",
        "SLS4-HMAC-SHA256 Credential=a/b,Signature=c",
        "SLS4-HMAC-SHA256 Credential=ak/20260101/r/oss/aliyun_v4_request,Signature=c",
    ] {
        assert_eq!(Authorization::parse(value), None, "{value}");
    }
}
