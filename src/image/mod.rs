//! The room `image`.
