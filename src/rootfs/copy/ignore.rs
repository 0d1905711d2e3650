//! What a copy leaves out: `.git`, `__pycache__`, what a `.dockerignore` names, and the step's own `exclude`.
//!
//! The last rule that fits decides, and one that fits a folder speaks for all below it. A rule with `!` before it takes
//! back what earlier ones left out. Refused: patterns that do not parse.

use std::rc::Rc;

use globset::{GlobBuilder, GlobMatcher};

use super::docker_pattern::DockerPattern;
use super::error::Error;

/// What is never copied unless somebody asks for it by name.
const ALWAYS: [&str; 2] = ["**/.git", "**/__pycache__"];

/// The file whose patterns are obeyed, in the recipe's folder.
pub(super) const IGNORE_FILE: &str = ".dockerignore";

/// Rules in order.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Takes back instead of leaving out.
    exception: bool,
    /// Who says so, for messages.
    by: String,
}

#[derive(Debug)]
enum Pattern {
    /// Of a `.dockerignore`: over paths from the recipe's folder.
    FromFolder(DockerPattern),
    /// Of a step: over paths from its source.
    FromSource(GlobMatcher),
}

/// A path as rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// From the folder or root that is copied from.
    pub(super) from_folder: &'a str,
    /// From the step's source; empty for the source itself.
    pub(super) from_source: &'a str,
}

/// For each rule whether it fits a folder, and so all below that.
#[derive(Clone, Debug)]
pub(super) struct Fitting(Rc<[bool]>);

impl Rules {
    /// The rules that hold without anybody's saying so.
    pub(super) fn usual() -> Result<Self, Error> {
        let mut rules = Self::default();
        for pattern in ALWAYS {
            rules.add_glob(pattern, "the usual rules")?;
        }
        Ok(rules)
    }

    /// Adds the lines of a `.dockerignore`: one pattern each, comments begin with `#`, a slash in front means nothing.
    pub(super) fn add_ignore_file(&mut self, text: &str) -> Result<(), Error> {
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            let written = line.trim();
            if line.starts_with('#') || written.is_empty() {
                continue;
            }
            let (exception, pattern) = match written.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, written),
            };
            let wrong = |reason: &str| Error::Pattern {
                pattern: written.to_owned(),
                place: IGNORE_FILE.to_owned(),
                reason: reason.to_owned(),
            };
            if pattern.is_empty() {
                return Err(wrong("nothing follows the `!`"));
            }
            let pattern = DockerPattern::parse(pattern).map_err(wrong)?;
            let by = format!("`{written}` in {IGNORE_FILE}");
            self.0.push(Rule { pattern: Pattern::FromFolder(pattern), exception, by });
        }
        Ok(())
    }

    /// Adds a step's `exclude`.
    pub(super) fn add_exclude(&mut self, patterns: &[String]) -> Result<(), Error> {
        patterns.iter().try_for_each(|pattern| self.add_glob(pattern, &format!("`{pattern}` in `exclude`")))
    }

    fn add_glob(&mut self, written: &str, by: &str) -> Result<(), Error> {
        let (exception, pattern) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let pattern = Pattern::FromSource(glob(pattern.trim_matches('/'), "exclude")?);
        self.0.push(Rule { pattern, exception, by: by.to_owned() });
        Ok(())
    }

    /// The rules that fit a folder above `place`.
    pub(super) fn above(&self, place: Place<'_>) -> Fitting {
        let fits = |rule: &Rule| match &rule.pattern {
            Pattern::FromFolder(_) => parents(place.from_folder).any(|path| rule.fits(path)),
            Pattern::FromSource(_) => parents(place.from_source).any(|path| rule.fits(path)),
        };
        Fitting(self.0.iter().map(fits).collect())
    }

    /// The rules that fit the folder `place` or one above it, of which those above are known: what holds for all that
    /// lies in it. Of a path's many folders each is so looked at once.
    pub(super) fn inside(&self, place: Place<'_>, above: &Fitting) -> Fitting {
        let fitting = self.0.iter().zip(above.0.iter());
        Fitting(fitting.map(|(rule, above)| *above || rule.fits(rule.side_of(place))).collect())
    }

    /// Who leaves `place` out, where the rules `above` fit a folder above it; `None` where it is copied.
    pub(super) fn leaves_out(&self, place: Place<'_>, above: &Fitting) -> Option<&str> {
        let mut by = None;
        for (rule, above) in self.0.iter().zip(above.0.iter()) {
            // A rule that would change nothing need not be matched.
            if rule.exception == by.is_some() && (*above || rule.fits(rule.side_of(place))) {
                by = if rule.exception { None } else { Some(rule.by.as_str()) };
            }
        }
        by
    }

    /// Whether something below what is left out might be copied after all.
    pub(super) fn has_exceptions(&self) -> bool {
        self.0.iter().any(|rule| rule.exception)
    }
}

impl Rule {
    /// The path that the rule goes by.
    fn side_of<'place>(&self, place: Place<'place>) -> &'place str {
        match &self.pattern {
            Pattern::FromFolder(_) => place.from_folder,
            Pattern::FromSource(_) => place.from_source,
        }
    }

    /// Whether the rule fits just `path`; none fits the place where all begins.
    fn fits(&self, path: &str) -> bool {
        !path.is_empty()
            && match &self.pattern {
                Pattern::FromFolder(pattern) => pattern.matches(path),
                Pattern::FromSource(pattern) => pattern.is_match(path),
            }
    }
}

/// Of `a/b/c` the folders `a` and `a/b`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(move |(end, _)| path.get(..end))
}

/// A glob in which `*` and `?` stop at slashes; `place` is where it was written.
pub(super) fn glob(pattern: &str, place: &str) -> Result<GlobMatcher, Error> {
    let built = GlobBuilder::new(pattern).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| Error::Pattern {
        pattern: pattern.to_owned(),
        place: place.to_owned(),
        reason: error.kind().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(rules: &Rules, path: &str) -> bool {
        let place = Place { from_folder: path, from_source: path };
        let by = rules.leaves_out(place, &rules.above(place));
        // Going down to it folder by folder comes to the same.
        let nothing = Place { from_folder: "", from_source: "" };
        let way = parents(path).fold(rules.above(nothing), |above, folder| {
            rules.inside(Place { from_folder: folder, from_source: folder }, &above)
        });
        assert_eq!(rules.leaves_out(place, &way), by, "{path}");
        by.is_some()
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        let mut rules = Rules::default();
        rules
            .add_ignore_file("# a comment\n\n  *.md \n!README.md\n/build/\nsecret\n!secret/public\n **/*.log\n#x")
            .unwrap();
        for (path, out) in [
            ("notes.md", true),
            ("docs/notes.md", false),
            ("README.md", false),
            ("build", true),
            ("build/a/b", true),
            ("src/build", false),
            ("secret/key", true),
            ("secret/public", false),
            ("secret/public/key", false),
            ("a.log", true),
            ("x/y/a.log", true),
            ("#x", false),
        ] {
            assert_eq!(left_out(&rules, path), out, "{path}");
        }
        assert!(rules.has_exceptions());
    }

    #[test]
    fn later_lists_take_back_what_earlier_ones_left_out() {
        let mut rules = Rules::usual().unwrap();
        assert!(!rules.has_exceptions());
        assert!(left_out(&rules, ".git/config") && left_out(&rules, "a/__pycache__/b.pyc"));
        assert!(!left_out(&rules, "") && !left_out(&rules, ".github"));
        rules.add_exclude(&["**/*.{tmp,log}".to_owned(), "!a/__pycache__".to_owned()]).unwrap();
        assert!(left_out(&rules, "x/y.tmp") && !left_out(&rules, "a/__pycache__/b.pyc"));
        let place = Place { from_folder: "x.log", from_source: "x.log" };
        let by = rules.leaves_out(place, &rules.above(place));
        assert_eq!(by, Some("`**/*.{tmp,log}` in `exclude`"));
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        for wrong in ["!", "a[", "a\n[b-", "[]"] {
            let error = Rules::default().add_ignore_file(wrong).unwrap_err();
            assert!(error.to_string().contains("in .dockerignore"), "{error}");
        }
    }
}
