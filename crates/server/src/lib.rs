//! The log service: speaks the SLS API over the store and the query engine, hands agents their
//! configurations, and serves the console.
//!
//! The way of a request: [`http`] admits it (room, body, host, signature), [`api`] reads it and
//! shapes the answer, and in between are [`ingest`] for writes, [`search`] for queries,
//! [`catalog`] for objects and [`control`] for agents.

pub mod api;
pub mod app;
pub mod catalog;
pub mod clock;
pub mod console;
pub mod control;
pub mod http;
pub mod ingest;
pub mod jobs;
pub mod metrics;
pub mod search;
pub mod service;
pub mod settings;
