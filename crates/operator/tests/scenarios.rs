//! The operator over a directory and a scripted service, scenario by scenario (`kubernetes` 4.3).

mod fake;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use operator::controller::{Controller, Round, Rules};
use operator::crd::{ConditionStatus, ObjectKey};
use operator::desired::Defaults;
use operator::records::{Record, RecordFiles, Records};
use operator::source::Directory;
use operator::words::Words;
use sls::collect::manifest::Colors;
use sls::error::ErrorCode;

use fake::Fake;

const ACCESS: &str = include_str!("../../../examples/nginx-sidecar/access.yaml");
const ERROR: &str = include_str!("../../../examples/nginx-sidecar/error.yaml");
const BROKEN: &str = include_str!("../../../examples/nginx-sidecar-broken/access.yaml");

/// Collects what the operator says.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory, a service, an operator and a clock.
struct World {
    directory: tempfile::TempDir,
    fake: Fake,
    controller: Controller<Directory, RecordFiles>,
    heard: Heard,
    now: Timestamp,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fake = Fake::start().await;
        let heard = Heard::default();
        let controller = controller(&directory, &fake, &heard);
        let now = Timestamp::from_second(1_767_348_000).unwrap();
        Self { directory, fake, controller, heard, now }
    }

    /// Ends the operator and starts another over the same directory.
    fn restart(&mut self) {
        self.controller = controller(&self.directory, &self.fake, &self.heard);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn delete(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// One look at the manifests.
    async fn look(&mut self) -> Round {
        self.controller.round(self.now, || u32::MAX).await
    }

    /// Looks until a change of the manifests is acted on, a second later.
    async fn settle(&mut self) -> Round {
        self.pass(1);
        let round = self.look().await;
        if round.unsettled { self.look().await } else { round }
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn records(&self) -> Vec<Record> {
        RecordFiles::open(self.path(".status")).unwrap().load().unwrap()
    }

    fn record(&self, name: &str) -> Record {
        let key = ObjectKey { namespace: "default".into(), name: name.into() };
        self.records().into_iter().find(|record| record.object == key).unwrap()
    }

    #[track_caller]
    fn check_condition(&self, name: &str, kind: &str, status: ConditionStatus, reason: &str) {
        let record = self.record(name);
        let condition = record.status.condition(kind).unwrap();
        assert_eq!(
            (condition.status, condition.reason.as_str()),
            (status, reason),
            "{condition:?}"
        );
    }

    fn changes(&self) -> Vec<String> {
        self.fake.held().take_changes()
    }

    fn said(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.heard.0.lock().unwrap())).unwrap()
    }
}

fn controller(
    directory: &tempfile::TempDir,
    fake: &Fake,
    heard: &Heard,
) -> Controller<Directory, RecordFiles> {
    let rules = Rules {
        defaults: Defaults { project: None, life_cycle_days: 180, machine_group: None },
        resync: Duration::from_secs(1800),
    };
    Controller::new(
        Directory::new(directory.path()),
        RecordFiles::open(directory.path().join(".status")).unwrap(),
        fake.client(),
        rules,
        Words::new(Box::new(heard.clone()), Colors::Never),
    )
}

/// The access example under another object name.
fn renamed(name: &str) -> String {
    ACCESS.replacen("name: nginx-log-access-example", &format!("name: {name}"), 1)
}

const ACCESS_NAME: &str = "nginx-log-access-example";
const ACCESS_CONFIG: &str = "/configs/nginx-log-access-example";

#[tokio::test]
async fn the_example_goes_into_an_empty_service_in_order() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.write("error.yaml", ERROR);
    world.write("job.yaml", include_str!("../../../examples/nginx-sidecar/job.yaml"));
    let round = world.look().await;
    assert_eq!(round, Round { ready: 2, ..Round::default() });
    assert_eq!(
        world.changes(),
        [
            "POST /",
            "POST /logstores",
            "POST /logstores/nginx-access/index",
            "POST /configs",
            "POST /machinegroups",
            "PUT /machinegroups/nginx-log-sidecar/configs/nginx-log-access-example",
            "POST /logstores",
            "POST /logstores/nginx-error/index",
            "POST /configs",
            "PUT /machinegroups/nginx-log-sidecar/configs/nginx-log-error-example",
        ]
    );
    let record = world.record(ACCESS_NAME);
    assert_eq!((record.status.status.as_str(), record.status.status_code), ("OK", 200));
    assert_eq!(record.status.observed_generation, 1);
    assert_eq!(record.status.applied.unwrap().machine_groups, ["nginx-log-sidecar"]);
    let held = world.fake.held();
    let group = &held.objects["/machinegroups/nginx-log-sidecar"];
    assert_eq!(group["machineIdentifyType"], "userdefined");
    assert_eq!(group["machineList"][0], "nginx-log-sidecar");
    assert_eq!(held.objects["/logstores/nginx-access"]["ttl"], 180);
    assert_eq!(held.objects[ACCESS_CONFIG]["inputDetail"]["key"][10], "user-agent");
}

#[tokio::test]
async fn nothing_is_asked_again_before_the_resync_and_nothing_changed_then() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.fake.held().calls.clear();
    let before = world.record(ACCESS_NAME);
    world.pass(1799);
    world.look().await;
    assert_eq!(world.fake.held().calls, [""; 0]);
    world.pass(1);
    world.look().await;
    assert!(!world.fake.held().calls.is_empty());
    assert_eq!(world.changes(), [""; 0]);
    let after = world.record(ACCESS_NAME);
    assert_eq!(after.status.applied, before.status.applied);
    assert_eq!(
        after.status.condition("Ready").unwrap().last_transition_time,
        before.status.condition("Ready").unwrap().last_transition_time,
    );
}

#[tokio::test]
async fn the_broken_manifest_is_refused_with_place_and_correction_and_changes_nothing() {
    let mut world = World::new().await;
    world.write("access.yaml", BROKEN);
    let round = world.look().await;
    assert_eq!(round, Round { refused: 1, ..Round::default() });
    assert_eq!(world.fake.held().calls, [""; 0]);
    world.check_condition(ACCESS_NAME, "Validated", ConditionStatus::False, "InvalidSpec");
    assert_eq!(world.record(ACCESS_NAME).status.status_code, 400);
    let said = world.said();
    assert!(said.contains("access.yaml:22:105"), "{said}");
    assert!(said.contains(r#""response-size", "user-agent"]"#), "{said}");
    assert!(said.contains(r#""response-size", "referer", "user-agent"]"#), "{said}");

    world.write("access.yaml", ACCESS);
    let round = world.settle().await;
    assert_eq!(round, Round { ready: 1, ..Round::default() });
    assert_eq!(world.record(ACCESS_NAME).status.observed_generation, 2);
    assert!(world.said().contains("default/nginx-log-access-example: ready"));
}

#[tokio::test]
async fn too_few_names_alone_are_a_warning_and_the_configuration_runs() {
    let mut world = World::new().await;
    world.write("access.yaml", &ACCESS.replace(r#""referer", "#, ""));
    assert_eq!(world.look().await, Round { ready: 1, ..Round::default() });
    world.check_condition(ACCESS_NAME, "Validated", ConditionStatus::True, "KeyCountMismatch");
    assert!(world.said().contains("group 10 has no name"));
}

#[tokio::test]
async fn a_mistake_in_an_object_that_runs_leaves_the_running_version() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    let running = world.fake.held().objects[ACCESS_CONFIG].clone();
    world.fake.held().calls.clear();
    world.write("access.yaml", BROKEN);
    world.settle().await;
    assert_eq!(world.fake.held().calls, [""; 0]);
    assert_eq!(world.fake.held().objects[ACCESS_CONFIG], running);
    assert!(world.record(ACCESS_NAME).status.applied.is_some());
}

#[tokio::test]
async fn an_edit_in_the_service_is_reverted_at_the_resync() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.fake.held().objects.get_mut(ACCESS_CONFIG).unwrap()["inputDetail"]["regex"] = "x".into();
    world.changes();
    world.pass(1800);
    world.look().await;
    assert_eq!(world.changes(), [format!("PUT {ACCESS_CONFIG}")]);
    world.check_condition(ACCESS_NAME, "ConfigSynced", ConditionStatus::True, "Updated");
}

#[tokio::test]
async fn an_edited_manifest_updates_the_configuration_and_its_groups() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.changes();
    let edited = ACCESS.replace("- nginx-log-sidecar", "- other-group");
    world.write("access.yaml", &edited.replace("maxDepth: 0\n", "").replace("\"time\"", "\"at\""));
    world.settle().await;
    assert_eq!(
        world.changes(),
        [
            format!("PUT {ACCESS_CONFIG}"),
            "POST /machinegroups".into(),
            format!("PUT /machinegroups/other-group{ACCESS_CONFIG}"),
            format!("DELETE /machinegroups/nginx-log-sidecar{ACCESS_CONFIG}"),
        ]
    );
    assert_eq!(world.record(ACCESS_NAME).status.applied.unwrap().machine_groups, ["other-group"]);
}

#[tokio::test]
async fn a_deleted_manifest_takes_the_configuration_with_it_and_leaves_the_logs() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.delete("access.yaml");
    world.settle().await;
    let paths: Vec<String> = world.fake.held().objects.keys().cloned().collect();
    let left = [
        "/",
        "/logstores/nginx-access",
        "/logstores/nginx-access/index",
        "/machinegroups/nginx-log-sidecar",
    ];
    assert_eq!(paths, left);
    assert_eq!(world.records(), []);
}

#[tokio::test]
async fn a_deletion_is_remembered_while_the_service_is_away_and_over_a_restart() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.fake.held().refuse.insert("*".into(), ErrorCode::ServerBusy);
    world.delete("access.yaml");
    let round = world.settle().await;
    assert_eq!(round.waiting, 1);
    world.restart();
    world.look().await;
    assert_eq!(world.records().len(), 1);
    world.fake.held().refuse.clear();
    world.pass(120);
    world.look().await;
    assert_eq!(world.records(), []);
    assert!(!world.fake.held().objects.contains_key(ACCESS_CONFIG));
}

#[tokio::test]
async fn a_directory_that_is_empty_at_the_first_look_deletes_nothing_yet() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.delete("access.yaml");
    world.restart();
    world.changes();
    // Such as a volume that is not mounted yet.
    let round = world.look().await;
    assert!(round.unsettled);
    assert_eq!(world.changes(), Vec::<String>::new());
    world.write("access.yaml", ACCESS);
    world.settle().await;
    assert!(world.fake.held().objects.contains_key(ACCESS_CONFIG));
    assert_eq!(world.records().len(), 1);
}

#[tokio::test]
async fn a_configuration_that_shall_be_retained_is() {
    let mut world = World::new().await;
    let text = ACCESS.replacen(
        "metadata:\n",
        "metadata:\n  annotations: {sidetail.io/deletion-policy: Retain}\n",
        1,
    );
    world.write("access.yaml", &text);
    world.look().await;
    world.delete("access.yaml");
    world.settle().await;
    assert!(world.fake.held().objects.contains_key(ACCESS_CONFIG));
    assert_eq!(world.records(), []);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_not_a_deleted_one() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.changes();
    world.write("access.yaml", "spec: [\n");
    let round = world.settle().await;
    assert_eq!(round.refused, 1);
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(world.records().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_being_written_is_not_a_deleted_one() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.changes();
    world.write("access.yaml", "");
    assert!(world.look().await.unsettled);
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.look().await;
    assert_eq!(world.changes(), [""; 0]);
    assert!(world.fake.held().objects.contains_key(ACCESS_CONFIG));
}

#[tokio::test]
async fn the_older_of_two_has_the_configuration_and_the_other_takes_over() {
    let mut world = World::new().await;
    world.write("1.yaml", &renamed("aaa"));
    world.write("2.yaml", &renamed("bbb"));
    assert_eq!(world.look().await, Round { ready: 1, refused: 1, ..Round::default() });
    world.check_condition("bbb", "Conflict", ConditionStatus::True, "OlderObject");
    assert_eq!(world.record("bbb").status.status_code, 409);
    world.delete("1.yaml");
    assert_eq!(world.settle().await, Round { ready: 1, ..Round::default() });
    world.check_condition("bbb", "Ready", ConditionStatus::True, "Ready");
    assert!(world.fake.held().objects.contains_key(ACCESS_CONFIG));
    assert_eq!(world.records().len(), 1);
}

#[tokio::test]
async fn what_cannot_change_in_place_is_refused_and_the_old_configuration_is_not_orphaned() {
    let mut world = World::new().await;
    world.write("access.yaml", ACCESS);
    world.look().await;
    world.changes();
    world.write("access.yaml", &ACCESS.replace("configName: nginx-log", "configName: new"));
    world.settle().await;
    world.check_condition(
        ACCESS_NAME,
        "Validated",
        ConditionStatus::False,
        "ImmutableFieldChanged",
    );
    assert_eq!(world.changes(), [""; 0]);
    world.delete("access.yaml");
    world.settle().await;
    assert!(!world.fake.held().objects.contains_key(ACCESS_CONFIG));
}

/// Looks every second for `seconds` and counts the looks at which the service was called.
async fn attempts(world: &mut World, seconds: u32) -> usize {
    let mut attempts = 0;
    for _ in 0..seconds {
        world.pass(1);
        world.look().await;
        let calls = std::mem::take(&mut world.fake.held().calls);
        attempts += usize::from(!calls.is_empty());
    }
    attempts
}

#[tokio::test]
async fn a_service_that_is_away_is_asked_ever_less_often_and_found_when_it_is_back() {
    let mut world = World::new().await;
    world.fake.held().refuse.insert("*".into(), ErrorCode::ServerBusy);
    world.write("access.yaml", ACCESS);
    assert_eq!(world.look().await.waiting, 1);
    world.fake.held().calls.clear();
    // 1, 2, 4, 8, 16, 32, 64, 120, 120, 120 …
    assert_eq!(attempts(&mut world, 600).await, 10);
    world.check_condition(ACCESS_NAME, "ProjectReady", ConditionStatus::False, "CreateFailed");
    world.fake.held().refuse.clear();
    world.pass(120);
    assert_eq!(world.look().await.ready, 1);
}

#[tokio::test]
async fn a_quota_is_given_more_time_and_a_wrong_key_waits_for_the_resync() {
    for (code, expected) in [(ErrorCode::ExceedQuota, 6), (ErrorCode::Unauthorized, 0)] {
        let mut world = World::new().await;
        world.fake.held().refuse.insert("GET /".into(), code);
        world.write("access.yaml", ACCESS);
        world.look().await;
        world.fake.held().calls.clear();
        // 5, 10, 20, 40, 80, 160, 300 …
        assert_eq!(attempts(&mut world, 600).await, expected, "{code}");
    }
}

#[tokio::test]
async fn an_operator_that_ends_at_any_call_is_completed_by_the_next_and_makes_nothing_twice() {
    for patience in 0.. {
        let mut world = World::new().await;
        world.write("access.yaml", ACCESS);
        world.fake.held().patience = Some(patience);
        let ready = world.look().await.ready;
        let made = world.changes();
        world.fake.held().patience = None;
        world.restart();
        world.pass(1);
        assert_eq!(world.look().await.ready, 1, "ended after {patience} calls");
        let creations = world.changes().into_iter().filter(|call| call.starts_with("POST")).count();
        let first = made.iter().filter(|call| call.starts_with("POST")).count();
        // Only what was refused is repeated: one call, or two when the first is for the index.
        assert!(creations + first <= 5 + 2, "ended after {patience} calls");
        world.delete("access.yaml");
        world.settle().await;
        assert!(!world.fake.held().objects.contains_key(ACCESS_CONFIG));
        if ready == 1 {
            assert_eq!(patience, 7, "every call of the way was the last one once");
            return;
        }
    }
}

#[tokio::test]
async fn a_wrong_object_does_not_stop_the_others() {
    let mut world = World::new().await;
    world.write("1.yaml", BROKEN);
    world.write("2.yaml", "nonsense: [");
    world.write("3.yaml", ERROR);
    assert_eq!(world.look().await, Round { ready: 1, refused: 2, ..Round::default() });
}
