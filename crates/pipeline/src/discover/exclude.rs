//! What a configuration leaves out: `advanced.blacklist` (`agent` 2.3).

use super::Glob;
use sls::collect::Exclusions;

/// Compiled exclusions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExcludeRule {
    dirs: Vec<PathPattern>,
    file_names: Vec<Glob>,
    file_paths: Vec<PathPattern>,
}

impl ExcludeRule {
    /// Compiles the three lists.
    pub fn new(exclusions: &Exclusions) -> Self {
        let paths = |list: &[String]| list.iter().map(|text| PathPattern::new(text)).collect();
        Self {
            dirs: paths(&exclusions.dirs),
            file_names: exclusions.file_names.iter().map(|name| Glob::new(name)).collect(),
            file_paths: paths(&exclusions.file_paths),
        }
    }

    /// Whether the directory, and so everything in it, is left out.
    pub fn excludes_dir(&self, path: &[u8]) -> bool {
        self.dirs.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether the file is left out, apart from its directory.
    pub fn excludes_file(&self, path: &[u8], name: &[u8]) -> bool {
        self.file_names.iter().any(|glob| glob.matches(name))
            || self.file_paths.iter().any(|pattern| pattern.matches(path))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathPattern {
    /// A path: itself and everything below.
    Plain(Vec<u8>),
    /// With `*` or `?`: component by component.
    Components(Vec<Glob>),
    /// With `**`: wildcards take slashes too.
    Free(Glob),
}

impl PathPattern {
    fn new(text: &str) -> Self {
        let text = text.trim_end_matches('/');
        if text.contains("**") {
            Self::Free(Glob::new(text))
        } else if text.contains(['*', '?', '[']) {
            Self::Components(text.split('/').map(Glob::new).collect())
        } else {
            Self::Plain(text.as_bytes().to_vec())
        }
    }

    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Plain(plain) => path
                .strip_prefix(plain.as_slice())
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/'))),
            Self::Components(globs) => {
                let mut parts = path.split(|byte| *byte == b'/');
                globs.iter().all(|glob| parts.next().is_some_and(|part| glob.matches(part)))
                    && parts.next().is_none()
            }
            Self::Free(glob) => glob.matches(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let rule = ExcludeRule::new(&Exclusions {
            dirs: vec![pattern.to_owned()],
            ..Exclusions::default()
        });
        for path in matching {
            assert!(rule.excludes_dir(path.as_bytes()), "{pattern} leaves out {path}");
        }
        for path in other {
            assert!(!rule.excludes_dir(path.as_bytes()), "{pattern} keeps {path}");
        }
    }

    #[test]
    fn directories_are_left_out_by_path_or_pattern() {
        check("/a/b/", &["/a/b", "/a/b/c"], &["/a/bc", "/a"]);
        check("/a/*", &["/a/b"], &["/a", "/a/b/c"]);
        check("/a/**", &["/a/b", "/a/b/c"], &["/b"]);
    }

    #[test]
    fn files_are_left_out_by_name_or_path() {
        let rule = ExcludeRule::new(&Exclusions {
            dirs: vec![],
            file_names: vec!["debug*.log".into()],
            file_paths: vec!["/a/x.log".into()],
        });
        assert!(rule.excludes_file(b"/a/debug1.log", b"debug1.log"));
        assert!(rule.excludes_file(b"/a/x.log", b"x.log"));
        assert!(!rule.excludes_file(b"/b/x.log", b"x.log"));
    }
}
