//! What names and properties may be (`sls-api.md` section 3), and how many objects a project may
//! hold (section 2.3).

use super::{CatalogError, Kind};

/// Logstores, machine groups and configurations of one project, each.
pub(super) const OBJECTS_PER_PROJECT: usize = 200;
/// Days that logs are kept, at most; the value means "for ever".
pub(super) const MAX_TTL_DAYS: i64 = 3650;
/// Shards of a new logstore, at most.
pub(super) const MAX_SHARDS_AT_CREATION: i64 = 10;
/// How far a logstore may be split.
pub(super) const MAX_SPLIT_SHARDS: i64 = 256;

struct Rule {
    min_chars: usize,
    max_chars: usize,
    underscore: bool,
    text: &'static str,
}

/// Checks a name.
pub(super) fn check(kind: Kind, name: &str) -> Result<(), CatalogError> {
    let rule = rule(kind);
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || byte == b'-'
            || (byte == b'_' && rule.underscore)
    };
    let bytes = name.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let ok = (rule.min_chars..=rule.max_chars).contains(&bytes.len())
        && bytes.iter().copied().all(allowed)
        && ends_well(bytes.first())
        && ends_well(bytes.last());
    if ok {
        Ok(())
    } else {
        Err(CatalogError::Name { kind, name: name.to_owned(), rule: rule.text })
    }
}

fn rule(kind: Kind) -> Rule {
    match kind {
        Kind::Project => Rule {
            min_chars: 3,
            max_chars: 63,
            underscore: false,
            text: "3 to 63 characters of a-z, 0-9 and -, first and last a letter or digit",
        },
        Kind::Logstore | Kind::Index => Rule {
            min_chars: 2,
            max_chars: 63,
            underscore: true,
            text: "2 to 63 characters of a-z, 0-9, - and _, first and last a letter or digit",
        },
        Kind::MachineGroup => Rule {
            min_chars: 2,
            max_chars: 128,
            underscore: true,
            text: "2 to 128 characters of a-z, 0-9, - and _, first and last a letter or digit",
        },
        Kind::Config => Rule {
            min_chars: 2,
            max_chars: 128,
            underscore: true,
            text: "2 to 128 characters of a-z, 0-9, - and _, first and last a letter or digit",
        },
    }
}

/// Refuses one more object than a project may hold.
pub(super) fn check_room(kind: Kind, held: usize) -> Result<(), CatalogError> {
    if held < OBJECTS_PER_PROJECT {
        Ok(())
    } else {
        Err(CatalogError::Full { kind, limit: OBJECTS_PER_PROJECT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_their_kind() {
        let ok = |kind, name: &str| assert!(check(kind, name).is_ok(), "{kind} {name:?}");
        let bad = |kind, name: &str| assert!(check(kind, name).is_err(), "{kind} {name:?}");
        ok(Kind::Project, "k8s-log-1");
        bad(Kind::Project, "a_b");
        bad(Kind::Project, "ab");
        bad(Kind::Project, "a.b");
        bad(Kind::Project, "-ab");
        bad(Kind::Project, &"a".repeat(64));
        ok(Kind::Logstore, "a_b");
        ok(Kind::Logstore, "ab");
        bad(Kind::Logstore, "ab/c");
        bad(Kind::Logstore, "Ab");
        bad(Kind::Logstore, "");
        ok(Kind::MachineGroup, "nginx-log-sidecar");
        ok(Kind::Config, &"c".repeat(128));
        bad(Kind::Config, "数据");
    }
}
