//! Mirrors in order, again and again with growing pauses, until one answers or none is left.

use std::time::Duration;

use super::Error;

/// How often every mirror is asked at most.
const ROUNDS: u32 = 4;
/// Nobody waits longer than this, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Tries `attempt` on each of `locations`, in order. A mirror whose failure passes by itself is asked again after a
/// pause, which begins at `pause` and doubles, or is what the server asked for; any other failure ends with that
/// mirror.
pub(super) fn first_success<L, T>(
    what: &str,
    locations: &[L],
    pause: Duration,
    mut attempt: impl FnMut(&L) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut failures: Vec<Option<Error>> = locations.iter().map(|_| None).collect();
    for round in 0..ROUNDS {
        let mut wait: Option<Duration> = None;
        for (location, failure) in locations.iter().zip(&mut failures) {
            if failure.as_ref().is_some_and(|failure| !failure.should_retry()) {
                continue;
            }
            match attempt(location) {
                Ok(value) => return Ok(value),
                // Our own disk or cache fails for every mirror alike.
                Err(error @ Error::File { .. }) => return Err(error),
                Err(error) => {
                    if error.should_retry() {
                        let asked = error.retry_after().unwrap_or(pause.saturating_mul(1 << round));
                        wait = Some(wait.map_or(asked, |wait| wait.min(asked)));
                    }
                    *failure = Some(error);
                }
            }
        }
        match wait {
            Some(wait) if round + 1 < ROUNDS && wait <= LONGEST_PAUSE => std::thread::sleep(wait),
            _ => break,
        }
    }
    let mut failures: Vec<Error> = failures.into_iter().flatten().collect();
    match (failures.pop(), failures.is_empty()) {
        (None, _) => Err(Error::NoLocation { what: what.to_owned() }),
        (Some(only), true) => Err(only),
        (Some(last), false) => {
            failures.push(last);
            Err(Error::AllMirrors { what: what.to_owned(), failures })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Location;

    fn status(code: u16) -> Error {
        Error::Status { url: "u".to_owned(), status: code.to_string(), code, retry_after: None }
    }

    #[test]
    fn a_mirror_is_left_alone_when_its_failure_will_stay() {
        let (one, two) = (Location::parse("http://one").unwrap(), Location::parse("http://two").unwrap());
        let mut asked = Vec::new();
        let result = first_success("x", &[&one, &two], Duration::ZERO, |location| {
            asked.push(location.to_string());
            Err::<(), _>(if **location == one { status(404) } else { status(503) })
        });
        assert_eq!(asked, ["http://one", "http://two", "http://two", "http://two", "http://two"]);
        let error = result.unwrap_err();
        assert!(
            error.to_string().starts_with("no mirror gives x: u: expected the file, found HTTP status 404"),
            "{error}"
        );
    }

    #[test]
    fn the_second_mirror_helps_out() {
        let (one, two) = (Location::parse("http://one").unwrap(), Location::parse("http://two").unwrap());
        let found =
            first_success(
                "x",
                &[&one, &two],
                Duration::ZERO,
                |location| {
                    if **location == two { Ok(2) } else { Err(status(503)) }
                },
            );
        assert_eq!(found.unwrap(), 2);
    }
}
