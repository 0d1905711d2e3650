//! What a lock calls the repositories that it was made from, and where they are by that name.
//!
//! A lock is committed and used on other machines. So it has nothing that is true of one machine alone or for one person
//! alone: no credentials, no query of a URL, and no folder by its full path. A folder that the recipe names by a relative
//! path keeps that; one that the command line names and that lies beside or below the recipe gets such a path; any other
//! is only a [`FOLDER`], which must be named again where the lock is used.

use std::path::{Component, Path, PathBuf};

use super::sources;
use super::sources::Overrides;
use crate::recipe::{Alpine, Problem, Recipe, RepositoryPlace, RepositorySource};
use crate::repository::{self, Location, Repository};

/// What stands for a folder that a lock does not say the place of. It is no name, no URL and no path.
const FOLDER: &str = "<folder>";

/// The repositories that `alpine` names, in their order.
pub(super) fn of_recipe(alpine: &Alpine) -> Vec<String> {
    alpine.repositories.iter().map(of_source).collect()
}

/// The repositories that a lock of `recipe` is made from, in their order: those of the command line, or else the
/// recipe's.
pub(super) fn of_build(recipe: &Recipe, overrides: &Overrides) -> Result<Vec<String>, repository::Error> {
    if overrides.repositories.is_empty() {
        return Ok(of_recipe(&recipe.alpine));
    }
    Ok(sources::of_command_line(overrides)?.iter().map(|given| of_given(given, &recipe.folder)).collect())
}

/// What this program calls a repository that a lock, which may be an older one's, calls `name`.
pub(super) fn as_of_today(name: &str) -> String {
    RepositorySource::parse(name).map_or_else(|_| name.to_owned(), |source| of_source(&source))
}

/// What a name in a lock means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A repository as a recipe names it.
    Source(RepositorySource),
    /// A folder that the lock does not say the place of.
    Folder {
        /// With a tag it serves only `name@tag` and what that needs.
        tag: Option<String>,
    },
}

/// What the repository at `place` of a lock is, which it calls `name`: the recipe's of that name, with the credentials
/// that it has there, or else what the name says.
pub(super) fn read(name: &str, place: usize, alpine: &Alpine) -> Result<Named, Problem> {
    let today = as_of_today(name);
    let is_it = |source: &&RepositorySource| of_source(source) == today;
    let sources = &alpine.repositories;
    if let Some(source) = sources.get(place).filter(is_it).or_else(|| sources.iter().find(is_it)) {
        return Ok(Named::Source(source.clone()));
    }
    // A tag is read before the mark as it is before any folder.
    let before = name.strip_suffix(FOLDER);
    let with_folder = before.and_then(|before| RepositorySource::parse(&format!("{before}.")).ok());
    if let Some(RepositorySource { tag, place: RepositoryPlace::Folder(path), .. }) = with_folder
        && path.as_os_str() == "."
    {
        return Ok(Named::Folder { tag });
    }
    Ok(Named::Source(RepositorySource::parse(name)?))
}

fn of_source(source: &RepositorySource) -> String {
    let is_of_this_machine = match &source.place {
        RepositoryPlace::Named(_) => false,
        RepositoryPlace::Url(url) => url.as_str().starts_with("file:"),
        RepositoryPlace::Folder(path) => path.is_absolute(),
    };
    // What is written into the image is no matter of where packages come from.
    let named = RepositorySource { build_only: false, ..source.clone() };
    if is_of_this_machine { with_tag(source.tag.as_deref(), FOLDER) } else { named.to_string() }
}

fn of_given(given: &Repository, folder: &Path) -> String {
    match given.locations.first() {
        Some(Location::Folder(path)) => {
            let below = below(path, folder).and_then(|path| {
                let text = if path.as_os_str().is_empty() { ".".to_owned() } else { format!("./{}", path.to_str()?) };
                let name = with_tag(given.tag.as_deref(), &text);
                // A path with letters that cannot stand there has no name.
                let read = RepositorySource::parse(&name).ok()?;
                (read.place == RepositoryPlace::Folder(text.into())).then_some(name)
            });
            below.unwrap_or_else(|| with_tag(given.tag.as_deref(), FOLDER))
        }
        _ => given.to_string(),
    }
}

fn with_tag(tag: Option<&str>, place: &str) -> String {
    tag.map_or_else(|| place.to_owned(), |tag| format!("@{tag} {place}"))
}

/// The way from `folder` to `path`, if it leads down.
fn below(path: &Path, folder: &Path) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let as_written = || Some((std::path::absolute(path).ok()?, std::path::absolute(folder).ok()?));
    let as_it_is = || Some((fs_err::canonicalize(path).ok()?, fs_err::canonicalize(folder).ok()?));
    [as_written(), as_it_is()].into_iter().flatten().find_map(|(path, folder)| {
        let below = path.strip_prefix(&folder).ok()?;
        below.components().all(|part| matches!(part, Component::Normal(_))).then(|| below.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_no_folder_of_the_machine_and_no_password() {
        for (written, name) in [
            ("main", "main"),
            ("@edge testing", "@edge testing"),
            ("./packages", "./packages"),
            ("../packages", "../packages"),
            ("/srv/packages", "<folder>"),
            ("@local /srv/packages", "@local <folder>"),
            ("file:///srv/packages", "<folder>"),
            ("https://u:p@mirror.example/edge?token=x", "https://mirror.example/edge"),
            ("@edge https://u:p@mirror.example/edge", "@edge https://mirror.example/edge"),
        ] {
            assert_eq!(of_source(&RepositorySource::parse(written).unwrap()), name);
            assert_eq!(as_of_today(written), name);
            assert_eq!(as_of_today(name), name);
        }
    }

    #[test]
    fn a_folder_below_the_recipe_is_named_by_its_way() {
        let root = tempfile::tempdir().unwrap();
        let recipe = root.path().join("recipe");
        fs_err::create_dir_all(recipe.join("packages/a b")).unwrap();
        fs_err::create_dir_all(root.path().join("beside")).unwrap();
        fs_err::os::unix::fs::symlink(root.path().join("beside"), recipe.join("link")).unwrap();
        fs_err::os::unix::fs::symlink(&recipe, root.path().join("other")).unwrap();
        let at = |path: &str| root.path().join(path).display().to_string();
        for (given, name) in [
            (at("recipe/packages"), "./packages"),
            (at("recipe/packages/"), "./packages"),
            (at("recipe/packages/a b"), "./packages/a b"),
            (at("recipe"), "."),
            (at("recipe/link"), "./link"),
            (at("other/packages"), "./packages"),
            (at("beside/../recipe/packages"), "./packages"),
            (format!("@local {}", at("recipe/packages")), "@local ./packages"),
            (format!("file://{}", at("recipe/packages")), "./packages"),
            (at("recipe/../beside"), "<folder>"),
            (at("beside"), "<folder>"),
            (format!("@local {}", at("beside")), "@local <folder>"),
            ("/nowhere".to_owned(), "<folder>"),
            ("https://u:p@mirror.example/edge".to_owned(), "https://mirror.example/edge"),
        ] {
            assert_eq!(of_given(&Repository::parse(&given).unwrap(), &recipe), name, "{given}");
        }
    }

    #[test]
    fn the_recipe_says_where_what_the_lock_names_is() {
        let text = "name = \"x\"\n[alpine]\npackages = []\nmirror = \"https://m.example/\"\nrepositories = [\"main\", \
                    \"https://a:1@host/x\", \"@t https://b:2@host/x\", \"/srv/one\", \"/srv/two\"]\n";
        let alpine = Recipe::parse(text, "r").unwrap().alpine;
        for (place, source) in alpine.repositories.iter().enumerate() {
            assert_eq!(read(&of_source(source), place, &alpine), Ok(Named::Source(source.clone())));
        }
        let source = |text: &str| Ok(Named::Source(RepositorySource::parse(text).unwrap()));
        assert_eq!(read("https://other/x", 9, &alpine), source("https://other/x"));
        assert_eq!(read("https://host/x", 9, &alpine), source("https://a:1@host/x"));
        assert_eq!(read("./<folder>", 9, &alpine), source("./<folder>"));
        assert_eq!(read("@t <folder>", 9, &alpine), Ok(Named::Folder { tag: Some("t".to_owned()) }));
        for wrong in ["<nothing>", "t <folder>", "t<folder>", "@t<folder>", "@ <folder>", "@a b <folder>"] {
            assert!(read(wrong, 9, &alpine).is_err(), "{wrong}");
        }
        let none = Recipe::parse("name = \"x\"\n[alpine]\npackages = []\n", "r").unwrap().alpine;
        assert_eq!(read("<folder>", 0, &none), Ok(Named::Folder { tag: None }));
    }
}
