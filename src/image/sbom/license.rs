//! Licences as their packages declare them: an SPDX expression where it is one, otherwise their own words.

use serde::{Deserialize, Serialize};
use spdx::{Expression, ParseMode};

use crate::digest::Sha256Digest;

/// A declared licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum License {
    /// A valid SPDX expression (SPDX 2.3, annex D), operators in capitals.
    Expression(String),
    /// Something else.
    Text(String),
    /// Nothing at all.
    None,
}

/// Longest text that counts as the name of a licence: some packages put the licence itself there.
const LONGEST: usize = 200;

/// SPDX's own grammar, with what its list calls deprecated, `GPL-2.0` and `LGPL-2.1+` among it: it is on the list, so it
/// is valid.
const WITH_DEPRECATED: ParseMode =
    ParseMode { allow_deprecated: true, allow_postfix_plus_on_gpl: true, ..ParseMode::STRICT };

impl License {
    /// What `text` declares.
    pub fn declared(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("UNKNOWN") {
            return Self::None;
        }
        let capitals = with_operators_in_capitals(text);
        if Expression::parse_mode(&capitals, WITH_DEPRECATED).is_ok() {
            return Self::Expression(capitals);
        }
        // Older Alpine packages list several with nothing, or a comma, between them: all of them apply.
        let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        if words.len() > 1 && words.iter().all(|word| spdx::license_id(word).is_some()) {
            return Self::Expression(words.join(" AND "));
        }
        Self::Text(text.lines().next().unwrap_or_default().chars().take(LONGEST).collect())
    }

    /// What SPDX calls a licence that is not on its list (SPDX 2.3, 10.1): the same words have the same name.
    pub(super) fn reference(text: &str) -> String {
        let digest = Sha256Digest::of(text.as_bytes()).to_string();
        format!("LicenseRef-{}", digest.get(..16).unwrap_or(&digest))
    }
}

/// `and`, `or` and `with` between licences as SPDX writes them.
fn with_operators_in_capitals(text: &str) -> String {
    let capital = |word: &str| match word {
        "and" | "And" => "AND".to_owned(),
        "or" | "Or" => "OR".to_owned(),
        "with" | "With" => "WITH".to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(capital).collect::<Vec<_>>().join(" ")
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
            ("MIT and (BSD-2-Clause or Zlib)", expression("MIT AND (BSD-2-Clause OR Zlib)")),
            ("GPL-2.0", expression("GPL-2.0")),
            ("LGPL-2.1+", expression("LGPL-2.1+")),
            ("GPL-2.0+ and BSD-2-Clause", expression("GPL-2.0+ AND BSD-2-Clause")),
            ("Net-SNMP", expression("Net-SNMP")),
            ("custom", License::Text("custom".to_owned())),
            ("BSD and friends", License::Text("BSD and friends".to_owned())),
            ("BSD License\nand much more", License::Text("BSD License".to_owned())),
            (" ", License::None),
            ("UNKNOWN", License::None),
        ] {
            assert_eq!(License::declared(declared), expected);
        }
    }
}
