//! What a build would do: the packages and why each is there, and, where it can be known, what pruning would take.

use super::build::{build_for, keep};
use super::built_image::BuiltImage;
use super::choice::Choice;
use super::error::Error;
use super::order::Order;
use super::part::Part;
use super::release::UNKNOWN_RELEASE;
use super::selection::Selection;
use super::session::Session;
use crate::fetch;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::prune::Report;
use crate::recipe::Recipe;

/// How much a plan may do to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Only the indexes; what pruning would take is told where every package is here already and no stage must be
    /// built.
    Indexes,
    /// Download the packages and build the stages, as a build would.
    Everything,
}

/// What a build would do, for one architecture.
#[derive(Debug)]
pub struct Plan {
    /// For which.
    pub arch: Architecture,
    /// The packages of the image.
    pub selection: Selection,
    /// The packages of each stage, in build order.
    pub stages: Vec<(String, Selection)>,
    /// The image as it would be, where that is known.
    pub image: Option<BuiltImage>,
    /// What is probably missing.
    pub hints: Vec<String>,
}

impl Plan {
    /// What pruning would take, where that is known.
    pub fn report(&self) -> Option<&Report> {
        self.image.as_ref().map(|image| &image.report)
    }
}

/// Makes the plan of `order`, for each architecture.
pub fn plan(order: &Order<'_>, effort: Effort, session: &Session, progress: &dyn Progress) -> Result<Vec<Plan>, Error> {
    order.archs().iter().map(|arch| plan_for(order, *arch, effort, session, progress)).collect()
}

fn plan_for(
    order: &Order<'_>,
    arch: Architecture,
    effort: Effort,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Plan, Error> {
    let recipe = order.recipe;
    let choice = Choice::of_order(order, arch, session, progress)?;
    let selection = choice.selection(Part::image(recipe), session, progress)?;
    let stages = recipe.stages.iter();
    let stages = stages.map(|stage| Ok((stage.name.clone(), choice.selection(Part::stage(stage), session, progress)?)));
    let stages = stages.collect::<Result<Vec<_>, Error>>()?;
    let built = |session: &Session| {
        let made = build_for(order, arch, session, progress)?;
        keep(made.to_keep(order), progress);
        Ok(made.image)
    };
    let image = match effort {
        Effort::Everything => Some(built(session)?),
        Effort::Indexes if recipe.stages.iter().any(|stage| !stage.run.is_empty()) => None,
        Effort::Indexes => match built(&session.without_network()) {
            Ok(image) => Some(image),
            Err(Error::Fetch(fetch::Error::Offline { .. } | fetch::Error::NoFile { .. })) => None,
            Err(error) => return Err(error),
        },
    };
    let hints = hints(recipe, &selection);
    Ok(Plan { arch, selection, stages, image, hints })
}

/// What images of this kind usually have and this one has not.
fn hints(recipe: &Recipe, selection: &Selection) -> Vec<String> {
    let has = |name: &str| selection.resolution.get(name).is_some();
    let links_shell = recipe.links.iter().any(|link| link.path.as_str() == "/bin/sh");
    let has_shell = links_shell
        || selection.resolution.packages.iter().any(|selected| {
            matches!(selected.entry.name.as_str(), "busybox" | "bash" | "dash" | "zsh")
                || selected.entry.provides.iter().any(|provided| provided.name.as_str() == "/bin/sh")
        });
    let mut hints = Vec::new();
    if selection.release.is_none() {
        hints.push(UNKNOWN_RELEASE.to_owned());
    }
    if (has("libssl3") || has("nodejs")) && !has("ca-certificates-bundle") && !has("ca-certificates") {
        hints
            .push("programs here can speak TLS, but nothing says whom to trust: add ca-certificates-bundle".to_owned());
    }
    if has("python3") && !has("tzdata") {
        hints.push(
            "Python's zoneinfo finds no time zones but UTC: add tzdata if the application needs others".to_owned(),
        );
    }
    if !has_shell {
        hints.push("there is no shell: add busybox if anybody or anything is to run one".to_owned());
    }
    hints
}
