use super::machine::tests::Paper;
use super::*;

/// Reads settings from an environment; files are given as pairs of path and content.
fn read(env: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let given = Given {
        env,
        hostname: "host".into(),
        address: "10.0.0.9".into(),
        memory_limit: None,
        machine: &Paper::of(files),
    };
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
    let asked = settings.config_server.unwrap().to_string();
    assert_eq!(asked, endpoint, "whoever stands behind that name");
}

/// The environment of the agent's container in a manifest.
fn environment(manifest: &str) -> Vec<(String, String)> {
    let value: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
    let containers = value["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    let agent = containers.into_iter().find(|it| it["name"] == "logtail").unwrap();
    let given = agent["env"].as_array().unwrap().iter().map(|variable| {
        let text = |key: &str| variable[key].as_str().unwrap_or("from the pod").to_owned();
        (text("name"), text("value"))
    });
    given.collect()
}

#[test]
fn the_manifest_of_the_example_starts_an_agent_as_it_is() {
    let manifest = include_str!("../../../../examples/nginx-sidecar/job.yaml");
    let env = environment(manifest);
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let settings = read(&env, &[]).unwrap();
    assert_eq!(settings.warnings, [] as [&str; 0]);
    assert_eq!(settings.labels.user_defined_ids, ["nginx-log-sidecar"]);
    assert_eq!(settings.labels.env.len(), 5);
    let asked = settings.config_server.unwrap().to_string();
    assert_eq!(asked, "https://cn-hangzhou.log.aliyuncs.com");
}

#[test]
fn a_service_that_only_the_instance_file_names_is_asked_for_configurations() {
    let file = r#"{"data_server_list": [{"cluster": "c", "endpoint": "http://sidetail:8100"}]}"#;
    let env = [("ALIYUN_LOGTAIL_CONFIG", "/c.json")];
    let settings = read(&env, &[("/c.json", file)]).unwrap();
    assert_eq!(settings.config_server.unwrap().to_string(), "http://sidetail:8100");
}

#[test]
fn an_instance_file_that_cannot_be_understood_leaves_the_region_of_its_path() {
    let path = "/etc/ilogtail/conf/cn-beijing/ilogtail_config.json";
    let settings = read(&[("ALIYUN_LOGTAIL_CONFIG", path)], &[(path, "{")]).unwrap();
    assert!(settings.warnings[0].contains("EOF"), "{:?}", settings.warnings);
    let endpoint = settings.endpoint.unwrap().to_string();
    assert_eq!(endpoint, "https://cn-beijing-intranet.log.aliyuncs.com");
}

#[test]
fn a_level_of_logtail_that_is_unknown_is_ignored() {
    let level = |env: &[(&str, &str)]| read(&[&[ENDPOINT], env].concat(), &[]);
    let settings = level(&[("LOGTAIL_LOG_LEVEL", "off")]).unwrap();
    assert_eq!(settings.log_level, Level::Info);
    assert!(settings.warnings[0].starts_with("LOGTAIL_LOG_LEVEL: `off` is not a level"));
    let both = [("LOGTAIL_LOG_LEVEL", "error"), ("SIDETAIL_AGENT_LOG", "debug")];
    assert_eq!(level(&both).unwrap().log_level, Level::Debug);
    assert!(level(&[("SIDETAIL_AGENT_LOG", "off")]).is_err());
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
    assert!(with("SIDETAIL_AGENT_SIGNATURE", "v2").contains("not one of auto, v1 and v4"));
    assert!(with("SIDETAIL_AGENT_ADMIN_LISTEN", "9").contains("ADDRESS:PORT"));
    assert!(with("SIDETAIL_AGENT_ACCESS_KEY_ID", "ak").contains("SECRET: is missing"));
    assert!(with("SIDETAIL_AGENT_ENDPOINT", "ftp://x").contains("unknown scheme"));
    assert!(with("SIDETAIL_AGENT_CONFIG_SERVER", "none").contains("CONFIG_DIR: is not set"));
}

/// What is set, from where, and over what, for one option.
fn origin(settings: &Settings, name: &str) -> String {
    let found = settings.origins.iter().find(|origin| origin.setting == name);
    found.map_or_else(|| "default".to_owned(), ToString::to_string)
}

#[test]
fn for_most_keys_the_file_wins_and_for_resources_the_environment() {
    let file = ("/c.json", r#"{"working_ip": "1.1.1.1", "send_request_concurrency": 20}"#);
    let env = [
        ENDPOINT,
        ("ALIYUN_LOGTAIL_CONFIG", "/c.json"),
        ("ALIYUN_LOGTAIL_WORKING_IP", "2.2.2.2"),
        ("send_request_concurrency", "40"),
    ];
    let settings = read(&env, &[file]).unwrap();
    assert_eq!(
        origin(&settings, "working_ip"),
        "setting working_ip = 1.1.1.1 from /c.json working_ip, which wins over environment \
         ALIYUN_LOGTAIL_WORKING_IP"
    );
    assert_eq!(
        origin(&settings, "send_request_concurrency"),
        "setting send_request_concurrency = 40 from environment send_request_concurrency, which \
         wins over /c.json send_request_concurrency"
    );
    assert_eq!(settings.requests_in_flight, 40);
    let ours = [ENDPOINT, ("SIDETAIL_AGENT_REQUESTS_IN_FLIGHT", "3"), env[1], env[3]];
    assert_eq!(read(&ours, &[file]).unwrap().requests_in_flight, 3);
}

#[test]
fn a_resource_below_its_floor_is_ignored_with_a_warning() {
    let env = [ENDPOINT, ("send_request_concurrency", "1"), ("mem_usage_limit", "100")];
    let settings = read(&env, &[]).unwrap();
    assert_eq!(settings.requests_in_flight, 8);
    let ignored = settings.warnings.iter().filter(|it| it.contains("is ignored")).count();
    assert_eq!(ignored, 2, "{:?}", settings.warnings);
    assert_eq!(origin(&settings, "mem_usage_limit"), "default");
}

#[test]
fn long_and_old_logs_follow_the_instance_file() {
    let limits = |text: &str| {
        let env = [ENDPOINT, ("LOONG_CONFIG", "/c.json")];
        let settings = read(&env, &[("/c.json", text)]).unwrap();
        (settings.limits.max_record_bytes, settings.limits.max_age_seconds)
    };
    let memory = |bytes: usize| {
        let env = [ENDPOINT, ("LOONG_CONFIG", "/c.json")];
        let text = format!(r#"{{"max_read_buffer_size": {bytes}}}"#);
        read(&env, &[("/c.json", &text)]).unwrap().memory_bytes >> 20
    };
    assert_eq!([1 << 19, 1 << 20, 1 << 21, 1 << 23].map(memory), [2, 3, 6, 24]);
    assert_eq!(limits(r#"{"max_read_buffer_size": 8388608}"#).0, 8 * 1024 * 1024);
    assert_eq!(limits("{}"), (512 * 1024, Some(43_200)));
    assert_eq!(limits(r#"{"max_read_buffer_size": 1048576}"#).0, 1024 * 1024);
    assert_eq!(limits(r#"{"max_read_buffer_size": 100}"#).0, 512 * 1024);
    assert_eq!(limits(r#"{"ilogtail_discard_interval": 60}"#).1, Some(60));
    assert_eq!(limits(r#"{"discard_old_data": false}"#).1, None);
}

#[test]
fn fragments_are_merged_in_the_order_of_their_names() {
    let files = [
        ("/c.json", r#"{"working_ip": "1.1.1.1", "working_hostname": "main"}"#),
        ("/etc/ilogtail/config.d/20.json", r#"{"working_ip": "3.3.3.3"}"#),
        ("/etc/ilogtail/config.d/10.json", r#"{"working_ip": "2.2.2.2"}"#),
        ("/etc/ilogtail/config.d/30.json", "{"),
        ("/etc/ilogtail/config.d/notes.txt", "{}"),
    ];
    let settings = read(&[ENDPOINT, ("LOONG_CONFIG", "/c.json")], &files).unwrap();
    assert_eq!(settings.labels.source, "3.3.3.3");
    assert_eq!(settings.labels.hostname, "main");
    assert!(settings.warnings[0].contains("30.json: EOF"), "{:?}", settings.warnings);
}

#[test]
fn newer_names_win_over_older_ones() {
    let env = [ENDPOINT, ("LOONG_ENV_TAGS", "a"), ("ALIYUN_LOG_ENV_TAGS", "b"), ("a", "1")];
    let settings = read(&env, &[]).unwrap();
    assert_eq!(settings.labels.env, [("a".to_owned(), "1".to_owned())]);
}

#[test]
fn what_is_set_and_does_nothing_is_said() {
    let env = [
        ENDPOINT,
        ("HTTPS_PROXY", "http://user:secret@p"),
        ("enable_full_drain_mode", "true"),
        ("SIDETAIL_AGENT_ENDPOIND", "x"),
        ("ALIYUN_LOGTAIL_CONFIG", "/c.json"),
    ];
    let settings = read(&env, &[("/c.json", r#"{"buffer_file_num": 5, "never_heard": 1}"#)]);
    let said = settings.unwrap().warnings.join("\n");
    for part in [
        "environment HTTPS_PROXY has no effect (proxy for HTTPS): connections go directly",
        "environment enable_full_drain_mode has no effect",
        "environment SIDETAIL_AGENT_ENDPOIND is not a known variable",
        "/c.json buffer_file_num has no effect",
        "/c.json never_heard is not a known key",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_small_container_gets_a_small_budget() {
    let budget = |memory_limit: Option<u64>, env: &[(&str, &str)]| {
        let env = env.iter().chain([&ENDPOINT]);
        let given = Given {
            env: env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            hostname: String::new(),
            address: String::new(),
            memory_limit,
            machine: &Paper::default(),
        };
        Settings::read(&given).unwrap().memory_bytes
    };
    const MIB: usize = 1 << 20;
    assert_eq!(budget(None, &[]), 2 * MIB);
    assert_eq!(budget(Some(512 << 20), &[]), 2 * MIB);
    assert_eq!(budget(Some(12 << 20), &[]), 3 * MIB / 2);
    assert_eq!(budget(Some(1 << 20), &[]), MIB);
    assert_eq!(budget(Some(12 << 20), &[("mem_usage_limit", "2048")]), 3 * MIB / 2);
    let long = ("max_read_buffer_size", "8388608");
    assert_eq!(budget(Some(512 << 20), &[long]), 24 * MIB);
    assert_eq!(budget(Some(64 << 20), &[long]), 8 * MIB);
    assert_eq!(budget(Some(16 << 20), &[("SIDETAIL_AGENT_MEMORY_BYTES", "8Mi")]), 8 * MIB);
}

#[test]
fn the_hand_shake_is_on_where_its_directory_is() {
    let settings = read(&[ENDPOINT], &[]).unwrap();
    assert_eq!((settings.cornerstone, settings.tombstone), (None, None));
    let site = [("/tasksite/.keep", "")];
    let settings = read(&[ENDPOINT, ("SIDETAIL_AGENT_CORNERSTONE", "none")], &site).unwrap();
    assert_eq!(settings.cornerstone, None);
    assert_eq!(settings.tombstone.unwrap(), Path::new("/tasksite/tombstone"));
}

#[test]
fn configurations_of_the_machine_are_enough_to_start() {
    let env = [ENDPOINT, ("SIDETAIL_AGENT_CONFIG_SERVER", "none")];
    let why = refused(&env);
    assert!(why.contains("/etc/ilogtail/user_config.d"), "{why}");
    for path in [
        "/etc/ilogtail/user_local_config.json",
        "/etc/ilogtail/user_config.d/a.json",
        "/etc/ilogtail/user_yaml_config.d/a.yaml",
        "/usr/local/loongcollector/conf/continuous_pipeline_config/local/a.yaml",
    ] {
        let settings = read(&env, &[(path, "{}")]).unwrap();
        assert!(settings.config_dir.is_none() && settings.config_server.is_none(), "{path}");
    }
}

#[test]
fn the_pace_is_bounded_between_a_floor_and_no_limit() {
    let pace = |env: Option<&str>, file: &str| {
        let mut all = vec![ENDPOINT, ("ALIYUN_LOGTAIL_CONFIG", "/c.json")];
        all.extend(env.map(|value| ("max_bytes_per_sec", value)));
        read(&all, &[("/c.json", file)]).unwrap().max_bytes_per_second
    };
    assert_eq!(pace(None, "{}"), None);
    assert_eq!(pace(None, r#"{"max_bytes_per_sec": 500000}"#), Some(500_000));
    assert_eq!(pace(None, r#"{"max_bytes_per_sec": 31457280}"#), None);
    assert_eq!(pace(Some("2097152"), r#"{"max_bytes_per_sec": 500000}"#), Some(2_097_152));
    assert_eq!(pace(Some("1048575"), r#"{"max_bytes_per_sec": 500000}"#), Some(500_000));
}
