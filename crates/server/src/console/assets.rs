//! The files of the console. What was built at compile time is in the binary; without a build
//! there is a plain page that says how to make one.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use sls::error::ErrorCode;

use crate::http::error::ApiError;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Dist;

const INDEX: &str = "index.html";
const NOT_BUILT: &str = include_str!("not_built.html");

/// The page.
pub(super) async fn index() -> Response {
    match Dist::get(INDEX) {
        Some(file) => page(file),
        None => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (kind, NOT_BUILT).into_response()
        }
    }
}

/// A file, or the page for paths that the page itself routes.
pub(super) async fn asset(Path(path): Path<String>) -> Result<Response, ApiError> {
    if path == INDEX {
        return Ok(index().await);
    }
    if let Some(file) = Dist::get(&path) {
        return Ok(named(&path, file));
    }
    // A path with an ending means a file: an old page asking for a script of its time must not
    // get HTML.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        let message = format!("the console has no file {path}");
        return Err(ApiError::new(ErrorCode::NotFound, message));
    }
    Ok(index().await)
}

fn page(file: EmbeddedFile) -> Response {
    let mut response = named(INDEX, file);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn named(path: &str, file: EmbeddedFile) -> Response {
    // Names below `assets/` carry a hash of their content.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let head = [(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, cache)];
    (head, file.data).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
