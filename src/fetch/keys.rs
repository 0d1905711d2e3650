//! Keys from files: a folder of them, or single ones that a recipe names.

use std::path::Path;

use super::Error;
use super::error::FilePlace;
use crate::apk::Keyring;

/// The keys `*.pub` in `folder`, and no others.
pub fn keyring_of_folder(folder: &Path) -> Result<Keyring, Error> {
    let failed = |error| Error::file(FilePlace::Keys, "cannot read the keys", error);
    let mut keyring = Keyring::new();
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "pub")) {
        add_key_file(&mut keyring, path)?;
    }
    if keyring.names().next().is_none() {
        return Err(Error::NoKeys { path: folder.to_owned() });
    }
    Ok(keyring)
}

/// Trusts the key in the file at `path` as well, under the file's name.
pub fn add_key_file(keyring: &mut Keyring, path: &Path) -> Result<(), Error> {
    let text = fs_err::read(path).map_err(|error| Error::file(FilePlace::Keys, "cannot read a key", error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    keyring.add(&name, &String::from_utf8_lossy(&text)).map_err(|source| Error::Key { path: path.to_owned(), source })
}
