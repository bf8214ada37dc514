//! The contract with manifests written for Logtail's sidecar: scripts, hand-shake, signals, and
//! what the agent says about itself.

mod support;

use prost::Message;
use sls::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;
use support::{Pod, Reply, Service, append, lines};
use testkit::process::{Running, Signal};

const LIMIT: Duration = Duration::from_secs(60);

/// The agent under another name, with the settings of a pod.
struct Script<'a> {
    pod: &'a Pod,
    path: PathBuf,
}

impl<'a> Script<'a> {
    fn new(pod: &'a Pod, name: &str) -> Self {
        let path = pod.path(name);
        symlink(env!("CARGO_BIN_EXE_sidetail-agent"), &path).unwrap();
        Self { pod, path }
    }

    fn run(&self, words: &str) -> Output {
        let mut command = Command::new(&self.path);
        command.args(words.split_whitespace()).env_clear().envs(self.pod.settings());
        command.output().unwrap()
    }

    #[track_caller]
    fn check(&self, words: &str, code: i32, text: &str) {
        let output = self.run(words);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), said.trim_end()), (Some(code), text), "{words}");
    }

    fn stderr(&self, words: &str) -> String {
        String::from_utf8(self.run(words).stderr).unwrap()
    }

    fn says(&self, words: &str) -> String {
        String::from_utf8(self.run(words).stdout).unwrap()
    }
}

/// A pod whose agent writes its snapshot often.
fn pod(service: &Service) -> Pod {
    Pod::new(service).set("SIDETAIL_AGENT_SNAPSHOT_SECONDS", "0.1")
}

fn wait_line(agent: &Running, part: &str) {
    agent.wait_line(part, LIMIT, |line| line.contains(part).then_some(())).unwrap();
}

#[test]
fn the_init_script_starts_answers_and_stops() {
    let service = Service::storing();
    let pod = pod(&service);
    let script = Script::new(&pod, "ilogtaild");
    script.check("status", 1, "ilogtail is not running");
    script.check("stop", 0, "ilogtail is not running");
    append(&pod.log("a.log"), &lines(0, 50));
    script.check("start", 0, "ilogtail is running");
    script.check("start", 0, "ilogtail is running");
    script.check("status", 0, "ilogtail is running");
    service.wait_for(&lines(0, 50));
    script.check("restart", 0, "ilogtail is running");
    append(&pod.log("a.log"), &lines(50, 60));
    script.check("stop", 0, "ilogtail is stopped, everything is delivered");
    script.check("status", 1, "ilogtail is not running");
    assert_eq!(service.contents(), lines(0, 60));
    script.check("start", 0, "ilogtail is running");
    script.check("force-stop", 0, "ilogtail is killed; the next start goes on at its checkpoint");
    script.check("status", 1, "ilogtail is not running");
    let info = std::fs::read_to_string(pod.path("state/app_info.json")).unwrap();
    assert!(info.contains("\"UUID\"") && info.contains("group-1"), "{info}");
}

#[test]
fn a_start_that_fails_says_why() {
    let service = Service::storing();
    let pod = pod(&service).set("SIDETAIL_AGENT_ENDPOINT", "ftp://nowhere");
    let output = Script::new(&pod, "loongcollectord").run("start");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("SIDETAIL_AGENT_ENDPOINT: "), "{said}");
}

#[test]
fn status_tells_what_was_done_with_each_logstore_and_file() {
    let service = Service::storing();
    let pod = pod(&service);
    let script = Script::new(&pod, "ilogtaild");
    assert_eq!(script.run("status all").status.code(), Some(1), "nothing is known yet");
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 50));
    service.wait_for(&lines(0, 50));
    let path = pod.log("a.log").display().to_string();
    testkit::eventually("the counters of the logstore", || {
        let said = script.says("status logstore --format=line 1 p1 all");
        let wanted = ["\nread_count : ", "\nparse_success_lines : 50\n", "\nstatus : ok\n"];
        let is_there = wanted.iter().all(|part| said.contains(part))
            && said.contains("\nsend_queue_size : 0\n");
        if is_there { Ok(()) } else { Err(said) }
    });
    script.check("status all", 0, "ok");
    script.check("status active 1", 0, "p1 : all");
    script.check("status active --logfile 1 p1 all", 0, &path);
    script.check("status logstore 2 p1 all", 0, "null");
    script.check("status logfile 1 p1 all /none", 0, "null");
    let json = script.says(&format!("status logfile --format=json 1 p1 all {path}"));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    assert_eq!(value["read_offset_bytes"], size, "{json}");
    assert_eq!(value["file_path"], path.as_str(), "{json}");
    assert_eq!(script.run("status dance").status.code(), Some(10));
    assert!(script.says("-h").starts_with("logtail insight, version"));
    agent.terminate(LIMIT).unwrap();
    // The answers outlive the agent, and say so.
    script.check("status active 1", 0, "p1 : all");
}

#[test]
fn a_minute_in_which_a_logstore_is_blocked_is_not_ok() {
    let service = Service::start(|ask| match ask.logstore {
        "blocked" => Reply::RefuseFor(429, "", 300),
        _ => Reply::Store,
    });
    let pod = pod(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "0.2");
    let script = Script::new(&pod, "ilogtaild");
    let agent = pod.start();
    // All that goes elsewhere arrives, and is more than what has to be repeated.
    for from in [0, 10, 20] {
        append(&pod.log("a.log"), &lines(from, from + 10));
        service.wait_for(&lines(0, from + 10));
    }
    script.check("status all", 0, "ok");
    assert_eq!(script.stderr("status all"), "", "it is fresh");
    pod.configure("blocked", r#""filePattern": "*.blocked""#);
    append(&pod.log("a.blocked"), &lines(0, 10));
    testkit::eventually("that it is said", || match script.says("status all").trim_end() {
        "send_block" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert!(script.says("status logstore 1 p1 blocked").contains("\nstatus : send_block\n"));
    // An answer that nobody stands for any more says so, beside what programs read.
    agent.kill();
    script.check("status all", 0, "send_block");
    for words in ["status all", "ledger"] {
        let said = script.stderr(words);
        assert!(said.contains("as the snapshot of "), "{said}");
        assert!(said.contains("the agent is not running"), "{said}");
    }
}

#[test]
fn the_ledger_names_seen_read_and_acknowledged_bytes() {
    let service = Service::start(|_| Reply::Refuse(500, "InternalServerError"));
    let pod = pod(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "0.2");
    let script = Script::new(&pod, "agent");
    append(&pod.log("a.log"), &lines(0, 50));
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    let agent = pod.start();
    let line = |acked: &str, missing: u64| {
        format!(
            "config:p1/all phase:following seen:{size} read:{size} acked:{acked} missing:{missing} "
        )
    };
    testkit::eventually("bytes read and not acknowledged", || {
        let said = script.says("ledger");
        if said.starts_with(&line("-", size)) { Ok(()) } else { Err(said) }
    });
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3));
    let output = ended.output.join("\n");
    assert!(output.contains(&format!("not delivered: {}", line("-", size))), "{output}");
    service.follow(|_| Reply::Store);
    let agent = pod.start();
    service.wait_for(&lines(0, 50));
    agent.terminate(LIMIT).unwrap();
    let said = script.says("ledger --format json");
    let ledger: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(ledger[0]["acked"], serde_json::json!([[0, size]]), "{said}");
    assert!(script.says("ledger").starts_with(&line(&format!("0-{size}"), 0)));
}

#[test]
fn the_hand_shake_lets_a_job_end_when_its_last_byte_is_acknowledged() {
    let service = Service::storing();
    let pod = pod(&service);
    let (cornerstone, tombstone) = (pod.path("site/cornerstone"), pod.path("site/tombstone"));
    let pod = pod
        .set("SIDETAIL_AGENT_CORNERSTONE", &cornerstone.to_string_lossy())
        .set("SIDETAIL_AGENT_TOMBSTONE", &tombstone.to_string_lossy());
    let agent = pod.start();
    testkit::eventually("the cornerstone", || {
        if cornerstone.exists() { Ok(()) } else { Err("it is not there".to_owned()) }
    });
    append(&pod.log("a.log"), &lines(0, 500));
    std::fs::write(&tombstone, "").unwrap();
    let ended = agent.wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(service.contents(), lines(0, 500));
}

#[test]
fn without_a_configuration_there_is_no_cornerstone_yet() {
    let service = Service::storing();
    let pod = pod(&service);
    std::fs::remove_file(pod.path("configs/all.json")).unwrap();
    let cornerstone = pod.path("cornerstone");
    let pod = pod.set("SIDETAIL_AGENT_CORNERSTONE", &cornerstone.to_string_lossy());
    let agent = pod.start();
    wait_line(&agent, "positions from");
    assert!(!cornerstone.exists());
    pod.configure("all", "\"filePattern\": \"*.log\"");
    wait_line(&agent, "every configured path is watched");
    wait_line(&agent, "is touched");
    assert!(cornerstone.exists());
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn the_wrapper_goes_on_collecting_before_it_ends() {
    let service = Service::storing();
    let pod = pod(&service);
    let agent = pod.start_as("run_logtail.sh", &["2"]);
    append(&pod.log("a.log"), &lines(0, 5));
    service.wait_for(&lines(0, 5));
    agent.signal(Signal::TERM);
    wait_line(&agent, "collecting goes on for a while");
    append(&pod.log("b.log"), &lines(5, 10));
    service.wait_for(&lines(0, 10));
    wait_line(&agent, "ending: reading what is left");
    assert_eq!(agent.wait(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_second_signal_shortens_the_end() {
    let service = Service::start(|_| Reply::Refuse(500, "InternalServerError"));
    let pod = pod(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "600");
    append(&pod.log("a.log"), &lines(0, 5));
    let agent = pod.start();
    wait_line(&agent, "SEND_DATA_FAIL_ALARM");
    agent.signal(Signal::TERM);
    wait_line(&agent, "for at most 600s");
    agent.signal(Signal::TERM);
    wait_line(&agent, "for at most 2s");
    assert_eq!(agent.wait(LIMIT).unwrap().status.code(), Some(3));
}

#[test]
fn new_groups_and_file_tags_take_effect_without_a_restart() {
    let service = Service::storing();
    let pod = pod(&service);
    let (system, tags) = (pod.path("etc"), pod.path("tags.json"));
    std::fs::create_dir(&system).unwrap();
    std::fs::write(&tags, r#"{"team": "a"}"#).unwrap();
    let pod = pod
        .set("ALIYUN_LOGTAIL_SYS_CONF_DIR", &system.to_string_lossy())
        .set("ALIYUN_LOG_FILE_TAGS", &tags.to_string_lossy());
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 1));
    service.wait_for(&lines(0, 1));
    std::fs::write(system.join("user_defined_id"), "group-2\n").unwrap();
    std::fs::write(&tags, r#"{"team": "b"}"#).unwrap();
    agent.signal(Signal::HUP);
    wait_line(&agent, "member of [group-1, group-2] from now on");
    append(&pod.log("a.log"), &lines(1, 2));
    service.wait_for(&lines(0, 2));
    let tag = |at: usize, name: &str| service.stored()[at].tags[name].clone();
    assert_eq!((tag(0, "__user_defined_id__"), tag(0, "team")), ("group-1".into(), "a".into()));
    assert_eq!(
        (tag(1, "__user_defined_id__"), tag(1, "team")),
        ("group-1 group-2".into(), "b".into())
    );
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn settings_say_who_won_and_what_has_no_effect() {
    let service = Service::storing();
    let pod = pod(&service);
    let file = pod.path("ilogtail_config.json");
    std::fs::write(&file, r#"{"working_ip": "1.2.3.4", "buffer_file_num": 5}"#).unwrap();
    let pod = pod
        .set("ALIYUN_LOGTAIL_CONFIG", &file.to_string_lossy())
        .set("ALIYUN_LOGTAIL_WORKING_IP", "5.6.7.8")
        .set("HTTP_PROXY", "http://proxy");
    let agent = pod.start();
    wait_line(&agent, "which wins over environment ALIYUN_LOGTAIL_WORKING_IP");
    wait_line(&agent, "buffer_file_num has no effect");
    wait_line(&agent, "environment HTTP_PROXY has no effect");
    agent.terminate(LIMIT).unwrap();
}

/// A config server that knows no configuration; gives every heartbeat it gets.
fn config_server() -> (String, std::sync::mpsc::Receiver<HeartbeatRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heartbeats) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            while let Some(body) = read_body(&mut reader) {
                // The test may be over.
                let _ = sender.send(HeartbeatRequest::decode(&body[..]).unwrap());
                let answer = HeartbeatResponse::default().encode_to_vec();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                let stream = reader.get_mut();
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        }
    });
    (address, heartbeats)
}

fn read_body(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            break;
        }
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

#[test]
fn heartbeats_carry_the_ledger_and_new_groups_at_once() {
    let service = Service::storing();
    let (server, heartbeats) = config_server();
    let pod = pod(&service);
    let system = pod.path("etc");
    std::fs::create_dir_all(system.join("users")).unwrap();
    std::fs::write(system.join("users/12345"), "").unwrap();
    let pod = pod
        .set("SIDETAIL_AGENT_CONFIG_SERVER", &server)
        .set("SIDETAIL_AGENT_HEARTBEAT_SECONDS", "0.2")
        .set("ALIYUN_LOGTAIL_SYS_CONF_DIR", &system.to_string_lossy());
    append(&pod.log("a.log"), &lines(0, 5));
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    let agent = pod.start();
    service.wait_for(&lines(0, 5));
    let wait = |what: &str, is_it: &dyn Fn(&HeartbeatRequest) -> bool| {
        testkit::eventually(what, || {
            let heartbeat = heartbeats.recv_timeout(LIMIT).map_err(|error| error.to_string())?;
            if is_it(&heartbeat) { Ok(()) } else { Err(format!("{heartbeat:?}")) }
        });
    };
    wait("the account of the file", &|heartbeat| {
        let extras = &heartbeat.attributes.as_ref().unwrap().extras;
        let Some(ledger) = extras.get("sidetail.ledger") else { return false };
        let ledger: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        let line = &ledger["lines"][0];
        extras["aliuids"] == b"12345"
            && ledger["missing"] == 0
            && line["acked"] == serde_json::json!([[0, size]])
    });
    std::fs::write(system.join("user_defined_id"), "group-2\n").unwrap();
    agent.signal(Signal::HUP);
    wait("both groups", &|heartbeat| {
        let ids: Vec<&str> = heartbeat.tags.iter().map(|tag| tag.value.as_str()).collect();
        ids == ["group-1", "group-2"]
    });
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn alarms_are_counted_in_the_snapshot_and_in_the_metrics() {
    let service = Service::start(|ask| {
        if ask.number < 3 { Reply::Refuse(500, "InternalServerError") } else { Reply::Store }
    });
    let pod = pod(&service).set("SIDETAIL_AGENT_ADMIN_LISTEN", "127.0.0.1:0");
    append(&pod.log("a.log"), &lines(0, 5));
    let agent = pod.start();
    let address = agent
        .wait_line("its address", LIMIT, |line| {
            line.split_once("/metrics on http://").map(|(_, address)| address.trim().to_owned())
        })
        .unwrap();
    service.wait_for(&lines(0, 5));
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: agent\r\n\r\n").unwrap();
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).unwrap();
    for line in [
        "sidetail_agent_alarms_total{type=\"SEND_DATA_FAIL_ALARM\"} 3\n",
        "sidetail_agent_logstore_parsed_records_total{project=\"p1\",logstore=\"all\"} 5\n",
        "sidetail_agent_logstore_send_errors_total{project=\"p1\",logstore=\"all\"} 3\n",
        "process_open_fds ",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    agent.terminate(LIMIT).unwrap();
    let snapshot = std::fs::read(pod.path("state/snapshot/now.json")).unwrap();
    let snapshot: serde_json::Value = serde_json::from_slice(&snapshot).unwrap();
    assert_eq!(snapshot["alarms"][0]["alarm_type"], "SEND_DATA_FAIL_ALARM");
    assert_eq!(snapshot["alarms"][0]["alarm_count"], 3);
    assert_eq!(snapshot["left_bytes"], 0);
}

#[test]
fn history_is_imported_whole_and_once() {
    let service = Service::storing();
    let pod = pod(&service).set("SIDETAIL_AGENT_RELOAD_SECONDS", "0.1");
    let old = pod.path("old");
    std::fs::create_dir(&old).unwrap();
    append(&old.join("a.log.1"), &lines(0, 30));
    append(&old.join("other"), &lines(0, 1));
    // As old as history is: longer than files are read whole by themselves.
    let year = std::time::SystemTime::now() - Duration::from_secs(400 * 24 * 3600);
    let file = std::fs::File::options().write(true).open(old.join("a.log.1")).unwrap();
    file.set_modified(year).unwrap();
    let event = format!(
        r###"[{{"config": "##1.0##p1$all", "dir": "{}", "name": "a.log*"}}]"###,
        old.display()
    );
    let event_file = pod.path("state/local_event.json");
    std::fs::write(&event_file, event).unwrap();
    let agent = pod.start();
    wait_line(&agent, "/a.log* is complete");
    service.wait_for(&lines(0, 30));
    assert_eq!(std::fs::read_to_string(&event_file).unwrap(), "");
    std::fs::write(&event_file, r#"[{"config": "none", "dir": "/x", "name": "y"}]"#).unwrap();
    wait_line(&agent, "LOAD_LOCAL_EVENT_ALARM /x/y: no configuration none is known");
    // What is appended later is no history.
    append(&old.join("a.log.1"), &lines(30, 31));
    append(&pod.log("b.log"), &lines(31, 32));
    service.wait_for(&[lines(0, 30), lines(31, 32)].concat());
    agent.terminate(LIMIT).unwrap();
}
