use super::*;

/// Reads settings from an environment; files are given as pairs of path and content.
fn read(env: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let read_file = |path: &Path| {
        files
            .iter()
            .find(|(known, _)| Path::new(known) == path)
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    let given =
        Given { env, hostname: "host".into(), address: "10.0.0.9".into(), read_file: &read_file };
    Settings::read(&given)
}

const ENDPOINT: (&str, &str) = ("SIDETAIL_AGENT_ENDPOINT", "http://127.0.0.1:9");

fn refused(env: &[(&str, &str)]) -> String {
    read(env, &[]).expect_err("the settings are refused").to_string()
}

#[test]
fn the_sidecar_example_needs_nothing_but_an_endpoint() {
    let settings = read(
        &[
            ("ALIYUN_LOGTAIL_USER_ID", "1000000000000000"),
            ("ALIYUN_LOGTAIL_USER_DEFINED_ID", "nginx-log-sidecar"),
            (
                "ALIYUN_LOGTAIL_CONFIG",
                "/etc/ilogtail/conf/cn-hangzhou-internet/ilogtail_config.json",
            ),
            ("ALIYUN_LOG_ENV_TAGS", "_pod_name_|_pod_ip_"),
            ("_pod_name_", "nginx-1"),
            ENDPOINT,
        ],
        &[],
    )
    .unwrap();
    assert_eq!(settings.labels.user_defined_ids, ["nginx-log-sidecar"]);
    let tags = [("_pod_name_", "nginx-1"), ("_pod_ip_", "")];
    assert_eq!(settings.labels.env, tags.map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(settings.endpoint.unwrap().to_string(), "http://127.0.0.1:9");
    assert_eq!(settings.config_server.unwrap().to_string(), "http://127.0.0.1:9");
    assert_eq!(settings.labels.hostname, "host");
    assert_eq!(settings.labels.source, "10.0.0.9");
}

#[test]
fn a_missing_instance_file_is_made_up_from_its_path() {
    let settings = read(
        &[
            ("ALIYUN_LOGTAIL_CONFIG", "/etc/ilogtail/conf/cn-beijing/ilogtail_config.json"),
            ("SIDETAIL_AGENT_CONFIG_DIR", "/configs"),
        ],
        &[],
    )
    .unwrap();
    let endpoint = settings.endpoint.unwrap().to_string();
    assert_eq!(endpoint, "https://cn-beijing-intranet.log.aliyuncs.com");
    assert!(settings.config_server.is_none(), "that service has no open one");
}

#[test]
fn the_instance_file_says_where_and_who() {
    let file = r#"{"data_server_list": [{"cluster": "c", "endpoint": "logs.example.com"}],
        "config_server_list": [{"cluster": "d", "endpoint_list": ["conf.example.com:8080"]}],
        "default_access_key_id": "ak", "default_access_key": "hidden", "working_ip": "1.2.3.4"}"#;
    let env = [
        ("ALIYUN_LOGTAIL_CONFIG", "/c.json"),
        ("ALIYUN_LOGTAIL_WORKING_IP", "9.9.9.9"),
        ("ALIYUN_LOGTAIL_WORKING_HOSTNAME", "named"),
    ];
    let settings = read(&env, &[("/c.json", file)]).unwrap();
    assert_eq!(settings.endpoint.unwrap().to_string(), "http://logs.example.com");
    assert_eq!(settings.config_server.unwrap().to_string(), "http://conf.example.com:8080");
    assert_eq!(settings.labels.source, "1.2.3.4", "the file beats the environment");
    assert_eq!(settings.labels.hostname, "named");
    assert!(matches!(settings.credentials, Credentials::Key(key) if key.secret == "hidden"));
    assert!(settings.origins.iter().all(|origin| origin.value != "hidden"));
}

#[test]
fn ids_come_from_the_environment_and_the_file() {
    let settings = read(
        &[ENDPOINT, ("ALIYUN_LOGTAIL_USER_DEFINED_ID", " b, a ,,")],
        &[("/etc/ilogtail/user_defined_id", "c\n\nb\n")],
    )
    .unwrap();
    assert_eq!(settings.labels.user_defined_ids, ["a", "b", "c"]);
}

#[test]
fn every_value_says_where_it_came_from() {
    let settings = read(
        &[
            ENDPOINT,
            ("SIDETAIL_AGENT_ACCESS_KEY_ID", "ak"),
            ("SIDETAIL_AGENT_ACCESS_KEY_SECRET", "hidden"),
        ],
        &[],
    )
    .unwrap();
    let shown: Vec<String> =
        settings.origins.iter().map(|it| format!("{}={}", it.setting, it.value)).collect();
    assert_eq!(
        shown,
        [
            "SIDETAIL_AGENT_ENDPOINT=http://127.0.0.1:9",
            "SIDETAIL_AGENT_ACCESS_KEY_ID=ak",
            "SIDETAIL_AGENT_ACCESS_KEY_SECRET=(not shown)",
        ]
    );
}

#[test]
fn the_checkpoint_path_of_the_environment_wins() {
    let settings = read(
        &[
            ENDPOINT,
            ("ALIYUN_LOGTAIL_CONFIG", "/c.json"),
            ("ALIYUN_LOGTAIL_CHECK_POINT_PATH", "/env"),
        ],
        &[("/c.json", r#"{"check_point_filename": "/file"}"#)],
    )
    .unwrap();
    assert_eq!(settings.checkpoint, Path::new("/env"));
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    assert!(refused(&[]).starts_with("SIDETAIL_AGENT_ENDPOINT: is not set"));
    let with = |name, value| refused(&[ENDPOINT, (name, value)]);
    assert_eq!(
        with("SIDETAIL_AGENT_SINK", "kafka"),
        "SIDETAIL_AGENT_SINK: `kafka` is not a sink; write `sls` or `null`"
    );
    assert!(with("SIDETAIL_AGENT_MEMORY_BYTES", "1").contains("1 MiB"));
    assert!(with("SIDETAIL_AGENT_ADMIN_LISTEN", "9").contains("ADDRESS:PORT"));
    assert!(with("SIDETAIL_AGENT_ACCESS_KEY_ID", "ak").contains("SECRET: is missing"));
    assert!(with("SIDETAIL_AGENT_ENDPOINT", "ftp://x").contains("unknown scheme"));
    assert!(with("SIDETAIL_AGENT_CONFIG_SERVER", "none").contains("CONFIG_DIR: is not set"));
}
