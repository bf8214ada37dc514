//! The single table from what went wrong inside to what a client sees: code, status and text.
//! Details that are no business of a client go to the log with the request id, and nowhere else.

use axum::response::{IntoResponse, Response};
use http::header;
use query::QueryError;
use sls::api::JSON;
use sls::compress::DecompressError;
use sls::error::{ErrorBody, ErrorCode};
use store::AppendError;

use crate::catalog::{CatalogError, Kind};
use crate::ingest::{IngestError, InvalidLogs};

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What the client decides by.
    pub code: ErrorCode,
    /// What a person reads.
    pub message: String,
    /// For the log only.
    pub detail: Option<String>,
}

/// Travels with the response to whoever writes the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code of the answer.
    pub code: ErrorCode,
    /// See [`ApiError::detail`].
    pub detail: Option<String>,
}

impl ApiError {
    /// A refusal the client may read in full.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// Our own failure: the client learns only that it was one.
    pub fn internal(detail: impl ToString) -> Self {
        Self {
            code: ErrorCode::InternalServerError,
            message: "the service failed; its log has the details under the request id".into(),
            detail: Some(detail.to_string()),
        }
    }

    /// Too much at once, or about to stop: the same request may succeed later.
    pub fn busy(detail: impl ToString) -> Self {
        Self {
            code: ErrorCode::ServerBusy,
            message: "the service is busy, send the request again later".into(),
            detail: Some(detail.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody::new(self.code, self.message);
        let body = serde_json::to_vec(&body).expect("two strings");
        let head = [(header::CONTENT_TYPE, JSON)];
        let mut response = (self.code.status(), head, body).into_response();
        response.extensions_mut().insert(Refused { code: self.code, detail: self.detail });
        response
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let code = match &error {
            CatalogError::Exists { kind, .. } => match kind {
                Kind::Project => ErrorCode::ProjectAlreadyExist,
                Kind::Logstore => ErrorCode::LogStoreAlreadyExist,
                Kind::Index => ErrorCode::IndexAlreadyExist,
                Kind::MachineGroup => ErrorCode::MachineGroupAlreadyExist,
                Kind::Config => ErrorCode::ConfigAlreadyExist,
            },
            CatalogError::Missing { kind, .. } => match kind {
                Kind::Project => ErrorCode::ProjectNotExist,
                Kind::Logstore => ErrorCode::LogStoreNotExist,
                Kind::Index => ErrorCode::IndexConfigNotExist,
                Kind::MachineGroup => ErrorCode::MachineGroupNotExist,
                Kind::Config => ErrorCode::ConfigNotExist,
            },
            CatalogError::Name { kind, .. } | CatalogError::Invalid { kind, .. } => match kind {
                Kind::Project => ErrorCode::ParameterInvalid,
                Kind::Logstore => ErrorCode::LogStoreInfoInvalid,
                Kind::Index => ErrorCode::IndexInfoInvalid,
                Kind::MachineGroup | Kind::Config => ErrorCode::InvalidParameter,
            },
            CatalogError::Full { .. } => ErrorCode::ProjectQuotaExceed,
            CatalogError::Record { .. } | CatalogError::Store(_) => {
                return Self::internal(error);
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        let code = match &error {
            IngestError::CompressType(_) => ErrorCode::InvalidCompressType,
            IngestError::RawSizeMissing => ErrorCode::MissingBodyRawSize,
            IngestError::RawSizeInvalid(_) => ErrorCode::InvalidBodyRawSize,
            IngestError::Span(_) | IngestError::HashKey(_) => ErrorCode::ParameterInvalid,
            IngestError::Decompress(DecompressError::TooLarge { .. }) => {
                ErrorCode::PostBodyTooLarge
            }
            IngestError::Decompress(_) => ErrorCode::PostBodyUncompressError,
            IngestError::Logs(logs) => match logs {
                InvalidLogs::Encoding(_) | InvalidLogs::Time { .. } => ErrorCode::PostBodyInvalid,
                InvalidLogs::Nanos { .. } => ErrorCode::InvalidTimestamp,
                InvalidLogs::KeyLength { .. } => ErrorCode::InvalidKey,
                InvalidLogs::KeyText { .. } => ErrorCode::InvalidEncoding,
            },
            IngestError::NoShard(_) => ErrorCode::LogStoreWithoutShard,
            IngestError::Append(append) => match append {
                AppendError::Busy { .. } | AppendError::Log { .. } | AppendError::Closed => {
                    return Self::busy(error);
                }
                AppendError::TooLarge { .. } => ErrorCode::PostBodyTooLarge,
                AppendError::Dropped { .. } => {
                    // The logstore was deleted while the request was under way.
                    let message = "the logstore does not exist any more";
                    return Self::new(ErrorCode::LogStoreNotExist, message);
                }
                AppendError::Failed { .. } => return Self::internal(error),
            },
            IngestError::Undecided => return Self::internal(error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Syntax { .. } | QueryError::TooLarge { .. } => "OLSQueryParseError",
            QueryError::FieldNotIndexed { .. } => "ColumnNotExists",
            QueryError::NoFullText { .. } | QueryError::WrongType { .. } => "OLSQueryParseError",
            QueryError::AnalysisUnsupported { .. } => "NotSupported",
            QueryError::PageTooDeep { .. } => {
                return Self::new(ErrorCode::InvalidOffset, error.to_string());
            }
            QueryError::EmptyTimeRange { .. } => {
                return Self::new(ErrorCode::InvalidTimeRange, error.to_string());
            }
            QueryError::Store(_) | QueryError::Column { .. } | QueryError::Row { .. } => {
                return Self::internal(error);
            }
        };
        let text = error.to_string();
        let message = match error.position() {
            // The form clients show, with the place taken out of the text (`sls-api.md` 4.5).
            Some(at) => {
                let bare = text.strip_prefix(&format!("{at}: ")).unwrap_or(&text);
                format!(
                    "ErrorType:{kind}.ErrorPosition,line:{},column:{}.ErrorMessage:{bare}",
                    at.line, at.column
                )
            }
            None => format!("ErrorType:{kind}.ErrorMessage:{text}"),
        };
        Self::new(ErrorCode::ParameterInvalid, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_error_has_the_form_clients_show() {
        let error = query::parse("a: and (").expect_err("not a query");
        let refused = ApiError::from(error);
        assert_eq!(refused.code, ErrorCode::ParameterInvalid);
        let head = "ErrorType:OLSQueryParseError.ErrorPosition,line:1,column:";
        assert!(refused.message.starts_with(head), "{}", refused.message);
    }

    #[test]
    fn details_of_our_own_failures_stay_inside() {
        let refused = ApiError::internal("/secret/path cannot be written");
        let response = refused.into_response();
        assert_eq!(response.status(), 500);
        let kept = response.extensions().get::<Refused>().expect("kept for the log");
        assert_eq!(kept.detail.as_deref(), Some("/secret/path cannot be written"));
    }

    #[test]
    fn a_missing_index_is_a_400() {
        let refused = ApiError::from(CatalogError::missing(Kind::Index, "l"));
        assert_eq!(refused.code.as_str(), "IndexConfigNotExist");
        assert_eq!(refused.into_response().status(), 400);
    }
}
