//! The real registry, Debian's docker-registry, where it is there.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::small_set;

/// The account of a guarded registry: its name, its password, and the bcrypt hash of that.
pub const ACCOUNT: (&str, &str, &str) =
    ("tester", "open sesame", "$2b$04$muxtXk1H.U3sN1WK67Iddul6snrIRIDvv2W7OTpZMlxnRUIw/JDam");

/// The registry, on a free port.
pub struct RealRegistry {
    child: Child,
    pub host: String,
    folder: tempfile::TempDir,
}

impl RealRegistry {
    /// One that anybody may use, or one that asks for [`ACCOUNT`].
    pub fn start(guarded: bool) -> Option<Self> {
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
        wait_for(&registry.host);
        Some(registry)
    }

    /// The tags of a repository, those that stand for lists of referrers left out.
    pub fn tags(&self, name: &str) -> Vec<String> {
        let tags = format!("store/docker/registry/v2/repositories/{name}/_manifests/tags");
        let Ok(tags) = fs_err::read_dir(self.folder.path().join(tags)) else { return Vec::new() };
        let mut tags: Vec<String> = tags.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        tags.retain(|tag| !tag.starts_with("sha256-"));
        tags.sort();
        tags
    }
}

/// Waits until somebody listens at `host`.
pub fn wait_for(host: &str) {
    for _ in 0..100 {
        if TcpStream::connect(host).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens at {host}");
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
