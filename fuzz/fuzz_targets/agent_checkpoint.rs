//! Any file is a checkpoint or damaged, and what is read can be written and read again.
#![no_main]

use agent::checkpoint::{decode, encode};
use agent::files::escaped;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::identity::content_hash;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    /// With a right hash, as random bytes rarely have.
    Hashed {
        count: u8,
        body: &'a [u8],
    },
    Entry {
        config: &'a str,
        path: &'a [u8],
        offset: u64,
        change: Option<(u16, u8)>,
    },
}

fn check(bytes: &[u8]) {
    if let Ok(entries) = decode(bytes) {
        let again = decode(&encode(&entries)).expect("what is written is a checkpoint");
        assert_eq!(again, entries);
    }
}

fn hashed(count: u8, body: &[u8]) -> Vec<u8> {
    let header = format!("sidetail-checkpoint 2 {count} {:016x}\n", content_hash(body));
    [header.as_bytes(), body].concat()
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Bytes(bytes) => check(bytes),
        Input::Hashed { count, body } => check(&hashed(count, body)),
        Input::Entry { config, path, offset, change } => {
            // The names of JSON texts are escaped as JSON wants it.
            let config = json(config);
            let path = match str::from_utf8(path) {
                Ok(path) => json(path),
                Err(_) => {
                    format!("{{\"escaped\":{}}}", json(&escaped(OsStr::from_bytes(path))))
                }
            };
            let mut body = format!(
                "{{\"config\":{config},\"project\":\"p\",\"logstore\":\"l\",\"path\":{path},\
                 \"at\":{path},\"device\":1,\"inode\":2,\"head\":[5,6],\"offset\":{offset},\
                 \"anchor\":[7,8],\"generation\":0,\
                 \"file\":\"abababababababababababababababab\",\"seen\":1700000000}}\n"
            )
            .into_bytes();
            if let Some((at, with)) = change
                && let Some(byte) = body.get_mut(usize::from(at))
            {
                *byte ^= with;
            }
            check(&hashed(1, &body));
        }
    }
});

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}
