//! Logstores with their shards, and their indexes.

use std::sync::Arc;

use sls::api;
use sls::api::logstore::LogstoreFields;
use sls::api::shard::{Shard, ShardStatus};
use store::StoreId;
use store::catalog::Edit;

use super::Change;
use crate::catalog::model::{Index, Logstore};
use crate::catalog::record::{self, IndexRecord, LogstoreRecord};
use crate::catalog::{CatalogError, Kind, names};

/// A logstore that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLogstore {
    /// Its number in the engine.
    pub store: StoreId,
}

impl Change {
    /// Adds a logstore.
    ///
    /// # Errors
    /// A bad name or property, there is one of this name, or the project is full or missing.
    pub fn create_logstore(
        &mut self,
        project: &str,
        fields: LogstoreFields,
    ) -> Result<NewLogstore, CatalogError> {
        let name = fields.logstore_name.clone().unwrap_or_default();
        names::check(Kind::Logstore, &name)?;
        let now = self.now_secs;
        let held = self.project(project)?;
        if held.logstores.contains_key(&name) {
            return Err(CatalogError::exists(Kind::Logstore, &name));
        }
        names::check_room(Kind::Logstore, held.logstores.len())?;
        let shards = fields.shard_count.unwrap_or(DEFAULT_SHARDS);
        if !(1..=names::MAX_SHARDS_AT_CREATION).contains(&shards) {
            let reason = format!("shardCount {shards} is not in 1 to 10");
            return Err(CatalogError::Invalid { kind: Kind::Logstore, reason });
        }
        let properties = merge(
            api::logstore::Logstore {
                logstore_name: name.clone(),
                ttl: DEFAULT_TTL_DAYS,
                shard_count: shards,
                auto_split: true,
                max_split_shard: 64,
                mode: "standard".into(),
                create_time: now,
                ..Default::default()
            },
            fields,
            now,
        )?;
        let store = self.model.next_store;
        self.model.next_store += 1;
        let next = record::encode(&self.model.next_store);
        self.put(record::COUNTER, record::NEXT_STORE.to_owned(), false, next);
        let record = LogstoreRecord { store, properties, shards: even_shards(shards, now) };
        let key = format!("{project}/{name}");
        self.put(record::LOGSTORE, key, true, record::encode(&record));
        let logstore = Logstore { record, index: None };
        self.project(project)?.logstores.insert(name, Arc::new(logstore));
        Ok(NewLogstore { store: StoreId(store) })
    }

    fn logstore(&mut self, project: &str, name: &str) -> Result<&mut Logstore, CatalogError> {
        let logstore = self.project(project)?.logstores.get_mut(name);
        logstore.map(Arc::make_mut).ok_or_else(|| CatalogError::missing(Kind::Logstore, name))
    }

    /// Changes what is given of a logstore. The number of shards changes only by splitting, so
    /// `shardCount`, which clients always repeat, is not looked at.
    ///
    /// # Errors
    /// A bad property, or there is no such logstore.
    pub fn update_logstore(
        &mut self,
        project: &str,
        name: &str,
        fields: LogstoreFields,
    ) -> Result<(), CatalogError> {
        let now = self.now_secs;
        let logstore = self.logstore(project, name)?;
        logstore.record.properties = merge(logstore.record.properties.clone(), fields, now)?;
        let value = record::encode(&logstore.record);
        self.put(record::LOGSTORE, format!("{project}/{name}"), false, value);
        Ok(())
    }

    /// Deletes a logstore and its index. Gives the store that is gone.
    ///
    /// # Errors
    /// There is no such logstore.
    pub fn delete_logstore(&mut self, project: &str, name: &str) -> Result<StoreId, CatalogError> {
        let store = self.logstore(project, name)?.store();
        self.project(project)?.logstores.remove(name);
        self.delete(record::LOGSTORE, format!("{project}/{name}"));
        self.delete(record::INDEX, format!("{project}/{name}"));
        // In the same transaction, so that a crash leaves no rows without an owner.
        self.edits.push(Edit::DropStore(store));
        Ok(store)
    }

    /// Gives a logstore an index.
    ///
    /// # Errors
    /// A bad index, it has one already, or there is no such logstore.
    pub fn create_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        if self.logstore(project, logstore)?.index.is_some() {
            return Err(CatalogError::exists(Kind::Index, logstore));
        }
        self.put_index(project, logstore, index)
    }

    /// Replaces the index of a logstore.
    ///
    /// # Errors
    /// A bad index, it has none, or there is no such logstore.
    pub fn update_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        self.logstore(project, logstore)?.index()?;
        self.put_index(project, logstore, index)
    }

    fn put_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        if let Some(reason) = index.problem() {
            return Err(CatalogError::Invalid { kind: Kind::Index, reason });
        }
        let record = IndexRecord { index, last_modify_time: self.now_secs };
        self.put(record::INDEX, format!("{project}/{logstore}"), false, record::encode(&record));
        self.logstore(project, logstore)?.index = Some(Arc::new(Index::new(record)));
        Ok(())
    }

    /// Takes the index of a logstore away.
    ///
    /// # Errors
    /// It has none, or there is no such logstore.
    pub fn delete_index(&mut self, project: &str, logstore: &str) -> Result<(), CatalogError> {
        let held = self.logstore(project, logstore)?;
        held.index()?;
        held.index = None;
        self.delete(record::INDEX, format!("{project}/{logstore}"));
        Ok(())
    }
}

/// Shards of a logstore whose creator named no number.
const DEFAULT_SHARDS: i64 = 2;
/// Days that logs are kept when the creator named no number.
const DEFAULT_TTL_DAYS: i64 = 30;

fn merge(
    held: api::logstore::Logstore,
    given: LogstoreFields,
    now_secs: i64,
) -> Result<api::logstore::Logstore, CatalogError> {
    let invalid = |reason| Err(CatalogError::Invalid { kind: Kind::Logstore, reason });
    let merged = api::logstore::Logstore {
        ttl: given.ttl.unwrap_or(held.ttl),
        enable_tracking: given.enable_tracking.unwrap_or(held.enable_tracking),
        auto_split: given.auto_split.unwrap_or(held.auto_split),
        max_split_shard: given.max_split_shard.unwrap_or(held.max_split_shard),
        append_meta: given.append_meta.unwrap_or(held.append_meta),
        telemetry_type: given.telemetry_type.unwrap_or(held.telemetry_type),
        mode: given.mode.unwrap_or(held.mode),
        hot_ttl: given.hot_ttl.or(held.hot_ttl),
        infrequent_access_ttl: given.infrequent_access_ttl.or(held.infrequent_access_ttl),
        encrypt_conf: given.encrypt_conf.or(held.encrypt_conf),
        processor_id: given.processor_id.or(held.processor_id),
        product_type: given.product_type.or(held.product_type),
        last_modify_time: now_secs,
        ..held
    };
    if !(1..=names::MAX_TTL_DAYS).contains(&merged.ttl) {
        return invalid(format!("ttl {} is not in 1 to {}", merged.ttl, names::MAX_TTL_DAYS));
    }
    // Clients send 0 beside `autoSplit: false`.
    if !(0..=names::MAX_SPLIT_SHARDS).contains(&merged.max_split_shard) {
        let limit = names::MAX_SPLIT_SHARDS;
        return invalid(format!("maxSplitShard {} is not in 1 to {limit}", merged.max_split_shard));
    }
    Ok(merged)
}

/// Cuts the range of hash keys evenly. The last range ends with all `f`.
fn even_shards(count: i64, now_secs: i64) -> Vec<Shard> {
    let parts = u128::try_from(count).expect("the count was checked to be positive");
    // `shard * 2^128 / parts`, taken apart because 2^128 itself has no room in the type.
    let (quotient, rest) = (u128::MAX / parts, u128::MAX % parts + 1);
    let edge = |shard: i64| match u128::try_from(shard) {
        Ok(shard) if shard < parts => shard * quotient + shard * rest / parts,
        _ => u128::MAX,
    };
    (0..count)
        .map(|shard| Shard {
            shard_id: shard,
            status: ShardStatus::Readwrite,
            inclusive_begin_key: format!("{:032x}", edge(shard)),
            exclusive_end_key: format!("{:032x}", edge(shard + 1)),
            create_time: now_secs,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shards_of_a_new_logstore_cover_all_keys_without_a_gap() {
        for count in 1..=10 {
            let shards = even_shards(count, 0);
            assert_eq!(shards.len(), usize::try_from(count).expect("small"));
            assert_eq!(shards[0].inclusive_begin_key, "0".repeat(32));
            assert_eq!(shards[shards.len() - 1].exclusive_end_key, "f".repeat(32));
            for pair in shards.windows(2) {
                assert_eq!(pair[0].exclusive_end_key, pair[1].inclusive_begin_key);
                assert!(pair[0].inclusive_begin_key < pair[0].exclusive_end_key);
            }
        }
        assert_eq!(even_shards(2, 0)[1].inclusive_begin_key, format!("8{}", "0".repeat(31)));
        assert_eq!(even_shards(4, 0)[1].inclusive_begin_key, format!("4{}", "0".repeat(31)));
    }

    proptest! {
        #[test]
        fn every_key_belongs_to_the_shard_whose_range_holds_it(
            count in 1i64..=10,
            key in "[0-9a-f]{1,32}",
        ) {
            let record = LogstoreRecord { shards: even_shards(count, 0), ..Default::default() };
            let logstore = Logstore { record, index: None };
            let shard = logstore.shard_of_key(&key).expect("no gap between the ranges");
            let number = |digits: &str| u128::from_str_radix(digits, 16).expect("hexadecimal");
            let place = number(&format!("{key:0<32}"));
            let range = &logstore.record.shards[usize::from(shard)];
            let (begin, end) =
                (number(&range.inclusive_begin_key), number(&range.exclusive_end_key));
            prop_assert!(begin <= place && (place < end || end == u128::MAX), "{shard} for {key}");
        }
    }
}
