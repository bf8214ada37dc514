//! Access log in columns between `|`, as gateways write it: ten columns, the last one quoted when
//! it holds the separator or a quote.

use super::nginx::push_url;
use super::render::{
    Facts, Render, Rng, Stamp, StampForm, latency_millis, pick, pick_weighted, push_client_ip,
    push_hex, push_number, push_seconds, skewed,
};

const METHODS: [(u32, &[u8]); 4] = [(70, b"GET"), (20, b"POST"), (6, b"PUT"), (4, b"DELETE")];

const STATUSES: [(u32, &[u8]); 5] =
    [(90, b"200"), (3, b"201"), (2, b"304"), (3, b"404"), (2, b"503")];

const HOSTS: [&[u8]; 4] =
    [b"www.example.com", b"m.example.com", b"api.example.com", b"static.example.com"];

const AGENTS: [(u32, &[u8]); 5] = [
    (50, b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"),
    (30, b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"),
    (15, b"okhttp/4.12.0"),
    (4, b"\"crawler | +https://bot.example.org/about\""),
    (1, b"\"probe \"\"deep\"\" 2.1\""),
];

/// Lines of columns. About 241 bytes on average, newline included.
#[derive(Debug)]
pub struct Delimited {
    stamp: Stamp,
}

impl Default for Delimited {
    fn default() -> Self {
        Self { stamp: Stamp::new(StampForm::Iso) }
    }
}

impl Render for Delimited {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.stamp.push(out, facts.unix_millis);
        out.push(b'|');
        push_client_ip(rng, out);
        out.push(b'|');
        out.extend_from_slice(pick_weighted(rng, &METHODS));
        out.push(b'|');
        out.extend_from_slice(pick(rng, &HOSTS));
        out.push(b'|');
        push_url(rng, facts, out);
        out.push(b'|');
        out.extend_from_slice(pick_weighted(rng, &STATUSES));
        out.push(b'|');
        push_number(out, 100 + skewed(rng, 60_000));
        out.push(b'|');
        push_seconds(out, latency_millis(rng));
        out.push(b'|');
        push_hex(rng, out, 32);
        out.push(b'|');
        out.extend_from_slice(pick_weighted(rng, &AGENTS));
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_line_has_ten_columns_and_the_stated_size() {
        let mut rng = Rng::seed_from_u64(4);
        let mut delimited = Delimited::default();
        let mut total = 0;
        for unix_millis in 0..5000 {
            let mut out = Vec::new();
            delimited.render(&mut rng, &Facts { unix_millis, number: None }, &mut out);
            let line = String::from_utf8(out).unwrap();
            // Separators inside quotes do not count.
            let outside: String = line.split('"').step_by(2).collect();
            assert_eq!(outside.matches('|').count(), 9, "{line}");
            assert_eq!(line.matches('\n').count(), 1);
            total += line.len();
        }
        assert!((236..=246).contains(&(total / 5000)), "mean line is {} bytes", total / 5000);
    }
}
