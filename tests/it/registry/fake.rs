//! A registry in this process, which does what it is told, wrong things too.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::Reference;
use apkbuild::registry::{Client, CredentialFiles, Transport};

/// How the registry fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It answers this status, with a time to wait.
    Status(u16, Option<u64>),
    /// It reads half of the body and hangs up.
    Drop,
    /// It takes the whole request and hangs up before the answer.
    Mute,
    /// It answers as it should, but hangs up in the middle of the body.
    Half,
    /// The token has run out.
    Expired,
    /// It answers this status, with these headers.
    Headers(u16, &'static [(&'static str, &'static str)]),
    /// It sends the asker to [`State::elsewhere`].
    Moved,
    /// It answers this status and a body that never ends.
    Endless(u16),
    /// It answers as it should, but says that what it has is of another digest.
    OtherDigest,
    /// It answers 200 and this.
    Says(&'static str),
}

/// What the `Location` of an upload is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locations {
    /// A path.
    #[default]
    Path,
    /// A path that begins where the request's ends.
    Relative,
    /// An address.
    Absolute,
    /// An address at [`State::elsewhere`].
    Elsewhere,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of some registry")]
pub struct State {
    pub blobs: BTreeMap<(String, String), Vec<u8>>,
    pub manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    uploads: BTreeMap<usize, Vec<u8>>,
    begun: usize,
    /// Each request: method and path.
    pub log: Vec<String>,
    /// What goes wrong, each once, at a request that begins so.
    pub faults: VecDeque<(&'static str, Fault)>,
    /// Whether a token is asked for, which `me` with `secret` gets.
    pub guarded: bool,
    /// Whether a blob is taken in one piece only.
    pub no_chunks: bool,
    /// Whether parts of blobs cannot be asked for.
    pub no_ranges: bool,
    /// Whether it keeps lists of referrers itself.
    pub lists_referrers: bool,
    /// The `Range` of each request that had one.
    pub ranges: Vec<String>,
    /// The scopes that tokens were asked for.
    pub scopes: Vec<String>,
    /// Host and port of a place that keeps the blobs for the registry, and asks nobody who he is.
    pub elsewhere: String,
    /// Where it sends uploads that were begun.
    pub locations: Locations,
    /// Whether it takes chunks and keeps none of them.
    pub forgets_chunks: bool,
    /// Host and `Authorization` of each request that had one.
    pub told: Vec<(String, String)>,
}

/// A registry in this process.
pub struct FakeRegistry {
    pub host: String,
    pub state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl FakeRegistry {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let elsewhere = listen(&state);
        state.lock().unwrap().elsewhere = elsewhere;
        Self { host: listen(&state), state }
    }

    pub fn client(&self, name: &str, files: &CredentialFiles) -> Client {
        let reference = Reference::parse(&format!("{}/{name}", self.host)).unwrap();
        Client::new(&reference, Transport::Usual, files)
            .unwrap()
            .with_first_wait(Duration::from_millis(1))
            .with_chunk(1 << 19)
    }

    pub fn fail(&self, at: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((at, fault));
    }

    pub fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    pub fn count(&self, at: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(at)).count()
    }

    /// Puts a manifest, or what passes for one, under a tag.
    pub fn put(&self, name: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.manifests.insert((name.to_owned(), tag.to_owned()), (media_type.to_owned(), bytes.to_vec()));
    }

    /// The bytes that a tag names.
    pub fn tagged(&self, name: &str, tag: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.manifests.get(&(name.to_owned(), tag.to_owned())).map(|(_, bytes)| bytes.clone())
    }
}

/// Serves at an address of its own, which it gives.
fn listen(state: &Arc<Mutex<State>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (shared, name) = (Arc::clone(state), host.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (state, host) = (Arc::clone(&shared), name.clone());
            std::thread::spawn(move || serve(stream, &state, &host));
        }
    });
    host
}

fn serve(stream: TcpStream, state: &Mutex<State>, host: &str) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let at = format!("{method} {path}");
    let fault = {
        let mut state = state.lock().unwrap();
        state.log.push(at.clone());
        let told = headers.get("authorization").cloned();
        state.told.extend(told.map(|told| (host.to_owned(), told)));
        let due = state.faults.front().is_some_and(|(start, _)| at.starts_with(start));
        due.then(|| state.faults.pop_front().unwrap().1)
    };
    let length = if matches!(fault, Some(Fault::Drop)) { length / 2 } else { length };
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = Request { method, path: path.to_owned(), query: query.to_owned(), headers, body };
    let (status, headers, body) = match fault {
        Some(Fault::Status(status, wait)) => {
            let headers = wait.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())).into_iter().collect();
            (status, headers, br#"{"errors":[{"code":"X","message":"as told"}]}"#.to_vec())
        }
        Some(Fault::Expired) => (401, vec![challenge(host)], Vec::new()),
        Some(Fault::Headers(status, headers)) => {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            (status, headers.collect(), Vec::new())
        }
        Some(Fault::Says(text)) => (200, Vec::new(), text.as_bytes().to_vec()),
        Some(Fault::Moved) => {
            let elsewhere = &state.lock().unwrap().elsewhere;
            (307, vec![("Location".to_owned(), format!("http://{elsewhere}{target}"))], Vec::new())
        }
        Some(Fault::Endless(status)) => {
            let _ = writer.write_all(format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n\r\n").as_bytes());
            let piece = vec![b'{'; 1 << 16];
            while writer.write_all(&piece).is_ok() {}
            return;
        }
        _ => answer(&request, &mut state.lock().unwrap(), host),
    };
    if matches!(fault, Some(Fault::Drop | Fault::Mute)) {
        return;
    }
    let mut headers = headers;
    if matches!(fault, Some(Fault::OtherDigest)) {
        headers.retain(|(name, _)| name != "Docker-Content-Digest");
        headers.push(("Docker-Content-Digest".to_owned(), Sha256Digest::of(b"another").to_oci()));
    }
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let _ = writer.write_all(head.as_bytes());
    let sent = if matches!(fault, Some(Fault::Half)) { body.len() / 2 } else { body.len() };
    if request.method != "HEAD" {
        let _ = writer.write_all(&body[..sent]);
    }
}

fn challenge(host: &str) -> (String, String) {
    ("WWW-Authenticate".to_owned(), format!("Bearer realm=\"http://{host}/token\",service=\"fake\""))
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

fn answer(request: &Request, state: &mut State, host: &str) -> Answer {
    let plain = |status: u16| (status, Vec::new(), Vec::new());
    let authorization = request.headers.get("authorization").map(String::as_str);
    if request.path == "/token" {
        let form =
            if request.method == "POST" { String::from_utf8_lossy(&request.body) } else { (&request.query).into() };
        state.scopes.push(form.replace("%3A", ":").replace("%2C", ","));
        let words: Vec<&str> = form.split('&').collect();
        let is_refreshed = words.contains(&"grant_type=refresh_token") && words.contains(&"refresh_token=identity");
        // me:secret
        return match authorization {
            Some("Basic bWU6c2VjcmV0") => (200, Vec::new(), br#"{"token":"good"}"#.to_vec()),
            None if is_refreshed => (200, Vec::new(), br#"{"access_token":"good","expires_in":300}"#.to_vec()),
            _ => plain(401),
        };
    }
    if state.guarded && host != state.elsewhere && authorization != Some("Bearer good") {
        return (401, vec![challenge(host)], Vec::new());
    }
    let rest = request.path.strip_prefix("/v2/").unwrap();
    let query: BTreeMap<String, String> = request
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
        .collect();
    let (locations, elsewhere) = (state.locations, state.elsewhere.clone());
    let session = |name: &str, id: usize, length: usize| {
        let path = format!("/v2/{name}/blobs/uploads/{id}?state=x");
        let location = match locations {
            Locations::Path => path,
            Locations::Relative => format!("{id}?state=x"),
            Locations::Absolute => format!("http://{host}{path}"),
            Locations::Elsewhere => format!("http://{elsewhere}{path}"),
        };
        vec![("Location".to_owned(), location), ("Range".to_owned(), format!("0-{}", length.saturating_sub(1)))]
    };
    if let Some((name, id)) = rest.split_once("/blobs/uploads/") {
        if request.method == "POST" {
            if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from"))
                && let Some(bytes) = state.blobs.get(&(from.clone(), digest.clone())).cloned()
            {
                state.blobs.insert((name.to_owned(), digest.clone()), bytes);
                return plain(201);
            }
            state.begun += 1;
            let id = state.begun;
            state.uploads.insert(id, Vec::new());
            return (202, session(name, id, 0), Vec::new());
        }
        let id: usize = id.parse().unwrap();
        let Some(upload) = state.uploads.get_mut(&id) else { return plain(404) };
        assert_eq!(query["state"], "x", "the location is used as it was given");
        match request.method.as_str() {
            "GET" => return (204, session(name, id, upload.len()), Vec::new()),
            "PATCH" => {
                let range = request.headers.get("content-range");
                let start = range.map_or(0, |range| range.split_once('-').unwrap().0.parse::<usize>().unwrap());
                if start != upload.len() || (state.no_chunks && start > 0) {
                    return (416, session(name, id, upload.len()), Vec::new());
                }
                if !state.forgets_chunks {
                    upload.extend_from_slice(&request.body);
                }
                let length = upload.len();
                return (202, session(name, id, length), Vec::new());
            }
            _ => {
                let bytes = state.uploads.remove(&id).unwrap();
                if Sha256Digest::of(&bytes).to_oci() != query["digest"] {
                    return plain(400);
                }
                state.blobs.insert((name.to_owned(), query["digest"].clone()), bytes);
                return plain(201);
            }
        }
    }
    if let Some((name, digest)) = rest.split_once("/blobs/") {
        return match state.blobs.get(&(name.to_owned(), digest.to_owned())) {
            Some(bytes) => part(request, bytes.clone(), state),
            None => plain(404),
        };
    }
    let (name, tag) = rest.split_once("/manifests/").unwrap();
    let key = (name.to_owned(), tag.to_owned());
    if request.method == "PUT" {
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&request.body) else { return plain(400) };
        let digest = Sha256Digest::of(&request.body).to_oci();
        let media_type = request.headers["content-type"].clone();
        state.manifests.insert((name.to_owned(), digest.clone()), (media_type.clone(), request.body.clone()));
        state.manifests.insert(key, (media_type, request.body.clone()));
        let mut headers = vec![("Docker-Content-Digest".to_owned(), digest)];
        if let Some(subject) = document["subject"]["digest"].as_str().filter(|_| state.lists_referrers) {
            headers.push(("OCI-Subject".to_owned(), subject.to_owned()));
        }
        return (201, headers, Vec::new());
    }
    match state.manifests.get(&key) {
        Some((media_type, bytes)) => (200, vec![("Content-Type".to_owned(), media_type.clone())], bytes.clone()),
        None => plain(404),
    }
}

/// A blob, or what is asked for of it.
fn part(request: &Request, bytes: Vec<u8>, state: &mut State) -> Answer {
    let Some(range) = request.headers.get("range") else { return (200, Vec::new(), bytes) };
    state.ranges.push(range.clone());
    if state.no_ranges {
        return (200, Vec::new(), bytes);
    }
    let start: usize = range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap();
    let told = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
    (206, vec![("Content-Range".to_owned(), told)], bytes[start..].to_vec())
}
