//! What a handler is told about its request besides path and body.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use sls::error::ErrorCode;

use super::error::ApiError;
use super::shield::Room;

/// Query parameters, decoded, in sending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, String)>);

impl Params {
    /// Reads the part of a target after the question mark.
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A parameter; an empty one means "not given" (`sls-api.md`, rule 10).
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is there, even an empty one.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// A number.
    ///
    /// # Errors
    /// `code` when the value is not one.
    pub fn number<T: FromStr>(&self, name: &str, code: ErrorCode) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.trim().parse();
        number
            .map(Some)
            .map_err(|_| ApiError::new(code, format!("parameter {name} {text:?} is not a number")))
    }

    /// A boolean in any case: clients send `True`, `true` and `1` (`sls-api.md`, rule 9).
    ///
    /// # Errors
    /// `code` when the value is none of the words.
    pub fn flag(&self, name: &str, code: ErrorCode) -> Result<Option<bool>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => {
                let message = format!("parameter {name} {text:?} is neither true nor false");
                Err(ApiError::new(code, message))
            }
        }
    }

    /// `offset` and `size` of a listing, with the defaults of the service.
    ///
    /// # Errors
    /// `ParameterInvalid` when one is not a number.
    pub fn page(&self) -> Result<sls::api::Page, ApiError> {
        let default = sls::api::Page::default();
        Ok(sls::api::Page {
            offset: self.number("offset", ErrorCode::ParameterInvalid)?.unwrap_or(default.offset),
            size: self
                .number::<usize>("size", ErrorCode::ParameterInvalid)?
                .unwrap_or(default.size)
                .min(MAX_PAGE),
        })
    }
}

/// Entries in one page of a listing, at most.
const MAX_PAGE: usize = 500;

/// Facts about one request.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The project of the host.
    pub project: Option<String>,
    /// Query parameters.
    pub params: Arc<Params>,
    /// Address of the sender.
    pub client_ip: IpAddr,
    /// What a write has to hold as long as anything of it is in memory, also when its sender is
    /// gone.
    pub room: Option<Arc<Room>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Inbound {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            ApiError::internal("a route is not behind admission, so its request is not known")
        })
    }
}

impl Inbound {
    /// The project of the host.
    ///
    /// # Errors
    /// `InvalidHost` when the host names none.
    pub fn project(&self) -> Result<&str, ApiError> {
        self.project.as_deref().ok_or_else(|| {
            ApiError::new(
                ErrorCode::InvalidHost,
                "the host names no project: send the request to PROJECT.ENDPOINT",
            )
        })
    }
}

/// The identity of a request, 24 hexadecimal digits, on the answer and in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// A new one.
    pub fn random() -> Self {
        let random: u128 = rand::random();
        Self(format!("{:024X}", random >> 32))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_not_given_and_a_bare_question_mark_is_nothing() {
        let params = Params::parse("offset=&size=5&a=b+c%20d&flag=True");
        assert_eq!(params.get("offset"), None);
        assert!(params.has("offset"));
        assert_eq!(params.page().expect("numbers").size, 5);
        assert_eq!(params.get("a"), Some("b c d"));
        assert_eq!(params.flag("flag", ErrorCode::ParameterInvalid).expect("a flag"), Some(true));
        assert_eq!(Params::parse(""), Params::default());
    }

    #[test]
    fn other_values_are_refused_with_the_code_of_the_parameter() {
        let params = Params::parse("line=ten&reverse=perhaps");
        let line = params.number::<i64>("line", ErrorCode::InvalidLine).expect_err("no number");
        assert_eq!(line.code, ErrorCode::InvalidLine);
        let flag = params.flag("reverse", ErrorCode::InvalidReverse).expect_err("no flag");
        assert_eq!(flag.code, ErrorCode::InvalidReverse);
    }

    #[test]
    fn a_request_id_has_24_hexadecimal_digits() {
        let id = RequestId::random().0;
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(id, RequestId::random().0);
    }
}
