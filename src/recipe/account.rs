//! The account that the image runs as: `[user]`.

use super::image_path::ImagePath;
use super::problem::Problem;
use super::section::Section;
use super::text::name_of_account;
use crate::platform::Account;

/// The greatest number that can be: all bits set means "no change" to chown(2).
const GREATEST_ID: u32 = u32::MAX - 1;

/// Reads `[user]`. Root and nobody, whom every image has, keep their own numbers and homes.
pub(super) fn read(section: &mut Section<'_>) -> Account {
    let name = section.text("name", name_of_account).unwrap_or_else(|| "appuser".to_owned());
    let (id, group, home, shell) = match name.as_str() {
        "root" => (0, "root", "/root".to_owned(), "/bin/sh"),
        "nobody" => (65534, "nobody", "/".to_owned(), "/sbin/nologin"),
        _ => (1001, "appgroup", format!("/home/{name}"), "/sbin/nologin"),
    };
    let account = Account {
        uid: section.integer("uid", 0..=GREATEST_ID).unwrap_or(id),
        group: section.text("group", name_of_account).unwrap_or_else(|| group.to_owned()),
        gid: section.integer("gid", 0..=GREATEST_ID).unwrap_or(id),
        home: section.text("home", path_in_passwd).unwrap_or(home),
        shell: section.text("shell", path_in_passwd).unwrap_or_else(|| shell.to_owned()),
        name,
    };
    for (key, kind, name, id) in
        [("uid", "user", &account.name, account.uid), ("gid", "group", &account.group, account.gid)]
    {
        let reserved = [("root", 0), ("nobody", 65534)];
        if reserved.iter().any(|(its_name, its_id)| (name == its_name) != (id == *its_id)) {
            let key = if section.has(key) { key } else { "name" };
            section.note(key, Problem::ReservedAccount { kind, name: name.clone(), id });
        }
    }
    account
}

/// A path that can stand in /etc/passwd, whose fields end at a colon.
fn path_in_passwd(text: &str) -> Result<String, Problem> {
    if text.contains(':') {
        return Err(Problem::Colon { path: text.to_owned() });
    }
    Ok(ImagePath::parse(text)?.to_string())
}
