//! Whose a file is: `root`, `appuser:appgroup`, `1001:1001`.

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
