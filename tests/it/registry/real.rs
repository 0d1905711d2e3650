//! The real registry, Debian's docker-registry, where it is there.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::small_set;

/// The registry, on a free port.
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
