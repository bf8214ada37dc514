//! What a client may get wrong is answered with the code and status of SLS, and nothing of it is
//! stored.

use sls::api::get_logs::{GetLogs, LogsQuery};
use sls::api::project::GetProject;
use sls::api::put_logs::PutLogs;
use sls::compress::{Compression, compress};
use sls::log_group::LogGroupWriter;
use sls_client::{ClientError, CredentialSource, KeyPair};
use testkit::{Service, TestServer};

struct Scene {
    server: TestServer,
    service: Service,
    _dir: tempfile::TempDir,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start(&dir.path().join("data")).unwrap();
    let service = server.service();
    service.provision("prj-a", &["app"]);
    Scene { server, service, _dir: dir }
}

/// A log group that would be stored if its wrapping were right.
fn group() -> Vec<u8> {
    let mut group = LogGroupWriter::new();
    group.log(1_700_000_000, None, [(&b"content"[..], &b"must not be stored"[..])].into_iter());
    group.take()
}

fn put(logstore: &str, body: Vec<u8>, raw_size: usize, compression: Compression) -> PutLogs {
    PutLogs {
        logstore: logstore.into(),
        body: body.into(),
        raw_size,
        compression,
        hash_key: None,
        span: None,
    }
}

fn good_put(logstore: &str) -> PutLogs {
    let raw = group();
    put(logstore, compress(Compression::Lz4, &raw), raw.len(), Compression::Lz4)
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>, status: u16, code: &str) {
    let error = outcome.expect_err("must be refused");
    let refusal = error.refusal().unwrap_or_else(|| panic!("not an answer: {error}"));
    assert_eq!((refusal.status.as_u16(), refusal.code.as_str()), (status, code), "{refusal}");
    assert_eq!(refusal.request_id.len(), 24, "{refusal}");
}

impl Scene {
    #[track_caller]
    fn check_nothing_stored(&self) {
        assert_eq!(self.service.rows("prj-a", "app", "*").unwrap(), []);
    }
}

#[test]
fn a_wrong_signature_is_401() {
    let scene = scene();
    let wrong = |id: &str, secret: &str| {
        let key = KeyPair { id: id.into(), secret: secret.into() };
        Service::new(&scene.server.endpoint(), CredentialSource::Static(key))
    };
    let id = scene.server.key().id.clone();
    check_refused(
        wrong(&id, "guess").try_call("prj-a", &good_put("app")),
        401,
        "SignatureNotMatch",
    );
    check_refused(wrong("nobody", "guess").try_call("prj-a", &GetProject), 401, "Unauthorized");
    let anonymous = Service::new(&scene.server.endpoint(), CredentialSource::Anonymous);
    let refused = anonymous.try_call("prj-a", &good_put("app")).expect_err("must be refused");
    assert!(matches!(refused.refusal().map(|r| r.status.as_u16()), Some(400 | 401)), "{refused}");
    scene.check_nothing_stored();
}

#[test]
fn an_unknown_project_or_logstore_is_404() {
    let scene = scene();
    check_refused(scene.service.try_call("prj-b", &good_put("app")), 404, "ProjectNotExist");
    check_refused(scene.service.try_call("prj-a", &good_put("none")), 404, "LogStoreNotExist");
    let query = GetLogs {
        logstore: "none".into(),
        query: LogsQuery { from: 0, to: 10, ..Default::default() },
    };
    check_refused(scene.service.try_call("prj-a", &query), 404, "LogStoreNotExist");
}

#[test]
fn an_oversized_body_is_refused_by_its_declared_and_by_its_real_size() {
    let scene = scene();
    let over = 11 << 20;
    let honest = compress(Compression::Lz4, &vec![0; over]);
    let outcome = scene.service.try_call("prj-a", &put("app", honest, over, Compression::Lz4));
    check_refused(outcome, 400, "PostBodyTooLarge");
    let plain =
        scene.service.try_call("prj-a", &put("app", vec![0; over], over, Compression::None));
    check_refused(plain, 400, "PostBodyTooLarge");
    // A bomb: a small body that claims a small size and is large.
    let bomb = compress(Compression::Zstd, &vec![0; 64 << 20]);
    let outcome = scene.service.try_call("prj-a", &put("app", bomb, 1 << 20, Compression::Zstd));
    check_refused(outcome, 400, "PostBodyUncompressError");
    scene.check_nothing_stored();
}

#[test]
fn corrupt_compression_is_refused() {
    let scene = scene();
    let raw = group();
    let mut body = compress(Compression::Lz4, &raw);
    for byte in &mut body {
        *byte = !*byte;
    }
    let outcome = scene.service.try_call("prj-a", &put("app", body, raw.len(), Compression::Lz4));
    check_refused(outcome, 400, "PostBodyUncompressError");
    let body = compress(Compression::Lz4, &raw);
    let outcome =
        scene.service.try_call("prj-a", &put("app", body, raw.len() + 1, Compression::Lz4));
    check_refused(outcome, 400, "PostBodyUncompressError");
    scene.check_nothing_stored();
}

#[test]
fn a_group_that_breaks_off_in_its_second_log_stores_not_even_the_first() {
    let scene = scene();
    let mut raw = group();
    raw.extend_from_slice(&group());
    raw.truncate(raw.len() - 3);
    let body = compress(Compression::Lz4, &raw);
    let outcome = scene.service.try_call("prj-a", &put("app", body, raw.len(), Compression::Lz4));
    check_refused(outcome, 400, "PostBodyInvalid");
    scene.check_nothing_stored();
}

#[test]
fn the_same_group_is_stored_when_nothing_is_wrong() {
    let scene = scene();
    scene.service.call("prj-a", &good_put("app"));
    let found = scene.service.values("prj-a", "app", "stored", "content").unwrap();
    assert_eq!(found, ["must not be stored"]);
}
