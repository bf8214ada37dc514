//! JSON application log: one object of eleven fields on each line.

use super::nginx::push_url;
use super::render::{
    Facts, Render, Rng, Stamp, StampForm, latency_millis, pick, pick_weighted, push_client_ip,
    push_hex, push_number,
};

const LEVELS: [(u32, &[u8]); 4] = [(85, b"info"), (9, b"warn"), (4, b"error"), (2, b"debug")];

const SERVICES: [&[u8]; 5] = [b"orders", b"payments", b"catalog", b"search-api", b"sessions"];

const METHODS: [(u32, &[u8]); 4] = [(70, b"GET"), (20, b"POST"), (6, b"PUT"), (4, b"DELETE")];

const STATUSES: [(u32, &[u8]); 6] =
    [(90, b"200"), (3, b"201"), (2, b"304"), (3, b"404"), (1, b"500"), (1, b"503")];

const MESSAGES: [&[u8]; 6] = [
    b"request handled",
    b"served from cache",
    b"upstream retried",
    b"order \\\"express\\\" queued",
    b"session extended",
    b"\xe8\xaf\xb7\xe6\xb1\x82\xe5\xb7\xb2\xe5\xae\x8c\xe6\x88\x90",
];

/// Lines of a JSON log. About 309 bytes on average, newline included.
#[derive(Debug)]
pub struct Json {
    stamp: Stamp,
}

impl Default for Json {
    fn default() -> Self {
        Self { stamp: Stamp::new(StampForm::Iso) }
    }
}

impl Render for Json {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        self.stamp.push(out, facts.unix_millis);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(pick_weighted(rng, &LEVELS));
        out.extend_from_slice(b"\",\"service\":\"");
        out.extend_from_slice(pick(rng, &SERVICES));
        out.extend_from_slice(b"\",\"trace_id\":\"");
        push_hex(rng, out, 32);
        out.extend_from_slice(b"\",\"span_id\":\"");
        push_hex(rng, out, 16);
        out.extend_from_slice(b"\",\"method\":\"");
        out.extend_from_slice(pick_weighted(rng, &METHODS));
        out.extend_from_slice(b"\",\"url\":\"");
        push_url(rng, facts, out);
        out.extend_from_slice(b"\",\"status\":");
        out.extend_from_slice(pick_weighted(rng, &STATUSES));
        out.extend_from_slice(b",\"latency_ms\":");
        push_number(out, latency_millis(rng));
        out.extend_from_slice(b",\"client_ip\":\"");
        push_client_ip(rng, out);
        out.extend_from_slice(b"\",\"message\":\"");
        out.extend_from_slice(pick(rng, &MESSAGES));
        out.extend_from_slice(b"\"}\n");
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_line_is_an_object_of_eleven_fields_and_of_the_stated_size() {
        let mut rng = Rng::seed_from_u64(4);
        let mut json = Json::default();
        let mut total = 0;
        for unix_millis in 0..5000 {
            let mut out = Vec::new();
            json.render(&mut rng, &Facts { unix_millis, number: None }, &mut out);
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(value.as_object().unwrap().len(), 11);
            assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
            total += out.len();
        }
        assert!((303..=315).contains(&(total / 5000)), "mean line is {} bytes", total / 5000);
    }
}
