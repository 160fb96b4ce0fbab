//! Bytes to nouns and back. Each decoder is total: whatever comes, it returns a value or an error.

pub mod aws_profile;
pub mod credentials;
pub mod http1;
pub mod json;
pub mod key;
pub mod metrics;
pub mod mqtt;
pub mod netlink;
pub mod oauth2;
pub mod record;
pub mod rest;
pub mod rfc3339;
pub mod smtp;
pub mod x509;
