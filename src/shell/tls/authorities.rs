//! The authorities to trust, packed: a system's bundle has some 140, and a handshake needs one of them.

use std::path::Path;

use minicbor::Decoder;
use minicbor::bytes::ByteSlice;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor};

use crate::limits::TLS_FILE_BYTES_MAX;
use crate::shell::files::scan_regular;

/// Authorities in one piece of memory, which goes back to the kernel whole, where hundreds of small ones would leave holes.
#[derive(Debug)]
pub(super) struct Authorities(Vec<u8>);

/// Subject, public key and name constraints of an authority.
type Packed<'a> = (&'a ByteSlice, &'a ByteSlice, Option<&'a ByteSlice>);

/// The start of a line with which a section begins.
const BEGIN: &[u8] = b"\n-----BEGIN ";

impl Authorities {
    /// The authorities whose certificates a text has, one after the other. Those that cannot be read are passed over, as a
    /// bundle may have an odd one; none if nothing is left.
    pub(super) fn read(pem: &[u8]) -> Option<Self> {
        let mut all = Self(Vec::with_capacity(pem.len()));
        all.add(pem);
        all.finish()
    }

    /// The same of a file of some `size` bytes, of which never more than a section is in memory: the allocator would keep what
    /// the whole takes. None if it cannot be read to its end.
    pub(super) fn read_file(file: &Path, size: usize) -> Option<Self> {
        let mut all = Self(Vec::with_capacity(size.min(TLS_FILE_BYTES_MAX)));
        let mut text = Vec::new();
        let mut take = |piece: &[u8]| {
            text.extend_from_slice(piece);
            while let Some(end) = text.windows(BEGIN.len()).position(|it| it == BEGIN) {
                all.add(text.get(..=end).unwrap_or_default());
                text.drain(..=end);
            }
        };
        scan_regular(file, TLS_FILE_BYTES_MAX, &mut take).ok()?;
        all.add(&text);
        all.finish()
    }

    fn add(&mut self, pem: &[u8]) {
        for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
            let mut one = RootCertStore::empty();
            one.add(certificate).ok();
            for anchor in &one.roots {
                let TrustAnchor { subject, subject_public_key_info: key, name_constraints } =
                    anchor;
                let constraints = name_constraints.as_ref().map(|it| it.as_ref().into());
                let fields: Packed<'_> =
                    (subject.as_ref().into(), key.as_ref().into(), constraints);
                minicbor::encode(fields, &mut self.0).ok();
            }
        }
    }

    fn finish(mut self) -> Option<Self> {
        self.0.shrink_to_fit();
        (!self.0.is_empty()).then_some(self)
    }

    /// Those that may have issued certificates, by the names of their issuers: all that a chain can end at.
    pub(super) fn named(&self, issuers: &[&[u8]]) -> RootCertStore {
        let mut decoder = Decoder::new(&self.0);
        let all = std::iter::from_fn(|| decoder.decode::<Packed<'_>>().ok());
        // A subject is without the tag and the length that an issuer has in front.
        all.filter(|(subject, ..)| issuers.iter().any(|issuer| issuer.ends_with(subject)))
            .map(|(subject, key, constraints)| {
                let name_constraints = constraints.map(|it| Der::from_slice(it));
                let subject = Der::from_slice(subject);
                TrustAnchor {
                    subject,
                    subject_public_key_info: Der::from_slice(key),
                    name_constraints,
                }
                .to_owned()
            })
            .collect()
    }
}

/// A certificate of nobody, for tests.
#[cfg(test)]
pub(in crate::shell) const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBLDCB36ADAgECAhRNgvQYRc0QoDzmcOiVz8EQdsueajAFBgMrZXAwDDEKMAgG
A1UEAwwBYTAeFw0yNjExMzAwNDE4MTdaFw0zNjExMjcwNDE4MTdaMAwxCjAIBgNV
BAMMAWEwKjAFBgMrZXADIQCkxVDNLupQV9EjlBFMcmLsnDY2/MBbbvwq4DT7KtBo
bqNTMFEwHQYDVR0OBBYEFLhkS/06BeiNFbOo2SVG19I3e3qsMB8GA1UdIwQYMBaA
FLhkS/06BeiNFbOo2SVG19I3e3qsMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA
A86WuLHd+J7mnocNueBuw/69NS1qQmfumajF5wWEk4RPGb+kq/A77v0EP1Byxnvl
69or/NhOQ7mqND2P/Y7qDQ==
-----END CERTIFICATE-----
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::x509::Certificate;

    #[test]
    fn an_authority_is_found_by_name_and_an_odd_certificate_is_passed_over() {
        let odd = AUTHORITY.replace("MIIB", "MIIC");
        let other = AUTHORITY.replace("BAMMAWEw", "BAMMAWIw");
        assert!(Authorities::read(odd.as_bytes()).is_none() && Authorities::read(b"").is_none());
        let text =
            format!("# a\n{AUTHORITY}{odd}-----BEGIN CERTIFICATE-----\n?\n{other}{AUTHORITY}");
        let read = Authorities::read(text.as_bytes()).unwrap();
        let der = CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap();
        let own = Certificate::parse(&der).unwrap();
        let mut both = RootCertStore::empty();
        both.add_parsable_certificates([der.clone(), der.clone()]);
        assert_eq!(read.named(&[own.issuer]).roots, both.roots);
        assert!(read.named(&[b"\x30\x00"]).is_empty() && read.named(&[]).is_empty());
    }

    #[test]
    fn a_file_of_many_pieces_has_the_authorities_of_its_whole_text() {
        let path = std::env::temp_dir().join(format!("bellwether-bundle-{}", std::process::id()));
        let other = AUTHORITY.replace("BAMMAWEw", "BAMMAWIw");
        for line_end in ["\n", "\r\n", "\r"] {
            // Of each length, so that pieces end everywhere.
            let note = |number: usize| format!("# {}\n", "-".repeat(number % 97));
            let all = (0..60)
                .map(|number| note(number) + if number % 7 == 0 { &other } else { AUTHORITY });
            let text = all.collect::<String>().replace('\n', line_end);
            std::fs::write(&path, &text).unwrap();
            let whole = Authorities::read(text.as_bytes()).unwrap();
            assert_eq!(Authorities::read_file(&path, text.len()).unwrap().0, whole.0);
            assert_eq!(Authorities::read_file(&path, 0).unwrap().0, whole.0, "it has grown");
        }
        let cut = format!("{AUTHORITY}-----BEGIN CERTIFICATE-----\nMIIB\n{other}");
        std::fs::write(&path, &cut).unwrap();
        let read = Authorities::read_file(&path, cut.len()).unwrap();
        assert_eq!(read.0, Authorities::read(format!("{AUTHORITY}{other}").as_bytes()).unwrap().0);
        std::fs::write(&path, AUTHORITY.repeat(TLS_FILE_BYTES_MAX / AUTHORITY.len() + 1)).unwrap();
        assert!(Authorities::read_file(&path, 0).is_none(), "too large, and not taken in part");
        std::fs::remove_file(&path).unwrap();
        assert!(Authorities::read_file(&path, 0).is_none());
    }
}
