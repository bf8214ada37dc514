//! A loopback SLS endpoint that accepts what is right and nothing else: a process of its own, so
//! that its work is not counted as the agent's.

use super::scenario::Mode;
use super::verify::{Judge, Ordered, Sequence, Verifier};
use serde_json::json;
use sls::compress::{Compression, decompress};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

/// Largest body that the agent sends.
const CAP_BYTES: usize = 16 << 20;

/// The mode that expects numbered lines in any order, and their number instead of a file.
const SEQUENCE: &str = "sequence";
/// The one that expects them in order, and the range of numbers.
const ORDERED: &str = "ordered";

/// The process: prints its port, serves there until every record has arrived or one is wrong, and
/// prints the outcome as JSON. Port 0 is any.
pub(crate) fn serve(mode: &str, file: &str, port: u16) -> Result<(), String> {
    if mode == SEQUENCE {
        let total = file.parse().map_err(|_| format!("{file} is not a number of lines"))?;
        return listen(&Mutex::new(Sequence::new(total)), port);
    }
    if mode == ORDERED {
        let range = file.split_once('-');
        let range = range.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let (from, to) = range.ok_or_else(|| format!("{file} is not a range of lines"))?;
        return listen(&Mutex::new(Ordered::new(from, to)), port);
    }
    let mode = Mode::named(mode).ok_or_else(|| format!("{mode} is not a mode of the sink"))?;
    let file = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    listen(&Mutex::new(Verifier::new(&file, mode.expect())), port)
}

/// Serves until `judge` has everything.
fn listen(judge: &Mutex<impl Judge>, port: u16) -> Result<(), String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    println!("port {port}");
    std::thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            scope.spawn(|| {
                let outcome = converse(stream, judge);
                let records = lock(judge).records();
                match outcome {
                    Ok(false) => return,
                    Ok(true) => println!("{}", json!({ "records": records, "verified": true })),
                    Err(reason) => {
                        println!(
                            "{}",
                            json!({ "records": records, "verified": false, "reason": reason })
                        );
                    }
                }
                // The outcome is known: the process has no other purpose.
                std::process::exit(0);
            });
        }
    });
    Ok(())
}

fn lock<J>(judge: &Mutex<J>) -> std::sync::MutexGuard<'_, J> {
    judge.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers requests on one connection; true once the last record has arrived.
fn converse(stream: TcpStream, judge: &Mutex<impl Judge>) -> Result<bool, String> {
    let fail = |error: std::io::Error| error.to_string();
    stream.set_nodelay(true).map_err(fail)?;
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let mut body = Vec::new();
    loop {
        let (mut length, mut raw_size, mut is_lz4) = (0, 0, false);
        let mut line = String::new();
        if reader.read_line(&mut line).map_err(fail)? == 0 {
            return Ok(false);
        }
        // The agent also asks for configurations here; there are none.
        let is_put = line.starts_with("POST /logstores/");
        loop {
            line.clear();
            reader.read_line(&mut line).map_err(fail)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(|_| "bad length".to_owned())?,
                "x-log-bodyrawsize" => {
                    raw_size = value.parse().map_err(|_| "bad size".to_owned())?
                }
                "x-log-compresstype" => is_lz4 = value == "lz4",
                _ => {}
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).map_err(fail)?;
        if !is_put {
            answer(reader.get_mut(), "404 Not Found").map_err(fail)?;
            continue;
        }
        if !is_lz4 {
            return Err("a body that is not compressed with lz4".into());
        }
        let raw =
            decompress(Compression::Lz4, &body, raw_size, CAP_BYTES).map_err(|e| e.to_string())?;
        let is_complete = {
            let mut judge = lock(judge);
            if judge.records() == 0 {
                println!("begins");
            }
            judge.take(&raw)?;
            judge.is_complete()
        };
        answer(reader.get_mut(), "200 OK").map_err(fail)?;
        if is_complete {
            return Ok(true);
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    // The name by which our service is known to take signature v4.
    let name = sls::api::SERVER_NAME;
    let head = format!(
        "HTTP/1.1 {status}\r\nserver: {name}\r\nx-log-requestid: 0\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}
