//! Small files that a cache keeps: each with a checksum of what it holds, so that a damaged one is as good as absent.
//!
//! A file is its format's name, the checksum, and what is kept. It is written beside its place and renamed, and never
//! changed; two builds that write the same one at a time write the same bytes. Whatever lies in a cache counts as used
//! when its time of change is set to now: that is how the least recently used goes first when the cache is cleaned.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, futimens};

use crate::cache::entry::open_file;
use crate::digest::Checksum;
use crate::mapping::{MappedSlice, Mapping};
use crate::unfinished::Unfinished;

/// Changes with the format.
const MAGIC: &[u8; 16] = b"apkbuild kept 1\n";
/// Bytes before what is kept: magic and checksum.
const HEAD: usize = 16 + 16;

/// Files from this size on, in bytes, are mapped rather than read.
const MAPPED_FROM: u64 = 256 << 10;

/// What is kept at `path`, used from now on; `None` where there is nothing whole.
pub fn read(path: &Path) -> Option<MappedSlice> {
    let file = open_file(path).ok()??;
    let body = contents(&file)?;
    touch(&file);
    Some(body)
}

/// Whether what `file` keeps is whole.
pub fn is_whole(file: &fs_err::File) -> bool {
    contents(file).is_some()
}

/// What `file` keeps, if it is whole.
pub fn contents(file: &fs_err::File) -> Option<MappedSlice> {
    // Small ones are many, and the system allows so many mappings only.
    let bytes = if file.metadata().ok()?.len() < MAPPED_FROM {
        let mut bytes = Vec::new();
        // The standard library's file knows its length, and reads it at once.
        file.file().read_to_end(&mut bytes).ok()?;
        Mapping::from(bytes)
    } else {
        Mapping::of(file).ok()?
    };
    let (checksum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if Checksum::of(body).0 != *checksum {
        return None;
    }
    let end = bytes.len();
    bytes.slice(HEAD..end)
}

/// Keeps `body` at `path`, whose folder must exist, without waiting for the disk.
pub fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::beside(path)?;
    file.write_all(&[*MAGIC, Checksum::of(body).0].concat())?;
    file.write_all(body)?;
    file.finish_unsynced()
}

/// Less than this many seconds ago is now: marking hundreds of files in every build would keep the disk busy.
const RECENTLY: i64 = 60;

/// Marks `file`, a file or a folder of a cache, as used now. A cache that may only be read works all the same.
pub fn touch(file: impl AsFd) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().cast_signed());
    if fstat(&file).is_ok_and(|metadata| (0..RECENTLY).contains(&(now - metadata.st_mtime))) {
        return;
    }
    let leave = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = futimens(file, &Timestamps { last_access: leave, last_modification: now });
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_damage_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read(&path).is_none());
        write(&path, b"").unwrap();
        assert_eq!(&*read(&path).unwrap(), b"");
        write(&path, b"some bytes").unwrap();
        assert_eq!(&*read(&path).unwrap(), b"some bytes");

        let whole = fs_err::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs_err::write(&path, damaged).unwrap();
            assert!(read(&path).is_none(), "byte {place} is another");
            fs_err::write(&path, &whole[..place]).unwrap();
            assert!(read(&path).is_none(), "cut off at {place}");
        }
    }

    #[test]
    fn reading_is_using() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"some bytes").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let times = || {
            let metadata = fs_err::metadata(&path).unwrap();
            (metadata.accessed().unwrap(), metadata.modified().unwrap())
        };
        let set = std::fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
        fs_err::File::open(&path).unwrap().file().set_times(set).unwrap();
        assert_eq!(times(), (long_ago, long_ago));
        read(&path).unwrap();
        assert!(times().1 > long_ago);
    }
}
