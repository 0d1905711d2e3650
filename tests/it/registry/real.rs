//! The real registry, Debian's docker-registry, where it is there.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

use super::small_set;

/// The account of a guarded registry: its name, its password, and the bcrypt hash of that.
const ACCOUNT: (&str, &str, &str) =
    ("tester", "open sesame", "$2b$04$muxtXk1H.U3sN1WK67Iddul6snrIRIDvv2W7OTpZMlxnRUIw/JDam");

/// The registry, on a free port.
struct RealRegistry {
    child: Child,
    host: String,
    folder: tempfile::TempDir,
}

impl RealRegistry {
    /// One that anybody may use, or one that asks for [`ACCOUNT`].
    fn start(guarded: bool) -> Option<Self> {
        let program = std::env::var_os("APKBUILD_REGISTRY").map_or_else(|| "docker-registry".into(), PathBuf::from);
        let folder = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("config.yml");
        let store = folder.path().join("store");
        // JSON is YAML.
        let mut settings = json!({
            "version": 0.1,
            "log": { "level": "error" },
            "storage": { "filesystem": { "rootdirectory": store } },
            "http": { "addr": host },
        });
        if guarded {
            let passwords = folder.path().join("passwords");
            fs_err::write(&passwords, format!("{}:{}\n", ACCOUNT.0, ACCOUNT.2)).unwrap();
            settings["auth"] = json!({ "htpasswd": { "realm": "tests", "path": passwords } });
        }
        fs_err::write(&config, settings.to_string()).unwrap();
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
    let Some(registry) = RealRegistry::start(false) else { return };
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

/// A store of credentials that speaks the protocol of docker-credential-helpers: it gets one word to do, a server on its
/// standard input, and answers with JSON, or with the sentence that says it has none. What it was asked stands in `asked`.
fn write_helper(folder: &Path, server: &str, user: &str, secret: &str) {
    let answer = json!({ "ServerURL": server, "Username": user, "Secret": secret });
    let script = format!(
        "#!/bin/sh\nread -r server\necho \"$1 $server\" >> '{}/asked'\n[ \"$1\" = get ] || exit 2\n\
         if [ \"$server\" != '{server}' ]; then echo 'credentials not found in native keychain'; exit 1; fi\n\
         echo '{answer}'\n",
        folder.display()
    );
    let program = folder.join("docker-credential-of-tests");
    fs_err::write(&program, script).unwrap();
    fs_err::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_store_of_credentials_serves_all_registries() {
    let Some(registry) = RealRegistry::start(true) else { return };
    let set = small_set();
    let archive = registry.folder.path().join("app.tar");
    set.write_archive(&archive).unwrap();
    let home = tempfile::tempdir().unwrap();
    let docker = home.path().join(".docker");
    fs_err::create_dir(&docker).unwrap();
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    let push = |tag: &str| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apkbuild"));
        for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG"] {
            command.env_remove(name);
        }
        let reference = format!("{}/team/app:{tag}", registry.host);
        command.env("HOME", home.path()).env("PATH", &path).arg("push").arg(&archive).arg(reference).output().unwrap()
    };
    let asked = || fs_err::read_to_string(home.path().join("asked")).unwrap_or_default();
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
        write_helper(home.path(), server, ACCOUNT.0, ACCOUNT.1);
        fs_err::write(docker.join("config.json"), config.to_string()).unwrap();
        let output = push(tag);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{tag}: {message}");
        assert!(!message.contains(ACCOUNT.1), "the secret is told: {message}");
        assert_eq!(asked(), format!("get {server}\n"), "{tag}: asked once, for this registry");
        fs_err::remove_file(home.path().join("asked")).unwrap();
    }
    // A store that has nothing for this registry, one that has the wrong thing, and one that is broken.
    fs_err::write(docker.join("config.json"), json!({ "credsStore": "of-tests" }).to_string()).unwrap();
    write_helper(home.path(), "another.example", ACCOUNT.0, ACCOUNT.1);
    let nothing = push("nothing");
    write_helper(home.path(), host, ACCOUNT.0, "not the password");
    let wrong = push("wrong");
    fs_err::write(home.path().join("docker-credential-of-tests"), "#!/bin/sh\necho 'the keychain is locked'; exit 3\n")
        .unwrap();
    let broken = push("broken");
    for (output, message) in [
        (nothing, format!("{host} wants an account for team/app, and there are no credentials for it\nhelp: log in")),
        (wrong, format!("{host} does not let {} at team/app\nhelp: log in", ACCOUNT.0)),
        (broken, format!("`docker-credential-of-tests` failed for {host}: the keychain is locked\nhelp: ")),
    ] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&message), "{said}");
        assert!(!said.contains("not the password"), "the secret is told: {said}");
    }
    let tags = "store/docker/registry/v2/repositories/team/app/_manifests/tags";
    let tags = fs_err::read_dir(registry.folder.path().join(tags)).unwrap();
    let mut tags: Vec<String> = tags.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    tags.retain(|tag| !tag.starts_with("sha256-"));
    tags.sort();
    assert_eq!(tags, ["address", "bare", "entry", "helper"], "only what was let in has a tag");
}
