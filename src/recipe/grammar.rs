//! The kinds of words that a recipe holds, and how each is written.

/// What text is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its methods")]
pub enum Grammar {
    AccountName,
    Command,
    Duration,
    EnvironmentName,
    HttpPath,
    ImageName,
    KeyFile,
    Label,
    Mirror,
    Mode,
    Module,
    Owner,
    Path,
    Port,
    Release,
    Repository,
    Signal,
    Size,
    StageName,
    Tag,
    Text,
}

impl Grammar {
    /// What it is, with an article.
    pub fn noun(self) -> &'static str {
        match self {
            Self::AccountName => "the name of an account",
            Self::Command => "a command",
            Self::Duration => "a length of time",
            Self::EnvironmentName => "the name of an environment variable",
            Self::HttpPath => "the path of a request",
            Self::ImageName => "the name of an image",
            Self::KeyFile => "a public key",
            Self::Label => "the key of a label",
            Self::Mirror => "a mirror",
            Self::Mode => "a mode",
            Self::Module => "the name of a module",
            Self::Owner => "an owner",
            Self::Path => "a path",
            Self::Port => "a port",
            Self::Release => "a release of Alpine",
            Self::Repository => "a repository",
            Self::Signal => "a signal",
            Self::Size => "a size",
            Self::StageName => "the name of a stage",
            Self::Tag => "the tag of an image",
            Self::Text => "text",
        }
    }

    /// How it is written.
    pub fn rule(self) -> &'static str {
        match self {
            Self::AccountName => {
                "up to 32 letters, digits, `_`, `-` and `.`, beginning with a letter or `_`, such as \"appuser\""
            }
            Self::Command => "a command has at least one letter, and no NUL",
            Self::Duration => {
                "a number with `ms`, `s` or `m`, more than nothing and at most an hour, such as \"500ms\""
            }
            Self::EnvironmentName => {
                "letters, digits, `_`, `.` and `-`, beginning with a letter or `_`, such as \"PYTHONPATH\""
            }
            Self::HttpPath => "it begins with a slash and has no white space, such as \"/health\"",
            Self::ImageName => {
                "lower-case letters and digits, parted by `.`, `_`, `__` or `-`, with a registry and folders before it \
                 if you like, such as \"ghcr.io/me/hello\""
            }
            Self::KeyFile => "give the path of a file such as \"keys/mine.rsa.pub\"",
            Self::Label => "it has at least one letter, no white space and no control character",
            Self::Mirror => "give a URL (http, https or file) or a folder, such as \"https://mirror.example/alpine\"",
            Self::Mode => "write it in octal and in quotes, at most \"7777\", such as \"0640\"",
            Self::Module => "a module is written as in an import, such as \"ssl\" or \"xml.sax\"",
            Self::Owner => "write a user, or a user and a group, by name or number, such as \"appuser:appgroup\"",
            Self::Path => "a path has at least one letter; `.` is the folder itself",
            Self::Port => "a number from 1 to 65535, perhaps with a protocol, such as 8000 or \"53/udp\"",
            Self::Release => "write \"v3.22\" or the like, \"edge\" or \"latest-stable\"",
            Self::Repository => {
                "write a name such as \"community\", a URL (http, https or file), or a folder such as \"./packages\"; \
                 \"@tag URL\" pins, \"build-only URL\" is not for the image"
            }
            Self::Signal => "write a name such as \"SIGTERM\", or a number from 1 to 64",
            Self::Size => "a number with B, kB, MB, GB, KiB, MiB or GiB, more than nothing, such as \"25MB\"",
            Self::StageName => "letters, digits, `_` and `-`, such as \"deps\"",
            Self::Tag => {
                "up to 128 letters, digits, `_`, `.` and `-`, beginning with none of the last two, such as \"1.0\""
            }
            Self::Text => "text in an image cannot hold a NUL",
        }
    }
}
