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
    use crate::gossip::DropCause;
    use crate::limits::PAGE_BYTES_MAX;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = ASSETS.iter().map(|it| it.gzip.len()).sum();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes, at most {PAGE_BYTES_MAX}");
    }

    /// Every text that the page says is in the table of words, in every language.
    #[test]
    fn every_word_has_its_translations() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ui");
        let words = std::fs::read_to_string(format!("{folder}/words.js")).unwrap();
        let (_, table) = words.split_once("const WORDS = new Map(`\n").unwrap();
        let rows: Vec<&str> = table.lines().take_while(|line| !line.starts_with('`')).collect();
        for row in &rows {
            assert_eq!(row.split('|').count(), 5, "five languages: {row}");
        }
        let is_known = |word: &str| rows.iter().any(|row| row.split('|').next() == Some(word));
        for (_, cause) in DropCause::ALL {
            let word = if cause == "stranger" { "before joining" } else { cause };
            assert!(is_known(&word.replace('_', " ")), "{word:?} has no row in words.js");
        }
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for (at, _) in text.match_indices("t(\"") {
                let is_call = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.');
                let word = text[at + 3..].split_once('"').filter(|_| is_call);
                let Some((word, _)) = word else { continue };
                assert!(is_known(word), "{word:?} has no row in words.js");
            }
        }
    }

    /// The table in tests/README.md: the compressed size of each file in KiB.
    #[test]
    fn the_docs_tell_the_size_of_each_file() {
        let kib = |bytes: usize| format!("{}.{}", bytes / 1024, bytes % 1024 * 10 / 1024);
        let sizes = ASSETS.iter().map(|it| it.gzip.len());
        let mut table: Vec<String> =
            ASSETS.iter().map(|it| format!("| `{}` | {} |", it.name, kib(it.gzip.len()))).collect();
        table.push(format!("| all | {} |", kib(sizes.sum())));
        let table = table.join("\n");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/README.md");
        let docs = std::fs::read_to_string(file).unwrap();
        assert!(docs.contains(&table), "tests/README.md lacks this table:\n{table}");
    }

    #[test]
    fn the_page_names_its_files() {
        assert!(asset("index.html").is_some() && asset("app.js").is_some());
        assert!(asset("none.js").is_none());
    }
}
