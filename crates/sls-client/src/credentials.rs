//! Where the access key comes from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Public part.
    pub id: String,
    /// Secret part; never shown.
    pub secret: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where the access key comes from.
#[derive(Debug)]
pub enum CredentialSource {
    /// Requests are not signed: a server with `--no-auth`.
    Anonymous,
    /// A key that does not change.
    Static(KeyPair),
    /// Two files, one for each part, as a mounted Kubernetes Secret has them. They are read
    /// again whenever one of them changes, so a rotated key needs no restart.
    Files(KeyFiles),
}

/// The two files of [`CredentialSource::Files`].
#[derive(Debug)]
pub struct KeyFiles {
    id: PathBuf,
    secret: PathBuf,
    /// The last pair read, with the modification times it was read at.
    last: Mutex<Option<([SystemTime; 2], KeyPair)>>,
}

/// A key file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("access key file {path} cannot be read: {source}")]
pub struct KeyFileError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl CredentialSource {
    /// Keys in two files.
    pub fn files(id: impl Into<PathBuf>, secret: impl Into<PathBuf>) -> Self {
        Self::Files(KeyFiles { id: id.into(), secret: secret.into(), last: Mutex::new(None) })
    }

    /// The key to sign with now; `None` for anonymous requests.
    pub(crate) fn current(&self) -> Result<Option<KeyPair>, KeyFileError> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Static(pair) => Ok(Some(pair.clone())),
            Self::Files(files) => files.current().map(Some),
        }
    }
}

impl CredentialSource {
    /// The key was refused: what is read next is read from its files, whatever their times say.
    pub(crate) fn forget(&self) {
        if let Self::Files(files) = self {
            *files.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
        }
    }
}

impl KeyFiles {
    fn current(&self) -> Result<KeyPair, KeyFileError> {
        let changed = [modified(&self.id)?, modified(&self.secret)?];
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((at, pair)) = &*last
            && *at == changed
        {
            return Ok(pair.clone());
        }
        let pair = KeyPair { id: read(&self.id)?, secret: read(&self.secret)? };
        *last = Some((changed, pair.clone()));
        Ok(pair)
    }
}

fn modified(path: &PathBuf) -> Result<SystemTime, KeyFileError> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .map_err(|source| KeyFileError { path: path.clone(), source })
}

fn read(path: &PathBuf) -> Result<String, KeyFileError> {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|source| KeyFileError { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rotated_key_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let (id, secret) = (dir.path().join("id"), dir.path().join("secret"));
        std::fs::write(&id, "one\n").unwrap();
        std::fs::write(&secret, "first\n").unwrap();
        let source = CredentialSource::files(&id, &secret);
        assert_eq!(source.current().unwrap().unwrap().secret, "first");
        std::fs::write(&secret, "second\n").unwrap();
        let later = SystemTime::now() + Duration::from_secs(5);
        std::fs::File::open(&secret).unwrap().set_modified(later).unwrap();
        assert_eq!(source.current().unwrap().unwrap().secret, "second");
    }

    #[test]
    fn a_refused_key_is_read_again_whatever_the_time_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (id, secret) = (dir.path().join("id"), dir.path().join("secret"));
        std::fs::write(&id, "one").unwrap();
        std::fs::write(&secret, "first").unwrap();
        let source = CredentialSource::files(&id, &secret);
        assert_eq!(source.current().unwrap().unwrap().secret, "first");
        let time = std::fs::metadata(&secret).unwrap().modified().unwrap();
        std::fs::write(&secret, "second").unwrap();
        std::fs::File::open(&secret).unwrap().set_modified(time).unwrap();
        assert_eq!(source.current().unwrap().unwrap().secret, "first");
        source.forget();
        assert_eq!(source.current().unwrap().unwrap().secret, "second");
    }

    #[test]
    fn a_missing_key_file_is_named() {
        let source = CredentialSource::files("/nonexistent/id", "/nonexistent/secret");
        let error = source.current().unwrap_err().to_string();
        assert!(error.starts_with("access key file /nonexistent/id cannot be read"), "{error}");
    }

    #[test]
    fn the_secret_is_not_shown() {
        let pair = KeyPair { id: "ak".into(), secret: "hidden".into() };
        assert!(!format!("{:?}", CredentialSource::Static(pair)).contains("hidden"));
    }
}
