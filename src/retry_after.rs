//! How long a server that is too busy asks to be left alone: `Retry-After` (RFC 9110, 10.2.3), in seconds or as a date.
//!
//! A date is held against the `Date` of the same answer, and not against the clock here, which may be wrong.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The wait that an answer with these `headers` asks for; `None` where it asks for none that can be read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let wish = text(RETRY_AFTER)?;
    if !wish.is_empty() && wish.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large to hold is a wait all the same, and one that nobody sits out.
        return Some(Duration::from_secs(wish.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(wish).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    // A time that has passed is no wait.
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let noon = "Wed, 21 Oct 2015 12:00:00 GMT";
        for (wish, date, expected) in [
            ("120", noon, Some(120)),
            (" 0 ", noon, Some(0)),
            ("Wed, 21 Oct 2015 12:00:30 GMT", noon, Some(30)),
            ("Wed, 21 Oct 2015 11:00:00 GMT", noon, Some(0)),
            ("Wednesday, 21-Oct-15 12:01:00 GMT", noon, Some(60)),
            ("Wed, 21 Oct 2015 12:00:00 GMT", "no date", None),
            ("-1", noon, None),
            ("soon", noon, None),
            ("99999999999999999999999", noon, Some(u64::MAX)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", noon, Some(251_956_871_999)),
            ("", noon, None),
        ] {
            let headers = [(RETRY_AFTER, wish), (DATE, date)];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{wish}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
