//! Parameters: `$name`, `$1`, `$@`, `${name:-word}` and the like, `${#name}`, `${name%pattern}` and the like.

use brush_parser::word::{
    Parameter, ParameterExpr, ParameterTestType, SpecialParameter, WordPiece, WordPieceWithSource,
};

use super::super::glob::Pattern;
use super::expansion::Fields;
use super::flow::{Flow, Stop, unknown};
use super::shell::{Shell, Variable};

/// `$$`, which is another number in every run.
const PROCESS: &str = "1";

/// Comparisons after which they are counted.
const MOST_COMPARED: usize = 1 << 12;

/// Which end of a value a pattern is cut from, and how much of it.
#[derive(Clone, Copy)]
enum Cut {
    ShortestPrefix,
    LongestPrefix,
    ShortestSuffix,
    LongestSuffix,
}

impl Shell<'_> {
    /// Sets a variable.
    pub(super) fn assign(&mut self, name: &str, value: String) {
        self.state.variables.insert(name.to_owned(), Variable::Known(value));
    }

    pub(super) fn expand_parameter(
        &mut self,
        expression: &ParameterExpr,
        quoted: bool,
        fields: &mut Fields,
    ) -> Flow<()> {
        if let ParameterExpr::Parameter { parameter: Parameter::Special(special), indirect: false } = expression
            && let SpecialParameter::AllPositionalParameters { concatenate } = special
        {
            let arguments = self.state.arguments.clone();
            self.spend_work(arguments.iter().map(|argument| argument.len() + 1).sum())?;
            match (quoted, concatenate) {
                (true, true) => fields.push(&arguments.join(" "), true),
                (true, false) => fields.push_each(&arguments),
                (false, _) => fields.push_split(&arguments.join(" ")),
            }
            return fields.see_that_it_ends();
        }
        if self.state.variables.contains_key("IFS") && !quoted {
            return unknown("it changes how words are split");
        }
        if !quoted && let Some(word) = self.word_instead(expression)? {
            // All is split but what is quoted in it.
            for piece in &self.pieces(word)? {
                match &piece.piece {
                    WordPiece::Text(text) => fields.push_split(text),
                    _ => self.expand_into(std::slice::from_ref(piece), false, fields)?,
                }
            }
            return fields.see_that_it_ends();
        }
        let value = self.value_of(expression)?;
        self.spend_work(value.len())?;
        if quoted {
            fields.push(&value, true);
        } else {
            fields.push_split(&value);
        }
        fields.see_that_it_ends()
    }

    /// The word that stands for the parameter, as it was written: what comes after `:-` where it is not set, after `:+`
    /// where it is.
    fn word_instead<'expression>(&self, expression: &'expression ParameterExpr) -> Flow<Option<&'expression str>> {
        let (parameter, test, word, is_for_set) = match expression {
            ParameterExpr::UseDefaultValues { parameter, indirect: false, test_type, default_value } => {
                (parameter, test_type, default_value, false)
            }
            ParameterExpr::UseAlternativeValue { parameter, indirect: false, test_type, alternative_value } => {
                (parameter, test_type, alternative_value, true)
            }
            _ => return Ok(None),
        };
        let is_set = self.get_if(parameter, test)?.is_some();
        Ok((is_set == is_for_set).then(|| word.as_deref().unwrap_or_default()))
    }

    /// A word that stands for a parameter. In double quotes a single quote in it is a letter like any other.
    fn expand_other(&mut self, word: Option<&str>) -> Flow<String> {
        let word = word.unwrap_or_default();
        let is_single_quoted = |piece: &WordPieceWithSource| matches!(piece.piece, WordPiece::SingleQuotedText(_));
        if self.in_double_quotes && self.pieces(word)?.iter().any(is_single_quoted) {
            return unknown("a single quote in a parameter in double quotes");
        }
        self.expand_string(word)
    }

    fn value_of(&mut self, expression: &ParameterExpr) -> Flow<String> {
        match expression {
            ParameterExpr::Parameter { parameter, indirect: false } => match self.get(parameter)? {
                Some(value) => Ok(value),
                None if self.state.refuses_unset => Err(Stop::Exit(2)),
                None => Ok(String::new()),
            },
            ParameterExpr::UseDefaultValues { parameter, indirect: false, test_type, default_value } => {
                match self.get_if(parameter, test_type)? {
                    Some(value) => Ok(value),
                    None => self.expand_other(default_value.as_deref()),
                }
            }
            ParameterExpr::AssignDefaultValues { parameter, indirect: false, test_type, default_value } => {
                if let Some(value) = self.get_if(parameter, test_type)? {
                    return Ok(value);
                }
                let value = self.expand_other(default_value.as_deref())?;
                let Parameter::Named(name) = parameter else { return unknown("it assigns to what is no variable") };
                self.assign(name, value.clone());
                Ok(value)
            }
            ParameterExpr::IndicateErrorIfNullOrUnset { parameter, indirect: false, test_type, .. } => {
                self.get_if(parameter, test_type)?.ok_or(Stop::Exit(2))
            }
            ParameterExpr::UseAlternativeValue { parameter, indirect: false, test_type, alternative_value } => {
                match self.get_if(parameter, test_type)? {
                    Some(_) => self.expand_other(alternative_value.as_deref()),
                    None => Ok(String::new()),
                }
            }
            ParameterExpr::ParameterLength { parameter, indirect: false } => {
                Ok(self.get(parameter)?.unwrap_or_default().chars().count().to_string())
            }
            ParameterExpr::RemoveSmallestPrefixPattern { parameter, indirect: false, pattern } => {
                self.cut_value(parameter, pattern.as_deref(), Cut::ShortestPrefix)
            }
            ParameterExpr::RemoveLargestPrefixPattern { parameter, indirect: false, pattern } => {
                self.cut_value(parameter, pattern.as_deref(), Cut::LongestPrefix)
            }
            ParameterExpr::RemoveSmallestSuffixPattern { parameter, indirect: false, pattern } => {
                self.cut_value(parameter, pattern.as_deref(), Cut::ShortestSuffix)
            }
            ParameterExpr::RemoveLargestSuffixPattern { parameter, indirect: false, pattern } => {
                self.cut_value(parameter, pattern.as_deref(), Cut::LongestSuffix)
            }
            _ => unknown("its parameter expansion is not POSIX shell"),
        }
    }

    /// The value, where the parameter is set and, if that is asked for, not empty.
    fn get_if(&self, parameter: &Parameter, test: &ParameterTestType) -> Flow<Option<String>> {
        let value = self.get(parameter)?;
        Ok(match test {
            ParameterTestType::Unset => value,
            ParameterTestType::UnsetOrNull => value.filter(|value| !value.is_empty()),
        })
    }

    fn get(&self, parameter: &Parameter) -> Flow<Option<String>> {
        Ok(match parameter {
            Parameter::Named(name) => match self.state.variables.get(name) {
                Some(Variable::Known(value)) => Some(value.clone()),
                Some(Variable::Unknown) => return unknown(format!("`${name}` comes from what was not run")),
                None => None,
            },
            Parameter::Positional(0) | Parameter::Special(SpecialParameter::ShellName) => {
                Some(format!("lib/apk/exec/{}.{}", self.call.package_name, self.call.script.name()))
            }
            Parameter::Positional(number) => {
                let place = usize::try_from(*number).unwrap_or(usize::MAX).saturating_sub(1);
                self.state.arguments.get(place).cloned()
            }
            Parameter::Special(SpecialParameter::PositionalParameterCount) => {
                Some(self.state.arguments.len().to_string())
            }
            Parameter::Special(SpecialParameter::AllPositionalParameters { .. }) => {
                (!self.state.arguments.is_empty()).then(|| self.state.arguments.join(" "))
            }
            Parameter::Special(SpecialParameter::LastExitStatus) => Some(self.known_status()?.to_string()),
            Parameter::Special(SpecialParameter::ProcessId) => Some(PROCESS.to_owned()),
            Parameter::Special(special) => return unknown(format!("`${special}` is of the running machine")),
            Parameter::NamedWithIndex { .. } | Parameter::NamedWithAllIndices { .. } => {
                return unknown("it uses an array");
            }
        })
    }

    fn cut_value(&mut self, parameter: &Parameter, pattern: Option<&str>, cut: Cut) -> Flow<String> {
        let value: Vec<char> = self.get(parameter)?.unwrap_or_default().chars().collect();
        let pattern = self.expand_pattern(pattern.unwrap_or_default())?;
        let count = value.len();
        let kept = match cut {
            Cut::ShortestPrefix => self.first_place(0..=count, |place| value.get(..place), &pattern)?,
            Cut::LongestPrefix => self.first_place((0..=count).rev(), |place| value.get(..place), &pattern)?,
            Cut::ShortestSuffix => self.first_place((0..=count).rev(), |place| value.get(place..), &pattern)?,
            Cut::LongestSuffix => self.first_place(0..=count, |place| value.get(place..), &pattern)?,
        };
        let kept = match (kept, cut) {
            (None, _) => value.as_slice(),
            (Some(place), Cut::ShortestPrefix | Cut::LongestPrefix) => value.get(place..).unwrap_or_default(),
            (Some(place), Cut::ShortestSuffix | Cut::LongestSuffix) => value.get(..place).unwrap_or_default(),
        };
        Ok(kept.iter().collect())
    }

    /// The first of `places` at which what `part` gives matches.
    fn first_place<'value>(
        &self,
        places: impl Iterator<Item = usize>,
        part: impl Fn(usize) -> Option<&'value [char]>,
        pattern: &Pattern,
    ) -> Flow<Option<usize>> {
        let mut compared = 0;
        for place in places {
            if part(place).is_some_and(|part| pattern.matches_counted(part, &mut compared)) {
                self.spend_work(compared)?;
                return Ok(Some(place));
            }
            // Each may be as much as the value is long.
            if compared > MOST_COMPARED {
                self.spend_work(std::mem::take(&mut compared))?;
            }
        }
        self.spend_work(compared)?;
        Ok(None)
    }
}
