//! From manifests to objects: what each asks for, what is wrong with it, and which of several
//! may have a configuration.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::json;
use sha2::{Digest, Sha256};
use sls::collect::manifest::{self, Diagnostic, Document, Resource, Subject, Verdict};
use sls::collect::{CollectConfig, Severity, Target};

use crate::crd::ObjectKey;
use crate::source::Manifest;

/// An `AliyunLogConfig` in a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which one.
    pub key: ObjectKey,
    /// The manifest it is in.
    pub origin: String,
    /// What was written.
    pub resource: Resource,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// The checked configuration; `None` when the object is refused.
    pub config: Option<CollectConfig>,
    /// `sha256:` and the hash of everything about the object that matters here.
    pub hash: String,
}

/// Everything that was found in the manifests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects {
    /// The objects, each key once.
    pub objects: Vec<Object>,
    /// What is wrong with documents that are no objects, with their origins.
    pub unreadable: Vec<(String, String)>,
    /// Objects that have the key of an earlier one, with their origins.
    pub doubles: Vec<(ObjectKey, String)>,
}

impl Object {
    /// The words for why it is refused: its first error.
    pub fn refusal(&self) -> Option<&Diagnostic> {
        self.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads all manifests. `default_project` takes the logs of objects that name no project.
pub fn read_objects(manifests: &[Manifest], default_project: Option<&str>) -> Objects {
    let mut found = Objects::default();
    for manifest in manifests {
        let text = match &manifest.text {
            Ok(text) => text,
            Err(reason) => {
                let words = format!("error: cannot read {}: {reason}\n", manifest.origin);
                found.unreadable.push((manifest.origin.clone(), words));
                continue;
            }
        };
        for document in manifest::read(text) {
            let verdict = verify(&document, text, default_project);
            match verdict.subject {
                Some(Subject::Resource(resource)) if !resource.metadata.name.is_empty() => {
                    let key = ObjectKey::of(&resource.metadata);
                    if found.objects.iter().any(|known| known.key == key) {
                        found.doubles.push((key, manifest.origin.clone()));
                        continue;
                    }
                    found.objects.push(Object {
                        hash: hash(&resource, default_project),
                        key,
                        origin: manifest.origin.clone(),
                        resource: *resource,
                        diagnostics: verdict.diagnostics,
                        config: verdict.config,
                    });
                }
                // A document that cannot be read, or an object without a name.
                _ => found.unreadable.extend(verdict.diagnostics.iter().map(|diagnostic| {
                    let words = diagnostic.render(&manifest.origin, text, manifest::Colors::Never);
                    (manifest.origin.clone(), words)
                })),
            }
        }
    }
    found
}

/// Verifies a document with the compiler that the agent uses.
pub fn verify(document: &Document, text: &str, default_project: Option<&str>) -> Verdict {
    // The zone decides what times mean, not whether a configuration is right.
    let project = default_project.map(str::to_owned);
    let target = Target { project, ..Target::default() };
    manifest::verify(document, text, &target, &|config| {
        pipeline::plan::compile(config, &TimeZone::UTC).problems
    })
}

fn hash(resource: &Resource, default_project: Option<&str>) -> String {
    let Resource { metadata, spec, config, .. } = resource;
    let project = spec.project.as_deref().or(default_project);
    // Debug output of plain data is as good a canonical form as any: the hash is only compared
    // with hashes of the same program version, and a difference costs one comparison of configs.
    let content = json!([project, format!("{spec:?}"), config.0, metadata.annotations]);
    let digest = Sha256::digest(content.to_string());
    let mut text = "sha256:".to_owned();
    for byte in digest {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Which objects may not have their configuration, because an older one has it: two objects with
/// the same project and configuration name would overwrite each other (`kubernetes` 1.7). The
/// value is the owner.
pub fn conflicts(objects: &[Object]) -> BTreeMap<ObjectKey, ObjectKey> {
    let mut claims: BTreeMap<(&str, &str), Vec<&Object>> = BTreeMap::new();
    for object in objects {
        if let Some(config) = &object.config {
            claims.entry((config.project(), config.name.as_str())).or_default().push(object);
        }
    }
    let mut losers = BTreeMap::new();
    for mut claimants in claims.into_values() {
        // Objects from files have no time of creation; they come after those that have one.
        claimants.sort_by_key(|object| {
            let created = object.resource.metadata.creation_timestamp.as_deref();
            (created.is_none(), created, &object.key)
        });
        let owner = claimants[0];
        for loser in &claimants[1..] {
            losers.insert(loser.key.clone(), owner.key.clone());
        }
    }
    losers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(origin: &str, name: &str, metadata: &str, config: &str) -> Manifest {
        let text = format!(
            "apiVersion: log.alibabacloud.com/v1alpha1\nkind: AliyunLogConfig\n\
             metadata: {{name: {name}{metadata}}}\n\
             spec:\n  project: demo\n  logstore: l1\n  machineGroups: [g-1]\n  logtailConfig:\n    \
             inputType: file\n    configName: {config}\n    inputDetail: {{logType: common_reg_log, \
             logPath: /var/log, filePattern: a.log}}\n"
        );
        Manifest { origin: origin.into(), text: Ok(text) }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey { namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn the_oldest_claimant_has_the_configuration() {
        let manifests = [
            manifest("1", "young", ", creationTimestamp: '2026-02-01T00:00:00Z'", "same"),
            manifest("2", "old", ", creationTimestamp: '2026-01-01T00:00:00Z'", "same"),
            manifest("3", "a-file", "", "same"),
            manifest("4", "other", "", "other"),
        ];
        let objects = read_objects(&manifests, None).objects;
        let expected = [(key("a-file"), key("old")), (key("young"), key("old"))].into();
        assert_eq!(conflicts(&objects), expected);
    }

    #[test]
    fn without_times_the_first_name_has_it() {
        let manifests = [manifest("1", "b", "", "same"), manifest("2", "a", "", "same")];
        let objects = read_objects(&manifests, None).objects;
        assert_eq!(conflicts(&objects), [(key("b"), key("a"))].into());
    }

    #[test]
    fn an_object_that_is_refused_claims_nothing() {
        let mut refused = manifest("1", "a", "", "same");
        refused.text = refused.text.map(|text| text.replace("logPath: /var/log", "logPath: var"));
        let objects = read_objects(&[refused, manifest("2", "b", "", "same")], None).objects;
        assert!(objects[0].refusal().is_some());
        assert_eq!(conflicts(&objects), BTreeMap::new());
    }

    #[test]
    fn a_second_object_of_the_same_name_is_named_and_left_out() {
        let manifests = [manifest("1", "a", "", "c-1"), manifest("2", "a", "", "c-2")];
        let found = read_objects(&manifests, None);
        assert_eq!(found.objects.len(), 1);
        assert_eq!(found.doubles, [(key("a"), "2".to_owned())]);
    }

    #[test]
    fn the_hash_changes_with_the_spec_and_not_with_the_form_of_the_text() {
        let hash = |manifest: Manifest| read_objects(&[manifest], None).objects[0].hash.clone();
        let base = hash(manifest("1", "a", "", "c-1"));
        let mut spaced = manifest("2", "a", "", "c-1");
        spaced.text = spaced.text.map(|text| format!("# words\n{text}\n\n"));
        assert_eq!(hash(spaced), base);
        assert_ne!(hash(manifest("1", "a", "", "c-2")), base);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place_and_hides_nothing() {
        let broken =
            Manifest { origin: "x.yaml".into(), text: Ok("a: [\n---\nkind: Job\n".into()) };
        let found = read_objects(&[broken, manifest("2", "a", "", "c-1")], None);
        assert_eq!(found.objects.len(), 1);
        assert_eq!(found.unreadable.len(), 1);
        assert!(found.unreadable[0].1.contains("x.yaml:1:"), "{}", found.unreadable[0].1);
    }
}
