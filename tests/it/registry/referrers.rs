//! Bills of materials at a real registry that keeps lists of referrers. `APKBUILD_REFERRERS_REGISTRY` names one: a
//! program that serves at the address that it is given, as `scripts/referrers-registry` does (`go build` makes it).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::real::wait_for;
use super::write_archive;
use crate::support::Program;

/// The registry, on a free port; it ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(url: &str, accept: &str) -> Value {
    let request = reqwest::blocking::Client::new().get(url).header("Accept", accept);
    request
        .send()
        .unwrap()
        .error_for_status()
        .unwrap()
        .bytes()
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .unwrap()
}

#[test]
fn both_bills_of_materials_are_on_the_list_of_referrers() {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let Some(registry) = std::env::var_os("APKBUILD_REFERRERS_REGISTRY") else {
        eprintln!("skipped, since APKBUILD_REFERRERS_REGISTRY names no registry that keeps lists of referrers");
        return;
    };
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let _running = Running(Command::new(registry).arg(&host).stdout(Stdio::null()).spawn().unwrap());
    wait_for(&host);
    let program = Program::new();
    let set = write_archive(&program);
    let (reference, base) = (format!("{host}/team/app:1.0"), format!("http://{host}/v2/team/app"));
    let sboms = ["--sbom", "spdx", "--sbom", "cyclonedx", "--json"];
    for _ in 0..2 {
        let out = program.run(["push", "app.tar", &reference].iter().chain(&sboms));
        let pushed: Value = serde_json::from_str(out.success()).unwrap();
        assert_eq!((&pushed["digest"], &pushed["attached"]), (&json!(set.digest().to_oci()), &json!(2)));
    }
    let list = get(&format!("{base}/referrers/{}", set.digest().to_oci()), "application/vnd.oci.image.index.v1+json");
    let mut kinds = Vec::new();
    for listed in list["manifests"].as_array().unwrap() {
        assert_eq!(listed["mediaType"], MANIFEST);
        let referrer = get(&format!("{base}/manifests/{}", listed["digest"].as_str().unwrap()), MANIFEST);
        assert_eq!(referrer["subject"]["digest"], set.digest().to_oci());
        assert_eq!(referrer["artifactType"], listed["artifactType"]);
        assert_eq!(referrer["annotations"], listed["annotations"]);
        let layer = &referrer["layers"][0];
        assert_eq!(layer["mediaType"], listed["artifactType"]);
        let document = get(&format!("{base}/blobs/{}", layer["digest"].as_str().unwrap()), "*/*");
        let format = document["spdxVersion"].as_str().or(document["specVersion"].as_str()).unwrap();
        let title = layer["annotations"]["org.opencontainers.image.title"].as_str().unwrap();
        assert_eq!(listed["annotations"]["org.opencontainers.image.title"], title);
        assert!(listed["annotations"]["org.opencontainers.image.created"].as_str().unwrap().ends_with('Z'));
        kinds.push(format!("{} {format} {title}", listed["artifactType"].as_str().unwrap()));
    }
    kinds.sort();
    assert_eq!(
        kinds,
        ["application/spdx+json SPDX-2.3 app.spdx.json", "application/vnd.cyclonedx+json 1.6 app.cdx.json"],
        "each once, however often it is pushed"
    );
    assert_eq!(get(&format!("{base}/tags/list"), "*/*")["tags"], json!(["1.0"]), "no list under a tag");
    assert!(program.run(["inspect", &reference]).success().contains(&set.digest().to_oci()));
    assert!(program.run(["diff", &reference, "app.tar"]).success().ends_with("nothing else differs\n"));
}
