//! Files that stand beside a log and begin like it: a real agent ships nothing that no configuration
//! selects, and leaves nothing out that one does.

mod support;

use std::fs::File;
use std::time::Duration;
use support::{Pod, Service, append};

const LIMIT: Duration = Duration::from_secs(60);

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What stands beside the log `app.log`: of no configuration, excluded, and of another one.
const BESIDE: [&str; 6] = [
    "app.log.secret-note",
    "app.log.wf",
    "app.log.lck",
    "app.log~",
    "app.log.excluded",
    "app.log.7.excluded",
];

#[test]
fn what_no_configuration_selects_is_not_shipped_when_the_log_is_rotated() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let lists = r#""advanced": {"blacklist": {"filename_blacklist": ["*.20", "*.excluded"]}}"#;
    pod.configure("all", &format!(r#""filePattern": "app.log", {lists}"#));
    pod.configure("other", r#""filePattern": "app.log.30""#);
    let path = pod.log("app.log");
    append(&path, &texts(&["started", "1"]));
    let agent = pod.start();
    service.wait_for_in("all", &texts(&["started", "1"]));
    let begin_beside = || {
        for name in BESIDE.into_iter().chain(["app.log.20"]) {
            append(&pod.log(name), &texts(&["started", "1", "password=hunter2"]));
        }
        append(&pod.log("app.log.30"), &texts(&["started", "1", "of another"]));
    };
    begin_beside();
    std::fs::rename(&path, pod.log("app.log.1")).unwrap();
    append(&path, &texts(&["started", "2"]));
    service.wait_for_in("all", &texts(&["started", "1", "started", "2"]));
    File::create(&path).unwrap();
    begin_beside();
    append(&path, &texts(&["3"]));
    service.wait_for_in("all", &texts(&["started", "1", "started", "2", "3"]));
    service.wait_for_in("other", &texts(&["started", "1", "of another"].repeat(2)));
    // And at a start without a log.
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
    std::fs::remove_file(&path).unwrap();
    begin_beside();
    let agent = pod.start();
    service.wait_for_in("other", &texts(&["started", "1", "of another"].repeat(3)));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
    let all = service.contents_of("all");
    assert_eq!(all, texts(&["started", "1", "started", "2", "3"]));
}

#[test]
fn what_begins_like_its_neighbour_is_collected() {
    let banner: Vec<String> =
        (0..300).map(|number| format!("{number} of what each job says at its start")).collect();
    for beginning in [&texts(&["job started"]), &banner] {
        let service = Service::storing();
        let pod = Pod::new(&service);
        pod.configure("all", r#""filePattern": "job*""#);
        append(&pod.log("job1"), beginning);
        let agent = pod.start();
        service.wait_for(beginning);
        append(&pod.log("job10"), beginning);
        append(&pod.log("job1.wf"), beginning);
        let mut all = [&beginning[..]; 3].concat();
        let check = |all: &mut Vec<String>| {
            all.sort();
            testkit::eventually("all lines", || {
                let mut found = service.contents();
                found.sort();
                if found == *all { Ok(()) } else { Err(format!("{} lines", found.len())) }
            });
        };
        check(&mut all);
        for name in ["job10", "job1.wf"] {
            let more: Vec<String> = (0..10).map(|number| format!("{name} {number}")).collect();
            append(&pod.log(name), &more);
            all.extend(more);
        }
        check(&mut all);
        assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
    }
}
