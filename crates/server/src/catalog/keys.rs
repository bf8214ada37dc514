//! Access keys: who may call.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use store::catalog::{Catalog as Records, Edit, Expect};

use super::record::{self, ACCESS_KEY};
use super::{Catalog, CatalogError};

/// A key pair. The secret is kept as it is: both signatures are made with it, so a hash of it
/// could not check them.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Public part.
    pub id: String,
    /// Secret part.
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct AccessKeyRecord {
    secret: String,
    create_time: i64,
}

impl AccessKey {
    /// A new random pair: 24 and 40 letters and digits.
    pub fn random() -> Self {
        Self { id: alphanumeric(24), secret: alphanumeric(40) }
    }
}

fn alphanumeric(chars: usize) -> String {
    let mut random = rand::rng();
    (0..chars).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect()
}

impl Catalog {
    /// All key pairs.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn access_keys(&self) -> Result<Vec<AccessKey>, CatalogError> {
        read(&*self.records)
    }

    /// Makes the first key pair when there is none, and gives it back then: the only moment the
    /// secret is shown.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn first_access_key(&self) -> Result<Option<AccessKey>, CatalogError> {
        if !self.access_keys()?.is_empty() {
            return Ok(None);
        }
        let key = AccessKey::random();
        let value = AccessKeyRecord { secret: key.secret.clone(), create_time: self.clock.secs() };
        self.records.commit(&[Edit::PutRecord {
            family: ACCESS_KEY.into(),
            key: key.id.clone(),
            expect_version: Expect::Absent,
            value: record::encode(&value),
        }])?;
        Ok(Some(key))
    }
}

fn read(records: &dyn Records) -> Result<Vec<AccessKey>, CatalogError> {
    records
        .list(ACCESS_KEY, "")?
        .into_iter()
        .map(|(id, record)| {
            let value: AccessKeyRecord = record::decode(ACCESS_KEY, &id, &record.value)?;
            Ok(AccessKey { id, secret: value.secret })
        })
        .collect()
}
