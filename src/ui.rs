//! The page for browsers: HTML, CSS and ES modules, which `build.rs` compresses into the binary.

/// A file of the page.
#[derive(Debug)]
pub struct Asset {
    /// `app.js`
    pub name: &'static str,
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// Its `ETag`, quotes included: differs whenever the file does.
    pub tag: &'static str,
    /// The file, compressed with gzip.
    pub gzip: &'static [u8],
}

/// Every file of the page, in the order of names.
pub static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file of this name.
pub fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|it| it.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES_MAX;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = ASSETS.iter().map(|it| it.gzip.len()).sum();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes, at most {PAGE_BYTES_MAX}");
    }

    #[test]
    fn the_page_names_its_files() {
        assert!(asset("index.html").is_some() && asset("app.js").is_some());
        assert!(asset("none.js").is_none());
    }
}
