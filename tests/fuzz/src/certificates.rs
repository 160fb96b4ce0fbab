//! Certificates that a server shows.

use bellwether::wire::x509::Certificate;

pub fn run(bytes: &[u8]) {
    let Some(read) = Certificate::parse(bytes) else { return };
    // Bytes after the certificate do not change it.
    let longer = [bytes, &[0]].concat();
    assert_eq!(Certificate::parse(&longer), Some(read));
    for field in [read.issuer, read.subject, read.public_key] {
        assert!(field.len() >= 2 && bytes.windows(field.len()).any(|window| window == field));
    }
}
