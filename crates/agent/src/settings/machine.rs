//! What settings need to see of the machine: small files, and the memory limit of the container.

use std::io;
use std::path::Path;

/// Reads small files and lists directories.
pub trait Machine {
    /// The text of a file.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
}

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// The memory that the container may use, in bytes; `None` when there is no limit or none can be
/// found. Both versions of control groups are understood.
pub fn memory_limit(machine: &dyn Machine) -> Option<u64> {
    let groups = machine.read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let group = |controller: &str| {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let names = parts.next()?;
            names.split(',').any(|name| name == controller).then(|| parts.next())?
        })
    };
    // In a container of its own namespace the group is `/`, and the mount shows only it.
    let own = |root: &str, group: Option<&str>, file: &str| {
        let group = group.unwrap_or("/").trim_matches('/');
        let found = machine.read(&Path::new(root).join(group).join(file));
        found.or_else(|_| machine.read(&Path::new(root).join(file))).ok()
    };
    let text = own("/sys/fs/cgroup", group(""), "memory.max")
        .or_else(|| own("/sys/fs/cgroup/memory", group("memory"), "memory.limit_in_bytes"))?;
    let bytes: u64 = text.trim().parse().ok()?;
    // The first version has no word for "none" and writes a number that no machine has.
    (bytes < 1 << 60).then_some(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Files by their path; a directory is what files are in.
    #[derive(Default)]
    pub(crate) struct Paper(pub(crate) BTreeMap<String, String>);

    impl Paper {
        pub(crate) fn of(files: &[(&str, &str)]) -> Self {
            let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
            Self(files.iter().map(owned).collect())
        }
    }

    impl Machine for Paper {
        fn read(&self, path: &Path) -> io::Result<String> {
            let found = self.0.get(&*path.to_string_lossy());
            found.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
            let inside = format!("{}/", dir.display());
            let names: Vec<String> = self
                .0
                .keys()
                .filter_map(|path| path.strip_prefix(&inside).map(str::to_owned))
                .collect();
            if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
        }
    }

    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        assert_eq!(memory_limit(&Paper::of(files)), expected, "{files:?}");
    }

    #[test]
    fn the_limit_of_the_container_is_found() {
        check(&[], None);
        check(&[("/sys/fs/cgroup/memory.max", "max\n")], None);
        check(&[("/sys/fs/cgroup/memory.max", "31457280\n")], Some(30 << 20));
        let nested = [
            ("/proc/self/cgroup", "0::/kubepods/pod1\n"),
            ("/sys/fs/cgroup/kubepods/pod1/memory.max", "536870912\n"),
            ("/sys/fs/cgroup/memory.max", "max\n"),
        ];
        check(&nested, Some(512 << 20));
        let first_version = [
            ("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n"),
        ];
        check(&first_version, Some(100 << 20));
        check(&[("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")], None);
    }
}
