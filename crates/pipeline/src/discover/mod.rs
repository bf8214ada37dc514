//! Which files belong to a configuration: `logPath`, `filePattern` and `maxDepth` (`agent` 2.2,
//! 4.2).
//!
//! The caller walks the directories and asks at every step; nothing here lists or opens.

mod exclude;
mod glob;

pub use exclude::ExcludeRule;
pub use glob::Glob;

/// Endings of files that are archives of what was already read.
const ARCHIVES: [&str; 11] =
    [".gz", ".bz", ".bz2", ".tar", ".tgz", ".zip", ".xz", ".zst", ".lz4", ".Z", ".7z"];

/// The paths of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverRule {
    root: String,
    /// Components of `logPath` below the root, which has no wildcards.
    below_root: Vec<Glob>,
    file: Glob,
    max_depth: usize,
}

/// A directory reached in the walk, as the rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Components below the root.
    depth: usize,
}

impl DiscoverRule {
    /// `log_path` is an absolute directory that may have wildcards in its components, `max_depth`
    /// how many levels of directories below it are searched (0: none).
    pub fn new(log_path: &str, file_pattern: &str, max_depth: usize) -> Self {
        let mut root = String::new();
        let mut below_root: Vec<Glob> = Vec::new();
        for component in log_path.split('/').filter(|component| !component.is_empty()) {
            let glob = Glob::new(component);
            if below_root.is_empty() && glob.is_literal() {
                root.push('/');
                root.push_str(&component.replace('\\', ""));
            } else {
                below_root.push(glob);
            }
        }
        if root.is_empty() {
            root.push('/');
        }
        Self { root, below_root, file: Glob::new(file_pattern), max_depth }
    }

    /// The directory where the walk starts.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The root, as the walk sees it.
    pub fn start(&self) -> Place {
        Place { depth: 0 }
    }

    /// Whether files directly in this directory are looked at.
    pub fn collects(&self, place: Place) -> bool {
        place.depth >= self.below_root.len()
    }

    /// Whether the walk goes from `place` into its sub-directory `name`, and what it is there.
    /// Hidden directories are entered only when the path names them.
    pub fn enter(&self, place: Place, name: &[u8]) -> Option<Place> {
        let hidden = name.first() == Some(&b'.');
        let entered = match self.below_root.get(place.depth) {
            Some(glob) => glob.matches(name) && (!hidden || glob.starts_with(b'.')),
            None => place.depth - self.below_root.len() < self.max_depth && !hidden,
        };
        entered.then_some(Place { depth: place.depth + 1 })
    }

    /// Whether the file at this absolute path belongs to the configuration, if only real
    /// directories lead to it.
    pub fn takes_path(&self, path: &str) -> bool {
        let root = if self.root == "/" { "" } else { &self.root };
        let Some(rest) = path.strip_prefix(root).filter(|rest| rest.starts_with('/')) else {
            return false;
        };
        let mut names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty()).collect();
        let Some(file) = names.pop() else { return false };
        let mut place = self.start();
        for name in names {
            match self.enter(place, name.as_bytes()) {
                Some(next) => place = next,
                None => return false,
            }
        }
        self.collects(place) && self.takes_file(file.as_bytes())
    }

    /// Whether a file name belongs to the configuration. Archives never do.
    pub fn takes_file(&self, name: &[u8]) -> bool {
        self.file.matches(name) && !is_archive(name)
    }
}

/// Whether the name is that of a compressed or packed file.
pub fn is_archive(name: &[u8]) -> bool {
    ARCHIVES.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: (&str, &str, usize), root: &str, taken: &[&str], not: &[&str]) {
        let built = DiscoverRule::new(rule.0, rule.1, rule.2);
        assert_eq!(built.root(), root);
        for path in taken {
            assert!(built.takes_path(path), "{rule:?} takes {path}");
        }
        for path in not {
            assert!(!built.takes_path(path), "{rule:?} does not take {path}");
        }
    }

    #[test]
    fn depth_zero_is_the_directory_itself() {
        check(
            ("/var/log/nginx/", "access.log", 0),
            "/var/log/nginx",
            &["/var/log/nginx/access.log"],
            &["/var/log/nginx/a/access.log", "/var/log/access.log", "/var/log/nginx/error.log"],
        );
    }

    #[test]
    fn depth_counts_directories_below_the_path() {
        check(
            ("/var/log", "*.log", 2),
            "/var/log",
            &["/var/log/a.log", "/var/log/x/a.log", "/var/log/x/y/a.log"],
            &["/var/log/x/y/z/a.log"],
        );
    }

    #[test]
    fn wildcards_in_the_path_match_one_component_each() {
        check(
            ("/data/*/logs/app?", "*.log", 0),
            "/data",
            &["/data/x/logs/app1/a.log"],
            &["/data/a.log", "/data/x/logs/a.log", "/data/x/y/logs/app1/a.log"],
        );
        check(
            ("/data/*", "*.log", 1),
            "/data",
            &["/data/x/a.log", "/data/x/y/a.log"],
            &["/data/a.log", "/data/x/y/z/a.log"],
        );
    }

    #[test]
    fn hidden_directories_are_entered_only_by_name() {
        check(("/d", "*.log", 5), "/d", &[], &["/d/.cache/a.log"]);
        check(("/d/*/.run*", "*.log", 0), "/d", &["/d/a/.run1/a.log"], &["/d/.x/.run1/a.log"]);
        check(("/d/.hidden", "*.log", 0), "/d/.hidden", &["/d/.hidden/a.log"], &[]);
    }

    #[test]
    fn archives_are_left_alone() {
        check(
            ("/d", "access.log*", 0),
            "/d",
            &["/d/access.log", "/d/access.log.1"],
            &["/d/access.log.1.gz", "/d/access.log.2.zst"],
        );
    }

    #[test]
    fn the_root_directory_is_a_path_too() {
        check(("/", "a", 0), "/", &["/a"], &["/x/a"]);
        check(("/*", "a", 0), "/", &["/x/a"], &["/a"]);
    }
}
