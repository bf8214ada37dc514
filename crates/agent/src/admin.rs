//! Answers `/livez`, `/readyz` and `/metrics`, if a setting asks for it.
//!
//! Three fixed answers do not need an HTTP library: the request line is read, the rest ignored,
//! and the connection closed.

use crate::metrics::Metrics;
use crate::{info, warn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A request line longer than this is no request to us.
const MAX_REQUEST_BYTES: usize = 4096;

/// The longest that one connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens and answers for ever.
pub async fn serve(listen: SocketAddr, metrics: Arc<Metrics>) {
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => {
            // Collecting does not depend on it.
            warn!("SIDETAIL_AGENT_ADMIN_LISTEN: cannot listen on {listen}: {error}");
            return std::future::pending().await;
        }
    };
    let address = listener.local_addr().unwrap_or(listen);
    info!("answering /livez, /readyz and /metrics on http://{address}");
    loop {
        // An error here is about one connection, or about descriptors that come back.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            // Whoever asked too slowly gets no answer.
            let _ = timeout(PATIENCE, answer(stream, &metrics)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 512];
        let read = stream.read(&mut part).await?;
        if read == 0 || request.len() > MAX_REQUEST_BYTES {
            break;
        }
        request.extend_from_slice(&part[..read]);
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let response = response(&String::from_utf8_lossy(line), metrics);
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

fn response(request_line: &str, metrics: &Metrics) -> String {
    let mut words = request_line.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (status, body) = match (method, path) {
        ("GET", "/livez" | "/readyz") => ("200 OK", "ok\n".to_owned()),
        ("GET", "/metrics") => ("200 OK", metrics.text()),
        ("GET", _) => ("404 Not Found", "ask for /livez, /readyz or /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    };
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_questions_have_fixed_answers() {
        let metrics = Metrics::default();
        let check = |line: &str, status: &str, body: &str| {
            let response = response(line, &metrics);
            assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{response}");
            assert!(response.contains(body), "{response}");
        };
        check("GET /livez HTTP/1.1", "200 OK", "\r\n\r\nok\n");
        check("GET /metrics HTTP/1.1", "200 OK", "sidetail_agent_logs_total 0");
        check("GET / HTTP/1.1", "404 Not Found", "ask for");
        check("POST /livez HTTP/1.1", "405 Method Not Allowed", "GET");
        check("", "405 Method Not Allowed", "");
    }
}
