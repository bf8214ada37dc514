use super::*;
use proptest::prelude::*;

/// The sample of `sls-api` 2.1, encoded by the official Python client.
const SAMPLE: &str = "0a130880e2cfaa0612060a016112016225050000001a017822017332060a0174120176";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    logs: Vec<(u32, Option<u32>, Pairs)>,
    tags: Pairs,
    topic: Vec<u8>,
    source: Vec<u8>,
}
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn plain(group: &LogGroup<'_>) -> Plain {
    let owned = |(key, value): (&[u8], &[u8])| (key.to_vec(), value.to_vec());
    Plain {
        logs: group
            .logs()
            .map(|log| (log.time, log.time_ns, log.contents().map(owned).collect()))
            .collect(),
        tags: group.tags().map(owned).collect(),
        topic: group.topic().to_vec(),
        source: group.source().to_vec(),
    }
}

fn encode(group: &Plain) -> Vec<u8> {
    let mut writer = LogGroupWriter::new();
    for (index, (time, nanos, fields)) in group.logs.iter().enumerate() {
        if index % 2 == 0 {
            writer.log(*time, *nanos, fields.iter().map(|(key, value)| (&key[..], &value[..])));
        } else {
            let keys: Vec<_> = fields.iter().map(|(key, _)| PreparedKey::new(key)).collect();
            writer.log(*time, *nanos, keys.iter().zip(fields.iter().map(|(_, v)| &v[..])));
        }
    }
    writer.topic(&group.topic);
    writer.source(&group.source);
    for (key, value) in &group.tags {
        writer.tag(key, value);
    }
    writer.take()
}

#[test]
fn the_sample_of_the_specification_is_read() {
    let sample = bytes(SAMPLE);
    let group = LogGroup::parse(&sample).unwrap();
    assert_eq!(group.len(), 1);
    assert_eq!(
        plain(&group),
        Plain {
            logs: vec![(1_700_000_000, Some(5), vec![(b"a".to_vec(), b"b".to_vec())])],
            tags: vec![(b"t".to_vec(), b"v".to_vec())],
            topic: b"x".to_vec(),
            source: b"s".to_vec(),
        }
    );
}

#[test]
fn the_sample_of_the_specification_is_written_byte_for_byte() {
    let sample = bytes(SAMPLE);
    assert_eq!(encode(&plain(&LogGroup::parse(&sample).unwrap())), sample);
}

fn check_refused(hex: &str, message: &str) {
    let error = LogGroup::parse(&bytes(hex)).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn broken_groups_are_refused_with_the_place() {
    check_refused("0a13", "log group ends inside a field at byte 0");
    check_refused("0a00", "log without Time in the message that starts at byte 2");
    check_refused("0a0608011202", "log group ends inside a field at byte 0");
    check_refused("0a0508011201", "log group ends inside a field at byte 0");
    check_refused(
        "0a0708011203 0a0161".replace(' ', "").as_str(),
        "log content without Value in the message that starts at byte 6",
    );
    check_refused("0a06 08ffffffff1f".replace(' ', "").as_str(), "number out of range at byte 2");
    check_refused("0801", "unexpected wire type or field number at byte 0");
    check_refused("0b", "unexpected wire type or field number at byte 0");
    check_refused("00", "unexpected wire type or field number at byte 0");
    check_refused("1affffffffffffffffffff7f", "number out of range at byte 0");
    check_refused("3201ff", "log group ends inside a field at byte 2");
}

#[test]
fn unknown_fields_are_skipped() {
    let mut group = bytes(SAMPLE);
    group.extend_from_slice(&bytes(
        "3a0178 4001 4d01000000 510000000000000000 820101aa".replace(' ', "").as_str(),
    ));
    assert_eq!(
        plain(&LogGroup::parse(&group).unwrap()),
        plain(&LogGroup::parse(&bytes(SAMPLE)).unwrap())
    );
}

fn pairs() -> impl Strategy<Value = Pairs> {
    let text = || prop::collection::vec(any::<u8>(), 0..200);
    prop::collection::vec((text(), text()), 0..6)
}

prop_compose! {
    fn groups()(
        logs in prop::collection::vec((any::<u32>(), any::<Option<u32>>(), pairs()), 0..8),
        tags in pairs(),
        topic in prop::collection::vec(any::<u8>(), 0..20),
        source in prop::collection::vec(any::<u8>(), 0..20),
    ) -> Plain {
        Plain { logs, tags, topic, source }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(group in groups()) {
        let encoded = encode(&group);
        prop_assert_eq!(plain(&LogGroup::parse(&encoded).unwrap()), group);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(group) = LogGroup::parse(&bytes) {
            prop_assert_eq!(group.logs().count(), group.len());
            plain(&group);
        }
    }

    #[test]
    fn a_damaged_group_is_refused_or_read_to_the_end(group in groups(), at in any::<prop::sample::Index>(), byte: u8, cut in any::<bool>()) {
        let mut encoded = encode(&group);
        prop_assume!(!encoded.is_empty());
        let at = at.index(encoded.len());
        if cut { encoded.truncate(at) } else { encoded[at] = byte }
        if let Ok(group) = LogGroup::parse(&encoded) {
            prop_assert_eq!(group.logs().count(), group.len());
            plain(&group);
        }
    }
}
