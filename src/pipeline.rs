//! The only place where rooms are joined.
//!
//! [`build()`] is the file to read first.

mod assemble;
mod bill;
mod build;
mod built_image;
mod choice;
mod error;
mod index_set;
mod lock;
mod lock_names;
mod locked;
mod memory_cache;
mod order;
mod part;
mod plan;
mod publish;
mod record;
mod release;
mod retrace;
mod root_folder;
mod sbom;
mod schedule;
mod select;
mod selection;
mod session;
mod several;
mod sources;
mod stage;
mod translate;
mod trim;
mod vendor;

pub use bill::{Bill, BillLine, ChosenBy, Savings};
pub use build::{Built, build};
pub use built_image::{BuiltImage, PackageCount};
pub use error::{Error, NoCompiler};
pub use lock::{Update, lock, lock_inputs, lock_misfits};
pub use order::{Format, Order, Place};
pub use plan::{Effort, Plan, plan};
pub use publish::{PublishableImage, PushOptions};
pub use release::UNKNOWN_RELEASE;
pub use retrace::{Retraced, Untraceable};
pub use sbom::WrittenSbom;
pub use select::resolve;
pub use selection::Selection;
pub use session::{Session, open_sessions};
pub use several::build_all;
pub use sources::Overrides;
pub use vendor::{Vendored, vendor};
