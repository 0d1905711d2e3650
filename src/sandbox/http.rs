//! One HTTP request over a connection that is there already, which a general client would not take (RFC 9112).

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// What is read of a head and of a body, in bytes; longer ones are an error and cut off.
const LONGEST_HEAD: u64 = 64 << 10;
const LONGEST_BODY: u64 = 1 << 20;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its body, at most 1 MiB of it.
    pub body: String,
}

/// Asks for `path` of `host` and reads the whole answer; no single wait is longer than `patience`.
pub fn get(stream: TcpStream, host: &str, path: &str, patience: Duration) -> io::Result<Answer> {
    // The kernel takes a timeout of zero for none.
    let patience = Some(patience.max(Duration::from_millis(1)));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    let mut stream = stream;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: apkbuild\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    read_answer(&mut BufReader::new(stream))
}

fn read_answer(reader: &mut impl BufRead) -> io::Result<Answer> {
    let mut head = reader.by_ref().take(LONGEST_HEAD);
    let line = read_line(&mut head)?;
    let status = status_of(&line).ok_or_else(|| malformed(&format!("`{line}` is no HTTP status line")))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        let line = read_line(&mut head)?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return Err(malformed("a header without a colon")) };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<u64>().map_err(|_| malformed("the content-length is no number"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.to_ascii_lowercase().ends_with("chunked");
        }
    }
    let mut body = Vec::new();
    if chunked {
        read_chunks(reader, &mut body)?;
    } else if !matches!(status, 100..=199 | 204 | 304) {
        reader.take(length.unwrap_or(LONGEST_BODY).min(LONGEST_BODY)).read_to_end(&mut body)?;
        if length.is_some_and(|length| length <= LONGEST_BODY && length > body.len() as u64) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    while (body.len() as u64) < LONGEST_BODY {
        let line = read_line(&mut reader.take(LONGEST_HEAD))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| malformed("a chunk's size is no number"))?;
        if size == 0 {
            break;
        }
        let left = LONGEST_BODY - body.len() as u64;
        reader.take(size.min(left)).read_to_end(body)?;
        read_line(&mut reader.take(LONGEST_HEAD))?;
    }
    Ok(())
}

fn status_of(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.0 ").or_else(|| line.strip_prefix("HTTP/1.1 "))?;
    rest.split(' ').next()?.parse().ok().filter(|status| (100..1000).contains(status))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes, and what is understood of it.
    type Case = (&'static str, Result<(u16, &'static str), io::ErrorKind>);

    #[test]
    fn answers_of_every_kind() {
        let cases: [Case; 10] = [
            ("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end", Ok((200, "to the end"))),
            ("HTTP/1.1 404 Not Found\r\ncontent-LENGTH: 3\r\n\r\nabcdef", Ok((404, "abc"))),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
                Ok((200, "abc0123456789")),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", Ok((204, ""))),
            ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Ok((200, ""))),
            ("", Err(io::ErrorKind::UnexpectedEof)),
            ("SSH-2.0-OpenSSH_9.9\r\n", Err(io::ErrorKind::InvalidData)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Err(io::ErrorKind::UnexpectedEof)),
            ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc", Err(io::ErrorKind::InvalidData)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Err(io::ErrorKind::InvalidData)),
        ];
        for (text, expected) in cases {
            let answer = read_answer(&mut text.as_bytes()).map_err(|error| error.kind());
            let expected = expected.map(|(status, body)| Answer { status, body: body.to_owned() });
            assert_eq!(answer, expected, "{text}");
        }
    }
}
