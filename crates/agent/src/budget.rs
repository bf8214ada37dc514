//! The one account of bytes in memory, from the read to the acknowledgement (`agent` 5.6).
//!
//! When it is used up nothing is read: the log file is the buffer, and it costs nothing.

/// Bytes allowed and bytes in use.
#[derive(Clone, Debug)]
pub struct Budget {
    limit_bytes: usize,
    used_bytes: usize,
}

impl Budget {
    /// An account of `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: 0 }
    }

    /// Whether `bytes` more fit. An empty account takes anything, so that one record larger than
    /// the whole budget does not stop everything for ever.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.used_bytes == 0 || self.used_bytes + bytes <= self.limit_bytes
    }

    /// Notes bytes that are now held. How many a read takes is only known afterwards, so this
    /// may pass the limit by what one read makes more than was asked room for.
    pub fn charge(&mut self, bytes: usize) {
        self.used_bytes += bytes;
    }

    /// Notes bytes that are no longer held.
    pub fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used_bytes, "released more than was charged");
        self.used_bytes = self.used_bytes.saturating_sub(bytes);
    }

    /// Bytes held.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes allowed.
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_up_to_the_limit() {
        let mut budget = Budget::new(100);
        assert!(budget.has_room(1000), "an empty account takes anything");
        budget.charge(60);
        assert!(budget.has_room(40));
        assert!(!budget.has_room(41));
        budget.release(60);
        assert_eq!(budget.used_bytes(), 0);
    }
}
