//! How work tells what it is doing, without knowing who listens.
//!
//! The library never prints. Rooms take a `&dyn Progress`; the command line implements it with bars on a terminal and
//! plain lines elsewhere, and tests with [`Silent`].

/// Something that listens to the course of a build. All methods may be called from several threads at once.
pub trait Progress: Sync {
    /// A stage of the work begins, in a few words: "resolving", "packing layers".
    fn stage(&self, name: &str);

    /// A download of `total` bytes begins (`None`: length unknown). The task that comes back is told of its bytes and
    /// ends when it is dropped.
    fn download(&self, name: &str, total: Option<u64>) -> Box<dyn Task>;

    /// The same for `total` bytes that are sent.
    fn upload(&self, name: &str, total: u64) -> Box<dyn Task>;

    /// Something the user should know, though the work goes on.
    fn warning(&self, text: &str);
}

/// One piece of counted work that is under way.
pub trait Task: Send {
    /// `bytes` more are done.
    fn advance(&self, bytes: u64);
}

/// A listener that ignores everything.
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &str) {}

    fn download(&self, _name: &str, _total: Option<u64>) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn upload(&self, _name: &str, _total: u64) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warning(&self, _text: &str) {}
}

impl Task for Silent {
    fn advance(&self, _bytes: u64) {}
}
