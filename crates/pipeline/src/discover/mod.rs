//! Which files belong to a configuration: `logPath`, `filePattern` and `maxDepth` (`agent` 2.2,
//! 4.2).
//!
//! The caller walks the directories and asks at every step; nothing here lists or opens.

mod exclude;
mod glob;

pub use exclude::ExcludeRule;
pub use glob::Glob;

use sls::collect::PathRule;

/// Endings of files that are archives of what was already read.
const ARCHIVES: [&str; 11] =
    [".gz", ".bz", ".bz2", ".tar", ".tgz", ".zip", ".xz", ".zst", ".lz4", ".Z", ".7z"];

/// The paths of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverRule {
    paths: Vec<Path>,
    takes_gzip: bool,
}

/// One directory with what is searched below it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    root: String,
    /// Components of `logPath` below the root, which has no wildcards.
    below_root: Vec<Glob>,
    file: Glob,
    max_depth: usize,
}

/// A directory reached in the walk from one of the paths, as the rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the path.
    path: usize,
    /// Components below its root.
    depth: usize,
}

impl Place {
    /// Number of the path that led there, from 0.
    pub fn path(self) -> usize {
        self.path
    }

    /// Levels of directories below where its walk started.
    pub fn depth(self) -> usize {
        self.depth
    }
}

impl DiscoverRule {
    /// All of `paths`. What several of them lead to is there once.
    pub fn new(paths: &[PathRule]) -> Self {
        Self { paths: paths.iter().map(Path::new).collect(), takes_gzip: false }
    }

    /// The same, and files that are compressed and have such a name with or without `.gz`.
    #[must_use]
    pub fn with_gzip(self, takes_gzip: bool) -> Self {
        Self { takes_gzip, ..self }
    }

    /// Whether compressed files belong to the configuration.
    pub fn takes_gzip(&self) -> bool {
        self.takes_gzip
    }

    /// The directories where walks start, as they see them.
    pub fn starts(&self) -> impl Iterator<Item = (&str, Place)> {
        let paths = self.paths.iter().enumerate();
        paths.map(|(path, it)| (it.root.as_str(), Place { path, depth: 0 }))
    }

    /// Whether files directly in this directory are looked at.
    pub fn collects(&self, place: Place) -> bool {
        self.path(place).collects(place.depth)
    }

    /// Whether the walk goes from `place` into its sub-directory `name`, and what it is there.
    /// Hidden directories are entered only when the path names them.
    pub fn enter(&self, place: Place, name: &[u8]) -> Option<Place> {
        let enters = self.path(place).enters(place.depth, name);
        enters.then_some(Place { depth: place.depth + 1, ..place })
    }

    /// Whether a file of this name in a directory belongs to the configuration. Archives do not,
    /// but for [`with_gzip`](Self::with_gzip).
    pub fn takes_file(&self, place: Place, name: &[u8]) -> bool {
        let path = self.path(place);
        path.collects(place.depth) && self.takes_name(path, name)
    }

    fn takes_name(&self, path: &Path, name: &[u8]) -> bool {
        if !is_archive(name) {
            return path.file.matches(name);
        }
        let plain = name.strip_suffix(b".gz").filter(|_| self.takes_gzip);
        plain.is_some_and(|plain| {
            !is_archive(plain) && (path.file.matches(name) || path.file.matches(plain))
        })
    }

    /// Whether the file at this absolute path belongs to the configuration, if only real
    /// directories lead to it.
    pub fn takes_path(&self, path: impl AsRef<[u8]>) -> bool {
        let path = path.as_ref();
        self.paths.iter().any(|it| it.leads_to(path).is_some_and(|name| self.takes_name(it, name)))
    }

    fn path(&self, place: Place) -> &Path {
        &self.paths[place.path]
    }
}

impl Path {
    /// `dir` is an absolute directory that may have wildcards in its components, `max_depth` how
    /// many levels of directories below it are searched (0: none).
    fn new(rule: &PathRule) -> Self {
        let mut root = String::new();
        let mut below_root: Vec<Glob> = Vec::new();
        for component in rule.dir.split('/').filter(|component| !component.is_empty()) {
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
        let max_depth = rule.max_depth as usize;
        Self { root, below_root, file: Glob::new(&rule.pattern), max_depth }
    }

    fn collects(&self, depth: usize) -> bool {
        depth >= self.below_root.len()
    }

    fn enters(&self, depth: usize, name: &[u8]) -> bool {
        let hidden = name.first() == Some(&b'.');
        match self.below_root.get(depth) {
            Some(glob) => glob.matches(name) && (!hidden || glob.starts_with(b'.')),
            None => depth - self.below_root.len() < self.max_depth && !hidden,
        }
    }

    /// The name of the file at this path, if its directory is one of those that are searched.
    fn leads_to<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let root = if self.root == "/" { "" } else { &self.root };
        let rest = path.strip_prefix(root.as_bytes()).filter(|rest| rest.starts_with(b"/"))?;
        let names = rest.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let mut names: Vec<&[u8]> = names.collect();
        let file = names.pop()?;
        let is_reached = names.iter().enumerate().all(|(depth, name)| self.enters(depth, name));
        (is_reached && self.collects(names.len())).then_some(file)
    }
}

/// Whether the name is that of a compressed or packed file.
pub fn is_archive(name: &[u8]) -> bool {
    ARCHIVES.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path((dir, pattern, max_depth): (&str, &str, u32)) -> PathRule {
        PathRule { dir: dir.to_owned(), pattern: pattern.to_owned(), max_depth }
    }

    fn roots(rule: &DiscoverRule) -> Vec<&str> {
        rule.starts().map(|(root, _)| root).collect()
    }

    fn check(rule: (&str, &str, u32), root: &str, taken: &[&str], not: &[&str]) {
        let built = DiscoverRule::new(&[path(rule)]);
        assert_eq!(roots(&built), [root]);
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
    fn compressed_files_are_taken_by_their_plain_name_if_asked() {
        for (pattern, taken, not) in [
            ("access.log*", "/d/access.log.1.gz", "/d/access.log.1.zst"),
            ("*.log", "/d/a.log.gz", "/d/a.log.1.gz"),
            ("a.log-*.gz", "/d/a.log-1.gz", "/d/a.log-1"),
            ("a*", "/d/a.gz", "/d/a.tar.gz"),
        ] {
            let rule = DiscoverRule::new(&[path(("/d", pattern, 0))]);
            assert!(!rule.takes_path(taken), "{pattern} {taken}");
            let rule = rule.with_gzip(true);
            assert!(rule.takes_path(taken), "{pattern} {taken}");
            assert!(!rule.takes_path(not), "{pattern} {not}");
        }
    }

    #[test]
    fn the_root_directory_is_a_path_too() {
        check(("/", "a", 0), "/", &["/a"], &["/x/a"]);
        check(("/*", "a", 0), "/", &["/x/a"], &["/a"]);
    }

    #[test]
    fn each_of_several_paths_has_its_own_names_and_depth() {
        let rule = DiscoverRule::new(&[path(("/a", "*.log", 0)), path(("/b/*", "*.txt", 1))]);
        assert_eq!(roots(&rule), ["/a", "/b"]);
        for taken in ["/a/1.log", "/b/x/1.txt", "/b/x/y/1.txt"] {
            assert!(rule.takes_path(taken), "{taken}");
        }
        for not in ["/a/1.txt", "/a/x/1.log", "/b/1.txt", "/b/x/1.log", "/b/x/y/z/1.txt"] {
            assert!(!rule.takes_path(not), "{not}");
        }
        let places: Vec<Place> = rule.starts().map(|(_, place)| place).collect();
        assert!(rule.takes_file(places[0], b"1.log") && !rule.takes_file(places[0], b"1.txt"));
        assert!(!rule.takes_file(places[1], b"1.txt"), "the wildcard stands for a directory");
        let below = rule.enter(places[1], b"x").unwrap();
        assert!(rule.takes_file(below, b"1.txt") && !rule.takes_file(below, b"1.log"));
        assert_eq!(rule.enter(places[0], b"x"), None);
    }
}
