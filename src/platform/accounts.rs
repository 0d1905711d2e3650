//! The account files `/etc/passwd`, `/etc/group` and `/etc/shadow` as values (passwd(5), group(5), shadow(5)).
//!
//! A line that is no entry (empty, a comment, damaged) is kept as it is and means nothing. Writing back what was read
//! gives the same text, save that the last line always ends.

/// A line of an account file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line<T> {
    Entry(T),
    Other(String),
}

/// An account, a line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// `x` where the password is in `/etc/shadow`.
    pub password: String,
    /// Number of the account.
    pub uid: u32,
    /// Number of its primary group.
    pub gid: u32,
    /// Comment.
    pub gecos: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A group, a line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `x`, always.
    pub password: String,
    /// Its number.
    pub gid: u32,
    /// The accounts that are in it beside those whose primary group it is.
    pub members: Vec<String>,
}

/// A password, a line of `/etc/shadow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Login name.
    pub name: String,
    /// All after the name and its colon: the hash, `!` or `*`, and the days.
    pub rest: String,
}

/// What an account file is a list of.
pub trait AccountEntry: Sized {
    /// The entry on `line`; `None` where it is not one.
    fn parse(line: &str) -> Option<Self>;
    /// The line, without its end.
    fn line(&self) -> String;
    /// The name by which it is found.
    fn name(&self) -> &str;
}

impl AccountEntry for User {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(7, ':').map(str::to_owned);
        let mut next = || fields.next();
        let user = Self {
            name: next()?,
            password: next()?,
            uid: next()?.parse().ok()?,
            gid: next()?.parse().ok()?,
            gecos: next()?,
            home: next()?,
            shell: next()?,
        };
        (!user.name.is_empty()).then_some(user)
    }

    fn line(&self) -> String {
        let Self { name, password, uid, gid, gecos, home, shell } = self;
        format!("{name}:{password}:{uid}:{gid}:{gecos}:{home}:{shell}")
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl AccountEntry for Group {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, ':');
        let group = Self {
            name: fields.next()?.to_owned(),
            password: fields.next()?.to_owned(),
            gid: fields.next()?.parse().ok()?,
            members: fields.next()?.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect(),
        };
        (!group.name.is_empty()).then_some(group)
    }

    fn line(&self) -> String {
        format!("{}:{}:{}:{}", self.name, self.password, self.gid, self.members.join(","))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl AccountEntry for Password {
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(':')?;
        (!name.is_empty() && !name.starts_with('#')).then(|| Self { name: name.to_owned(), rest: rest.to_owned() })
    }

    fn line(&self) -> String {
        format!("{}:{}", self.name, self.rest)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// One account file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFile<T> {
    lines: Vec<Line<T>>,
}

/// `/etc/passwd`.
pub type Passwd = AccountFile<User>;
/// `/etc/group`.
pub type Groups = AccountFile<Group>;
/// `/etc/shadow`.
pub type Shadow = AccountFile<Password>;

impl<T> Default for AccountFile<T> {
    fn default() -> Self {
        Self { lines: Vec::new() }
    }
}

impl<T: AccountEntry> AccountFile<T> {
    /// Reads the text of an account file.
    pub fn parse(text: &str) -> Self {
        let read = |line: &str| match T::parse(line) {
            Some(entry) if entry.line() == line => Line::Entry(entry),
            _ => Line::Other(line.to_owned()),
        };
        Self { lines: text.lines().map(read).collect() }
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Entry(entry) => text.push_str(&entry.line()),
                Line::Other(line) => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &T> {
        self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Other(_) => None,
        })
    }

    /// The entries themselves, in order.
    pub fn into_entries(self) -> impl Iterator<Item = T> {
        self.lines.into_iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Other(_) => None,
        })
    }

    /// The first entry called `name`.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.entries().find(|entry| entry.name() == name)
    }

    /// The first entry called `name`, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.lines.iter_mut().find_map(|line| match line {
            Line::Entry(entry) if entry.name() == name => Some(entry),
            _ => None,
        })
    }

    /// Puts `entry` at the end.
    pub fn push(&mut self, entry: T) {
        self.lines.push(Line::Entry(entry));
    }

    /// Puts `entry` at the beginning.
    pub fn push_front(&mut self, entry: T) {
        self.lines.insert(0, Line::Entry(entry));
    }

    /// Takes every entry called `name` away; `false` where there was none.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| !matches!(line, Line::Entry(entry) if entry.name() == name));
        self.lines.len() != before
    }
}

impl Passwd {
    /// The account with the number `uid`.
    pub fn by_uid(&self, uid: u32) -> Option<&User> {
        self.entries().find(|user| user.uid == uid)
    }
}

impl Groups {
    /// The group with the number `gid`.
    pub fn by_gid(&self, gid: u32) -> Option<&Group> {
        self.entries().find(|group| group.gid == gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_as_they_were_read() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n# a comment\n\nftp:x:21:21::/var/lib/ftp:/sbin/nologin\nbroken:x\n";
        let group = "root:x:0:root\nbin:x:1:root,bin,daemon\nodd:x:+5:\nempty:x:7:\ntwo:x:8:,a\n";
        let shadow = "root:*::0:::::\nbin:!::0:::::\n";
        assert_eq!(Passwd::parse(passwd).text(), passwd);
        assert_eq!(Groups::parse(group).text(), group);
        assert_eq!(Shadow::parse(shadow).text(), shadow);
    }

    #[test]
    fn entries_are_found_by_name_and_number() {
        let passwd = Passwd::parse("a:x:1:2:c:/h:/s\nb:x:nonsense:2:c:/h:/s\n");
        assert_eq!(passwd.get("a").map(|user| (user.uid, user.gid)), Some((1, 2)));
        assert_eq!(passwd.by_uid(1).map(|user| user.home.as_str()), Some("/h"));
        assert_eq!(passwd.get("b"), None, "a damaged line is no account");
        let mut groups = Groups::parse("g:x:3:a,b\n");
        assert_eq!(groups.by_gid(3).map(|group| group.members.len()), Some(2));
        assert!(groups.remove("g"));
        assert!(!groups.remove("g"));
    }
}
