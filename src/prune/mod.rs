//! The room `prune`.
