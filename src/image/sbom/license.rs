//! Licences as their packages declare them: an SPDX expression where it is one, otherwise their own words.

use serde::{Deserialize, Serialize};

/// A declared licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum License {
    /// A valid SPDX expression (SPDX 2.3, annex D).
    Expression(String),
    /// Something else.
    Text(String),
    /// Nothing at all.
    None,
}

/// Longest text that counts as the name of a licence: some packages put the licence itself there.
const LONGEST: usize = 200;

impl License {
    /// What `text` declares.
    pub fn declared(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("UNKNOWN") {
            Self::None
        } else if spdx::Expression::parse(text).is_ok() {
            Self::Expression(text.to_owned())
        } else {
            // Older Alpine packages list several with nothing, or a comma, between them: all of them apply.
            let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
            let all = words.join(" AND ");
            if words.len() > 1 && words.iter().all(|word| spdx::license_id(word).is_some()) {
                Self::Expression(all)
            } else {
                Self::Text(text.lines().next().unwrap_or_default().chars().take(LONGEST).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::License;

    #[test]
    fn expressions_are_told_from_words() {
        let expression = |text: &str| License::Expression(text.to_owned());
        for (declared, expected) in [
            ("MIT", expression("MIT")),
            ("MIT AND BSD-2-Clause AND GPL-2.0-or-later", expression("MIT AND BSD-2-Clause AND GPL-2.0-or-later")),
            ("GPL-2.0-only WITH Classpath-exception-2.0", expression("GPL-2.0-only WITH Classpath-exception-2.0")),
            ("MIT BSD-3-Clause", expression("MIT AND BSD-3-Clause")),
            ("custom", License::Text("custom".to_owned())),
            ("BSD License\nand much more", License::Text("BSD License".to_owned())),
            (" ", License::None),
            ("UNKNOWN", License::None),
        ] {
            assert_eq!(License::declared(declared), expected);
        }
    }
}
