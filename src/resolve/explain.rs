//! Finds out why a solver failed, from what it chose until then.
//!
//! Every wish of the world and every dependency of a chosen package is held against what was chosen for its name: what
//! nothing was chosen for is missing, what does not fit is broken. Packages that were chosen although they may not be
//! are told with the reason.

use std::collections::BTreeMap;

use super::catalogue::{NameId, Need, PackageId};
use super::similar::similar;
use super::solver::{Solver, Wish};
use super::unsatisfiable::{FactKind, Problem, Unsatisfiable};
use crate::apk::{Constraint, Dependency};

/// Who asks for something, and what.
struct Demand<'a> {
    asker: Option<PackageId>,
    need: Need<'a>,
    /// As it is told: `name-version[dependency]`.
    text: String,
}

struct Explanation<'solver, 'a> {
    solver: &'solver Solver<'a>,
    order: &'solver [PackageId],
    demands: BTreeMap<NameId, Vec<Demand<'a>>>,
}

/// Explains why `solver` found nothing for `world`; `order` is what it chose.
pub(super) fn explain(
    world: &[&Dependency],
    wishes: &[Wish<'_>],
    solver: &Solver<'_>,
    order: &[PackageId],
) -> Unsatisfiable {
    let mut problems = Vec::new();
    let mut demands: BTreeMap<NameId, Vec<Demand<'_>>> = BTreeMap::new();
    for (wish, asked) in world.iter().zip(wishes) {
        if let Some(tag) = wish.tag.as_deref().filter(|tag| solver.catalogue.tag(tag).is_none()) {
            problems.push(
                Problem::new(format!("@{tag}"), "no repository has this tag")
                    .with(FactKind::RequiredBy, vec![format!("world[{wish}]")])
                    .with_help(format!("add the repository with its tag: `@{tag} URL`")),
            );
        }
        let demand = Demand { asker: None, need: asked.need, text: format!("world[{wish}]") };
        demands.entry(asked.need.name).or_default().push(demand);
    }
    for &number in order {
        let package = solver.catalogue.package(number);
        for (word, need) in package.record.depends().zip(&package.depends) {
            let text = format!("{}[{word}]", solver.catalogue.title(number));
            demands.entry(need.name).or_default().push(Demand { asker: Some(number), need: *need, text });
        }
    }
    let explanation = Explanation { solver, order, demands };
    problems.extend(explanation.missing());
    problems.extend(order.iter().filter_map(|package| explanation.package(*package, world)));
    if problems.is_empty() {
        problems = explanation.left_over();
    }
    let world: Vec<_> = world.iter().map(ToString::to_string).collect();
    Unsatisfiable { world: world.join(" "), problems }
}

impl<'a> Explanation<'_, 'a> {
    /// Names that are wanted and that nothing was chosen for.
    fn missing(&self) -> Vec<Problem> {
        let mut missing = Vec::new();
        for (&name, demands) in &self.demands {
            let wanted: Vec<_> = demands.iter().filter(|demand| !demand.need.conflict).collect();
            if wanted.is_empty() || self.solver.chosen_package(name).is_some() {
                continue;
            }
            let text = self.solver.catalogue.name(name);
            let required_by = wanted.iter().map(|demand| demand.text.clone()).collect();
            let providers = self.provider_titles(name);
            missing.push(if providers.is_empty() {
                Problem::new(text, "no such package")
                    .with(FactKind::RequiredBy, required_by)
                    .with_help(self.help_for_unknown(text, wanted.iter().any(|demand| demand.asker.is_none())))
            } else {
                Problem::new(text, "provided, but by no package that is taken by itself")
                    .with(FactKind::ProvidedBy, providers.clone())
                    .with(FactKind::RequiredBy, required_by)
                    .with_help(if let [only] = providers.as_slice() {
                        format!("ask for {only} by name")
                    } else {
                        format!("ask by name for one of those that provide `{text}`: {}", providers.join(", "))
                    })
            });
        }
        missing
    }

    /// The names of the packages that provide `name`, each once.
    fn provider_titles(&self, name: NameId) -> Vec<String> {
        let catalogue = &self.solver.catalogue;
        let providers = catalogue.providers(name).iter();
        let mut titles: Vec<_> =
            providers.map(|provider| catalogue.name(catalogue.package(provider.package).name).to_owned()).collect();
        titles.sort();
        titles.dedup();
        titles
    }

    fn help_for_unknown(&self, name: &str, is_asked: bool) -> String {
        let catalogue = &self.solver.catalogue;
        let command = format!("cmd:{name}");
        let of_command = catalogue.known(&command).map(|command| self.provider_titles(command)).unwrap_or_default();
        if !of_command.is_empty() {
            return format!("the command `{name}` comes with {}", of_command.join(", "));
        }
        let near = similar(name, catalogue.provided_names());
        if !near.is_empty() {
            return format!(
                "did you mean {}?",
                near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            );
        }
        if is_asked {
            "add the repository that has it; most packages that are not in `main` are in `community`".to_owned()
        } else {
            format!("add the repository that provides `{name}`")
        }
    }

    /// What is wrong with a package that was chosen.
    fn package(&self, number: PackageId, world: &[&Dependency]) -> Option<Problem> {
        let catalogue = &self.solver.catalogue;
        let package = catalogue.package(number);
        let state = self.solver.package(number);
        let title = catalogue.title(number);
        let name = catalogue.name(package.name);
        let (mut satisfies, mut breaks, mut breaks_conflict) = (Vec::new(), Vec::new(), false);
        let mut is_masked_by = None;
        for own in self.solver.own_names(number) {
            let chosen = self.solver.name(own).chosen.filter(|chosen| chosen.package == number);
            let Some(chosen) = chosen else { continue };
            for demand in self.demands.get(&own).into_iter().flatten() {
                if self.solver.provides(demand.asker, &demand.need, Some(&chosen)) {
                    satisfies.push(demand.text.clone());
                } else {
                    breaks_conflict |= demand.need.conflict;
                    breaks.push(demand.text.clone());
                }
            }
        }
        let conflicts = self.conflicts(number);
        let masked = if state.tag_allowed { Vec::new() } else { catalogue.tag_names(package.tags) };
        if let Some(tag) = masked.first() {
            is_masked_by = Some(tag.trim_start_matches('@').to_owned());
        }
        if let Some(defect) = &package.defect {
            return Some(
                Problem::new(title, format!("cannot be installed: {defect}")).with(FactKind::RequiredBy, satisfies),
            );
        }
        if breaks.is_empty() && conflicts.is_empty() && masked.is_empty() {
            return None;
        }
        let available = self.versions(package.name);
        let wished = world.iter().find(|wish| wish.name.as_str() == name);
        let asks_for_version = breaks.iter().any(|text| text.starts_with("world["))
            && wished.is_some_and(|wish| !wish.conflict && wish.constraint != Constraint::Any);
        let help = if let Some(tag) = is_masked_by {
            Some(format!("ask for `{name}@{tag}` to let that repository serve it"))
        } else if asks_for_version {
            Some(format!("of {name} there is {}", available.join(", ")))
        } else if breaks_conflict {
            Some(format!("leave out what needs {name}, or the wish that it be absent"))
        } else if !conflicts.is_empty() {
            Some(format!("ask for {name} or for what it conflicts with, not for both"))
        } else if available.len() > 1 {
            Some(format!("ask for a version of {name} that fits; there is {}", available.join(", ")))
        } else {
            Some("these repositories do not fit together; ask newer ones, or leave out what is broken".to_owned())
        };
        Some(
            Problem::new(title, String::new())
                .with(FactKind::MaskedIn, masked)
                .with(FactKind::Conflicts, conflicts)
                .with(FactKind::Breaks, breaks)
                .with(FactKind::Satisfies, satisfies)
                .with_help(help),
        )
    }

    /// Chosen packages that stand for a name of `number`, where only one of the two can: `other[name]`.
    fn conflicts(&self, number: PackageId) -> Vec<String> {
        let catalogue = &self.solver.catalogue;
        let mut conflicts = Vec::new();
        let named = |package: PackageId| {
            let described = catalogue.package(package);
            let own = (described.name, Some(described.record.version()));
            std::iter::once(own).chain(described.provides.iter().map(|provision| (provision.name, provision.version)))
        };
        let mine: Vec<_> = named(number).collect();
        for &other in self.order.iter().filter(|other| **other != number) {
            let shared = named(other).find(|(name, version)| {
                mine.iter().any(|(own, own_version)| own == name && (version.is_some() || own_version.is_some()))
            });
            if let Some((name, version)) = shared {
                let version = version.map(|version| format!("={version}")).unwrap_or_default();
                conflicts.push(format!("{}[{}{version}]", catalogue.title(other), catalogue.name(name)));
            }
        }
        for (place, (name, version)) in mine.iter().enumerate() {
            let again = mine
                .iter()
                .skip(place + 1)
                .any(|(other, other_version)| other == name && (version.is_some() || other_version.is_some()));
            if again {
                conflicts.push(format!("{}[{}]", catalogue.title(number), catalogue.name(*name)));
            }
        }
        conflicts
    }

    /// The versions that there are of a package, with their tags.
    fn versions(&self, name: NameId) -> Vec<String> {
        let catalogue = &self.solver.catalogue;
        let packages = catalogue.providers(name).iter().map(|provider| catalogue.package(provider.package));
        packages
            .filter(|package| package.name == name)
            .map(|package| {
                let tags =
                    if package.tags & 1 == 0 { catalogue.tag_names(package.tags).concat() } else { String::new() };
                format!("{}{tags}", package.record.version())
            })
            .collect()
    }

    /// Packages with errors that no single dependency explains: taken for want of anything better.
    fn left_over(&self) -> Vec<Problem> {
        let chosen = self.order.iter().filter(|package| self.solver.package(**package).error);
        let problems = chosen.map(|&number| {
            let package = self.solver.catalogue.package(number);
            let unmet = package.record.depends().zip(&package.depends).filter(|(_, need)| {
                let chosen = self.solver.chosen_package(need.name);
                chosen.is_some_and(|chosen| self.solver.package(chosen).error)
                    || !self.solver.provides(Some(number), need, self.solver.name(need.name).chosen.as_ref())
            });
            let unmet = unmet.map(|(word, _)| word.to_owned()).collect();
            Problem::new(self.solver.catalogue.title(number), "was excluded by an earlier choice")
                .with(FactKind::CannotHave, unmet)
                .with_help("ask for fewer packages, or by name for those that should win".to_owned())
        });
        problems.collect()
    }
}
