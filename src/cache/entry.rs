//! Opening what lies in the cache: regular files and directories, and nothing else.
//!
//! A link is refused and never followed, and a pipe is refused and never waited for: the program itself makes neither,
//! so somebody else put it there, and what it leads to is not the cache's.

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use nix::libc::{ELOOP, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

/// What an entry must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

/// Opens the regular file at `path` for reading; `None` where there is nothing.
///
/// # Errors
/// `InvalidData` where there is something else than a regular file.
pub fn open_file(path: &Path) -> io::Result<Option<fs_err::File>> {
    open(path, fs_err::OpenOptions::new().read(true), Kind::File)
}

/// Opens the regular file at `path` for reading and writing, and makes it where there is nothing.
///
/// # Errors
/// `InvalidData` where there is something else than a regular file.
pub fn open_or_create_file(path: &Path) -> io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let opened = open(path, &mut options, Kind::File)?;
    opened.ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("the folder of `{}` is gone", path.display())))
}

/// Opens the directory at `path`; `None` where there is nothing.
///
/// # Errors
/// `InvalidData` where there is something else than a directory.
pub fn open_directory(path: &Path) -> io::Result<Option<fs_err::File>> {
    open(path, fs_err::OpenOptions::new().read(true), Kind::Directory)
}

fn open(path: &Path, options: &mut fs_err::OpenOptions, kind: Kind) -> io::Result<Option<fs_err::File>> {
    // Not to block, since opening a pipe waits for somebody to write to it.
    let file = match options.custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refusal(path, kind).unwrap_or_else(|| explained(path, error))),
    };
    let found = file.metadata()?.file_type();
    let is_right = match kind {
        Kind::File => found.is_file(),
        Kind::Directory => found.is_dir(),
    };
    if is_right { Ok(Some(file)) } else { Err(wrong_kind(path, found, kind)) }
}

/// What is wrong with what is at `path`, where it is something else than `kind`.
fn refusal(path: &Path, kind: Kind) -> Option<io::Error> {
    let found = fs_err::symlink_metadata(path).ok()?.file_type();
    let is_right = match kind {
        Kind::File => found.is_file(),
        Kind::Directory => found.is_dir(),
    };
    (!is_right).then(|| wrong_kind(path, found, kind))
}

fn explained(path: &Path, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        // It was a link at the time, and is gone by now.
        Some(ELOOP) => io::Error::new(ErrorKind::InvalidData, format!("`{}` was a symbolic link", path.display())),
        _ => error,
    }
}

fn wrong_kind(path: &Path, found: std::fs::FileType, wanted: Kind) -> io::Error {
    let what = if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a directory"
    } else if found.is_file() {
        "a file"
    } else if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let wanted = match wanted {
        Kind::File => "a regular file",
        Kind::Directory => "a directory",
    };
    io::Error::new(ErrorKind::InvalidData, format!("`{}` is {what}, not {wanted} of the cache", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_and_directories_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("file"), "text").unwrap();
        fs_err::create_dir(at("directory")).unwrap();
        for (link, target) in [("to-file", "file"), ("to-directory", "directory"), ("to-nothing", "nothing")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        }
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();

        assert!(open_file(&at("file")).unwrap().is_some());
        assert!(open_file(&at("nothing")).unwrap().is_none());
        assert!(open_directory(&at("directory")).unwrap().is_some());
        assert!(open_directory(&at("nothing")).unwrap().is_none());
        for (name, what) in [
            ("to-file", "a symbolic link"),
            ("to-directory", "a symbolic link"),
            ("to-nothing", "a symbolic link"),
            ("pipe", "a pipe"),
        ] {
            for error in [
                open_file(&at(name)).unwrap_err(),
                open_or_create_file(&at(name)).unwrap_err(),
                open_directory(&at(name)).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {error}");
                assert!(error.to_string().contains(what), "{name}: {error}");
            }
        }
        assert!(open_file(&at("directory")).unwrap_err().to_string().contains("a directory, not a regular file"));
        assert!(open_or_create_file(&at("directory")).unwrap_err().to_string().contains("a directory, not"));
        assert!(open_directory(&at("file")).unwrap_err().to_string().contains("a file, not a directory"));
        assert!(!at("nothing").exists(), "nothing was made through the link");
        drop(open_or_create_file(&at("new")).unwrap());
        assert!(at("new").is_file());
    }
}
