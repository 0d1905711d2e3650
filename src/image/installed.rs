//! The installed database of any Alpine image, read: which packages it says are there, and which files are theirs.
//!
//! `lib/apk/db/installed` in apk's own format (apk-tools `apk_db_fdb_read`): blocks of `LETTER:value` lines. What is
//! not understood is passed over, because an image of somebody else's may have been made by an apk yet to come.

/// A package that an image's database has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabasePackage {
    /// `P:`
    pub name: String,
    /// `V:`
    pub version: String,
    /// `A:`
    pub arch: String,
    /// `C:`, as written
    pub identity: String,
    /// `T:`
    pub description: String,
    /// `U:`
    pub url: String,
    /// `L:`
    pub license: String,
    /// `o:`, the source package
    pub origin: String,
    /// `m:`
    pub maintainer: String,
    /// `c:`, the commit of the source package
    pub commit: String,
    /// `D:`, each as written
    pub depends: Vec<String>,
    /// `p:`, each as written
    pub provides: Vec<String>,
    /// Its files and links, as it lists them.
    pub files: Vec<String>,
}

/// Where the database may be: the second is that of releases in which `/lib` is a link.
pub(super) const DATABASE_PATHS: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

impl DatabasePackage {
    /// Every package of the database `text`, in its order.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.split("\n\n").map(Self::parse).filter(|package| !package.name.is_empty()).collect()
    }

    fn parse(block: &str) -> Self {
        let mut package = Self::default();
        let mut folder = "";
        for line in block.lines() {
            let Some((letter, value)) = line.split_once(':') else { continue };
            let words = || value.split_whitespace().map(str::to_owned);
            let field = match letter {
                "P" => &mut package.name,
                "V" => &mut package.version,
                "A" => &mut package.arch,
                "C" => &mut package.identity,
                "T" => &mut package.description,
                "U" => &mut package.url,
                "L" => &mut package.license,
                "o" => &mut package.origin,
                "m" => &mut package.maintainer,
                "c" => &mut package.commit,
                "D" => {
                    package.depends.extend(words());
                    continue;
                }
                "p" => {
                    package.provides.extend(words());
                    continue;
                }
                "F" => {
                    folder = value;
                    continue;
                }
                "R" => {
                    let path = if folder.is_empty() { value.to_owned() } else { format!("{folder}/{value}") };
                    package.files.push(path);
                    continue;
                }
                _ => continue,
            };
            value.clone_into(field);
        }
        package
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_read() {
        let text = "C:Q1abc=\nP:musl\nV:1.2-r0\nA:x86_64\nL:MIT\no:musl\np:so:libc.so=1 cmd:ldd=1\nF:lib\nR:ld.so\nZ:Q1x=\n\
                    F:\nR:root\n\nP:busybox\nV:1\nD:musl so:libc.so\nX:new\n\n\n";
        let packages = DatabasePackage::parse_all(text);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].name.as_str(), packages[0].version.as_str()), ("musl", "1.2-r0"));
        assert_eq!(packages[0].files, ["lib/ld.so", "root"]);
        assert_eq!(packages[0].provides, ["so:libc.so=1", "cmd:ldd=1"]);
        assert_eq!(packages[1].depends, ["musl", "so:libc.so"]);
        assert!(DatabasePackage::parse_all("nonsense\n\n:").is_empty());
    }
}
