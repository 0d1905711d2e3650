//! Mirrors that want a user and a password: where those are taken from, whom they reach, and that nothing keeps them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use insta::assert_snapshot;
use wiremock::matchers::{method, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::support::{BuiltRepository, Finished, Program, Repository, Server};

/// As a mirror knows them, and as an address has them. The first word is looked for in all that is written.
const PAIR: &str = "ci:Hunter@2:pw";
const USERINFO: &str = "ci:Hunter%402:pw";
const WORD: &str = "Hunter";

fn repository() -> BuiltRepository {
    Repository::new().package("app", "1.0-r0").file("usr/bin/app", "app\n").build()
}

/// A recipe with `alpine` in its `[alpine]`.
fn recipe(alpine: &str) -> String {
    format!(
        "name = \"hello\"\narchs = [\"x86_64\"]\n\n[alpine]\nrelease = \"v3.22\"\npackages = [\"app\"]\n{alpine}\n\n\
         [config]\ncmd = [\"app\"]\n\n[prune]\nprofile = \"none\"\n"
    )
}

/// The folder that a mirror is, for releases by number too.
fn mirror(repository: &BuiltRepository) -> std::path::PathBuf {
    let mirror = repository.mirror();
    if !mirror.join("v3.22").exists() {
        fs_err::os::unix::fs::symlink(mirror.join("latest-stable"), mirror.join("v3.22")).unwrap();
    }
    mirror
}

/// `url` with a user and a password.
fn with_userinfo(url: &str, userinfo: &str) -> String {
    url.replacen("http://", &format!("http://{userinfo}@"), 1)
}

fn program(repository: &BuiltRepository) -> Program {
    Program::new().env("APKBUILD_KEYS_DIR", repository.keys_dir())
}

/// Writes the user's `.netrc`.
fn write_netrc(program: &Program, text: &str) {
    fs_err::write(program.folder().parent().unwrap().join("home/.netrc"), text).unwrap();
}

/// Whether `bytes`, or what they are compressed from, hold the password in any form.
fn holds_secret(bytes: &[u8]) -> bool {
    let has = |bytes: &[u8]| {
        let encoded = STANDARD.encode(PAIR);
        [WORD.as_bytes(), encoded.as_bytes()].iter().any(|word| bytes.windows(word.len()).any(|part| part == *word))
    };
    let mut inflated = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        // A part of a layer may end otherwise; what comes before that is looked at.
        let _ = std::io::Read::read_to_end(&mut MultiGzDecoder::new(bytes), &mut inflated);
    }
    has(bytes) || has(&inflated)
}

/// Holds that no file below `folder` has the password but `expected` ones; archives are looked into.
#[track_caller]
fn assert_kept_nowhere(folder: &Path, expected: &[&str]) {
    let mut files = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap();
        assert!(!name.contains(WORD), "{}", entry.path().display());
        if !entry.file_type().is_file() || expected.contains(&name) {
            continue;
        }
        files += 1;
        let bytes = fs_err::read(entry.path()).unwrap();
        assert!(!holds_secret(&bytes), "{}", entry.path().display());
        if entry.path().extension().is_some_and(|extension| extension == "tar") {
            for (member, bytes) in super::support::members(entry.path()) {
                assert!(!holds_secret(&bytes), "{member} in {}", entry.path().display());
            }
        }
    }
    assert!(files > 0);
}

#[track_caller]
fn assert_silent(finished: &Finished) {
    let text = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!holds_secret(text.as_bytes()), "{text}");
}

/// Runs every verb that asks a mirror, with what `more` adds to their words, and holds that nothing keeps or shows the
/// password.
#[track_caller]
fn assert_works_in_silence(program: &Program, more: &[&str]) {
    let run = |words: &[&str]| {
        let finished = program.run(words.iter().chain(more));
        finished.success();
        assert_silent(&finished);
        finished.stdout
    };
    run(&["plan", "hello.toml", "--json"]);
    run(&["plan", "hello.toml", "-vv"]);
    run(&["resolve", "app", "--arch", "x86_64", "--release", "v3.22", "--json"]);
    run(&["recipe", "hello.toml", "-vv", "-o", "unlocked.tar", "--report", "report.json"]);
    run(&["lock", "hello.toml"]);
    fs_err::remove_dir_all(program.cache()).unwrap();
    run(&["recipe", "hello.toml", "--locked", "-o", "locked.tar", "--json", "--sbom", "spdx", "--sbom", "cyclonedx"]);
    run(&["vendor", "hello.toml", "vendor", "--json"]);
    assert_silent(&program.run(["inspect", "locked.tar", "--json"]));
    for archive in ["unlocked.tar", "locked.tar"] {
        assert!(program.folder().join(archive).is_file());
    }
    assert_kept_nowhere(&program.folder(), &["hello.toml"]);
    assert_kept_nowhere(&program.cache(), &[]);
}

#[test]
fn a_password_comes_from_the_address_and_stays_nowhere() {
    let repository = repository();
    let server = Server::new();
    server.serve_to(PAIR, &mirror(&repository));
    let url = with_userinfo(&server.url(), USERINFO);
    let main = format!("{url}/v3.22/main");

    let program = self::program(&repository);
    program.write("hello.toml", recipe(&format!("mirror = \"{url}/\"\nrepositories = [\"main\", \"@edge {main}\"]")));
    // The mirror of a recipe is not that of `resolve`.
    let program = program.env("APKBUILD_MIRROR", &url);
    assert_works_in_silence(&program, &[]);
    assert_eq!(
        server.authorizations().into_iter().filter(Option::is_none).count(),
        0,
        "it goes with the first request"
    );
    let help = program.run(["recipe", "--help"]);
    assert!(help.success().contains("APKBUILD_MIRROR"));
    assert_silent(&help);

    let program = self::program(&repository);
    program.write("hello.toml", recipe(&format!("repositories = [\"{main}\"]")));
    assert_works_in_silence(&program, &["--mirror", &url]);
    let lines = etc_apk_repositories(&program);
    assert_eq!(lines, format!("{}/v3.22/main\n", server.url()));

    let program = self::program(&repository);
    program.write("hello.toml", recipe(""));
    assert_works_in_silence(&program, &["-X", &main]);
    let lock = fs_err::read_to_string(program.folder().join("hello.lock")).unwrap();
    assert!(lock.contains(&format!("{{ repository = \"{}/v3.22/main\", sha256", server.url())), "{lock}");
}

/// The file of the image that is built of the recipe and its lock.
fn etc_apk_repositories(program: &Program) -> String {
    program.run(["recipe", "hello.toml", "--format", "rootfs", "-o", "files", "--offline"]).success();
    fs_err::read_to_string(program.folder().join("files/etc/apk/repositories")).unwrap()
}

#[test]
fn a_password_comes_from_http_auth_or_netrc() {
    let repository = repository();
    let server = Server::new();
    server.serve_to(PAIR, &mirror(&repository));
    let url = server.url();
    let netrc = "machine 127.0.0.1 login ci password \"Hunter@2:pw\"\n";

    for realm in ["*", "packages", "", "127.0.0.1"] {
        let program = program(&repository).env("HTTP_AUTH", format!("basic:{realm}:{PAIR}"));
        program.write("hello.toml", recipe(""));
        // It comes before the file.
        write_netrc(&program, "machine 127.0.0.1 login other password other\n");
        let before = server.requests().len();
        program.run(["recipe", "hello.toml", "--mirror", &url, "-q"]).success();
        let asked = server.authorizations()[before..].iter().filter(|said| said.is_none()).count();
        // Nobody is told who did not ask; who asked is told at once the next time. Several may be asked at a time.
        assert_eq!(asked > 0, !realm.contains("127"), "{realm}");
        assert!(asked <= 2, "{asked}");
    }
    let program = program(&repository).env("HTTP_AUTH", format!("basic:*:{PAIR}"));
    program.write("hello.toml", recipe(""));
    assert_works_in_silence(&program, &["--mirror", &url]);

    let program = self::program(&repository);
    program.write("hello.toml", recipe(""));
    write_netrc(&program, netrc);
    let before = server.requests().len();
    assert_works_in_silence(&program, &["--mirror", &url]);
    assert!(server.authorizations()[before..].iter().all(Option::is_some));

    let program = self::program(&repository).env("NETRC", "logins");
    program.write("hello.toml", recipe(""));
    program.write("logins", "default login ci password \"Hunter@2:pw\"\n");
    write_netrc(&program, "machine 127.0.0.1 login other password other\n");
    let before = server.requests().len();
    program.run(["recipe", "hello.toml", "--mirror", &url, "-q"]).success();
    assert_eq!(server.authorizations()[before], None, "what is for anybody is sent to nobody who does not ask");

    // What the address says counts before both.
    let program = self::program(&repository).env("HTTP_AUTH", "basic:*:other:other");
    program.write("hello.toml", recipe(""));
    write_netrc(&program, "machine 127.0.0.1 login other password other\n");
    program.run(["recipe", "hello.toml", "--mirror", &with_userinfo(&url, USERINFO), "-q"]).success();
}

#[test]
fn a_query_stays_at_the_end_and_nobody_sees_it() {
    let repository = repository();
    let server = Server::new();
    let token = Mock::given(method("GET")).and(query_param("token", "HunterToken"));
    server.serve_if(token, &mirror(&repository));
    let url = format!("{}?token=HunterToken", server.url());
    let program = program(&repository);
    program.write("hello.toml", recipe(&format!("mirror = \"{url}\"\nrepositories = [\"main\"]")));
    let program = program.env("APKBUILD_MIRROR", &url);
    assert_works_in_silence(&program, &[]);
    assert!(server.paths().contains(&"/v3.22/main/x86_64/APKINDEX.tar.gz".to_owned()));
    assert_eq!(etc_apk_repositories(&program), format!("{}/v3.22/main\n", server.url()));

    // What another query gets is another index.
    let other =
        program.run(["recipe", "hello.toml", "--offline", "--mirror", &format!("{}?token=HunterB", server.url())]);
    fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
    let unlocked =
        program.run(["plan", "hello.toml", "--offline", "--mirror", &format!("{}?token=HunterB", server.url())]);
    other.success();
    assert!(unlocked.failure(1).contains("not in the cache, and offline"), "{}", unlocked.stderr);
    assert_silent(&unlocked);
}

/// What a failed `plan` says; the server's address is left out.
fn refusal(program: &Program, mirror: &str, server: &Server) -> String {
    program.write("hello.toml", recipe(&format!("mirror = \"{mirror}\"\nrepositories = [\"main\"]")));
    let finished = program.run(["plan", "hello.toml", "-q"]);
    assert_silent(&finished);
    let as_json = program.run(["plan", "hello.toml", "-q", "--json"]);
    assert_silent(&as_json);
    assert!(as_json.stdout.contains("\"error\""), "{}", as_json.stdout);
    let server = server.url().trim_start_matches("http://").to_owned();
    finished.failure(1).replace(&server, "127.0.0.1:PORT")
}

#[test]
fn a_refusal_says_who_asks_and_how_to_answer() {
    let repository = repository();
    let server = Server::new();
    server.serve_to(PAIR, &mirror(&repository));
    let url = server.url();
    assert_snapshot!(refusal(&program(&repository), &url, &server), @"
    error: http://127.0.0.1:PORT/v3.22/main/x86_64/APKINDEX.tar.gz: 127.0.0.1:PORT asks for credentials (HTTP status 401 Unauthorized)
    help: give them in the address (https://USER:PASSWORD@127.0.0.1:PORT/…), in HTTP_AUTH=basic:*:USER:PASSWORD, or in ~/.netrc (machine 127.0.0.1 login USER password PASSWORD)
    ");
    let wrong = with_userinfo(&url, "ci:HunterWrong");
    let said = refusal(&program(&repository), &wrong, &server);
    assert!(said.contains("127.0.0.1:PORT does not take the credentials of the address (HTTP status 401 Un"), "{said}");
    let program = |value: &str| program(&repository).env("HTTP_AUTH", value);
    for (value, reason) in [
        (
            "basic:*:ci:HunterWrong",
            "127.0.0.1:PORT does not take the credentials of HTTP_AUTH (HTTP status 401 Unauthorized)",
        ),
        ("ci:Hunter", "; HTTP_AUTH is not of the form basic:REALM:USER:PASSWORD"),
        ("basic:other:ci:Hunter", "; HTTP_AUTH is for the realm `other`, and this one is `packages`"),
    ] {
        let said = refusal(&program(value), &url, &server);
        assert!(said.contains(reason), "{said}");
    }
    for (netrc, reason) in [
        ("machine 127.0.0.1 login ci password HunterWrong\n", "does not take the credentials of .netrc"),
        ("machine 127.0.0.1 login ci password \"Hunter\n", "/home/.netrc cannot be read: line 1: a quote does not end"),
        ("machine other.example login ci password Hunter\n", "127.0.0.1:PORT asks for credentials (HTTP status 401"),
    ] {
        let program = self::program(&repository);
        write_netrc(&program, netrc);
        let said = refusal(&program, &url, &server);
        assert!(said.contains(reason), "{said}");
    }

    for (status, challenge, reason) in [
        (403, None, "127.0.0.1:PORT refuses to give it without credentials (HTTP status 403 Forbidden)\n"),
        (401, Some("Bearer realm=\"x\""), "; it takes no user and password by the Basic scheme\n"),
        (407, None, "help: the proxy asks for credentials"),
    ] {
        let server = Server::new();
        let answer = challenge.into_iter().fold(ResponseTemplate::new(status), |answer, challenge| {
            answer.insert_header("www-authenticate", challenge)
        });
        server.mount(Mock::given(method("GET")).respond_with(answer));
        let said = refusal(&self::program(&repository), &server.url(), &server);
        assert!(said.contains(reason), "{said}");
        assert_eq!(server.requests().len(), 2, "it is asked once by each call");
    }
}

#[test]
fn another_server_gets_no_password_by_a_redirection() {
    let repository = repository();
    let (first, second) = (Server::new(), Server::serving(&mirror(&repository)));
    first.redirect(&second.url());
    let program = program(&repository).env("HTTP_AUTH", format!("basic:*:{PAIR}"));
    program.write("hello.toml", recipe(""));
    let url = with_userinfo(&first.url(), USERINFO);
    program.run(["recipe", "hello.toml", "-q", "--mirror", &url]).success();
    assert!(first.authorizations().iter().all(Option::is_some));
    assert!(!second.requests().is_empty());
    for request in second.requests() {
        for (name, value) in &request.headers {
            assert!(name != "authorization" && name != "referer", "{name}: {value:?}");
        }
    }

    // One that asks for a password gets that of its own name, and none that is for anybody.
    let asking = Server::new();
    asking.serve_to("own:pw", &mirror(&repository));
    let by_name = asking.url().replace("127.0.0.1", "localhost");
    let (first, own) = (Server::new(), "machine localhost login own password pw\n");
    first.redirect(&with_userinfo(&by_name, "own:pw"));
    for (netrc, code) in [("", 1), ("default login own password pw\n", 1), (own, 0)] {
        let program = self::program(&repository).env("HTTP_AUTH", "basic:*:own:pw");
        program.write("hello.toml", recipe(&format!("mirror = \"{}\"", first.url())));
        write_netrc(&program, netrc);
        let finished = program.run(["recipe", "hello.toml", "-q"]);
        assert_eq!(finished.code, Some(code), "{netrc}{}", finished.stderr);
        if code == 1 {
            let said = format!("{} asks for credentials", by_name.trim_start_matches("http://"));
            assert!(finished.stderr.contains(&said), "{}", finished.stderr);
            assert!(finished.stderr.contains("HTTP_AUTH is not sent to a server that another redirects to"));
        }
    }

    // The same server at another path is the same.
    let same = Server::new();
    same.serve_to(PAIR, &mirror(&repository));
    let away = ResponseTemplate::new(301).insert_header("location", "/v3.22/main/x86_64/APKINDEX.tar.gz");
    let moved = wiremock::matchers::path("/old/v3.22/main/x86_64/APKINDEX.tar.gz");
    same.mount(Mock::given(moved).respond_with(away).with_priority(1));
    let program = self::program(&repository);
    let old = format!("{}/old", with_userinfo(&same.url(), USERINFO));
    program.write("hello.toml", recipe(&format!("mirror = \"{old}\"\nrepositories = [\"main\"]")));
    program.run(["plan", "hello.toml", "-q"]).success();

    // A circle ends, and names no target.
    let circle = Server::new();
    circle.redirect(&with_userinfo(&circle.url(), "ci:HunterCircle"));
    let program = self::program(&repository);
    let said = refusal(&program, &circle.url(), &circle);
    assert!(said.contains("it redirects more than 5 times, probably in a circle"), "{said}");
}

#[test]
fn what_a_library_or_a_proxy_says_shows_no_password() {
    let repository = repository();
    for (name, value) in [
        ("http_proxy", "http://ci:Hunter@127.0.0.1:1"),
        ("http_proxy", "http://ci:Hunter@no such host"),
        ("all_proxy", "socks5://ci:Hunter@127.0.0.1:1"),
    ] {
        let program = program(&repository).env(name, value);
        program.write("hello.toml", recipe("mirror = \"http://ci:Hunter@mirror.invalid\"\nrepositories = [\"main\"]"));
        let finished = program.run(["plan", "hello.toml", "-vv"]);
        assert!(finished.failure(1).contains("cannot reach http://mirror.invalid/v3.22"), "{}", finished.stderr);
        assert_silent(&finished);
    }
    for (mirror, said) in [
        ("http://ci:Hunter@[::1", "cannot reach http://[::1/v3.22/main/x86_64/APKINDEX.tar.gz: invalid IPv6 address"),
        ("http://ci:Hun/Hunter@host", "has a user and a password that a URL cannot have as they are"),
        ("http://ci:Hunter@host:99999", "invalid port number"),
        ("ftp://ci:Hunter@host", "is reached by `ftp:`, which is not supported"),
    ] {
        let program = program(&repository);
        program.write("hello.toml", recipe(""));
        let finished = program.run(["plan", "hello.toml", "--mirror", mirror]);
        assert!(finished.failure(1).contains(said), "{}", finished.stderr);
        assert_silent(&finished);
    }
}

#[test]
fn a_lock_of_an_early_version_is_rid_of_its_password() {
    let repository = repository();
    let server = Server::new();
    server.serve_to(PAIR, &mirror(&repository));
    let main = format!("{}/v3.22/main", server.url());
    let program = program(&repository);
    program.write("hello.toml", recipe(&format!("repositories = [\"{}\"]", with_userinfo(&main, USERINFO))));
    program.run(["lock", "hello.toml", "-q"]).success();
    let path = program.folder().join("hello.lock");
    let clean = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, clean.replace(&main, &with_userinfo(&main, USERINFO))).unwrap();
    let finished = program.run(["recipe", "hello.toml", "--locked"]);
    finished.success();
    assert_silent(&finished);
    program.run(["lock", "hello.toml", "-q"]).success();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), clean);
    // One that does not fit any more is told of without it.
    fs_err::write(&path, clean.replace(&main, &with_userinfo("http://gone.example/x", USERINFO))).unwrap();
    let finished = program.run(["recipe", "hello.toml", "--locked"]);
    assert!(finished.failure(1).contains("the lock has http://gone.example/x"), "{}", finished.stderr);
    assert_silent(&finished);
}
