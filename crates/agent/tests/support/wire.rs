//! The service's side of one connection: requests read and checked, answers as the script says.

use super::{Ask, KEY, Reply, Script, State, Stored, lock};
use sls::api::put_logs::FileSpan;
use sls::compress::{Compression, decompress};
use sls::log_group::LogGroup;
use sls::sign::{Authorization, Signable};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// One request as it came.
struct Request {
    logstore: String,
    hash_key: Option<String>,
    headers: http::HeaderMap,
    body: Vec<u8>,
    path: String,
}

pub(super) fn converse(
    stream: TcpStream,
    state: &Mutex<State>,
    script: &Mutex<Box<Script>>,
    is_closed: &AtomicBool,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        if is_closed.load(Ordering::Relaxed) {
            return;
        }
        let batch = match read_batch(&request) {
            Ok(batch) => batch,
            Err(problem) => {
                lock(state).problems.push(problem);
                return;
            }
        };
        let number = {
            let mut state = lock(state);
            state.requests += 1;
            state.requests - 1
        };
        let header = |name: &str| request.headers.get(name).and_then(|it| it.to_str().ok());
        let date = header("date").and_then(|text| httpdate::parse_http_date(text).ok());
        let reply = (lock(script))(&Ask {
            number,
            logstore: &batch.logstore,
            logs: &batch.logs,
            raw_size: header("x-log-bodyrawsize").map_or(0, |size| size.parse().unwrap_or(0)),
            date: date.unwrap_or(SystemTime::UNIX_EPOCH),
        });
        let mut stream = reader.get_ref();
        let ok = "HTTP/1.1 200 OK\r\nx-log-requestid: 1\r\ncontent-length: 0\r\n\r\n";
        let answer = match reply {
            Reply::Store | Reply::StoreAndReset | Reply::StoreAndBreakOff => {
                lock(state).stored.push(batch);
                ok.to_owned()
            }
            Reply::StoreLate(pause) => {
                std::thread::sleep(pause);
                lock(state).stored.push(batch);
                ok.to_owned()
            }
            Reply::Refuse(status, code) => refusal(status, code, ""),
            Reply::RefuseFor(status, code, seconds) => {
                refusal(status, code, &format!("retry-after: {seconds}\r\n"))
            }
            Reply::RefuseClock(time) => {
                let date = format!("date: {}\r\n", httpdate::fmt_http_date(time));
                refusal(400, "RequestTimeExpired", &date)
            }
            Reply::Stall(pause) => {
                std::thread::sleep(pause);
                String::new()
            }
            Reply::Reset => String::new(),
        };
        let answer = match reply {
            Reply::Reset | Reply::StoreAndReset | Reply::Stall(_) => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Reply::StoreAndBreakOff => &answer[..answer.len() / 2],
            _ => &answer,
        };
        if stream.write_all(answer.as_bytes()).is_err() || matches!(reply, Reply::StoreAndBreakOff)
        {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn refusal(status: u16, code: &str, headers: &str) -> String {
    let body = format!(r#"{{"errorCode":"{code}","errorMessage":"scripted"}}"#);
    format!(
        "HTTP/1.1 {status} No\r\nx-log-requestid: 1\r\ncontent-type: application/json\r\n\
         {headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let (logstore, rest) = path.strip_prefix("/logstores/")?.split_once("/shards/")?;
    let logstore = logstore.to_owned();
    let hash_key = rest.strip_prefix("route?key=").map(str::to_owned);
    if rest != "lb" && hash_key.is_none() {
        return None;
    }
    let mut headers = http::HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(
            http::HeaderName::try_from(name).ok()?,
            http::HeaderValue::from_str(value).ok()?,
        );
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { logstore, hash_key, headers, body, path })
}

fn read_batch(request: &Request) -> Result<Stored, String> {
    let header = |name: &str| {
        let value = request.headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| format!("the header {name} is missing"))
    };
    let path = request.path.split('?').next().unwrap_or_default();
    let query: Vec<(String, String)> =
        request.hash_key.iter().map(|key| ("key".to_owned(), key.clone())).collect();
    let signable = Signable { method: "POST", path, query: &query, headers: &request.headers };
    let authorization = Authorization::parse(header("authorization")?).ok_or("unsigned")?;
    if authorization.key_id() != KEY.0 || !authorization.verify(KEY.1, &signable) {
        return Err("the signature is wrong".into());
    }
    if header("content-md5")? != sls::sign::content_md5(&request.body) {
        return Err("the MD5 is not that of the body".into());
    }
    let kind = header("x-log-compresstype").unwrap_or_default();
    let kind = Compression::from_header(kind).ok_or("compression")?;
    let raw_size = header("x-log-bodyrawsize")?.parse().map_err(|_| "raw size".to_owned())?;
    let raw = decompress(kind, &request.body, raw_size, 16 << 20).map_err(|e| e.to_string())?;
    let group = LogGroup::parse(&raw).map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |(key, value): (&[u8], &[u8])| (text(key), text(value));
    Ok(Stored {
        logstore: request.logstore.clone(),
        span: header("x-log-sidetail-span")?.parse::<FileSpan>().map_err(|e| e.to_string())?,
        tags: group.tags().map(pair).collect(),
        topic: text(group.topic()),
        compression: kind,
        raw_size,
        hash_key: request.hash_key.clone(),
        logs: group.logs().map(|log| log.contents().map(pair).collect()).collect(),
    })
}
