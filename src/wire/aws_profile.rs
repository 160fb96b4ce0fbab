//! AWS's files of profiles: `~/.aws/credentials` and `~/.aws/config`.

/// The value of a key in a profile's section.
pub fn entry<'a>(file: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut is_there = false;
    for line in file.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let name = name.trim();
            is_there = name == section || name.strip_prefix("profile ") == Some(section);
        } else if let (true, Some((name, value))) = (is_there, line.split_once('='))
            && name.trim() == key
        {
            return Some(value.trim());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_in_both_files() {
        let file = "[default]\naws_access_key_id = a\n\n[ edge ]\naws_access_key_id=b\n# c\n[profile x]\nregion = r\n";
        assert_eq!(entry(file, "default", "aws_access_key_id"), Some("a"));
        assert_eq!(entry(file, "edge", "aws_access_key_id"), Some("b"));
        assert_eq!(entry(file, "x", "region"), Some("r"));
        assert_eq!(entry(file, "default", "region"), None);
        assert_eq!(entry(file, "y", "region"), None);
    }
}
