//! Java application log: single lines and, among them, stack traces that span many lines.

use rand::RngExt;

use super::render::{
    Facts, Render, Rng, Stamp, StampForm, pick, pick_weighted, push_hex, push_number, skewed,
};

const LOGGERS: [&[u8]; 5] = [
    b"com.example.shop.OrderService",
    b"com.example.shop.PaymentGateway",
    b"com.example.shop.CartController",
    b"com.example.common.HttpClient",
    b"org.example.scheduler.JobRunner",
];

const MESSAGES: [&[u8]; 5] = [
    b"order accepted",
    b"payment confirmed by provider",
    b"cache refreshed",
    b"slow call to upstream",
    b"job finished",
];

const FAILURES: [&[u8]; 5] = [
    b"java.lang.NullPointerException: Cannot invoke \"Order.id()\" because \"order\" is null",
    b"java.net.SocketTimeoutException: Read timed out",
    b"java.sql.SQLTransientConnectionException: pool - connection is not available, request timed out after 30000ms",
    b"java.lang.IllegalStateException: payment already captured",
    b"com.example.common.RemoteException: upstream answered 503",
];

const METHODS: [&[u8]; 8] = [
    b"com.example.shop.OrderService.place(OrderService.java:",
    b"com.example.shop.PaymentGateway.capture(PaymentGateway.java:",
    b"com.example.shop.CartController.checkout(CartController.java:",
    b"com.example.common.HttpClient.exchange(HttpClient.java:",
    b"com.example.common.Retry.call(Retry.java:",
    b"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:",
    b"java.base/java.lang.reflect.Method.invoke(Method.java:",
    b"java.base/java.lang.Thread.run(Thread.java:",
];

const LEVELS: [(u32, &[u8]); 4] = [(60, b"ERROR"), (15, b"WARN "), (20, b"INFO "), (5, b"DEBUG")];

/// Java log records. `ERROR` records carry a stack trace of several lines, written as one record.
#[derive(Debug)]
pub struct Java {
    stamp: Stamp,
}

impl Default for Java {
    fn default() -> Self {
        Self { stamp: Stamp::new(StampForm::Java) }
    }
}

impl Render for Java {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let level = pick_weighted(rng, &LEVELS);
        self.stamp.push(out, facts.unix_millis);
        out.push(b' ');
        out.extend_from_slice(level);
        out.extend_from_slice(b" [http-nio-8080-exec-");
        push_number(out, 1 + skewed(rng, 64));
        out.extend_from_slice(b"] ");
        out.extend_from_slice(pick(rng, &LOGGERS));
        out.extend_from_slice(b" - ");
        let failed = level == b"ERROR".as_slice();
        out.extend_from_slice(if failed {
            b"request failed".as_slice()
        } else {
            pick(rng, &MESSAGES)
        });
        out.extend_from_slice(b", traceId=");
        push_hex(rng, out, 32);
        if let Some(number) = &facts.number {
            out.extend_from_slice(b", ");
            number.push_query(out);
        }
        out.push(b'\n');
        if failed {
            push_trace(rng, out);
        }
    }
}

fn push_trace(rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend_from_slice(pick(rng, &FAILURES));
    out.push(b'\n');
    push_frames(rng, out);
    if rng.random_ratio(1, 3) {
        out.extend_from_slice(b"Caused by: ");
        out.extend_from_slice(pick(rng, &FAILURES));
        out.push(b'\n');
        push_frames(rng, out);
        out.extend_from_slice(b"\t... ");
        push_number(out, 5 + skewed(rng, 30));
        out.extend_from_slice(b" more\n");
    }
}

fn push_frames(rng: &mut Rng, out: &mut Vec<u8>) {
    for _ in 0..rng.random_range(4..16_u32) {
        out.extend_from_slice(b"\tat ");
        out.extend_from_slice(pick(rng, &METHODS));
        push_number(out, 20 + skewed(rng, 900));
        out.extend_from_slice(b")\n");
    }
}

#[cfg(test)]
mod tests {
    use pcre2::bytes::Regex;
    use rand::SeedableRng;

    use super::super::render::Number;
    use super::*;

    #[test]
    fn a_record_starts_with_its_time_and_every_other_line_belongs_to_it() {
        let begin =
            Regex::new(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z ]{5} \[.+\] .+seq=\d{6}&pod=p")
                .unwrap();
        let inner = Regex::new(r"^(\tat .+\(\w+\.java:\d+\)|\t\.\.\. \d+ more|Caused by: .+|(java|com)\.[\w.]+Exception: .+)$").unwrap();
        let mut rng = Rng::seed_from_u64(2);
        let mut java = Java::default();
        let mut longest = 0;
        for sequence in 1..=500 {
            let number = Some(Number { sequence, pod: "p" });
            let mut out = Vec::new();
            java.render(&mut rng, &Facts { unix_millis: 0, number }, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with('\n'));
            let mut lines = text.lines();
            let first = lines.next().unwrap();
            assert!(begin.is_match(first.as_bytes()).unwrap(), "{first}");
            longest = longest.max(text.lines().count());
            for line in lines {
                assert!(inner.is_match(line.as_bytes()).unwrap(), "{line}");
            }
        }
        assert!(longest > 10, "the longest record has {longest} lines");
    }
}
