//! Many short texts as one, since a source mentions hundreds of names and each would be an allocation of its own.

use serde::{Deserialize, Serialize};

/// Names in order, without doubles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    text: String,
    /// Where each ends in `text`; the next begins there.
    ends: Vec<u32>,
}

impl Names {
    /// Each name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.get(index))
    }

    /// Whether `name` is one of them.
    pub(crate) fn contains(&self, name: &str) -> bool {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    /// The name at `index`; nothing where what was read from a cache is not as it was written.
    fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(index).copied().unwrap_or_default();
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

impl<'a> FromIterator<&'a str> for Names {
    /// Brings the names in order.
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut sorted: Vec<&str> = names.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut names = Self {
            text: String::with_capacity(sorted.iter().map(|name| name.len()).sum()),
            ends: Vec::with_capacity(sorted.len()),
        };
        for name in sorted {
            names.text.push_str(name);
            names.ends.push(names.text.len() as u32);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_found() {
        let names: Names = ["b", "", "a", "ab", "b"].into_iter().collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["", "a", "ab", "b"]);
        for (name, found) in [("", true), ("a", true), ("ab", true), ("b", true), ("aa", false), ("c", false)] {
            assert_eq!(names.contains(name), found, "{name}");
        }
        assert!(!Names::default().contains(""));
    }
}
