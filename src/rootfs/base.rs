//! What every image has, whoever brings it: account files with root, nobody and the recipe's account, that account's
//! home, mount points and temporary folders, and the files that say which release this is.
//!
//! What packages and their scripts made stays; only what is missing is added. An account or group that is there under
//! another number is refused rather than renumbered, because files may belong to it already.

use super::Rootfs;
use super::accounts;
use super::database::{make_folder, write_file};
use super::error::Error;
use super::tree::{Origin, Tree};
use crate::platform::Account;
use crate::platform::accounts::{AccountEntry, AccountFile, Group, Password, User};

/// A release of Alpine as its files name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseNames {
    /// `v3.22` or `edge`.
    pub branch: String,
    /// The version in full, where it is known: `3.22.1`.
    pub version: Option<String>,
}

/// What the base is made from.
#[derive(Clone, Debug)]
pub struct BaseOptions<'recipe> {
    /// The account that the image runs as.
    pub account: &'recipe Account,
    /// The release of Alpine; where it is not known, nothing is written of it.
    pub release: Option<&'recipe ReleaseNames>,
    /// Modification time of what is made, in seconds since 1970.
    pub timestamp: i64,
}

/// Adds the base to `rootfs`, whose packages are installed.
pub fn add_base(rootfs: &mut Rootfs, options: &BaseOptions<'_>) -> Result<(), Error> {
    let BaseOptions { account, release, timestamp } = *options;
    let tree = &mut rootfs.tree;
    for (path, mode) in
        [("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("tmp", 0o1777), ("root", 0o700)]
    {
        let missing = tree.resolve(path).is_none();
        let real = make_folder(tree, path, timestamp)?;
        // Whoever made these two, others must be able to write to one and must not look into the other.
        if (missing || matches!(path, "tmp" | "root"))
            && let Some(id) = tree.lookup(&real)
        {
            tree.inode_mut(id).metadata.mode = mode;
        }
    }
    add_accounts(tree, account, timestamp)?;
    add_home(tree, account, timestamp)?;
    release.map_or(Ok(()), |release| add_release(tree, release, timestamp))
}

fn add_accounts(tree: &mut Tree, account: &Account, timestamp: i64) -> Result<(), Error> {
    make_folder(tree, "etc", timestamp)?;
    let mut passwd = accounts::read::<User>(tree, accounts::PASSWD).unwrap_or_default();
    let mut groups = accounts::read::<Group>(tree, accounts::GROUP).unwrap_or_default();
    let mut shadow = accounts::read::<Password>(tree, accounts::SHADOW).unwrap_or_default();
    let root_shell = if tree.resolve("bin/sh").is_some() { "/bin/sh" } else { "/sbin/nologin" };
    let user = |name: &str, id, gecos: &str, home: &str, shell: &str| User {
        name: name.to_owned(),
        password: "x".to_owned(),
        uid: id,
        gid: id,
        gecos: gecos.to_owned(),
        home: home.to_owned(),
        shell: shell.to_owned(),
    };
    if passwd.get("root").is_none() {
        passwd.push_front(user("root", 0, "root", "/root", root_shell));
    }
    if passwd.get("nobody").is_none() {
        passwd.push(user("nobody", 65_534, "nobody", "/", "/sbin/nologin"));
    }
    let group = |name: &str, gid, members: &[&str]| Group {
        name: name.to_owned(),
        password: "x".to_owned(),
        gid,
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    };
    if groups.get("root").is_none() {
        groups.push_front(group("root", 0, &["root"]));
    }
    if groups.get("nobody").is_none() && groups.by_gid(65_534).is_none() {
        groups.push(group("nobody", 65_534, &[]));
    }
    match (groups.get(&account.group), groups.by_gid(account.gid)) {
        (Some(there), _) if there.gid != account.gid => {
            return refuse(&account.group, format!("a package made that group with gid {}", there.gid));
        }
        (None, Some(there)) => {
            return refuse(&account.group, format!("gid {} is that of the group `{}`", there.gid, there.name));
        }
        (Some(_), _) => {}
        (None, None) => groups.push(group(&account.group, account.gid, &[])),
    }
    match (passwd.get(&account.name), passwd.by_uid(account.uid)) {
        (Some(there), _) if (there.uid, there.gid) != (account.uid, account.gid) => {
            let (uid, gid) = (there.uid, there.gid);
            return refuse(&account.name, format!("a package made that account with uid {uid} and gid {gid}"));
        }
        (None, Some(there)) => {
            return refuse(&account.name, format!("uid {} is that of the account `{}`", there.uid, there.name));
        }
        (Some(_), _) => {
            if let Some(there) = passwd.get_mut(&account.name) {
                there.home.clone_from(&account.home);
                there.shell.clone_from(&account.shell);
            }
        }
        (None, None) => {
            let added = user(&account.name, account.uid, "", &account.home, &account.shell);
            passwd.push(User { gid: account.gid, ..added });
        }
    }
    for (name, password) in [("root", "*"), ("nobody", "!"), (account.name.as_str(), "!")] {
        if shadow.get(name).is_none() {
            let entry = Password { name: name.to_owned(), rest: format!("{password}::0:::::") };
            if name == "root" { shadow.push_front(entry) } else { shadow.push(entry) }
        }
    }
    write(&passwd, tree, accounts::PASSWD, 0o644, timestamp)?;
    write(&groups, tree, accounts::GROUP, 0o644, timestamp)?;
    write(&shadow, tree, accounts::SHADOW, 0o640, timestamp)?;
    if let Some(id) = tree.resolve(accounts::SHADOW).and_then(|real| tree.lookup(&real)) {
        tree.inode_mut(id).metadata.mode = 0o640;
    }
    Ok(())
}

fn write<T: AccountEntry + PartialEq>(
    file: &AccountFile<T>,
    tree: &mut Tree,
    path: &str,
    mode: u32,
    timestamp: i64,
) -> Result<(), Error> {
    if accounts::read(tree, path).as_ref() == Some(file) {
        return Ok(());
    }
    accounts::write(file, tree, path, mode, timestamp, Origin::Generated)
}

fn refuse(name: &str, reason: String) -> Result<(), Error> {
    Err(Error::Account { name: name.to_owned(), reason })
}

/// Makes the home, empty and the account's. What is there already, such as `/` or a package's folder, stays as it is.
fn add_home(tree: &mut Tree, account: &Account, timestamp: i64) -> Result<(), Error> {
    let home = account.home.trim_start_matches('/');
    // `/dev/null` and what else is only there at run time.
    let is_for_run_time = ["dev", "proc", "sys"].iter().any(|folder| home.split('/').next() == Some(folder));
    if home.is_empty() || is_for_run_time {
        return Ok(());
    }
    if let Some(there) = tree.resolve(home) {
        if tree.lookup(&there).is_some_and(|id| tree.children(id).is_none()) {
            return refuse(&account.name, format!("its home `{}` is a file of the image", account.home));
        }
        return Ok(());
    }
    let real = make_folder(tree, home, timestamp)?;
    if let Some(id) = tree.lookup(&real) {
        let metadata = &mut tree.inode_mut(id).metadata;
        (metadata.uid, metadata.gid) = (account.uid, account.gid);
    }
    Ok(())
}

/// Writes `etc/alpine-release` and `etc/os-release` where no package brought them. A version is not made up: where it is
/// not known, what is written says no more than the branch.
fn add_release(tree: &mut Tree, release: &ReleaseNames, timestamp: i64) -> Result<(), Error> {
    let ReleaseNames { branch, version } = release;
    let version = version.as_deref().unwrap_or(branch.strip_prefix('v').unwrap_or(branch));
    if tree.resolve_parent("etc/alpine-release").is_none_or(|real| tree.get(&real).is_none()) {
        write_file(tree, "etc/alpine-release", format!("{version}\n").into_bytes(), timestamp)?;
    }
    if tree.resolve_parent("etc/os-release").is_none_or(|real| tree.get(&real).is_none()) {
        let text = format!(
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID={version}\nPRETTY_NAME=\"Alpine Linux {branch}\"\n\
             HOME_URL=\"https://alpinelinux.org/\"\n\
             BUG_REPORT_URL=\"https://gitlab.alpinelinux.org/alpine/aports/-/issues\"\n"
        );
        write_file(tree, "etc/os-release", text.into_bytes(), timestamp)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            name: "appuser".to_owned(),
            uid: 1001,
            group: "appgroup".to_owned(),
            gid: 1001,
            home: "/home/appuser".to_owned(),
            shell: "/sbin/nologin".to_owned(),
        }
    }

    fn release(branch: &str, version: Option<&str>) -> ReleaseNames {
        ReleaseNames { branch: branch.to_owned(), version: version.map(str::to_owned) }
    }

    fn with(files: &[(&str, &str)], account: &Account) -> Result<Rootfs, Error> {
        let mut rootfs = Rootfs::default();
        for (path, text) in files {
            write_file(&mut rootfs.tree, path, text.as_bytes().to_vec(), 1).unwrap();
        }
        add_base(&mut rootfs, &BaseOptions { account, release: Some(&release("v3.22", None)), timestamp: 9 })?;
        Ok(rootfs)
    }

    fn read(rootfs: &Rootfs, path: &str) -> String {
        String::from_utf8_lossy(rootfs.tree.file(path).unwrap()).into_owned()
    }

    #[test]
    fn an_empty_root_gets_all_of_it() {
        let rootfs = with(&[], &account()).unwrap();
        assert_eq!(
            read(&rootfs, "etc/passwd"),
            "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n\
             appuser:x:1001:1001::/home/appuser:/sbin/nologin\n"
        );
        assert_eq!(read(&rootfs, "etc/group"), "root:x:0:root\nnobody:x:65534:\nappgroup:x:1001:\n");
        assert_eq!(read(&rootfs, "etc/shadow"), "root:*::0:::::\nnobody:!::0:::::\nappuser:!::0:::::\n");
        assert_eq!(read(&rootfs, "etc/alpine-release"), "3.22\n");
        assert!(read(&rootfs, "etc/os-release").contains("VERSION_ID=3.22\n"));
        let of = |path: &str| {
            let metadata = &rootfs.tree.get(path).unwrap().metadata;
            (metadata.mode, metadata.uid, metadata.gid, metadata.mtime)
        };
        assert_eq!(of("tmp"), (0o1777, 0, 0, 9));
        assert_eq!(of("root"), (0o700, 0, 0, 9));
        assert_eq!(of("etc/shadow"), (0o640, 0, 0, 9));
        assert_eq!(of("home"), (0o755, 0, 0, 9));
        assert_eq!(of("home/appuser"), (0o755, 1001, 1001, 9));
        for path in ["proc", "sys", "dev", "run"] {
            assert!(rootfs.tree.get(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_release_is_named_as_alpine_names_it() {
        for (branch, version, text) in [
            ("v3.22", Some("3.22.1"), "3.22.1"),
            ("v3.22", None, "3.22"),
            ("v3.23", Some("3.23.0_rc1"), "3.23.0_rc1"),
            ("edge", Some("3.23.0_alpha20250612"), "3.23.0_alpha20250612"),
            ("edge", None, "edge"),
        ] {
            let mut rootfs = Rootfs::default();
            let release = release(branch, version);
            let options = BaseOptions { account: &account(), release: Some(&release), timestamp: 9 };
            add_base(&mut rootfs, &options).unwrap();
            assert_eq!(read(&rootfs, "etc/alpine-release"), format!("{text}\n"));
            let found = read(&rootfs, "etc/os-release");
            let expected = format!("VERSION_ID={text}\nPRETTY_NAME=\"Alpine Linux {branch}\"\n");
            assert!(found.contains(&expected), "{found}");
        }
    }

    #[test]
    fn an_unknown_release_is_not_made_up() {
        let mut rootfs = Rootfs::default();
        add_base(&mut rootfs, &BaseOptions { account: &account(), release: None, timestamp: 9 }).unwrap();
        assert!(rootfs.tree.get("etc/passwd").is_some());
        assert!(rootfs.tree.get("etc/alpine-release").is_none() && rootfs.tree.get("etc/os-release").is_none());
    }

    #[test]
    fn what_packages_made_stays() {
        let passwd = "root:x:0:0:root:/root:/bin/ash\nnobody:x:65534:65534:nobody:/:/x\nnginx:x:100:101::/v:/s\n";
        let group = "root:x:0:\nnginx:x:101:nginx\nnogroup:x:65533:\nnobody:x:65534:\n";
        let release = "3.22.1\n";
        let files = [("etc/passwd", passwd), ("etc/group", group), ("etc/alpine-release", release)];
        let rootfs = with(&files, &account()).unwrap();
        assert_eq!(read(&rootfs, "etc/passwd"), format!("{passwd}appuser:x:1001:1001::/home/appuser:/sbin/nologin\n"));
        assert_eq!(read(&rootfs, "etc/group"), format!("{group}appgroup:x:1001:\n"));
        assert_eq!(read(&rootfs, "etc/alpine-release"), release);
        assert_eq!(rootfs.tree.get("etc/alpine-release").unwrap().metadata.mtime, 1);
    }

    #[test]
    fn an_account_of_a_package_can_be_the_recipes() {
        let files = [("etc/passwd", "nginx:x:100:101:n:/v:/s\n"), ("etc/group", "nginx:x:101:\n")];
        let nginx = Account {
            name: "nginx".to_owned(),
            uid: 100,
            group: "nginx".to_owned(),
            gid: 101,
            home: "/srv".to_owned(),
            shell: "/bin/sh".to_owned(),
        };
        let rootfs = with(&files, &nginx).unwrap();
        assert!(read(&rootfs, "etc/passwd").contains("nginx:x:100:101:n:/srv:/bin/sh\n"));
        let message = |account: Account| with(&files, &account).unwrap_err().to_string();
        for (account, expected) in [
            (
                Account { uid: 1001, ..nginx.clone() },
                "the account `nginx` cannot be made: a package made that account with uid 100 and gid 101",
            ),
            (
                Account { gid: 7, ..nginx.clone() },
                "the account `nginx` cannot be made: a package made that group with gid 101",
            ),
            (
                Account { name: "other".to_owned(), ..nginx.clone() },
                "the account `other` cannot be made: uid 100 is that of the account `nginx`",
            ),
            (
                Account { group: "other".to_owned(), ..nginx },
                "the account `other` cannot be made: gid 101 is that of the group `nginx`",
            ),
        ] {
            assert_eq!(message(account), expected);
        }
    }

    #[test]
    fn a_home_that_is_a_file_is_refused() {
        let error = with(&[("etc/hostname", "x\n")], &Account { home: "/etc/hostname".to_owned(), ..account() });
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the account `appuser` cannot be made: its home `/etc/hostname` is a file of the image"
        );
        assert!(error.help().unwrap().contains("home under [user]"));
    }

    #[test]
    fn homes_that_are_no_folders_of_their_own_are_left_alone() {
        for home in ["/", "/dev/null", "/etc"] {
            let rootfs = with(&[("etc/hostname", "x\n")], &Account { home: home.to_owned(), ..account() }).unwrap();
            assert!(rootfs.tree.get("dev/null").is_none());
            assert_eq!(rootfs.tree.get("etc").unwrap().metadata.uid, 0, "{home}");
        }
    }
}
