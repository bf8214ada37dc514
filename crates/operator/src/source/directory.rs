//! Manifests in a directory.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Manifest, Source, SourceError};

/// A larger file is no manifest.
const LARGEST_FILE_BYTES: u64 = 4 << 20;

/// The files `*.yaml`, `*.yml` and `*.json` directly in a directory. Hidden files are left out:
/// editors keep their copies under such names, and so do mounted ConfigMaps.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory at `path`. It is looked at with every read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn list(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let hidden =
                path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            let known = path.extension().is_some_and(|extension| {
                ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
            });
            if !hidden && known && !path.is_dir() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

impl Source for Directory {
    fn read(&mut self) -> Result<Vec<Manifest>, SourceError> {
        let paths = self
            .list()
            .map_err(|source| SourceError { place: self.path.display().to_string(), source })?;
        Ok(paths
            .into_iter()
            .map(|path| Manifest { origin: path.display().to_string(), text: read_text(&path) })
            .collect())
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(LARGEST_FILE_BYTES + 1).read_to_string(&mut text);
    match read {
        Ok(read) if read as u64 > LARGEST_FILE_BYTES => {
            Err(format!("it is larger than {LARGEST_FILE_BYTES} bytes"))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_in_the_order_of_their_names_and_others_left_out() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in
            [("b.yaml", "b"), ("a.yml", "a"), (".a.yaml", "x"), ("README.md", "x"), ("c.json", "c")]
        {
            fs::write(directory.path().join(name), text).unwrap();
        }
        fs::create_dir(directory.path().join("d.yaml")).unwrap();
        let found = Directory::new(directory.path()).read().unwrap();
        let texts: Vec<_> = found.into_iter().map(|manifest| manifest.text.unwrap()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn a_file_that_is_no_text_does_not_hide_the_others() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.yaml"), b"\xff\xfe\x00").unwrap();
        fs::write(directory.path().join("b.yaml"), "b").unwrap();
        let found = Directory::new(directory.path()).read().unwrap();
        assert!(found[0].text.is_err());
        assert_eq!(found[1].text.as_deref(), Ok("b"));
    }

    #[test]
    fn a_missing_directory_is_an_error_and_not_empty() {
        let error = Directory::new("/does/not/exist").read().unwrap_err();
        assert!(error.to_string().contains("/does/not/exist"));
    }
}
