use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::entry::{FILE_HEADER_BYTES, FileHeader, FrameHeader, frame_bytes};
use super::reader::{ScanError, Tail, scan};
use super::*;
use crate::commit_log::{CommitLog, LogEntry};
use crate::disk::{Crash, Disk, SimDisk};
use crate::engine::DamagedLog;
use crate::ids::{Origin, Seq, StoreId};

const DIR: &str = "/wal";
const SETTINGS: WalSettings = WalSettings { file_bytes: 8192, salt_seed: 42 };

type Groups = Vec<(u16, Seq, Vec<u8>)>;

fn open_with(
    disk: &SimDisk,
    log_start: u64,
    policy: DamagedLog,
) -> Result<(Wal, LogRecovery, Groups), LogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut groups = Groups::new();
    let known = Known { log_start, last_seq: LastSeqs::new(), seq_floor: Seq::NONE };
    let (wal, report) = recover(&disk, Path::new(DIR), SETTINGS, known, policy, &mut |found| {
        let header = found.frame.header;
        groups.push((header.shard, header.seq, found.frame.payload.to_vec()));
        Ok(())
    })?;
    Ok((wal, report, groups))
}

fn open(disk: &SimDisk) -> Result<(Wal, LogRecovery, Groups), LogError> {
    open_with(disk, 1, DamagedLog::Refuse)
}

fn entry(shard: u16, payload: Vec<u8>) -> LogEntry {
    LogEntry { store: StoreId(1), shard, received_nanos: 5, origin: None, payload }
}

/// A payload that is told apart from others of other lengths and tags.
fn payload(tag: u8, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| tag.wrapping_add(at as u8)).collect()
}

fn path(number: u64) -> std::path::PathBuf {
    Path::new(DIR).join(crate::names::wal_file(number))
}

/// Commits of some groups each; several files' worth.
fn commits() -> Vec<Vec<LogEntry>> {
    let mut tag = 0;
    [1, 3, 1, 6, 2, 5, 4, 1]
        .iter()
        .enumerate()
        .map(|(at, &count)| {
            let groups = (0..count).map(|group| {
                tag += 1;
                entry(group as u16 % 2, payload(tag, 100 + (at * 331 + group * 517) % 1400))
            });
            groups.collect()
        })
        .collect()
}

/// Writes until something fails; answers what was acknowledged and everything that was sent.
fn write(wal: &Wal, commits: &[Vec<LogEntry>]) -> (Groups, Groups) {
    let mut sent = Groups::new();
    let mut acknowledged = Groups::new();
    let mut next = [1, 1];
    for entries in commits {
        let groups: Groups = entries
            .iter()
            .map(|entry| {
                let seq = &mut next[usize::from(entry.shard)];
                *seq += 1;
                (entry.shard, Seq(*seq - 1), entry.payload.clone())
            })
            .collect();
        sent.extend(groups.iter().cloned());
        match wal.commit(entries) {
            Ok(seqs) => {
                assert_eq!(seqs, groups.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>());
                acknowledged.extend(groups);
            }
            Err(_) => break,
        }
    }
    (acknowledged, sent)
}

#[test]
fn any_sectors_lost_in_a_power_cut_leave_a_log_that_opens_with_all_that_was_acknowledged() {
    let whole = SimDisk::new();
    write(&open(&whole).unwrap().0, &commits());
    assert!(whole.contents(&path(3)).is_some(), "the commits are meant to fill several files");
    for cut in 1..=whole.calls() + 1 {
        let disk = SimDisk::new();
        disk.cut_power_at(cut);
        let (acknowledged, sent) = write(&open(&disk).unwrap().0, &commits());
        for seed in 0..40 {
            let context = format!("cut at {cut}, seed {seed}");
            let left = disk.crash(Crash::Random(seed));
            let (_, _, found) = open(&left).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(found.starts_with(&acknowledged), "{context}: something is lost");
            assert!(sent.starts_with(&found), "{context}: something is out of order");
            // Again, as after a power cut right behind the recovery.
            let (_, _, again) = open(&left.crash(Crash::DropUnsynced)).unwrap();
            assert_eq!(again, found, "{context}");
        }
    }
}

#[test]
fn groups_a_killed_process_left_in_the_page_cache_are_durable_once_they_were_shown() {
    let disk = SimDisk::new();
    let (wal, ..) = open(&disk).unwrap();
    wal.commit(&[entry(0, payload(1, 10))]).unwrap();
    disk.fail_once_at(disk.calls() + 2);
    wal.commit(&[entry(0, payload(2, 10))]).unwrap_err();
    let killed = disk.crash(Crash::KeepAll);
    let (_, _, shown) = open(&killed).unwrap();
    assert_eq!(open(&killed.crash(Crash::DropUnsynced)).unwrap().2, shown);
}

#[test]
fn numbers_go_on_after_everything_that_was_found() {
    let disk = SimDisk::new();
    let (wal, ..) = open(&disk).unwrap();
    wal.commit(&[entry(0, vec![1]), entry(1, vec![2]), entry(0, vec![3])]).unwrap();
    let known = Known {
        log_start: 1,
        last_seq: LastSeqs::from([((StoreId(1), 1), Seq(10)), ((StoreId(2), 0), Seq(5))]),
        seq_floor: Seq::NONE,
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (wal, _) =
        recover(&disk, Path::new(DIR), SETTINGS, known, DamagedLog::Refuse, &mut |_| Ok(()))
            .unwrap();
    let other = LogEntry { store: StoreId(2), ..entry(0, vec![5]) };
    assert_eq!(
        wal.commit(&[entry(0, vec![4]), entry(1, vec![4]), other]).unwrap(),
        [Seq(3), Seq(11), Seq(6)]
    );
    wal.raise_seq_floor(Seq(100));
    assert_eq!(wal.commit(&[entry(0, vec![6]), entry(0, vec![6])]).unwrap(), [Seq(101), Seq(102)]);
}

/// The number of the last file.
fn newest(disk: &SimDisk) -> u64 {
    disk.list(Path::new(DIR)).unwrap().len() as u64
}

/// A log of several files, closed without its mark.
fn written() -> (SimDisk, Groups) {
    let disk = SimDisk::new();
    let (acknowledged, _) = write(&open(&disk).unwrap().0, &commits());
    (disk.crash(Crash::DropUnsynced), acknowledged)
}

#[test]
fn a_flipped_byte_before_the_last_commit_is_never_taken_for_a_torn_tail() {
    let (disk, acknowledged) = written();
    let newest = newest(&disk);
    for file in 1..=newest {
        let bytes = disk.contents(&path(file)).unwrap();
        let found = scan(&bytes).unwrap();
        // In the newest file only a later commit can tell; and padding means nothing.
        let last_sync = found.groups.last().unwrap().header.synced_through as usize;
        for frame in found.groups.iter().filter(|frame| file < newest || frame.end() <= last_sync) {
            let payload_end = frame.offset + entry::FRAME_HEADER_BYTES + frame.payload.len();
            for at in [frame.offset, frame.offset + 9, frame.offset + 30, payload_end - 1] {
                let damaged = disk.crash(Crash::KeepAll);
                damaged.tamper(&path(file), |bytes| bytes[at] ^= 0x10);
                let Err(LogError::Damaged { damage, file: name }) = open(&damaged) else {
                    panic!("file {file} byte {at}: opened");
                };
                assert_eq!(damage.offset, frame.offset as u64, "file {file} byte {at}");
                assert_eq!(name, crate::names::wal_file(file));
                assert_eq!(damage.file, crate::names::quarantined_wal_file(file));

                // It stays refused, and is whole again when a good copy is put back.
                assert!(matches!(open(&damaged), Err(LogError::Damaged { .. })));
                damaged.create(&path(file)).unwrap().write_at(0, &bytes).unwrap();
                assert_eq!(open(&damaged).unwrap().2, acknowledged);
            }
        }
    }
}

#[test]
fn salvaging_gives_up_one_group_and_keeps_all_others() {
    let (disk, acknowledged) = written();
    let second = scan(&disk.contents(&path(1)).unwrap()).unwrap().groups[1].offset;
    disk.tamper(&path(1), |bytes| bytes[second + 100] ^= 1);
    open(&disk).map(|_| ()).unwrap_err();
    let (wal, report, found) = open_with(&disk, 1, DamagedLog::Salvage).unwrap();
    let mut expected = acknowledged.clone();
    expected.remove(1);
    assert_eq!(found, expected);
    let damages: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
    let [damage] = damages.as_slice() else { panic!("{damages:?}") };
    assert!(
        damage
            .starts_with(&format!("log file 0000000000000001.wal.quarantined at byte {second}: ")),
        "{damage}"
    );
    // Released like any other, but the file that was put aside stays.
    let next = newest(&disk) + 1;
    assert_eq!(wal.needed_from(&|_, _, _| true), next);
    wal.release(next).unwrap();
    assert_eq!(disk.list(Path::new(DIR)).unwrap(), ["0000000000000001.wal.quarantined"]);
    assert_eq!(open_with(&disk, next, DamagedLog::Refuse).unwrap().2, []);
}

#[test]
fn an_end_that_is_missing_from_an_older_file_is_noticed() {
    let (disk, _) = written();
    let whole = disk.contents(&path(1)).unwrap();
    let end = scan(&whole).unwrap();
    let last = end.groups.last().unwrap().offset;
    disk.tamper(&path(1), |bytes| bytes[last..].fill(0));
    let Err(LogError::Damaged { damage, .. }) = open(&disk) else { panic!("opened") };
    assert_eq!(damage.offset, last as u64);
    assert_eq!(
        damage.reason,
        format!("the groups end here, the next file says they go on to byte {}", end.end)
    );
}

#[test]
fn a_missing_file_is_noticed_at_the_start_and_in_the_middle() {
    for missing in [1, 2] {
        let (disk, _) = written();
        disk.remove(&path(missing)).unwrap();
        let refused = open(&disk).map(|_| ()).unwrap_err();
        assert!(
            matches!(&refused, LogError::Missing { file } if *file == crate::names::wal_file(missing))
        );
        let (_, report, _) = open_with(&disk, 1, DamagedLog::Salvage).unwrap();
        assert_eq!(report.damages.len(), 1);
    }
}

#[test]
fn a_file_that_was_released_and_came_back_is_removed_again() {
    let (disk, acknowledged) = written();
    let (_, _, found) = open_with(&disk, 2, DamagedLog::Refuse).unwrap();
    assert!(acknowledged.ends_with(&found) && found.len() < acknowledged.len());
    assert_eq!(disk.contents(&path(1)), None);
}

#[test]
fn the_newest_file_with_a_torn_header_is_dropped_only_when_nothing_follows_it() {
    let (disk, acknowledged) = written();
    let next = path(newest(&disk) + 1);
    let header = FileHeader { number: 9, previous_end: 0, salt: u64::MAX }.encode();
    // The rest of the header is reserved, and zero.
    for kept in 0..40 {
        let torn = disk.crash(Crash::KeepAll);
        let file = torn.create(&next).unwrap();
        file.set_len(8192).unwrap();
        file.write_at(0, &header[..kept]).unwrap();
        assert_eq!(open(&torn).unwrap().2, acknowledged, "{kept} bytes of the header");
        assert_eq!(torn.contents(&next), None);
        torn.create(&next).unwrap().write_at(4000, &[1]).unwrap();
        assert!(matches!(open(&torn), Err(LogError::Damaged { .. })));
    }
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let (disk, _) = written();
    let last = path(newest(&disk));
    disk.tamper(&last, |bytes| {
        bytes[8] = 2;
        bytes[12..16].fill(0);
        let crc = crc32c::crc32c(&bytes[..FILE_HEADER_BYTES]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    });
    let before = disk.contents(&last);
    let refused = open(&disk).map(|_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "log file {} has version 2, this program reads up to 1: use the program that wrote it",
            crate::names::wal_file(newest(&disk))
        )
    );
    assert_eq!(disk.contents(&last), before);
}

#[test]
fn a_file_under_the_name_of_another_is_refused() {
    let (disk, _) = written();
    let second = disk.contents(&path(2)).unwrap();
    disk.tamper(&path(1), |bytes| *bytes = second);
    let Err(LogError::Damaged { damage, .. }) = open(&disk) else { panic!("opened") };
    assert_eq!(damage.reason, "its header says it is file 2");
}

#[test]
fn after_an_orderly_end_even_the_last_group_cannot_be_lost_unnoticed() {
    let disk = SimDisk::new();
    let (wal, ..) = open(&disk).unwrap();
    wal.commit(&[entry(0, payload(1, 50))]).unwrap();
    wal.seal().unwrap();
    assert_eq!(open(&disk.crash(Crash::KeepAll)).unwrap().1.torn_bytes, 0);
    disk.tamper(&path(1), |bytes| bytes[FILE_HEADER_BYTES + 90] ^= 1);
    assert!(matches!(open(&disk), Err(LogError::Damaged { .. })));
}

#[test]
fn a_group_that_is_larger_than_a_file_gets_a_file_of_its_size() {
    let disk = SimDisk::new();
    let (wal, ..) = open(&disk).unwrap();
    wal.commit(&[entry(0, payload(1, 10))]).unwrap();
    wal.commit(&[entry(0, payload(2, 50_000))]).unwrap();
    wal.commit(&[entry(0, payload(3, 10))]).unwrap();
    let sizes: Vec<usize> =
        open(&disk).unwrap().2.iter().map(|(_, _, payload)| payload.len()).collect();
    assert_eq!(sizes, [10, 50_000, 10]);
}

#[test]
fn a_payload_that_looks_like_frames_is_not_believed() {
    let mut forged = Vec::new();
    // What a sender can know: the format, but not the salt of the file.
    let group = FrameHeader { synced_through: u32::MAX, ..FrameHeader::seal(0, 0) };
    (0..20).for_each(|_| group.encode(0, &[], &mut forged));
    let disk = SimDisk::new();
    let (wal, ..) = open(&disk).unwrap();
    wal.commit(&[entry(0, payload(1, 10))]).unwrap();
    disk.fail_once_at(disk.calls() + 2);
    wal.commit(&[entry(0, forged)]).unwrap_err();
    let first = FILE_HEADER_BYTES + frame_bytes(10);
    // The head of the frame is lost, its payload is there.
    disk.tamper(&path(1), |bytes| bytes[first..first + 80].fill(0));
    assert_eq!(open(&disk).unwrap().2.len(), 1);
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let group = (any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..60));
    prop::collection::vec(group, 0..8).prop_map(|groups| {
        let mut file = FileHeader { number: 1, previous_end: 0, salt: 9 }.encode().to_vec();
        for (at, (shard, synced_through, payload)) in groups.into_iter().enumerate() {
            let origin = (shard % 2 == 0).then_some(Origin { file: [7; 16], start: 1, end: 2 });
            let header = FrameHeader {
                kind: entry::Kind::Group,
                shard,
                synced_through: synced_through % 600,
                store: StoreId(3),
                seq: Seq(at as u64 + 1),
                received_nanos: -4,
                origin,
                payload_bytes: payload.len() as u32,
                payload_crc: entry::payload_crc(9, &payload),
            };
            let start = file.len();
            header.encode(9, &payload, &mut file);
            assert_eq!(FrameHeader::decode(9, &file[start..]), Some(header));
            assert_eq!(file.len(), start + frame_bytes(payload.len()));
        }
        file
    })
}

proptest! {
    #[test]
    fn a_cut_file_reads_as_a_prefix_of_the_whole(file in any_file(), cut in any::<prop::sample::Index>()) {
        let whole = scan(&file).unwrap();
        let cut = cut.index(file.len() + 1);
        match scan(&file[..cut]) {
            Ok(found) => {
                prop_assert!(whole.groups.starts_with(&found.groups));
                let damaged = matches!(found.tail, Tail::Damaged { .. });
                prop_assert!(!damaged);
                // Only the frame that was cut is missing, and padding may be.
                let next = whole.groups.get(found.groups.len());
                let end = |frame: &reader::Frame<'_>| frame.offset + entry::FRAME_HEADER_BYTES + frame.payload.len();
                prop_assert!(next.is_none_or(|next| end(next) > cut));
            }
            Err(error) => {
                prop_assert_eq!(error, ScanError::Stillborn);
                prop_assert!(cut < FILE_HEADER_BYTES);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        mut file in any_file(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        file.extend_from_slice(&noise);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Ok(found) = scan(&file) {
            prop_assert!(found.end >= FILE_HEADER_BYTES);
        }
        let _ = scan(&noise);
    }
}
