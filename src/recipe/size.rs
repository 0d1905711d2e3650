//! What the image may weigh: `[size]`.

/// The recipe's `[size]`, in bytes; `None`: any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeLimits {
    /// The files, one by one.
    pub unpacked: Option<u64>,
    /// The layers as a registry stores them.
    pub compressed: Option<u64>,
}
