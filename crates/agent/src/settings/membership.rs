//! What an agent says about itself that may change while it runs: the machine groups it belongs
//! to, the accounts it serves, and tags from a file. All are read again from time to time.

use super::instance::system_dir;
use super::machine::Machine;
use super::reader::Reader;
use pipeline::tags::AgentLabels;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where it is said.
#[derive(Clone, Debug, Default)]
pub struct MembershipSources {
    ids: BTreeSet<String>,
    accounts: BTreeSet<String>,
    ids_file: PathBuf,
    accounts_dir: PathBuf,
    tags_file: Option<PathBuf>,
}

/// What is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The machine groups, by their user-defined ids.
    pub ids: BTreeSet<String>,
    /// Account ids.
    pub accounts: BTreeSet<String>,
    /// Tags of every log, by name.
    pub tags: Vec<(String, String)>,
}

impl Membership {
    /// The labels of an agent that is a member of these. `fixed` are those that never change.
    pub fn label(&self, fixed: &AgentLabels) -> AgentLabels {
        let mut labels = fixed.clone();
        labels.user_defined_ids = self.ids.iter().cloned().collect();
        labels.env.extend(self.tags.iter().cloned());
        labels
    }
}

impl MembershipSources {
    /// Takes what the environment says.
    pub(super) fn new(reader: &mut Reader<'_>) -> Self {
        let list = |text: Option<String>| {
            let text = text.unwrap_or_default();
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let ids = list(reader.text("ALIYUN_LOGTAIL_USER_DEFINED_ID"));
        let accounts = list(reader.text("ALIYUN_LOGTAIL_USER_ID"));
        let tags_file = reader.text("ALIYUN_LOG_FILE_TAGS").map(PathBuf::from);
        let system_dir = system_dir(reader);
        Self {
            ids,
            accounts,
            ids_file: system_dir.join("user_defined_id"),
            accounts_dir: system_dir.join("users"),
            tags_file,
        }
    }

    /// Reads all of it. What cannot be read stays as it was in `before`, with the reason.
    pub fn read(&self, machine: &dyn Machine, before: &Membership) -> (Membership, Vec<String>) {
        let mut problems = Vec::new();
        let mut ids = self.ids.clone();
        // Most agents have no such file, and one that was taken away says nothing any more.
        if let Ok(text) = machine.read(&self.ids_file) {
            ids.extend(text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned));
        }
        let mut accounts = self.accounts.clone();
        accounts.extend(machine.list(&self.accounts_dir).unwrap_or_default());
        let tags = match &self.tags_file {
            None => Vec::new(),
            Some(path) => {
                let read = machine.read(path).map_err(|error| error.to_string());
                read.and_then(|text| tags(&text)).unwrap_or_else(|why| {
                    let shown = path.display();
                    problems.push(format!(
                        "ALIYUN_LOG_FILE_TAGS: {shown}: {why}; tags stay as they are"
                    ));
                    before.tags.clone()
                })
            }
        };
        (Membership { ids, accounts, tags }, problems)
    }

    /// The ids that only the file names, joined by commas.
    pub(super) fn ids_of_files(&self, membership: &Membership) -> String {
        let ids: Vec<&str> = membership.ids.difference(&self.ids).map(String::as_str).collect();
        ids.join(",")
    }

    /// The file of user-defined ids.
    pub(super) fn ids_file(&self) -> &std::path::Path {
        &self.ids_file
    }
}

/// Members of a JSON object as tags.
fn tags(text: &str) -> Result<Vec<(String, String)>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(object) = value else { return Err("is not a JSON object".to_owned()) };
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Ok(object.into_iter().map(|(key, value)| (key, text(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::Paper;
    use super::*;

    fn sources() -> MembershipSources {
        MembershipSources {
            ids: BTreeSet::from(["b".to_owned()]),
            ids_file: "/etc/ilogtail/user_defined_id".into(),
            accounts_dir: "/etc/ilogtail/users".into(),
            tags_file: Some("/tags.json".into()),
            ..MembershipSources::default()
        }
    }

    #[test]
    fn files_add_to_the_environment() {
        let machine = Paper::of(&[
            ("/etc/ilogtail/user_defined_id", "c\n\n a \nb\n"),
            ("/etc/ilogtail/users/12", ""),
            ("/tags.json", r#"{"team": "a", "level": 3, "none": null}"#),
        ]);
        let (now, problems) = sources().read(&machine, &Membership::default());
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(now.ids.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(now.accounts.into_iter().collect::<Vec<_>>(), ["12"]);
        let tags = [("team", "a"), ("level", "3"), ("none", "")];
        assert_eq!(now.tags, tags.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn tags_that_cannot_be_read_stay() {
        let before = Membership { tags: vec![("a".into(), "1".into())], ..Membership::default() };
        for broken in ["", "{", "[]"] {
            let (now, problems) = sources().read(&Paper::of(&[("/tags.json", broken)]), &before);
            assert_eq!(now.tags, before.tags, "{broken}");
            assert!(problems[0].contains("/tags.json"), "{problems:?}");
        }
    }
}
