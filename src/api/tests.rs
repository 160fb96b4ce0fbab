//! Every endpoint and every family of errors.
