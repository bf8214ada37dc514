//! Access and error log of nginx, in the forms of the sidecar example.
//!
//! An access line is `TIME IP - - "METHOD URL PROTOCOL" LATENCY PAYLOAD STATUS SIZE "REFERER"
//! "USER AGENT" "FORWARDED FOR"`, the form that the example's pattern takes apart.

use rand::RngExt;

use super::render::{
    Facts, Render, Rng, Stamp, StampForm, latency_millis, pick, pick_skewed, pick_weighted,
    push_client_ip, push_hex, push_number, push_seconds, skewed,
};

const METHODS: [(u32, &[u8]); 7] = [
    (700, b"GET"),
    (200, b"POST"),
    (40, b"PUT"),
    (30, b"HEAD"),
    (15, b"DELETE"),
    (10, b"PATCH"),
    (5, b"OPTIONS"),
];

const PROTOCOLS: [(u32, &[u8]); 3] = [(80, b"HTTP/1.1"), (19, b"HTTP/2.0"), (1, b"HTTP/1.0")];

const STATUSES: [(u32, u16); 14] = [
    (820, 200),
    (30, 201),
    (25, 204),
    (8, 206),
    (12, 301),
    (15, 302),
    (35, 304),
    (10, 400),
    (8, 401),
    (6, 403),
    (20, 404),
    (4, 429),
    (4, 500),
    (3, 502),
];

/// What a URL path ends in.
#[derive(Clone, Copy)]
enum Tail {
    Nothing,
    Id,
}

const PATHS: [(u32, (&[u8], Tail)); 16] = [
    (90, (b"/api/v1/orders", Tail::Id)),
    (80, (b"/api/v1/products", Tail::Id)),
    (70, (b"/api/v1/cart/items", Tail::Nothing)),
    (60, (b"/api/v2/search", Tail::Nothing)),
    (50, (b"/api/v1/users", Tail::Id)),
    (45, (b"/api/v1/payments", Tail::Id)),
    (40, (b"/", Tail::Nothing)),
    (35, (b"/static/js/app.3f9c2a.js", Tail::Nothing)),
    (35, (b"/static/css/site.71be04.css", Tail::Nothing)),
    (30, (b"/images/banner-spring.webp", Tail::Nothing)),
    (25, (b"/login", Tail::Nothing)),
    (20, (b"/healthz", Tail::Nothing)),
    (15, (b"/favicon.ico", Tail::Nothing)),
    (12, (b"/api/v1/recommendations", Tail::Nothing)),
    (10, (b"/docs/%E6%97%A5%E5%BF%97/index.html", Tail::Nothing)),
    (5, (b"/wp-login.php", Tail::Nothing)),
];

const WORDS: [&[u8]; 12] = [
    b"green+tea",
    b"running+shoes",
    b"usb-c",
    b"%E8%8C%B6",
    b"desk+lamp",
    b"4k+monitor",
    b"coffee",
    b"umbrella",
    b"%E9%9B%A8%E4%BC%9E",
    b"notebook",
    b"phone+case",
    b"keyboard",
];

const REFERERS: [&[u8]; 8] = [
    b"-",
    b"https://shop.example.com/category/outdoor?ref=navigation&pos=3&list=summer",
    b"https://shop.example.com/cart?coupon=SPRING2026&step=review",
    b"https://www.example.com/search?q=camping+shop&hl=en&source=hp&sid=83b1",
    b"-",
    b"https://m.example.com/home?utm_source=newsletter&utm_medium=email",
    b"https://news.example.org/2026/gifts?utm_campaign=spring",
    b"https://pay.example.com/checkout?session=4f1c09e2",
];

const USER_AGENTS: [&[u8]; 11] = [
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    b"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    b"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    b"Mozilla/5.0 (compatible; SearchBot/2.1; +https://www.example.com/bot.html)",
    b"okhttp/4.12.0",
    b"curl/8.8.0",
    b"Go-http-client/2.0 (orders-batch; linux/amd64)",
    b"kube-probe/1.30",
];

/// Lines of `access.log`. About 286 bytes on average, newline included.
#[derive(Debug)]
pub struct Access {
    stamp: Stamp,
}

impl Default for Access {
    fn default() -> Self {
        Self { stamp: Stamp::new(StampForm::Iso) }
    }
}

impl Render for Access {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.stamp.push(out, facts.unix_millis);
        out.push(b' ');
        push_client_ip(rng, out);
        out.extend_from_slice(b" - - \"");
        push_request(rng, facts, out);
        out.extend_from_slice(b"\" ");
        push_seconds(out, latency_millis(rng));
        out.push(b' ');
        push_number(out, 180 + skewed(rng, 4000));
        out.push(b' ');
        let status = pick_weighted(rng, &STATUSES);
        push_number(out, u64::from(status));
        out.push(b' ');
        push_number(out, response_size_bytes(rng, status));
        out.extend_from_slice(b" \"");
        out.extend_from_slice(pick_skewed(rng, &REFERERS));
        out.extend_from_slice(b"\" \"");
        out.extend_from_slice(pick_skewed(rng, &USER_AGENTS));
        out.extend_from_slice(b"\" \"");
        if rng.random_ratio(1, 4) {
            push_client_ip(rng, out);
        } else {
            out.push(b'-');
        }
        out.extend_from_slice(b"\"\n");
    }
}

/// `METHOD URL PROTOCOL`, the URL with its query string.
fn push_request(rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(pick_weighted(rng, &METHODS));
    out.push(b' ');
    push_url(rng, facts, out);
    out.push(b' ');
    out.extend_from_slice(pick_weighted(rng, &PROTOCOLS));
}

/// A path with a query string. A numbered record carries its number first.
pub(crate) fn push_url(rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
    let (path, tail) = pick_weighted(rng, &PATHS);
    out.extend_from_slice(path);
    if matches!(tail, Tail::Id) {
        out.push(b'/');
        push_number(out, 10_000 + skewed(rng, 90_000));
    }
    let mut separator = b'?';
    if let Some(number) = &facts.number {
        out.push(separator);
        number.push_query(out);
        separator = b'&';
    }
    match rng.random_range(0..10_u32) {
        0..=3 => {
            out.push(separator);
            out.extend_from_slice(b"page=");
            push_number(out, 1 + skewed(rng, 40));
            out.extend_from_slice(b"&size=");
            out.extend_from_slice(pick::<[u8]>(rng, &[b"10", b"20", b"50"]));
            out.extend_from_slice(b"&trace=");
            push_hex(rng, out, 16);
        }
        4..=6 => {
            out.push(separator);
            out.extend_from_slice(b"q=");
            out.extend_from_slice(pick(rng, &WORDS));
            out.extend_from_slice(b"&from=suggest&trace=");
            push_hex(rng, out, 16);
        }
        7..=8 => {
            out.push(separator);
            out.extend_from_slice(b"token=");
            push_hex(rng, out, 32);
        }
        _ => {}
    }
}

/// Body size that fits the status: redirects and empty answers are small, pages vary.
fn response_size_bytes(rng: &mut Rng, status: u16) -> u64 {
    match status {
        204 | 304 => 0,
        300..=399 => 154 + skewed(rng, 40),
        400.. => 150 + skewed(rng, 800),
        _ => 200 + skewed(rng, 60_000),
    }
}

const PROBLEMS: [&[u8]; 6] = [
    b"open() \"/usr/share/nginx/html/robots.txt\" failed (2: No such file or directory)",
    b"upstream timed out (110: Connection timed out) while reading response header from upstream",
    b"connect() failed (111: Connection refused) while connecting to upstream",
    b"client intended to send too large body: 20971520 bytes",
    b"an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/4/00/0000000004",
    b"SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking",
];

const LEVELS: [(u32, &[u8]); 4] = [(70, b"error"), (20, b"warn"), (7, b"crit"), (3, b"alert")];

/// Lines of `error.log`.
#[derive(Debug)]
pub struct Error {
    stamp: Stamp,
    connection: u64,
}

impl Default for Error {
    fn default() -> Self {
        Self { stamp: Stamp::new(StampForm::NginxError), connection: 0 }
    }
}

impl Render for Error {
    fn render(&mut self, rng: &mut Rng, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.connection += 1 + skewed(rng, 9);
        self.stamp.push(out, facts.unix_millis);
        out.extend_from_slice(b" [");
        out.extend_from_slice(pick_weighted(rng, &LEVELS));
        out.extend_from_slice(b"] 31#31: *");
        push_number(out, self.connection);
        out.push(b' ');
        out.extend_from_slice(pick(rng, &PROBLEMS));
        out.extend_from_slice(b", client: ");
        push_client_ip(rng, out);
        out.extend_from_slice(b", server: shop.example.com, request: \"");
        push_request(rng, facts, out);
        out.extend_from_slice(b"\", host: \"shop.example.com\"\n");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pcre2::bytes::Regex;
    use rand::SeedableRng;

    use super::super::render::Number;
    use super::*;

    /// The pattern of the access log example for sidecars, character for character.
    const EXAMPLE_PATTERN: &str = r#"(\S+)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;

    fn lines(count: u64, seed: u64, pod: Option<&str>) -> Vec<Vec<u8>> {
        let mut rng = Rng::seed_from_u64(seed);
        let mut access = Access::default();
        (1..=count)
            .map(|sequence| {
                let number = pod.map(|pod| Number { sequence, pod });
                let mut out = Vec::new();
                let unix_millis = 1_767_348_000_000 + sequence as i64 * 10;
                access.render(&mut rng, &Facts { unix_millis, number }, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn every_access_line_matches_the_example_pattern_in_full() {
        let pattern = Regex::new(&format!("^(?:{EXAMPLE_PATTERN})$")).unwrap();
        for pod in [None, Some("nginx-0")] {
            for line in lines(20_000, 7, pod) {
                let text = line.strip_suffix(b"\n").expect("a line ends in a newline");
                assert!(!text.contains(&b'\n'));
                let groups = pattern
                    .captures(text)
                    .unwrap()
                    .unwrap_or_else(|| panic!("does not match: {}", String::from_utf8_lossy(text)));
                assert_eq!(groups.len(), 12);
            }
        }
    }

    #[test]
    fn access_lines_have_the_size_the_benchmarks_are_stated_for() {
        let lines = lines(20_000, 1, None);
        let mean = lines.iter().map(Vec::len).sum::<usize>() / lines.len();
        assert!((281..=291).contains(&mean), "mean line is {mean} bytes");
    }

    #[test]
    fn access_lines_vary_as_traffic_does() {
        let pattern = Regex::new(EXAMPLE_PATTERN).unwrap();
        let mut seen = vec![BTreeSet::new(); 12];
        for line in lines(20_000, 3, None) {
            let groups = pattern.captures(&line).unwrap().unwrap();
            for (group, seen) in seen.iter_mut().enumerate() {
                seen.insert(groups[group].to_vec());
            }
        }
        let least = [0, 0, 1000, 7, 5000, 3, 100, 1000, 14, 1000, 6, 11];
        for (group, least) in least.into_iter().enumerate() {
            assert!(seen[group].len() >= least, "group {group} has {} values", seen[group].len());
        }
    }

    #[test]
    fn a_numbered_line_carries_its_number_and_pod_in_the_url() {
        let lines = lines(3, 5, Some("nginx-0"));
        for (line, expected) in lines.iter().zip(["000001", "000002", "000003"]) {
            let text = std::str::from_utf8(line).unwrap();
            assert!(text.contains(&format!("?seq={expected}&pod=nginx-0")), "{text}");
        }
    }

    #[test]
    fn one_seed_gives_the_same_lines_and_another_gives_others() {
        assert_eq!(lines(100, 42, None), lines(100, 42, None));
        assert_ne!(lines(100, 42, None), lines(100, 43, None));
    }

    #[test]
    fn error_lines_are_single_lines_with_a_level() {
        let pattern = Regex::new(
            r#"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(error|warn|crit|alert)\] \d+#\d+: \*\d+ .+, client: \S+, server: .+, request: "\S+ \S*\?seq=\d{6}&pod=p\S* HTTP/\d\.\d", host: "[^"]+"\n$"#,
        )
        .unwrap();
        let mut rng = Rng::seed_from_u64(9);
        let mut error = Error::default();
        for sequence in 1..=2000 {
            let number = Some(Number { sequence, pod: "p" });
            let mut out = Vec::new();
            error.render(&mut rng, &Facts { unix_millis: 0, number }, &mut out);
            assert!(pattern.is_match(&out).unwrap(), "{}", String::from_utf8_lossy(&out));
        }
    }
}
