//! Credentials as docker, podman and their helpers keep them, before a registry and a token server that ask for them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::fake::{FakeRegistry, Fault};
use super::real::{ACCOUNT, RealRegistry};
use super::write_archive;
use crate::support::{Finished, Program, copy_program};

/// A program whose home is its working folder, which has `app.tar`.
fn program() -> Program {
    let program = Program::new();
    write_archive(&program);
    let home = program.folder();
    let path = format!("{}:{}", home.display(), std::env::var("PATH").unwrap());
    program.env("HOME", home).env("PATH", path)
}

fn push(program: &Program, reference: &str) -> Finished {
    program.run(["push", "app.tar", reference, "-q"])
}

/// `auth` of an account, in base64.
fn auth(password: &str) -> Value {
    use base64::Engine as _;
    json!({ "auth": base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", ACCOUNT.0)) })
}

#[test]
fn files_are_found_where_docker_and_podman_keep_them() {
    let Some(registry) = RealRegistry::start(true) else { return };
    let host = &registry.host;
    let (right, wrong) = (|key: &str| json!({ "auths": { key: auth(ACCOUNT.1) } }), auth("not the password"));
    let old_key = format!("https://{host}/v1/");
    let namespace = format!("{host}/team");
    for (tag, file, variable, contents) in [
        ("docker", ".docker/config.json", None, right(host)),
        ("docker-old", ".docker/config.json", None, right(&old_key)),
        ("docker-config", "kept/config.json", Some(("DOCKER_CONFIG", "kept")), right(host)),
        ("auth-file", "kept/mine.json", Some(("REGISTRY_AUTH_FILE", "kept/mine.json")), right(host)),
        ("runtime", "run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run")), right(host)),
        ("config", ".config/containers/auth.json", None, right(host)),
        ("xdg-config", "settings/containers/auth.json", Some(("XDG_CONFIG_HOME", "settings")), right(host)),
        ("namespace", "run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run")), {
            json!({ "auths": { host: wrong, &namespace: auth(ACCOUNT.1), format!("{host}/te"): wrong } })
        }),
        ("repository", "run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run")), {
            json!({ "auths": { host: wrong, &namespace: wrong, format!("{host}/team/app"): auth(ACCOUNT.1) } })
        }),
        ("two-fields", ".docker/config.json", None, {
            json!({ "auths": { host: { "username": ACCOUNT.0, "password": ACCOUNT.1 } } })
        }),
    ] {
        let mut program = program();
        program.write(file, contents.to_string());
        if let Some((name, value)) = variable {
            let value = program.folder().join(value);
            program = program.env(name, value);
        }
        let finished = push(&program, &format!("{host}/team/app:{tag}"));
        assert_eq!(finished.code, Some(0), "{tag}: {}", finished.stderr);
        assert!(!finished.stderr.contains(ACCOUNT.1), "{tag}: {}", finished.stderr);
    }
    // The first file that has some for the registry counts, right or wrong; and somebody else's are not for this one.
    let podman = ".config/containers/auth.json";
    for (files, message) in [
        (vec![(podman, json!({ "auths": { host: wrong } })), (".docker/config.json", right(host))], {
            format!("{host} does not let {} at team/app", ACCOUNT.0)
        }),
        (vec![(podman, right("registry.example"))], format!("{host} wants an account for team/app, and there are no")),
        (vec![(podman, right(&format!("{host}/other")))], format!("{host} wants an account for team/app")),
    ] {
        let program = program();
        for (file, contents) in &files {
            program.write(file, contents.to_string());
        }
        let finished = push(&program, &format!("{host}/team/app:refused"));
        let said = finished.failure(1);
        assert!(said.contains(&message) && said.contains("\nhelp: log in with `docker login"), "{said}");
    }
    for broken in
        ["{", "text", r#"{"auths": 3}"#, &json!({ "auths": { host: { "auth": "bm8gY29sb24=" } } }).to_string()]
    {
        let program = program();
        program.write(podman, broken);
        let finished = push(&program, &format!("{host}/team/app:broken"));
        let said = finished.failure(1);
        assert!(said.contains("auth.json` cannot be read for credentials: "), "{said}");
        assert!(said.contains("\nhelp: mend the file, or log in again"), "{said}");
    }
    let mut tags = registry.tags("team/app");
    tags.retain(|tag| ["refused", "broken"].contains(&tag.as_str()));
    assert!(tags.is_empty(), "{tags:?}");
}

#[test]
fn an_identity_token_is_exchanged_and_goes_nowhere_else() {
    let registry = FakeRegistry::start();
    let host = &registry.host;
    registry.state.lock().unwrap().guarded = true;
    let program = program();
    let config = |token: &str| json!({ "auths": { host: { "auth": "MDA6", "identitytoken": token } } }).to_string();
    program.write(".docker/config.json", config("identity"));
    push(&program, &format!("{host}/app:1.0")).success();
    let scopes = registry.state.lock().unwrap().scopes.clone();
    let asked = "grant_type=refresh_token&client_id=apkbuild&refresh_token=identity&scope=repository:app:pull,push";
    assert_eq!(scopes, [format!("{asked}&service=fake")]);
    // What a helper keeps under the name `<token>` is one too.
    write_helper(&program.folder(), host, "<token>", "identity");
    program.write(".docker/config.json", json!({ "credsStore": "of-tests" }).to_string());
    push(&program, &format!("{host}/app:1.1")).success();
    // The server of tokens sends on whoever asks: to a place that the registry has not named.
    let asked = registry.state.lock().unwrap().scopes.len();
    (0..20).for_each(|_| registry.fail("POST /token", Fault::Moved));
    let finished = push(&program, &format!("{host}/app:1.2"));
    let said = finished.failure(1);
    assert!(
        said.contains("/token does not follow the distribution specification: asked for a token, it answers 307"),
        "{said}"
    );
    assert_eq!(registry.state.lock().unwrap().scopes.len(), asked, "nobody at the other place was asked");
    registry.state.lock().unwrap().faults.clear();
    program.write(".docker/config.json", config("run out"));
    let finished = push(&program, &format!("{host}/app:1.2"));
    let said = finished.failure(1);
    assert!(said.contains(&format!("{host} does not let the holder of the identity token at app")), "{said}");
    assert_eq!(registry.tagged("app", "1.2"), None);
}

/// A store of credentials that speaks the protocol of docker-credential-helpers: it gets one word to do, a server on
/// its standard input, and answers with JSON, or with the sentence that says it has none. What it was asked stands in
/// `asked`.
fn write_helper(folder: &Path, server: &str, user: &str, secret: &str) {
    let answer = json!({ "ServerURL": server, "Username": user, "Secret": secret });
    let script = format!(
        "#!/bin/sh\nread -r server\necho \"$1 $server\" >> '{}/asked'\n[ \"$1\" = get ] || exit 2\n\
         if [ \"$server\" != '{server}' ]; then echo 'credentials not found in native keychain'; exit 1; fi\n\
         echo '{answer}'\n",
        folder.display()
    );
    install_helper(folder, &script);
}

/// Makes `script` the helper `of-tests`.
fn install_helper(folder: &Path, script: &str) {
    let text = folder.join("helper");
    fs_err::write(&text, script).unwrap();
    fs_err::set_permissions(&text, PermissionsExt::from_mode(0o755)).unwrap();
    copy_program(text, folder.join("docker-credential-of-tests"));
}

#[test]
fn a_store_of_credentials_serves_all_registries() {
    let Some(registry) = RealRegistry::start(true) else { return };
    let program = program();
    let home = program.folder();
    let asked = || fs_err::read_to_string(home.join("asked")).unwrap_or_default();
    let host = &registry.host;
    // docker leaves an empty entry for what it has put into the store; what other tools have put there has none. Its
    // key may be a whole address, which is what the store then knows it by.
    let address = format!("http://{host}");
    for (tag, server, config) in [
        ("bare", host, json!({ "credsStore": "of-tests" })),
        ("entry", host, json!({ "credsStore": "of-tests", "auths": { host: {} } })),
        ("address", &address, json!({ "credsStore": "of-tests", "auths": { &address: {} } })),
        ("helper", host, json!({ "credsStore": "not-this-one", "credHelpers": { host: "of-tests" } })),
    ] {
        write_helper(&home, server, ACCOUNT.0, ACCOUNT.1);
        program.write(".docker/config.json", config.to_string());
        let finished = push(&program, &format!("{host}/team/app:{tag}"));
        assert_eq!(finished.code, Some(0), "{tag}: {}", finished.stderr);
        assert!(!finished.stderr.contains(ACCOUNT.1), "the secret is told: {}", finished.stderr);
        assert_eq!(asked(), format!("get {server}\n"), "{tag}: asked once, for this registry");
        fs_err::remove_file(home.join("asked")).unwrap();
    }
    // A store that has nothing for this registry, one that has the wrong thing, one that is broken, one that talks
    // nonsense, and one that is not there.
    program.write(".docker/config.json", json!({ "credsStore": "of-tests" }).to_string());
    let push = |tag: &str| push(&program, &format!("{host}/team/app:{tag}"));
    write_helper(&home, "another.example", ACCOUNT.0, ACCOUNT.1);
    let nothing = push("nothing");
    write_helper(&home, host, ACCOUNT.0, "not the password");
    let wrong = push("wrong");
    install_helper(&home, "#!/bin/sh\necho 'the keychain is locked'; exit 3\n");
    let broken = push("broken");
    install_helper(&home, "#!/bin/sh\necho 'not the password'\n");
    let nonsense = push("nonsense");
    fs_err::remove_file(home.join("docker-credential-of-tests")).unwrap();
    let missing = push("missing");
    for (finished, message) in [
        (nothing, format!("{host} wants an account for team/app, and there are no credentials for it\nhelp: log in")),
        (wrong, format!("{host} does not let {} at team/app\nhelp: log in", ACCOUNT.0)),
        (broken, format!("`docker-credential-of-tests` failed for {host}: the keychain is locked\nhelp: ")),
        (nonsense, format!("`docker-credential-of-tests` failed for {host}: its answer is not understood\nhelp: ")),
        (
            missing,
            format!("`docker-credential-of-tests` failed for {host}: No such file or directory (os error 2)\nhelp: "),
        ),
    ] {
        let said = finished.failure(1);
        assert!(said.contains(&message), "{said}");
        assert!(!said.contains("not the password"), "the secret is told: {said}");
    }
    assert_eq!(registry.tags("team/app"), ["address", "bare", "entry", "helper"], "only what was let in has a tag");
}
