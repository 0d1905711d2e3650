//! What an HTTP client's error says of the server: that nobody answers, or that somebody answers who cannot be used.
//!
//! Whoever falls back to something else when a server is away relies on the difference, so a doubtful case counts as an
//! answer: a certificate that is not trusted comes from somebody, and so does what is not HTTP.

use std::error::Error;
use std::io;

/// Why a request has no answer that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFailure {
    /// No connection: no such host, refused, no route, too late, or a proxy that opens none.
    Unreachable,
    /// A connection on which no answer came before it ended or the time was over.
    Silent,
    /// An answer that is not TLS, or whose certificate is not trusted.
    Tls,
    /// Redirections without end.
    Redirects,
    /// What was asked for is no address.
    Address,
    /// Anything else, such as an answer that is not HTTP.
    Other,
}

impl RequestFailure {
    /// What `error` means. It must be of the request itself; one of a body comes after an answer.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let mut found = Self::Other;
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(inner) = cause {
            found = found.or(inner);
            // The source of an I/O error is that of the error in it, which would be passed over.
            cause = match inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => inner.source(),
            };
        }
        match found {
            Self::Tls => Self::Tls,
            _ if error.is_redirect() => Self::Redirects,
            _ if error.is_builder() => Self::Address,
            _ if error.is_connect() => Self::Unreachable,
            _ if error.is_timeout() => Self::Silent,
            found => found,
        }
    }

    /// Whether nobody answers.
    pub(crate) fn is_no_answer(self) -> bool {
        matches!(self, Self::Unreachable | Self::Silent)
    }

    /// This, or what one cause by itself tells where nothing is known yet.
    fn or(self, cause: &(dyn Error + 'static)) -> Self {
        let ended = [io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionAborted, io::ErrorKind::BrokenPipe];
        match self {
            Self::Other if cause.is::<rustls::Error>() => Self::Tls,
            Self::Other if cause.downcast_ref::<io::Error>().is_some_and(|it| ended.contains(&it.kind())) => {
                Self::Silent
            }
            // hyper's own error for a connection that ended without an answer; it says so in its text alone.
            Self::Other if cause.to_string().contains("connection closed before message completed") => Self::Silent,
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    use super::*;

    /// An address on which every connection gets `answer` after its first bytes, and is closed then; with `None` it is
    /// kept open in silence.
    fn server(answer: Option<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(answer) = answer else {
                    silent.push(stream);
                    continue;
                };
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    fn failure(url: &str, proxy: Option<SocketAddr>) -> RequestFailure {
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_millis(500)).no_proxy();
        let client = match proxy {
            Some(proxy) => client.proxy(reqwest::Proxy::all(format!("http://{proxy}")).unwrap()),
            None => client,
        };
        RequestFailure::of(&client.build().unwrap().get(url).send().unwrap_err())
    }

    #[test]
    fn nobody_who_answers_is_told_from_somebody_who_cannot_be_used() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let silent = server(None);
        let closing = server(Some(b""));
        let plain = server(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        // A fatal alert, handshake_failure (RFC 8446, 6).
        let alert = server(Some(&[0x15, 3, 3, 0, 2, 2, 40]));
        let circle =
            server(Some(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        for (url, expected) in [
            (format!("http://{nobody}/"), RequestFailure::Unreachable),
            (format!("https://{nobody}/"), RequestFailure::Unreachable),
            ("http://name.invalid/".to_owned(), RequestFailure::Unreachable),
            (format!("https://{closing}/"), RequestFailure::Unreachable),
            (format!("http://{silent}/"), RequestFailure::Silent),
            (format!("http://{closing}/"), RequestFailure::Silent),
            (format!("https://{plain}/"), RequestFailure::Tls),
            (format!("https://{alert}/"), RequestFailure::Tls),
            (format!("http://{circle}/"), RequestFailure::Redirects),
            ("http://".to_owned(), RequestFailure::Address),
            (format!("http://{alert}/"), RequestFailure::Other),
        ] {
            assert_eq!(failure(&url, None), expected, "{url}");
        }
        let closed = server(Some(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(failure("https://name.invalid/", Some(closed)), RequestFailure::Unreachable);
        assert_eq!(failure("http://name.invalid/", Some(nobody)), RequestFailure::Unreachable);
    }
}
