//! Bodies of requests: whole, within a limit, and in time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use sls::error::ErrorCode;

use super::error::ApiError;

/// A body over its limit is read to its end up to here and thrown away: a client that is still
/// sending would otherwise see a broken connection instead of the reason.
const MAX_DISCARD_BYTES: usize = 64 << 20;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a body of at most `limit_bytes`; room for `expected_bytes` is made at once. It has a
/// minute to arrive.
///
/// # Errors
/// `PostBodyTooLarge`, `PostBodyInvalid` when it ends too early, `RequestTimeout`.
pub async fn read(
    body: Body,
    expected_bytes: usize,
    limit_bytes: usize,
) -> Result<Bytes, ApiError> {
    read_within(PATIENCE, body, expected_bytes, limit_bytes).await
}

async fn read_within(
    patience: Duration,
    body: Body,
    expected_bytes: usize,
    limit_bytes: usize,
) -> Result<Bytes, ApiError> {
    tokio::time::timeout(patience, collect(body, expected_bytes, limit_bytes))
        .await
        .map_err(|_| ApiError::new(ErrorCode::RequestTimeout, "the body took too long"))?
}

async fn collect(mut body: Body, expected: usize, limit: usize) -> Result<Bytes, ApiError> {
    let mut read = BytesMut::with_capacity(expected.min(limit));
    let mut total: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| ApiError::new(ErrorCode::PostBodyInvalid, "the body ends too early"))?;
        let Ok(data) = frame.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total <= limit {
            read.extend_from_slice(&data);
        } else {
            read = BytesMut::new();
            if total > MAX_DISCARD_BYTES {
                break;
            }
        }
    }
    if total > limit {
        let message = format!("the body is over the limit of {limit} bytes");
        return Err(ApiError::new(ErrorCode::PostBodyTooLarge, message));
    }
    Ok(read.freeze())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use hyper::body::Frame;

    use super::*;

    /// Announced and never sent.
    struct Silent;

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_given_up() {
        let read = read_within(Duration::from_millis(1), Body::new(Silent), 0, 10).await;
        assert_eq!(read.expect_err("nothing came").code, ErrorCode::RequestTimeout);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let whole = read(Body::from("ten bytes!"), 0, 10).await;
        assert_eq!(whole.expect("within the limit"), "ten bytes!");
        let refused = read(Body::from("eleven byte"), 0, 10).await;
        assert_eq!(refused.expect_err("over it").code, ErrorCode::PostBodyTooLarge);
    }
}
