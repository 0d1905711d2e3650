//! Images for every machine that Alpine is built for, made on this one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::registry::fake::FakeRegistry;
use super::support::{BuiltRepository, Program, Repository, members};

/// As Alpine calls it, as OCI does, and OCI's variant.
const MACHINES: [(&str, &str, Option<&str>); 9] = [
    ("x86_64", "amd64", None),
    ("aarch64", "arm64", Some("v8")),
    ("armv7", "arm", Some("v7")),
    ("armhf", "arm", Some("v6")),
    ("x86", "386", None),
    ("ppc64le", "ppc64le", None),
    ("s390x", "s390x", None),
    ("riscv64", "riscv64", None),
    ("loongarch64", "loong64", None),
];

/// One repository for all of them, whose package says for which it is.
fn repository() -> BuiltRepository {
    let all = Repository::new().build();
    for (arch, ..) in MACHINES {
        let one = Repository::new().arch(arch).package("machine", "1.0-r0").file("etc/machine", arch).build();
        let folder = all.path().join(arch);
        fs_err::create_dir_all(&folder).unwrap();
        for name in ["APKINDEX.tar.gz", "machine-1.0-r0.apk"] {
            fs_err::copy(one.path().join(arch).join(name), folder.join(name)).unwrap();
        }
    }
    all
}

fn program(archs: &[&str], extra: &str, repository: &BuiltRepository) -> Program {
    let program = Program::new().env("APKBUILD_REPOSITORY", repository.path());
    let recipe = format!(
        "name = \"machines\"\narchs = {archs:?}\n[alpine]\npackages = [\"machine\"]\n[prune]\nprofile = \"none\"\n{extra}"
    );
    program.write("machines.toml", recipe);
    program
}

#[test]
fn one_archive_holds_an_image_for_every_machine() {
    let repository = repository();
    // Not this machine's first: what an archive holds does not depend on where it is made.
    let mut machines = MACHINES;
    machines.rotate_left(1);
    let program =
        program(&machines.map(|(arch, ..)| arch), "", &repository).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    program.run(["recipe", "machines.toml"]).success();
    let members = members(&program.folder().join("machines.tar"));
    let json = |name: &str| serde_json::from_slice::<Value>(&members[name]).unwrap();
    let blob = |descriptor: &Value| format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"));
    let outer = json("index.json");
    assert_eq!(outer["manifests"].as_array().unwrap().len(), 1, "one nested index");
    let index = json(&blob(&outer["manifests"][0]));
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), machines.len());
    for (descriptor, (arch, oci, variant)) in manifests.iter().zip(machines) {
        assert_eq!(descriptor["platform"]["architecture"], oci, "{arch}");
        assert_eq!(descriptor["platform"]["os"], "linux", "{arch}");
        assert_eq!(descriptor["platform"]["variant"].as_str(), variant, "{arch}");
        let manifest = json(&blob(descriptor));
        let config = json(&blob(&manifest["config"]));
        assert_eq!((config["architecture"].as_str(), config["variant"].as_str()), (Some(oci), variant), "{arch}");
        let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| &members[&blob(layer)]);
        let texts: Vec<String> = layers
            .flat_map(|layer| {
                let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(layer.as_slice()));
                let entries = archive.entries().unwrap().map(Result::unwrap);
                let machine = entries.filter(|entry| entry.path().unwrap() == Path::new("etc/machine"));
                machine.map(|entry| std::io::read_to_string(entry).unwrap()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(texts, [arch]);
    }
    let docker = json("manifest.json");
    assert_eq!(docker.as_array().unwrap().len(), 1);
    let first = json(&blob(&manifests[0]));
    assert_eq!(docker[0]["Config"], blob(&first["config"]), "the recipe's first");
}

#[test]
fn one_tag_names_an_image_for_every_machine_each_with_its_bills_of_materials() {
    let repository = repository();
    let program =
        program(&MACHINES.map(|(arch, ..)| arch), "", &repository).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().lists_referrers = true;
    let reference = format!("{}/machines:1.0", registry.host);
    let words = ["recipe", "machines.toml", "--push", &reference, "--sbom", "spdx", "--sbom", "cyclonedx", "--json"];
    let said: Value = serde_json::from_str(program.run(words).success()).unwrap();
    assert_eq!(said["images"][0]["pushed"]["attached"], 2 * MACHINES.len());
    let index: Value = serde_json::from_slice(&registry.tagged("machines", "1.0").unwrap()).unwrap();
    let images = index["manifests"].as_array().unwrap();
    assert_eq!(images.len(), MACHINES.len());
    let state = registry.state.lock().unwrap();
    let mut referrers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((_, tag), (_, bytes)) in &state.manifests {
        assert!(tag == "1.0" || tag.starts_with("sha256:"), "{tag}");
        let manifest: Value = serde_json::from_slice(bytes).unwrap();
        if let Some(subject) = manifest["subject"]["digest"].as_str() {
            let kind = manifest["artifactType"].as_str().unwrap().to_owned();
            referrers.entry(subject.to_owned()).or_default().push(kind);
        }
    }
    assert_eq!(referrers.len(), MACHINES.len());
    for image in images {
        let mut kinds = referrers.remove(image["digest"].as_str().unwrap()).unwrap();
        kinds.sort();
        assert_eq!(kinds, ["application/spdx+json", "application/vnd.cyclonedx+json"]);
    }
}

#[test]
fn an_unknown_key_is_named_beside_alpines_for_every_machine() {
    let repository = repository();
    for arch in ["loongarch64", "riscv64"] {
        let output = program(&[arch], "", &repository).run(["recipe", "machines.toml", "-q"]);
        let message = output.failure(1);
        assert!(message.contains("signed by tests.rsa.pub") && message.contains("66ba20fe"), "{message}");
        assert!(message.contains("help: ") && message.contains("--keys-dir"), "{message}");
    }
}

#[test]
fn commands_of_another_machine_cannot_be_run() {
    let repository = repository();
    let foreign = if std::env::consts::ARCH == "s390x" { "x86_64" } else { "s390x" };
    let stage = "[stage.made]\npackages = [\"machine\"]\nrun = [\"true\"]\n";
    let program = program(&[foreign], stage, &repository).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    let output = program.run(["recipe", "machines.toml", "-q"]);
    let message = output.failure(1);
    assert!(
        message.contains(&format!("stage `made` runs commands, and those of {foreign} cannot run on")),
        "{message}"
    );
    assert!(message.contains(&format!("help: build it on a machine of {foreign}")), "{message}");
    assert!(!program.folder().join("machines.tar").exists());
}
