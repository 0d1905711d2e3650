//! Finds out why a solver failed, from what it chose until then.
//!
//! Every wish of the world and every dependency of a chosen package is held against what was chosen for its name: what
//! nothing was chosen for is missing, what does not fit is broken. Packages that were chosen although they may not be
//! are told with the reason.

use std::collections::BTreeMap;

use super::catalogue::{NameId, Need, PackageId, Provision};
use super::similar::similar;
use super::solver::{Solver, Wish};
use super::unsatisfiable::{FactKind, Problem, Unsatisfiable};
use crate::apk::{Constraint, Dependency, Operator};
use crate::repository::{Defect, IndexRecord};

/// For how many missing names help is looked for.
const HELPED: usize = 12;

/// Who asks for something, and what.
struct Demand {
    asker: Option<PackageId>,
    need: Need,
    /// As it is told: `name-version[dependency]`.
    text: String,
}

struct Explanation<'solver, 'a> {
    solver: &'solver Solver<'a>,
    order: &'solver [PackageId],
    /// Whether a package is in `order`, by its number.
    is_chosen: Vec<bool>,
    demands: BTreeMap<NameId, Vec<Demand>>,
}

/// Explains why `solver` found nothing for `world`; `order` is what it chose.
pub(super) fn explain(
    world: &[&Dependency],
    wishes: &[Wish],
    solver: &Solver<'_>,
    order: &[PackageId],
) -> Unsatisfiable {
    let mut problems = Vec::new();
    let mut demands: BTreeMap<NameId, Vec<Demand>> = BTreeMap::new();
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
    let mut is_chosen = vec![false; solver.packages.len()];
    for number in order {
        is_chosen[number.0 as usize] = true;
    }
    let explanation = Explanation { solver, order, is_chosen, demands };
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
            let providers = self.solver.catalogue.provider_titles(text);
            missing.push(if providers.is_empty() {
                // Many names are missing for one reason, and looking for others like them takes its time.
                let help = (missing.len() < HELPED)
                    .then(|| self.help_for_unknown(text, wanted.iter().any(|demand| demand.asker.is_none())));
                Problem::new(text, "no such package").with(FactKind::RequiredBy, required_by).with_help(help)
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

    fn help_for_unknown(&self, name: &str, is_asked: bool) -> String {
        let catalogue = &self.solver.catalogue;
        if catalogue.is_empty() {
            return "there is no repository to select from, or it is empty; name one with `-X URL|DIR`".to_owned();
        }
        if let Some((record, first)) = catalogue.passed_over(name).first() {
            let title = |record: &IndexRecord<'_>| format!("{}-{}", record.name(), record.version());
            return format!(
                "{} counts as {}, since the index gives both the same identity: have the repository make it anew",
                title(record),
                title(first)
            );
        }
        let of_command = catalogue.provider_titles(&format!("cmd:{name}"));
        if is_asked && !of_command.is_empty() {
            return format!("the command `{name}` comes with {}", of_command.join(", "));
        }
        let near: Vec<_> = similar(name, catalogue.provided_names().into_iter());
        let quoted = near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match (is_asked, near.is_empty()) {
            (true, false) => format!("did you mean {quoted}?"),
            (true, true) => {
                "add the repository that has it; most packages that are not in `main` are in `community`".to_owned()
            }
            (false, true) => format!("add the repository that provides `{name}`"),
            (false, false) => {
                format!("add the repository that provides `{name}`, of the same release; these have {quoted}")
            }
        }
    }

    /// What is wrong with a package that was chosen.
    fn package(&self, number: PackageId, world: &[&Dependency]) -> Option<Problem> {
        let catalogue = &self.solver.catalogue;
        let package = catalogue.package(number);
        let state = self.solver.package(number);
        let title = catalogue.title(number);
        let name = catalogue.name(package.name);
        let (mut satisfies, mut breaks) = (Vec::new(), Vec::new());
        let mut is_masked_by = None;
        for own in self.solver.own_names(number) {
            // As apk's `apk_dep_analyze`: also where another package was chosen for the name.
            let provider = catalogue.providers(own).iter().find(|provider| provider.package == number);
            for demand in self.demands.get(&own).into_iter().flatten() {
                if self.solver.provides(demand.asker, &demand.need, provider) {
                    satisfies.push(demand.text.clone());
                } else {
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
            let help = match defect {
                Defect::Architecture { expected, .. } => format!("name a repository that is built for {expected}"),
                Defect::UnknownField { .. } | Defect::Dependency { .. } => {
                    format!("ask for another version of {name}, or leave it out")
                }
                _ => format!(
                    "have the repository make its index anew, ask for another version of {name}, or leave it out"
                ),
            };
            return Some(
                Problem::new(title, format!("cannot be installed: {defect}"))
                    .with(FactKind::RequiredBy, satisfies)
                    .with_help(help),
            );
        }
        if breaks.is_empty() && conflicts.is_empty() && masked.is_empty() {
            return None;
        }
        let help = if let Some(tag) = is_masked_by {
            format!("ask for `{name}@{tag}` to let that repository serve it")
        } else if conflicts.is_empty() || breaks.iter().any(|demand| demand.starts_with("world[")) {
            self.help_for_broken(number, world)
        } else {
            self.help_for_conflict(number)
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

    /// What can be done where only one of the packages that stand for a name of `number` can be.
    fn help_for_conflict(&self, number: PackageId) -> String {
        let rivals = self.rivals(number).into_iter().map(|(rival, _)| rival);
        let mut packages: Vec<(&str, PackageId)> =
            rivals.chain([number]).map(|package| (self.package_name(package), package)).collect();
        packages.sort_unstable();
        packages.dedup_by_key(|(name, _)| *name);
        let names: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        let [first, .., last] = names.as_slice() else {
            return format!("{} is wrongly made: leave it out", self.package_name(number));
        };
        // One that the world does not ask for comes because another package asks for it by name.
        let brought = packages.iter().find_map(|(name, package)| {
            let demands = self.demands.get(&self.solver.catalogue.package(*package).name)?;
            let wanted = || demands.iter().filter(|demand| !demand.need.conflict);
            let is_asked = wanted().any(|demand| demand.asker.is_none());
            let asker = wanted().find_map(|demand| demand.asker).filter(|_| !is_asked)?;
            Some((*name, self.package_name(asker)))
        });
        match brought {
            Some((name, asker)) => {
                let other = if *first == name { last } else { first };
                format!("{asker} needs {name}: leave out {other}, or what needs {asker}")
            }
            None => format!("ask for one of {}, not for all", names.join(", ")),
        }
    }

    /// What can be done where dependencies do not hold because `number` was chosen.
    fn help_for_broken(&self, number: PackageId, world: &[&Dependency]) -> String {
        let catalogue = &self.solver.catalogue;
        let name = self.package_name(number);
        let demands =
            self.solver.own_names(number).into_iter().flat_map(|own| self.demands.get(&own).into_iter().flatten());
        let broken: Vec<_> = demands
            .filter(|demand| {
                let chosen = self.solver.name(demand.need.name).chosen;
                !self.solver.provides(demand.asker, &demand.need, chosen.as_ref())
            })
            .collect();
        if broken.iter().any(|demand| demand.need.conflict) {
            return format!("leave out what needs {name}, or what must not be beside it");
        }
        let available = self.versions(catalogue.package(number).name).join(", ");
        if broken.iter().any(|demand| demand.asker.is_none()) {
            let wish = world.iter().find(|wish| wish.name.as_str() == name);
            let version = catalogue.package(number).record.version();
            return match wish.map(|wish| &wish.constraint) {
                Some(Constraint::Version(Operator::Equal, wanted))
                    if version.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with("-r")) =>
                {
                    format!("`=` asks for the revision as well: write {name}={version}, or {name}~{wanted}")
                }
                _ => format!("of {name} there is {available}"),
            };
        }
        // Another version of the broken package may be content with this one.
        let others: Vec<_> = broken
            .iter()
            .filter_map(|demand| demand.asker)
            .filter(|asker| self.versions(catalogue.package(*asker).name).len() > 1)
            .map(|asker| {
                let versions = self.versions(catalogue.package(asker).name).join(", ");
                format!("ask for another version of {}: there is {versions}", self.package_name(asker))
            })
            .collect();
        match others.first() {
            Some(other) => other.clone(),
            None => format!(
                "of {name} there is {available}; name repositories of one release, or leave out what does not fit"
            ),
        }
    }

    fn package_name(&self, package: PackageId) -> &'a str {
        self.solver.catalogue.name(self.solver.catalogue.package(package).name)
    }

    /// Chosen packages that stand for a name of `number` where only one can: `other`, or `other[name]` where `number`
    /// only provides that name.
    fn conflicts(&self, number: PackageId) -> Vec<String> {
        let catalogue = &self.solver.catalogue;
        let told = self.rivals(number).into_iter().map(|(other, provision)| {
            let title = catalogue.title(other);
            let Some(provision) = provision else { return title };
            let version = provision.version.map(|version| format!("={version}")).unwrap_or_default();
            format!("{title}[{}{version}]", catalogue.name(provision.name))
        });
        told.collect()
    }

    /// Chosen packages that stand for a name of `number` where only one can, and for which that it provides; the
    /// package itself, where it provides a name twice.
    fn rivals(&self, number: PackageId) -> Vec<(PackageId, Option<Provision<'a>>)> {
        let catalogue = &self.solver.catalogue;
        let described = catalogue.package(number);
        let chosen = |name| catalogue.providers(name).iter().filter(|other| self.is_chosen[other.package.0 as usize]);
        let mut rivals: Vec<_> =
            chosen(described.name).filter(|other| other.package != number).map(|other| (other.package, None)).collect();
        for provision in &described.provides {
            let mut is_itself = true;
            let excluded = chosen(provision.name).filter(|other| {
                let own = other.package == number && other.version == provision.version;
                !(own && std::mem::take(&mut is_itself)) && (other.version.is_some() || provision.version.is_some())
            });
            rivals.extend(excluded.map(|other| (other.package, Some(*provision))));
        }
        rivals
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
