//! Turns: of several that would make the same at the same time, one makes it, and the others wait and find it.
//!
//! A turn is a file beside the place, had alone. It goes when the turn ends, and is a trace of nothing where a process
//! was killed: the next one takes it over.

use std::io;
use std::path::{Path, PathBuf};

use super::{begin, first_name, forget};
use crate::held::open_alone;

/// The turn to make something, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    path: PathBuf,
    /// Closed last: whoever waits finds that the file is gone, and makes another.
    _file: fs_err::File,
}

impl Turn {
    /// The turn to make what is to stand at `place`, whose folder must exist. Where somebody else has it, `waiting` is
    /// called, and then the end of theirs is waited for. What they made may be there now.
    pub fn wait(place: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let (folder, mut name) = first_name(place);
        name.push("turn");
        let path = folder.join(name);
        let file = open_alone(&path, waiting)?;
        // Only now: who waits must not take it away from others when interrupted.
        begin(folder, || Ok(&path))?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        forget(&self.path);
        // One that stays is in nobody's way.
        let _ = fs_err::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        let (making, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _turn = Turn::wait(&place, || ()).unwrap();
                        assert_eq!(making.fetch_add(1, Ordering::SeqCst), 0);
                        made.fetch_add(1, Ordering::SeqCst);
                        making.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(made.into_inner(), 160);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn who_waits_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        let turn = Turn::wait(&place, || panic!("nobody is before")).unwrap();
        let (sender, receiver) = channel();
        let second = std::thread::spawn(move || Turn::wait(&place, || sender.send(()).unwrap()).map(drop));
        receiver.recv().unwrap();
        drop(turn);
        second.join().unwrap().unwrap();
    }
}
