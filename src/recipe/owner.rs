//! Whose a file is: `root`, `appuser:appgroup`, `1001:1001`.

use super::grammar::Grammar;
use super::problem::Problem;
use super::text::{name_of_account, not_a};

/// An owner as the recipe writes it, to be looked up in the image's own accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: AccountReference,
    /// The group; `None`: the user's primary group, or the group of the same number.
    pub group: Option<AccountReference>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountReference {
    /// By name.
    Name(String),
    /// By number.
    Id(u32),
}

impl Owner {
    /// Root and its group.
    pub(super) fn root() -> Self {
        Self { user: AccountReference::Name("root".to_owned()), group: None }
    }

    /// The user `name` and its group.
    pub(super) fn user(name: &str) -> Self {
        Self { user: AccountReference::Name(name.to_owned()), group: None }
    }

    /// Reads `USER` or `USER:GROUP`, each by name or number.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let reference = |word: &str| {
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                // All bits set means "no change" to chown(2).
                return word.parse().ok().filter(|id| *id != u32::MAX).map(AccountReference::Id);
            }
            name_of_account(word).ok().map(AccountReference::Name)
        };
        let read = match text.split_once(':') {
            None => reference(text).map(|user| Self { user, group: None }),
            Some((user, group)) => {
                reference(user).zip(reference(group)).map(|(user, group)| Self { user, group: Some(group) })
            }
        };
        read.ok_or_else(|| not_a(Grammar::Owner, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_names_or_numbers() {
        let name = |name: &str| AccountReference::Name(name.to_owned());
        for (text, user, group) in [
            ("root", name("root"), None),
            ("appuser:www-data", name("appuser"), Some(name("www-data"))),
            ("1001:0", AccountReference::Id(1001), Some(AccountReference::Id(0))),
            ("4294967294", AccountReference::Id(4_294_967_294), None),
        ] {
            assert_eq!(Owner::parse(text), Ok(Owner { user, group }));
        }
        for wrong in ["", ":", "a:", ":b", "a:b:c", "4294967295", "a b", "-1", "9a"] {
            assert!(Owner::parse(wrong).is_err(), "{wrong}");
        }
    }
}
