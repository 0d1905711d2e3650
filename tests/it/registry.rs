//! Pushing and fetching: against a registry in this process that fails when told to, and against the real one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{Blob, ImageSet, LayerOptions, Publication, Reference, Sbom, SbomFormat, StoredImage, Subject};
use apkbuild::progress::Silent;
use apkbuild::registry::{Attachment, Client, CredentialFiles, Pushed, Transport, pull, push};

use super::image::{image_set, small_rootfs};

/// How the registry fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It answers this status, with a time to wait.
    Status(u16, Option<u64>),
    /// It reads half of the body and hangs up.
    Drop,
    /// It takes the whole request and hangs up before the answer.
    Mute,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<(String, String), Vec<u8>>,
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    uploads: BTreeMap<usize, Vec<u8>>,
    begun: usize,
    /// Each request: method and path.
    log: Vec<String>,
    /// What goes wrong, each once, at a request that begins so.
    faults: VecDeque<(&'static str, Fault)>,
    /// Whether a token is asked for, which `me` with `secret` gets.
    guarded: bool,
}

/// A registry in this process.
struct FakeRegistry {
    host: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl FakeRegistry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, name) = (Arc::clone(&state), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, host) = (Arc::clone(&shared), name.clone());
                std::thread::spawn(move || serve(stream, &state, &host));
            }
        });
        Self { host, state }
    }

    fn client(&self, name: &str, files: &CredentialFiles) -> Client {
        let reference = Reference::parse(&format!("{}/{name}", self.host)).unwrap();
        Client::new(&reference, Transport::Usual, files)
            .unwrap()
            .with_patience(Duration::from_millis(1))
            .with_chunk(1 << 19)
    }

    fn fail(&self, at: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((at, fault));
    }

    fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    fn count(&self, at: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(at)).count()
    }

    /// The bytes that a tag names.
    fn tagged(&self, name: &str, tag: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.manifests.get(&(name.to_owned(), tag.to_owned())).map(|(_, bytes)| bytes.clone())
    }
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
        _ => answer(&request, &mut state.lock().unwrap(), host),
    };
    if matches!(fault, Some(Fault::Drop | Fault::Mute)) {
        return;
    }
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let _ = writer.write_all(head.as_bytes());
    if request.method != "HEAD" {
        let _ = writer.write_all(&body);
    }
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

fn answer(request: &Request, state: &mut State, host: &str) -> Answer {
    let plain = |status: u16| (status, Vec::new(), Vec::new());
    let authorization = request.headers.get("authorization").map(String::as_str);
    if request.path == "/token" {
        // me:secret
        return match authorization {
            Some("Basic bWU6c2VjcmV0") => (200, Vec::new(), br#"{"token":"good"}"#.to_vec()),
            _ => plain(401),
        };
    }
    if state.guarded && authorization != Some("Bearer good") {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"fake\"");
        return (401, vec![("WWW-Authenticate".to_owned(), challenge)], Vec::new());
    }
    let rest = request.path.strip_prefix("/v2/").unwrap();
    let query: BTreeMap<String, String> = request
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
        .collect();
    let session = |name: &str, id: usize, length: usize| {
        vec![
            ("Location".to_owned(), format!("/v2/{name}/blobs/uploads/{id}?state=x")),
            ("Range".to_owned(), format!("0-{}", length.saturating_sub(1))),
        ]
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
                let start: usize = request.headers["content-range"].split_once('-').unwrap().0.parse().unwrap();
                if start != upload.len() {
                    return (416, session(name, id, upload.len()), Vec::new());
                }
                upload.extend_from_slice(&request.body);
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
            Some(bytes) => (200, Vec::new(), bytes.clone()),
            None => plain(404),
        };
    }
    let (name, tag) = rest.split_once("/manifests/").unwrap();
    let key = (name.to_owned(), tag.to_owned());
    if request.method == "PUT" {
        let digest = Sha256Digest::of(&request.body).to_oci();
        let media_type = request.headers["content-type"].clone();
        state.manifests.insert((name.to_owned(), digest.clone()), (media_type.clone(), request.body.clone()));
        state.manifests.insert(key, (media_type, request.body.clone()));
        return (201, vec![("Docker-Content-Digest".to_owned(), digest)], Vec::new());
    }
    match state.manifests.get(&key) {
        Some((media_type, bytes)) => (200, vec![("Content-Type".to_owned(), media_type.clone())], bytes.clone()),
        None => plain(404),
    }
}

fn small_set() -> ImageSet {
    image_set(&small_rootfs(b"print(1)"), &LayerOptions::default())
}

fn send(client: &Client, set: &ImageSet) -> Result<Pushed, apkbuild::registry::Error> {
    push(client, &Publication::of(set).unwrap(), &[], "1.0", &[], &Silent)
}

fn sbom_of(set: &ImageSet) -> Attachment {
    let subject = Subject { reference: "app".to_owned(), digest: set.digest(), created: 0 };
    let bytes = Sbom::of(&small_rootfs(b"print(1)").tree).encode(SbomFormat::Spdx, &subject).unwrap();
    Attachment { subject: set.digest(), media_type: SbomFormat::Spdx.media_type().to_owned(), blob: Blob::from(bytes) }
}

#[test]
fn what_is_pushed_is_there_and_not_sent_twice() {
    let registry = FakeRegistry::start();
    let set = small_set();
    let client = registry.client("team/app", &CredentialFiles::default());
    let pushed = send(&client, &set).unwrap();
    assert_eq!((pushed.sent.0, pushed.present), (3, 0), "two layers and a configuration");
    let manifest = registry.tagged("team/app", "1.0").unwrap();
    assert_eq!(Sha256Digest::of(&manifest), set.digest());
    assert!(registry.log().last().unwrap().ends_with("/manifests/1.0"), "the tag is last");
    // The large layer went in chunks.
    assert!(registry.count("PATCH") >= 5, "{:?}", registry.log());
    let pushed = send(&client, &set).unwrap();
    assert_eq!((pushed.sent, pushed.present), ((0, 0), 3));
    // Another repository of the same registry can have them without their being sent.
    let other = registry.client("team/other", &CredentialFiles::default());
    let publication = Publication::of(&set).unwrap();
    let pushed = push(&other, &publication, &[], "1.0", &["team/app"], &Silent).unwrap();
    assert_eq!((pushed.sent, pushed.mounted), ((0, 0), 3));
}

#[test]
fn uploads_go_on_where_they_stopped() {
    for (at, fault) in [
        ("PATCH", Fault::Drop),
        ("PATCH", Fault::Mute),
        ("PATCH", Fault::Status(500, None)),
        ("PATCH", Fault::Status(429, Some(0))),
        ("POST", Fault::Status(503, Some(1))),
        ("HEAD", Fault::Drop),
        ("PUT /v2/app/manifests/", Fault::Status(502, None)),
        ("PUT /v2/app/manifests/", Fault::Mute),
        ("PUT /v2/app/blobs/", Fault::Mute),
    ] {
        let registry = FakeRegistry::start();
        registry.fail(at, fault);
        let set = small_set();
        let client = registry.client("app", &CredentialFiles::default());
        send(&client, &set).unwrap_or_else(|error| panic!("{at} {fault:?}: {error}"));
        assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
        for ((_, digest), bytes) in &registry.state.lock().unwrap().blobs {
            assert_eq!(Sha256Digest::of(bytes).to_oci(), *digest);
        }
        // Two chunks more at most: nothing is sent again from its beginning.
        assert!(registry.count("PATCH") <= 4 + 4, "{at} {fault:?}: {:?}", registry.log());
    }
}

#[test]
fn a_push_that_fails_leaves_no_tag() {
    let table: [(&str, Fault, u32, &str, &str); 4] = [
        ("PATCH", Fault::Status(500, None), 30, "answered 500: as told", "try again later"),
        ("POST", Fault::Status(429, Some(3600)), 1, "asks to come back in 3600 seconds", "try again later"),
        ("PUT /v2/app/manifests/sha256", Fault::Status(400, None), 1, "answered 400: as told", ""),
        ("HEAD", Fault::Status(404, None), 0, "", ""),
    ];
    for (at, fault, times, message, help) in table {
        let registry = FakeRegistry::start();
        for _ in 0..times {
            registry.fail(at, fault);
        }
        let outcome = send(&registry.client("app", &CredentialFiles::default()), &small_set());
        if times == 0 {
            outcome.unwrap();
            continue;
        }
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.help().unwrap_or_default().contains(help), "{error}");
        assert_eq!(registry.tagged("app", "1.0"), None, "{at}");
    }
}

#[test]
fn credentials_are_used_and_their_lack_is_told() {
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().guarded = true;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let files = CredentialFiles(vec![path.clone()]);
    let write = |auth: &str| {
        let host = &registry.host;
        fs_err::write(&path, format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}")).unwrap();
    };
    write("bWU6c2VjcmV0");
    send(&registry.client("app", &files), &small_set()).unwrap();
    assert_eq!(registry.count("GET /token"), 1, "a token is asked for once");
    write("bWU6d3Jvbmc=");
    let error = send(&registry.client("app", &files), &small_set()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} does not let me at app", registry.host));
    assert!(error.help().unwrap().starts_with("log in with `docker login"));
    let error = send(&registry.client("app", &CredentialFiles::default()), &small_set()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} wants an account for app, and there are no credentials for it", registry.host)
    );
}

#[test]
fn what_is_fetched_is_what_was_pushed() {
    let registry = FakeRegistry::start();
    let set = small_set();
    let client = registry.client("app", &CredentialFiles::default());
    push(&client, &Publication::of(&set).unwrap(), &[sbom_of(&set)], "1.0", &[], &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    pull(&client, "1.0", None, folder.path(), &Silent).unwrap();
    let image = StoredImage::open(folder.path(), None).unwrap();
    assert_eq!(image.manifest.as_ref().unwrap().1, set.digest());
    assert!(image.tree().unwrap().file("app/code/main.py").is_some());
    // The bill of materials is on the list under the tag that stands for the manifest's referrers.
    let list = registry.tagged("app", &format!("sha256-{}", set.digest())).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list["manifests"][0]["artifactType"], "application/spdx+json");
    let referrer = registry.tagged("app", list["manifests"][0]["digest"].as_str().unwrap()).unwrap();
    let referrer: serde_json::Value = serde_json::from_slice(&referrer).unwrap();
    assert_eq!(referrer["subject"]["digest"], set.digest().to_oci());
    // A layer that was changed at the registry is not believed.
    let digest = set.images[0].layers[1].blob.digest.to_oci();
    registry.state.lock().unwrap().blobs.get_mut(&("app".to_owned(), digest)).unwrap()[5] ^= 1;
    let again = tempfile::tempdir().unwrap();
    let error = pull(&client, "1.0", None, again.path(), &Silent).unwrap_err().to_string();
    assert!(error.contains("expected sha256:"), "{error}");
}

/// The real registry, on a free port, if there is one here.
struct RealRegistry {
    child: Child,
    host: String,
    folder: tempfile::TempDir,
}

impl RealRegistry {
    fn start() -> Option<Self> {
        let program = std::env::var_os("APKBUILD_REGISTRY").map_or_else(|| "docker-registry".into(), PathBuf::from);
        let folder = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("config.yml");
        let store = folder.path().join("store");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\nlog:\n  level: error\n",
            store.display()
        );
        fs_err::write(&config, text).unwrap();
        let child = Command::new(program).arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(child) = child else {
            println!("skipped: there is no docker-registry here");
            return None;
        };
        let registry = Self { child, host, folder };
        for _ in 0..100 {
            if TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen at {}", registry.host);
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_real_registry_takes_an_image() {
    let Some(registry) = RealRegistry::start() else { return };
    let set = small_set();
    let archive = registry.folder.path().join("app.tar");
    set.write_archive(&archive).unwrap();
    let reference = format!("{}/team/app:1.0", registry.host);
    let apkbuild = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apkbuild"));
        let output = command.args(arguments).env("HOME", registry.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let push = || {
        let out = apkbuild(&["push", archive.to_str().unwrap(), &reference, "--json"]);
        serde_json::from_str::<serde_json::Value>(&out).unwrap()
    };
    let first = push();
    assert_eq!(first["digest"], set.digest().to_oci());
    assert_eq!((&first["sent"], &first["attached"]), (&5.into(), &1.into()), "{first}");
    let second = push();
    assert_eq!((&second["sent"], &second["present"]), (&0.into(), &5.into()), "{second}");
    let out = apkbuild(&["inspect", &reference]);
    assert!(out.contains("linux/amd64") && out.contains(&set.digest().to_oci()), "{out}");
    let out = apkbuild(&["diff", &reference, archive.to_str().unwrap()]);
    assert!(out.ends_with("nothing else differs\n"), "{out}");
    // Others read it too, if they are here.
    let skopeo =
        Command::new("skopeo").args(["inspect", "--tls-verify=false", &format!("docker://{reference}")]).output();
    if let Ok(output) = skopeo {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["Digest"], set.digest().to_oci());
    }
}
