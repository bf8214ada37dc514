//! The catalog over a real database file on a simulated disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use sls::api::config::LogtailConfig;
use sls::api::logstore::LogstoreFields;
use sls::api::machine_group::MachineGroup;
use sls::api::project::CreateProject;
use store::catalog::RedbCatalog;
use store::disk::{Disk, SimDisk};

use super::*;

fn open(disk: &SimDisk) -> Catalog {
    let dir = Path::new("data");
    disk.create_dir_all(dir).expect("a directory");
    let records = Arc::new(RedbCatalog::open(disk, dir).expect("a database"));
    let clock = Clock::fixed(Arc::new(AtomicI64::new(7_000_000_000)));
    Catalog::open(records, clock).expect("a catalog")
}

fn project(name: &str) -> CreateProject {
    CreateProject { project_name: name.into(), ..CreateProject::default() }
}

fn logstore(name: &str) -> LogstoreFields {
    LogstoreFields { logstore_name: Some(name.into()), ..LogstoreFields::default() }
}

fn group(name: &str) -> MachineGroup {
    MachineGroup { group_name: name.into(), ..MachineGroup::default() }
}

fn config(name: &str) -> LogtailConfig {
    LogtailConfig { config_name: name.into(), ..LogtailConfig::default() }
}

fn index() -> sls::api::index::Index {
    serde_json::from_str(r#"{"line":{"token":[" "]}}"#).expect("an index")
}

fn fill(catalog: &Catalog) {
    catalog
        .change(|change| {
            change.create_project(project("prj"))?;
            change.create_logstore("prj", logstore("app"))?;
            change.create_logstore("prj", logstore("web"))?;
            change.create_index("prj", "app", index())?;
            change.create_group("prj", group("g1"))?;
            change.create_group("prj", group("g1-b"))?;
            change.create_config("prj", config("c1"))?;
            change.create_config("prj", config("c2"))?;
            change.apply("prj", "g1", "c1")?;
            change.apply("prj", "g1", "c2")?;
            change.apply("prj", "g1-b", "c2")
        })
        .expect("all new");
}

#[test]
fn everything_is_there_after_opening_again() {
    let disk = SimDisk::new();
    let first = open(&disk);
    fill(&first);
    let before = first.model();
    drop(first);
    let again = open(&disk);
    let (before, after) = (&before.projects["prj"], &again.model().projects["prj"]);
    assert_eq!(before.record, after.record);
    assert_eq!(before.logstores["app"].record, after.logstores["app"].record);
    assert!(after.logstores["app"].index.is_some() && after.logstores["web"].index.is_none());
    assert_eq!(before.groups, after.groups);
    assert_eq!(before.applied, after.applied);
    assert_eq!(before.configs["c1"].version, after.configs["c1"].version);
    assert_eq!(before.configs["c1"].document, after.configs["c1"].document);
}

#[test]
fn a_refused_change_leaves_nothing_behind() {
    let disk = SimDisk::new();
    let catalog = open(&disk);
    let refused = catalog.change(|change| {
        change.create_project(project("prj"))?;
        change.create_logstore("prj", logstore("Bad Name"))
    });
    assert!(matches!(refused, Err(CatalogError::Name { kind: Kind::Logstore, .. })));
    assert!(catalog.model().projects.is_empty());
    drop(catalog);
    assert!(open(&disk).model().projects.is_empty());
}

#[test]
fn a_store_number_is_never_used_twice() {
    let disk = SimDisk::new();
    let catalog = open(&disk);
    fill(&catalog);
    let held = catalog.model().projects["prj"].logstores["web"].store();
    catalog.change(|change| change.delete_logstore("prj", "web")).expect("there");
    drop(catalog);
    let catalog = open(&disk);
    let new = catalog.change(|change| change.create_logstore("prj", logstore("web")));
    assert!(new.expect("room").store > held);
}

#[test]
fn a_version_grows_with_every_write_also_across_deletion() {
    let catalog = open(&SimDisk::new());
    fill(&catalog);
    let version = |catalog: &Catalog| catalog.model().projects["prj"].configs["c1"].version;
    let first = version(&catalog);
    assert!(first > 0);
    catalog.change(|change| change.update_config("prj", config("c1"))).expect("there");
    let second = version(&catalog);
    catalog.change(|change| change.delete_config("prj", "c1")).expect("there");
    catalog.change(|change| change.create_config("prj", config("c1"))).expect("gone");
    let third = version(&catalog);
    assert!(first < second && second < third, "{first} {second} {third}");
}

#[test]
fn deleting_a_group_or_a_config_takes_back_what_was_applied() {
    let catalog = open(&SimDisk::new());
    fill(&catalog);
    catalog.change(|change| change.delete_config("prj", "c2")).expect("there");
    let model = catalog.model();
    let project = &model.projects["prj"];
    assert_eq!(project.applied_to("g1").collect::<Vec<_>>(), ["c1"]);
    assert_eq!(project.applied_to("g1-b").count(), 0);
    catalog.change(|change| change.delete_group("prj", "g1")).expect("there");
    assert!(catalog.model().projects["prj"].applied.is_empty());
}

#[test]
fn applying_twice_changes_nothing_and_wakes_nobody() {
    let catalog = open(&SimDisk::new());
    fill(&catalog);
    let mut changes = catalog.changes();
    changes.mark_unchanged();
    catalog.change(|change| change.apply("prj", "g1", "c1")).expect("both there");
    assert!(!changes.has_changed().expect("the catalog lives"));
    let refused = catalog.change(|change| change.apply("prj", "g1", "c9"));
    assert!(matches!(refused, Err(CatalogError::Missing { kind: Kind::Config, .. })));
}

#[test]
fn deleting_a_project_leaves_no_record() {
    let disk = SimDisk::new();
    let catalog = open(&disk);
    fill(&catalog);
    let gone = catalog.change(|change| change.delete_project("prj")).expect("there");
    assert_eq!(gone.len(), 2);
    drop(catalog);
    // A record without its project would keep the catalog from opening.
    let catalog = open(&disk);
    assert!(catalog.model().projects.is_empty());
    catalog.change(|change| change.create_project(project("prj"))).expect("free again");
    assert!(catalog.model().projects["prj"].logstores.is_empty());
}

#[test]
fn properties_out_of_range_are_refused() {
    let catalog = open(&SimDisk::new());
    catalog.change(|change| change.create_project(project("prj"))).expect("new");
    let check = |fields: LogstoreFields| {
        let refused = catalog.change(|change| change.create_logstore("prj", fields));
        assert!(matches!(refused, Err(CatalogError::Invalid { kind: Kind::Logstore, .. })));
    };
    check(LogstoreFields { ttl: Some(0), ..logstore("app") });
    check(LogstoreFields { ttl: Some(3651), ..logstore("app") });
    check(LogstoreFields { shard_count: Some(11), ..logstore("app") });
    check(LogstoreFields { shard_count: Some(0), ..logstore("app") });
    check(LogstoreFields { max_split_shard: Some(257), ..logstore("app") });
}

#[test]
fn a_project_holds_a_limited_number_of_objects() {
    let catalog = open(&SimDisk::new());
    let full = catalog.change(|change| {
        change.create_project(project("prj"))?;
        (0..201).try_for_each(|i| change.create_group("prj", group(&format!("g{i}"))))
    });
    assert!(matches!(full, Err(CatalogError::Full { kind: Kind::MachineGroup, limit: 200 })));
}

#[test]
fn a_hash_key_selects_the_shard_of_its_range() {
    let catalog = open(&SimDisk::new());
    catalog
        .change(|change| {
            change.create_project(project("prj"))?;
            let fields = LogstoreFields { shard_count: Some(4), ..logstore("app") };
            change.create_logstore("prj", fields)
        })
        .expect("new");
    let model = catalog.model();
    let app = &model.projects["prj"].logstores["app"];
    let check = |key: &str, shard| assert_eq!(app.shard_of_key(key), Some(shard), "{key}");
    check("0", 0);
    check("3f", 0);
    check("4", 1);
    check("40000000000000000000000000000000", 1);
    check("3fffffffffffffffffffffffffffffff", 0);
    check("ffffffffffffffffffffffffffffffff", 3);
    let turns: Vec<_> = (0..5).map(|turn| app.shard_in_turn(turn)).collect();
    assert_eq!(turns, [Some(0), Some(1), Some(2), Some(3), Some(0)]);
}

#[test]
fn the_first_key_is_made_once() {
    let disk = SimDisk::new();
    let catalog = open(&disk);
    let first = catalog.first_access_key().expect("stored").expect("the first start");
    assert_eq!((first.id.len(), first.secret.len()), (24, 40));
    assert_eq!(catalog.first_access_key().expect("stored"), None);
    drop(catalog);
    assert_eq!(open(&disk).access_keys().expect("readable"), [first]);
}
