//! The room `recipe`.
