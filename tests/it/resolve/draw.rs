//! Worlds drawn by lot over a real index, alone or mixed: with other releases, and with older or newer copies of its own
//! packages.

use std::collections::BTreeMap;
use std::fmt;

use apkbuild::digest::Sha1Digest;
use base64::Engine as _;

use super::reference::RELEASES;

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

/// A repository of a world, made of the index of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    pub release: &'static str,
    pub kind: Kind,
    pub is_tagged: bool,
}

/// What is made of a release's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing else.
    Itself,
    /// Every third source package in an older version, and nothing else.
    Older,
    /// The same in a newer one.
    Newer,
}

/// What is asked, and of which repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub arch: String,
    pub offers: Vec<Offer>,
    pub world: Vec<String>,
}

impl fmt::Display for Offer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = if self.is_tagged { "@" } else { "" };
        let kind = match self.kind {
            Kind::Itself => "",
            Kind::Older => "older-",
            Kind::Newer => "newer-",
        };
        write!(formatter, "{tag}{kind}{}", self.release)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offers: Vec<_> = self.offers.iter().map(ToString::to_string).collect();
        write!(formatter, "{} {} {}", self.arch, offers.join(","), self.world.join(" "))
    }
}

impl Question {
    /// Reads what was printed.
    pub fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let arch = words.next().unwrap().to_owned();
        let offers = words.next().unwrap().split(',').map(Offer::parse).collect();
        Self { arch, offers, world: words.map(str::to_owned).collect() }
    }

    /// The repositories with the tags by which they are pinned: `@edge` is the second one, `@far` the third.
    pub fn repositories(&self) -> impl Iterator<Item = (Option<&'static str>, Offer)> {
        self.offers.iter().zip(["near", "edge", "far"]).map(|(offer, tag)| (offer.is_tagged.then_some(tag), *offer))
    }
}

impl Offer {
    fn parse(text: &str) -> Self {
        let (is_tagged, text) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let (kind, release) = text.rsplit_once('-').unwrap_or(("", text));
        let kind = match kind {
            "older" => Kind::Older,
            "newer" => Kind::Newer,
            _ => Kind::Itself,
        };
        let release = RELEASES.iter().find(|(name, _)| *name == release).expect("a release").0;
        Self { release, kind, is_tagged }
    }

    /// Its name, whatever its tag.
    pub fn untagged(self) -> String {
        Self { is_tagged: false, ..self }.to_string()
    }

    /// The index for `arch`, made of that of the release, which may be for another.
    pub fn index(self, arch: &str, release: &str) -> String {
        let (_, own) = RELEASES.iter().find(|(name, _)| *name == self.release).expect("a release");
        let text = release.replace(own, arch);
        match self.kind {
            Kind::Itself => text,
            Kind::Older => in_other_versions(&text, false),
            Kind::Newer => in_other_versions(&text, true),
        }
    }
}

/// Every third source package of an index in another version.
fn in_other_versions(first: &str, is_newer: bool) -> String {
    let mut copy = String::new();
    for package in first.split("\n\n").filter(|package| !package.trim().is_empty()) {
        let field = |letter: &str| package.lines().find_map(|line| line.strip_prefix(letter)).unwrap_or_default();
        let lot = Lot(field("o:").bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))).next();
        if !lot.is_multiple_of(3) {
            continue;
        }
        let version = field("V:");
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
    copy
}

/// The names and versions of an index that worlds are drawn from.
pub struct Pool {
    arch: &'static str,
    release: &'static str,
    packages: Vec<(String, String)>,
    provided: Vec<String>,
    needed: Vec<String>,
    /// Names that many an `install_if` waits for, as `docs`, `openrc` and `pyc`.
    awaited: Vec<String>,
}

impl Pool {
    pub fn new(release: &'static str, arch: &'static str, text: &str) -> Self {
        let mut pool =
            Self { arch, release, packages: Vec::new(), provided: Vec::new(), needed: Vec::new(), awaited: Vec::new() };
        let mut name = "";
        let mut awaited = BTreeMap::<&str, usize>::new();
        for line in text.lines() {
            match line.split_at_checked(2) {
                Some(("P:", value)) => name = value,
                Some(("V:", value)) => pool.packages.push((name.to_owned(), value.to_owned())),
                Some(("p:", value)) => pool.provided.extend(value.split(' ').map(str::to_owned)),
                Some(("D:", value)) => pool.needed.extend(value.split(' ').map(str::to_owned)),
                Some(("i:", value)) => value.split(' ').for_each(|word| *awaited.entry(word).or_default() += 1),
                _ => {}
            }
        }
        let often = awaited.into_iter().filter(|(word, count)| *count > 3 && !word.contains(['=', '!']));
        pool.awaited = often.map(|(word, _)| word.to_owned()).collect();
        pool
    }

    /// Draws a world of one to eight names and a bit, over the release alone or mixed with others.
    pub fn draw(&self, lot: &mut Lot) -> Question {
        let mut offers = vec![Offer { release: self.release, kind: Kind::Itself, is_tagged: false }];
        if !lot.chance(55) {
            for _ in 0..if lot.chance(20) { 2 } else { 1 } {
                let kind = *lot.one_of(&[Kind::Itself, Kind::Older, Kind::Newer]);
                let release = if kind == Kind::Itself { lot.one_of(&RELEASES).0 } else { self.release };
                let offer = Offer { release, kind, is_tagged: lot.chance(50) };
                if offers.iter().all(|other| other.untagged() != offer.untagged()) {
                    offers.push(offer);
                }
            }
        }
        let mut question = Question { arch: self.arch.to_owned(), offers, world: Vec::new() };
        if lot.chance(65) {
            question.world.push("busybox".to_owned());
        }
        while lot.chance(20) {
            question.world.push(lot.one_of(&self.awaited).clone());
        }
        let most = if lot.chance(30) { 8 } else { 4 };
        for _ in 0..=lot.below(most) {
            question.world.push(self.wish(lot, &question));
        }
        question.world.truncate(8);
        question
    }

    fn wish(&self, lot: &mut Lot, question: &Question) -> String {
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
        let tags: Vec<_> = question.repositories().filter_map(|(tag, _)| tag).collect();
        let tag = if !tags.is_empty() && lot.chance(40) { format!("@{}", lot.one_of(&tags)) } else { String::new() };
        let constraint = if lot.chance(15) {
            let cut =
                if lot.chance(50) { version.len() } else { version.find(['.', '-', '_']).unwrap_or(version.len()) };
            let operator = *lot.one_of(&["=", "=", "~", "~", ">", "<", ">=", "<=", "<~", ">~"]);
            format!("{operator}{}{}", if lot.chance(10) { "9" } else { "" }, &version[..cut])
        } else {
            String::new()
        };
        let wish = format!("{name}{tag}{constraint}");
        // A version that no dependency may ask for is a fault of the question.
        if apkbuild::apk::Dependency::parse_world(&wish).is_ok() { wish } else { format!("{name}{tag}") }
    }
}
