//! Worlds drawn by lot over a real index, and second repositories made of older or newer copies of its packages.

use std::fmt;

use apkbuild::digest::Sha1Digest;
use base64::Engine as _;

/// A small generator of numbers that is the same everywhere (splitmix64).
pub struct Lot(pub u64);

impl Lot {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<'a, Item>(&mut self, items: &'a [Item]) -> &'a Item {
        &items[self.below(items.len())]
    }
}

/// The second repository of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Second {
    None,
    Older { tagged: bool },
    Newer { tagged: bool },
}

/// What is asked, and of which release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub arch: String,
    pub second: Second,
    pub world: Vec<String>,
}

impl fmt::Display for Second {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "-",
            Self::Older { tagged: false } => "older",
            Self::Older { tagged: true } => "@older",
            Self::Newer { tagged: false } => "newer",
            Self::Newer { tagged: true } => "@newer",
        })
    }
}

impl Second {
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Older { tagged: false },
        Self::Older { tagged: true },
        Self::Newer { tagged: false },
        Self::Newer { tagged: true },
    ];

    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|second| second.to_string() == text).expect("a kind of second repository")
    }

    pub fn is_tagged(self) -> bool {
        matches!(self, Self::Older { tagged: true } | Self::Newer { tagged: true })
    }

    /// The index of this repository, made of that of the first: every third source package in another version.
    pub fn index(self, first: &str) -> Option<String> {
        let is_newer = match self {
            Self::None => return None,
            Self::Older { .. } => false,
            Self::Newer { .. } => true,
        };
        let mut copy = String::new();
        for package in first.split("\n\n").filter(|package| !package.trim().is_empty()) {
            let field = |letter: &str| package.lines().find_map(|line| line.strip_prefix(letter)).unwrap_or_default();
            let lot = Lot(field("o:").bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))).next();
            if !lot.is_multiple_of(3) {
                continue;
            }
            let version = field("V:");
            // apk 2.14 and 3.0 do not agree on parts that begin with a zero.
            let has_odd_zero =
                version.as_bytes().windows(3).any(|part| part.starts_with(b".0") && part[2].is_ascii_digit());
            if has_odd_zero {
                continue;
            }
            let other = match (is_newer, version.rsplit_once("-r")) {
                (false, _) => format!("0.{version}"),
                (true, Some((upstream, revision))) if lot.is_multiple_of(2) => format!("{upstream}-r1{revision}"),
                (true, _) => format!("9{version}"),
            };
            let digest = Sha1Digest::of(format!("{}{other}", field("C:")).as_bytes());
            for line in package.lines() {
                let (letter, value) = line.split_at(2);
                let value = match letter {
                    "C:" => format!("Q1{}", base64::engine::general_purpose::STANDARD.encode(digest.0)),
                    "V:" => other.clone(),
                    "D:" | "p:" => {
                        let renewed = value.split(' ').map(|word| match word.strip_suffix(version) {
                            Some(name) if name.ends_with('=') => format!("{name}{other}"),
                            _ => word.to_owned(),
                        });
                        renewed.collect::<Vec<_>>().join(" ")
                    }
                    _ => value.to_owned(),
                };
                copy.extend([letter, &value, "\n"]);
            }
            copy.push('\n');
        }
        Some(copy)
    }
}

/// The names and versions of an index that worlds are drawn from.
pub struct Pool {
    arch: String,
    packages: Vec<(String, String)>,
    provided: Vec<String>,
    needed: Vec<String>,
}

impl Pool {
    pub fn new(arch: &str, text: &str) -> Self {
        // apk 3.0 takes no dependency on such a version, and 2.14 does: what asks for one is left out.
        let text = text.split_inclusive("\n\n").filter(|package| !package.contains("opensmtpd")).collect::<String>();
        let mut pool = Self { arch: arch.to_owned(), packages: Vec::new(), provided: Vec::new(), needed: Vec::new() };
        let mut name = "";
        for line in text.lines() {
            match line.split_at_checked(2) {
                Some(("P:", value)) => name = value,
                Some(("V:", value)) => pool.packages.push((name.to_owned(), value.to_owned())),
                Some(("p:", value)) => pool.provided.extend(value.split(' ').map(str::to_owned)),
                Some(("D:", value)) => pool.needed.extend(value.split(' ').map(str::to_owned)),
                _ => {}
            }
        }
        pool
    }

    /// Draws a world of one to eight names and a bit.
    pub fn draw(&self, lot: &mut Lot) -> Question {
        let second = if lot.chance(60) { Second::None } else { Second::ALL[1 + lot.below(4)] };
        let mut world = Vec::new();
        if lot.chance(65) {
            world.push("busybox".to_owned());
        }
        for extra in ["docs", "openrc"] {
            if lot.chance(15) {
                world.push(extra.to_owned());
            }
        }
        let most = if lot.chance(30) { 8 } else { 4 };
        for _ in 0..=lot.below(most) {
            world.push(self.wish(lot, second));
        }
        world.truncate(8);
        Question { arch: self.arch.clone(), second, world }
    }

    fn wish(&self, lot: &mut Lot, second: Second) -> String {
        let bare = |word: &String| word.trim_start_matches('!').split(['=', '<', '>', '~']).next().unwrap().to_owned();
        let (name, version) = match lot.below(100) {
            0..78 => lot.one_of(&self.packages).clone(),
            78..84 => (bare(lot.one_of(&self.provided)), "1".to_owned()),
            84..90 => (bare(lot.one_of(&self.needed)), "1".to_owned()),
            _ => {
                let needed = bare(lot.one_of(&self.needed));
                let found = self.packages.iter().find(|(name, _)| *name == needed);
                found.unwrap_or_else(|| lot.one_of(&self.packages)).clone()
            }
        };
        if lot.chance(6) {
            return format!("!{name}");
        }
        let tag = if second.is_tagged() && lot.chance(40) { "@edge" } else { "" };
        let constraint = if lot.chance(15) {
            let cut =
                if lot.chance(50) { version.len() } else { version.find(['.', '-', '_']).unwrap_or(version.len()) };
            let operator = *lot.one_of(&["=", "=", "~", "~", ">", "<", ">=", "<=", "<~", ">~"]);
            format!("{operator}{}{}", if lot.chance(10) { "9" } else { "" }, &version[..cut])
        } else {
            String::new()
        };
        format!("{name}{tag}{constraint}")
    }
}
