//! What the user asks for: the dependencies of the image as a whole, at most one for each name, sorted by name.

use std::collections::BTreeMap;
use std::fmt;

use crate::apk::{Dependency, PackageName, SyntaxError};

/// A set of wishes. One that is added later takes the place of an earlier one of the same name, as with `apk add`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    wishes: BTreeMap<PackageName, Dependency>,
}

impl World {
    /// Reads words as a recipe or the command line writes them: `name`, `name=1.2-r0`, `name~3.12`, `name>1`,
    /// `name@tag`, `!name`.
    pub fn parse<Word: AsRef<str>>(words: impl IntoIterator<Item = Word>) -> Result<Self, SyntaxError> {
        let mut world = Self::default();
        for word in words {
            world.add(Dependency::parse_world(word.as_ref())?);
        }
        Ok(world)
    }

    /// Adds a wish.
    pub fn add(&mut self, wish: Dependency) {
        self.wishes.insert(wish.name.clone(), wish);
    }

    /// The wishes, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Dependency> {
        self.wishes.values()
    }

    /// The wishes as apk goes through its world: by letter first, and by case only where that tells nothing.
    pub(super) fn in_order(&self) -> Vec<&Dependency> {
        let mut wishes: Vec<_> = self.wishes.values().collect();
        wishes.sort_by_cached_key(|wish| (wish.name.as_str().to_ascii_lowercase(), wish.name.as_str()));
        wishes
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.wishes.is_empty()
    }
}

impl FromIterator<Dependency> for World {
    fn from_iter<Wishes: IntoIterator<Item = Dependency>>(wishes: Wishes) -> Self {
        let mut world = Self::default();
        wishes.into_iter().for_each(|wish| world.add(wish));
        world
    }
}

impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, wish) in self.iter().enumerate() {
            write!(formatter, "{}{wish}", if number == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_sorted_and_the_last_word_counts() {
        let world = World::parse(["python3", "busybox", "!curl", "python3~3.12", "nginx@edge>1"]).unwrap();
        assert_eq!(world.to_string(), "busybox !curl nginx@edge>1 python3~3.12");
        assert!(World::parse([""; 0]).unwrap().is_empty());
        World::parse(["python3="]).unwrap_err();
    }
}
