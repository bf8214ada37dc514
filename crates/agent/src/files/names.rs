//! Names of files in texts. A name is bytes, and most often UTF-8; where only text goes (the log,
//! the status, JSON) it stands escaped, so that two different names never look alike.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a OsStr);

impl<'a> Shown<'a> {
    /// Of a path or a name.
    pub fn of<P: AsRef<OsStr> + ?Sized>(path: &'a P) -> Self {
        Self(path.as_ref())
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&escaped(self.0))
    }
}

/// The name as it is, with `\\` for a backslash and `\xHH` for each byte that is no UTF-8 or of a
/// control character.
pub fn escaped<P: AsRef<OsStr> + ?Sized>(name: &P) -> Cow<'_, str> {
    let name = name.as_ref().as_bytes();
    let is_plain = |text: &str| !text.contains(|it: char| it == '\\' || it.is_control());
    if let Some(text) = str::from_utf8(name).ok().filter(|text| is_plain(text)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(name.len() * 2);
    for chunk in name.utf8_chunks() {
        for one in chunk.valid().chars() {
            match one {
                '\\' => out.push_str("\\\\"),
                one if one.is_control() => push_bytes(&mut out, one.encode_utf8(&mut [0; 4])),
                one => out.push(one),
            }
        }
        push_bytes(&mut out, chunk.invalid());
    }
    Cow::Owned(out)
}

fn push_bytes(out: &mut String, bytes: impl AsRef<[u8]>) {
    for byte in bytes.as_ref() {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// What [`escaped`] was made of; `None` when a backslash begins nothing that it writes.
pub fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        (name, rest) = match (*first, behind) {
            (b'\\', [b'\\', behind @ ..]) => (pushed(name, b'\\'), behind),
            (b'\\', [b'x', high, low, behind @ ..]) => {
                let byte = hex(*high)? << 4 | hex(*low)?;
                (pushed(name, byte), behind)
            }
            (b'\\', _) => return None,
            (byte, behind) => (pushed(name, byte), behind),
        };
    }
    Some(name)
}

fn pushed(mut name: Vec<u8>, byte: u8) -> Vec<u8> {
    name.push(byte);
    name
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// How `serde` writes a path: a text when it is UTF-8, and else `{"escaped": …}`.
pub mod lossless {
    use super::{OsStr, OsStrExt, Path, escaped, unescaped};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::borrow::Cow;
    use std::path::PathBuf;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written<'a> {
        Text(Cow<'a, str>),
        Escaped { escaped: Cow<'a, str> },
    }

    /// Writes it.
    ///
    /// # Errors
    /// As the serializer's.
    pub fn serialize<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        let written = match path.to_str() {
            Some(text) => Written::Text(Cow::Borrowed(text)),
            None => Written::Escaped { escaped: escaped(path) },
        };
        written.serialize(out)
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is neither of the two.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<PathBuf, D::Error> {
        match Written::deserialize(input)? {
            Written::Text(text) => Ok(PathBuf::from(text.into_owned())),
            Written::Escaped { escaped } => {
                let name = unescaped(&escaped)
                    .ok_or_else(|| D::Error::custom("an escaped path has a wrong escape"))?;
                Ok(PathBuf::from(OsStr::from_bytes(&name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn what_is_text_stands_as_it_is_and_all_else_escaped() {
        let check = |name: &[u8], shown: &str| {
            assert_eq!(Shown::of(OsStr::from_bytes(name)).to_string(), shown);
        };
        check("/日志/a b.log".as_bytes(), "/日志/a b.log");
        check(b"/\xc8\xd5.log", "/\\xc8\\xd5.log");
        check(b"/\\xc8.log", "/\\\\xc8.log");
        check(b"a\nb\x1b\x7f", "a\\x0ab\\x1b\\x7f");
        check("\u{85}".as_bytes(), "\\xc2\\x85");
    }

    #[test]
    fn a_wrong_escape_is_no_name() {
        for text in ["\\", "a\\y", "\\x", "\\x1", "\\xg0", "\\x+1"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in prop::collection::vec(any::<u8>(), 0..24)) {
            prop_assert_eq!(unescaped(&escaped(OsStr::from_bytes(&name))), Some(name));
        }

        #[test]
        fn paths_of_any_bytes_come_back_from_json(name in prop::collection::vec(any::<u8>(), 0..12)) {
            let path = Path::new(OsStr::from_bytes(&name));
            let mut json = Vec::new();
            lossless::serialize(path, &mut serde_json::Serializer::new(&mut json)).unwrap();
            let read = lossless::deserialize(&mut serde_json::Deserializer::from_slice(&json));
            prop_assert_eq!(read.unwrap().into_os_string().into_vec(), name);
        }
    }
}
