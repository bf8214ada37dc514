//! Random words: `key_0=… key_1=…`, for load without meaning.

use rand::RngExt;

use super::render::{Facts, Render, Rng, push_number};

/// Lines of `key_count` pairs, each value `item_length_bytes` letters and digits long.
#[derive(Debug, Clone, Copy)]
pub struct Random {
    /// Pairs on each line.
    pub key_count: u32,
    /// Length of each value.
    pub item_length_bytes: u32,
}

impl Render for Random {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        if let Some(number) = &facts.number {
            number.push_query(out);
            out.push(b' ');
        }
        for key in 0..self.key_count {
            if key > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(b"key_");
            push_number(out, u64::from(key));
            out.push(b'=');
            let mut bits: u64 = 0;
            for place in 0..self.item_length_bytes {
                // Ten letters of six bits from one draw.
                if place % 10 == 0 {
                    bits = rng.random();
                }
                out.push(LETTERS[(bits & 63) as usize]);
                bits >>= 6;
            }
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_line_has_as_many_keys_of_the_length_that_was_asked_for() {
        let mut out = Vec::new();
        let mut random = Random { key_count: 3, item_length_bytes: 25 };
        random.render(
            &mut Rng::seed_from_u64(1),
            &Facts { unix_millis: 0, number: None },
            &mut out,
        );
        let text = std::str::from_utf8(&out).unwrap().strip_suffix('\n').unwrap();
        let items: Vec<_> = text.split(' ').map(|item| item.split_once('=').unwrap()).collect();
        assert_eq!(
            items.iter().map(|item| item.0).collect::<Vec<_>>(),
            ["key_0", "key_1", "key_2"]
        );
        assert!(items.iter().all(|item| item.1.len() == 25));
    }
}
