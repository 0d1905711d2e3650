//! A mirror on loopback: a folder served over HTTP by wiremock, and a server that answers with given bytes, however
//! broken.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Runtime;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockBuilder, MockServer, Request, Respond, ResponseTemplate};

/// An HTTP server.
pub struct Server {
    server: Option<MockServer>,
    runtime: Runtime,
}

impl Server {
    /// A server that knows nothing: everything is 404 until mocks are mounted.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(MockServer::start());
        Self { server: Some(server), runtime }
    }

    /// Serves the files of `folder`, with ranges and revalidation as a real mirror does. Mocks that were mounted
    /// before, or with a higher priority, win.
    pub fn serving(folder: &Path) -> Self {
        let server = Self::new();
        server.serve(folder);
        server
    }

    /// Adds the files of `folder`.
    pub fn serve(&self, folder: &Path) {
        self.mount(Mock::given(method("GET")).respond_with(Files(folder.to_owned())).with_priority(200));
    }

    /// Adds the files of `folder` for whoever says `pair`, `USER:PASSWORD`; all others are asked for it.
    pub fn serve_to(&self, pair: &str, folder: &Path) {
        let said = format!("Basic {}", STANDARD.encode(pair));
        let files = Mock::given(method("GET")).and(header("authorization", said.as_str()));
        self.serve_if(files, folder);
        let asked = ResponseTemplate::new(401).insert_header("www-authenticate", "Basic realm=\"packages\"");
        self.mount(Mock::given(method("GET")).respond_with(asked).with_priority(200));
    }

    /// Adds the files of `folder` for requests that are `given`.
    pub fn serve_if(&self, given: MockBuilder, folder: &Path) {
        self.mount(given.respond_with(Files(folder.to_owned())).with_priority(100));
    }

    /// Sends every request on to the same path of `url`.
    pub fn redirect(&self, url: &str) {
        let url = url.to_owned();
        let respond = move |request: &Request| {
            ResponseTemplate::new(302).insert_header("location", format!("{url}{}", request.url.path()))
        };
        self.mount(Mock::given(method("GET")).respond_with(respond).with_priority(50));
    }

    /// What was said in the header `Authorization`, by each request so far.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        let said = |request: &Request| Some(request.headers.get("authorization")?.to_str().unwrap().to_owned());
        self.requests().iter().map(said).collect()
    }

    /// Adds an answer of any kind.
    pub fn mount(&self, mock: Mock) {
        self.runtime.block_on(mock.mount(self.inner()));
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        self.inner().uri()
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.runtime.block_on(self.inner().received_requests()).unwrap()
    }

    /// The paths that were asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.url.path().to_owned()).collect()
    }

    fn inner(&self) -> &MockServer {
        self.server.as_ref().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It must go while its runtime is there.
        let _guard = self.runtime.enter();
        drop(self.server.take());
    }
}

struct Files(PathBuf);

impl Respond for Files {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().replace("%2B", "+");
        let path = self.0.join(path.trim_start_matches('/'));
        let Ok(contents) = fs_err::read(path) else { return ResponseTemplate::new(404) };
        let tag = format!("\"{}\"", apkbuild::digest::Sha1Digest::of(&contents));
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if header("if-none-match").is_some_and(|known| known == tag) {
            return ResponseTemplate::new(304).insert_header("etag", tag);
        }
        let total = contents.len();
        let start = header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok())
            .filter(|_| header("if-range").is_none_or(|known| known == tag));
        let response = match start {
            Some(start) if start >= total => {
                return ResponseTemplate::new(416).insert_header("content-range", format!("bytes */{total}"));
            }
            Some(start) => ResponseTemplate::new(206)
                .insert_header("content-range", format!("bytes {start}-{}/{total}", total - 1))
                .set_body_raw(&contents[start..], "application/octet-stream"),
            None => ResponseTemplate::new(200).set_body_raw(contents, "application/octet-stream"),
        };
        response.insert_header("etag", tag).insert_header("accept-ranges", "bytes")
    }
}

/// A server that answers the n-th connection with the n-th of some bytes, the last one again and again, and then hangs
/// up. It lives as long as the test.
pub struct RawServer {
    url: String,
}

impl RawServer {
    /// Starts it.
    pub fn new(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let answer = answers.get(number).or(answers.last()).cloned().unwrap_or_default();
                let _ = stream.write_all(&answer);
            }
        });
        Self { url }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }
}
