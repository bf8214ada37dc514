//! Who is signed in. Sessions live in memory: a restart signs everybody out, and nothing on disk
//! can be stolen.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, header};

/// A session ends after this time.
const LIFE_SECS: i64 = 12 * 3600;
/// Sessions at the same time; the one that ends first makes room.
const MAX_SESSIONS: usize = 1024;
const COOKIE: &str = "sidetail_session";

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    /// End of each session, UNIX seconds, by its token.
    ends: Mutex<HashMap<String, i64>>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("count", &self.ends().len()).finish()
    }
}

impl Sessions {
    fn ends(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a session and gives the header that hands it to the browser.
    pub fn start(&self, now_secs: i64) -> HeaderValue {
        let token = random_token();
        let mut ends = self.ends();
        ends.retain(|_, end| *end > now_secs);
        if ends.len() >= MAX_SESSIONS
            && let Some(first) = ends.iter().min_by_key(|(_, end)| **end).map(|(t, _)| t.clone())
        {
            ends.remove(&first);
        }
        ends.insert(token.clone(), now_secs + LIFE_SECS);
        cookie(&token, LIFE_SECS)
    }

    /// Whether the request belongs to a session.
    pub fn holds(&self, headers: &HeaderMap, now_secs: i64) -> bool {
        tokens(headers).any(|token| self.ends().get(token).is_some_and(|end| *end > now_secs))
    }

    /// Ends the session of the request and gives the header that removes it from the browser.
    pub fn end(&self, headers: &HeaderMap) -> HeaderValue {
        for token in tokens(headers) {
            self.ends().remove(token);
        }
        cookie("", 0)
    }
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

/// Not readable by scripts, not sent from other sites, and sent to the console only.
fn cookie(token: &str, age_secs: i64) -> HeaderValue {
    let text =
        format!("{COOKIE}={token}; Path=/console/; Max-Age={age_secs}; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).expect("hexadecimal digits and plain text")
}

fn random_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_back(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().expect("plain").split(';').next().expect("a pair").to_owned();
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("other=1; {pair}")).expect("plain");
        headers.insert(header::COOKIE, value);
        headers
    }

    #[test]
    fn a_session_holds_until_its_end() {
        let sessions = Sessions::default();
        let cookie = sessions.start(100);
        let text = cookie.to_str().expect("plain");
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
        let headers = sent_back(&cookie);
        assert!(sessions.holds(&headers, 100));
        assert!(!sessions.holds(&headers, 100 + LIFE_SECS));
        assert!(!sessions.holds(&HeaderMap::new(), 100));
        sessions.end(&headers);
        assert!(!sessions.holds(&headers, 100));
    }

    #[test]
    fn another_token_is_no_session() {
        let sessions = Sessions::default();
        sessions.start(0);
        let forged = cookie(&random_token(), 1);
        assert!(!sessions.holds(&sent_back(&forged), 0));
    }

    #[test]
    fn sessions_do_not_grow_without_end() {
        let sessions = Sessions::default();
        for second in 0..2000 {
            sessions.start(second);
        }
        assert_eq!(sessions.ends().len(), MAX_SESSIONS);
    }
}
