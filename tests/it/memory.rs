//! How much memory what others send can take before anything of it is verified: for n bytes less than 100 MB + 2 n.
//!
//! Each parser reads the worst input that we know for it in a process of its own, this test program once more, which
//! prints the most memory that it had (`VmHWM` of proc_pid_status(5)). Layers are inflated into temporary files that are
//! mapped, whose pages the kernel takes back when it likes; there the most anonymous memory counts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use apkbuild::apk::{Head, Keyring, PackageInfo, SignedIndex, SigningKey, read_entries};
use apkbuild::digest::Sha256Digest;
use apkbuild::image::{Contents, StoredImage};
use apkbuild::lock::Lockfile;
use apkbuild::recipe::Recipe;
use apkbuild::registry::CredentialFiles;
use apkbuild::repository::{AlpineRelease, ApkIndex};
use serde_json::json;

const BASE: u64 = 100_000_000;
/// Names the parser to the process that is to try it.
const PARSER: &str = "APKBUILD_TEST_MEMORY_PARSER";
const INPUT: &str = "APKBUILD_TEST_MEMORY_INPUT";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `count` bytes in all of `text` again and again.
fn again(text: &str, count: usize) -> Vec<u8> {
    text.as_bytes().iter().copied().cycle().take(count / text.len() * text.len()).collect()
}

fn tar(entries: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        if path.len() > 100 {
            tar.append_pax_extensions([("path", path.as_bytes())]).unwrap();
            header.set_path("long").unwrap();
        } else {
            header.set_path(&path).unwrap();
        }
        header.set_cksum();
        tar.append(&header, &*bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// An image archive with one layer, compressed, and `config` beside what must be in one.
fn image(layer: &[u8], annotations: &serde_json::Value) -> Vec<u8> {
    let mut files = Vec::new();
    let mut blob = |kind: &str, bytes: Vec<u8>| {
        let digest = Sha256Digest::of(&bytes);
        let size = bytes.len();
        files.push((format!("blobs/sha256/{digest}"), bytes));
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest.to_oci(), "size": size })
    };
    let config = json!({ "architecture": "amd64", "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": [Sha256Digest::of(layer).to_oci()] } });
    let config = blob("config.v1+json", config.to_string().into_bytes());
    let layer = blob("layer.v1.tar+gzip", gzip(layer));
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer], "annotations": annotations });
    let manifest = blob("manifest.v1+json", manifest.to_string().into_bytes());
    files.push((
        "index.json".to_owned(),
        json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string().into_bytes(),
    ));
    tar(files)
}

/// `{"0":"","1":"",…}` of some `count` bytes.
fn object(count: usize, value: &str) -> String {
    let mut text = "{".to_owned();
    for number in 0.. {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(text, "{comma}\"{number:x}\":{value}");
        if text.len() > count {
            break;
        }
    }
    text + "}"
}

fn signature_member(size: usize) -> Vec<u8> {
    gzip(&tar([(".SIGN.RSA.x".to_owned(), vec![0; size])]))
}

/// The worst that is known for each parser; `layer` is tried with several.
fn inputs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let small = tar([("etc/a".to_owned(), b"x".to_vec())]);
    let none = json!({});
    let package = |info: &str| gzip(&tar([(".PKGINFO".to_owned(), again(info, 24 << 20))]));
    let files = |count: usize, name: &dyn Fn(usize) -> String| tar((0..count).map(|number| (name(number), Vec::new())));
    let installed = |text: &str, size| tar([("lib/apk/db/installed".to_owned(), again(text, size))]);
    let database = |text: &str| installed(text, 120 << 20);
    vec![
        ("signed-index", "signatures", signature_member(15 << 20).repeat(80)),
        ("signed-index", "many signatures", signature_member(256).repeat(4000)),
        ("signed-index", "zeros", gzip(&vec![0; 120 << 20])),
        ("signed-index", "one entry", gzip(&tar([("APKINDEX".to_owned(), vec![b'a'; 120 << 20])]))),
        ("index-text", "records", again("P:a\nV:1\n\n", 16 << 20)),
        ("index-text", "fewer records", again("P:a\nV:1\n\n", 1 << 20)),
        ("index-text", "lines", again("D:a b c\n", 16 << 20)),
        ("package", "signatures", signature_member(15 << 20).repeat(80)),
        ("package", "zeros", gzip(&vec![0; 120 << 20])),
        ("package", "depends", package("depend = a\n")),
        ("package", "entries", gzip(&files(30_000, &|number| format!(".{number}")))),
        ("package-info", "depends", again("depend = a\n", 2 << 20)),
        ("package-data", "entries", files(30_000, &|number| format!("{number}"))),
        ("package-data", "zeros", vec![0; 16 << 20]),
        ("recipe", "keys", again("a = 1\n", 256 << 10)),
        ("recipe", "brackets", again("[", 256 << 10)),
        ("lock", "tables", again("[[package]]\n", 16 << 20)),
        ("lock", "brackets", again("[", 16 << 20)),
        ("lock", "fewer numbers", [b"a = [".to_vec(), again("1,", 700 << 10), b"]".to_vec()].concat()),
        ("lock", "numbers", [b"a = [".to_vec(), again("1,", 16 << 20), b"]".to_vec()].concat()),
        ("key", "letters", again("A", 16 << 20)),
        ("key", "lines", [b"-----BEGIN PUBLIC KEY-----\n".to_vec(), again("AAAA\n", 16 << 20)].concat()),
        ("logins", "entries", format!("{{\"auths\":{}}}", object(16 << 20, "{}")).into_bytes()),
        ("logins", "nesting", again("[", 16 << 20)),
        ("release", "lines", again("A=b\n", 8 << 20)),
        ("layout", "annotations", image(&small, &serde_json::from_str(&object(16 << 20, "\"\"")).unwrap())),
        ("layout", "index", tar([("index.json".to_owned(), object(32 << 20, "\"\"").into_bytes())])),
        ("layout", "manifests", tar([("manifest.json".to_owned(), again("[[],", 32 << 20))])),
        ("layout", "zeros", gzip(&vec![0; 120 << 20])),
        ("layer", "zeros", image(&vec![0; 120 << 20], &none)),
        ("layer", "files", image(&files(300_000, &|number| format!("{number}")), &none)),
        ("layer", "fewer files", image(&files(120_000, &|number| format!("{number}")), &none)),
        ("layer", "fewer packages", image(&installed("P:a\n\n", 450_000), &none)),
        ("layer", "fewer listed files", image(&installed("R:a\n", 1_500_000), &none)),
        ("layer", "long paths", image(&files(60_000, &|number| format!("{number:014}/").repeat(250)), &none)),
        ("layer", "folders", image(&files(20_000, &|number| format!("{number}/{}f", "d/".repeat(250))), &none)),
        ("layer", "database of packages", image(&database("P:a\n\n"), &none)),
        ("layer", "database of files", image(&database("R:a\n"), &none)),
        ("layer", "database of words", image(&database("p:a b c d e f\n"), &none)),
    ]
}

/// Reads the file `path` as `parser` does. What it says of it is of no matter here.
fn parse(parser: &str, path: &Path) {
    if matches!(parser, "layout" | "layer") {
        let outcome = StoredImage::open(path, None).and_then(Contents::of).map(|contents| contents.total());
        println!("\n{outcome:?}");
        return;
    }
    if parser == "logins" {
        let _ = CredentialFiles(vec![path.to_owned()]).find("registry.example", "a/b");
        return;
    }
    let bytes = fs_err::read(path).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    match parser {
        "signed-index" => {
            if let Ok(index) = SignedIndex::read(&bytes) {
                assert!(index.verify(&Keyring::alpine()).is_err());
                let _ = index.open_unverified();
            }
        }
        "index-text" => {
            if let Ok(index) = ApkIndex::parse(text) {
                for record in index.records() {
                    let _ = record.to_entry();
                }
            }
        }
        "package" => _ = Head::read(&mut &*bytes),
        "package-info" => _ = PackageInfo::parse(text),
        "package-data" => _ = read_entries(&bytes),
        "recipe" => _ = Recipe::load(path),
        "lock" => _ = Lockfile::parse(text),
        "key" => {
            let _ = SigningKey::from_pem("a.rsa.pub", text);
            let _ = Keyring::new().add("a.rsa.pub", text);
        }
        "release" => _ = AlpineRelease::of_description(text),
        parser => panic!("there is no parser {parser}"),
    }
}

/// Bytes of a line of /proc/self/status.
fn status(key: &str) -> u64 {
    let text = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Not a test by itself: what the other one runs in a process of its own.
#[test]
fn a_parser_in_a_process_of_its_own() {
    let (Some(parser), Some(input)) = (std::env::var_os(PARSER), std::env::var_os(INPUT)) else { return };
    let parser = parser.into_string().unwrap();
    let path = Path::new(&input);
    if !matches!(&*parser, "layer" | "layout") {
        parse(&parser, path);
        println!("\npeak {}", status("VmHWM"));
        return;
    }
    let most = std::thread::scope(|scope| {
        let parsing = scope.spawn(|| parse(&parser, path));
        let mut most = 0;
        while !parsing.is_finished() {
            most = most.max(status("RssAnon"));
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        most.max(status("RssAnon"))
    });
    println!("\npeak {most}");
}

#[test]
fn nothing_that_is_not_verified_takes_much_more_memory_than_it_is_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    let mut wrong = Vec::new();
    for (parser, what, bytes) in inputs() {
        fs_err::write(&path, &bytes).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["memory::a_parser_in_a_process_of_its_own", "--exact", "--nocapture", "--test-threads=1"])
            .env(PARSER, parser)
            .env(INPUT, &path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let peak = text.lines().find_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok());
        let most = BASE + 2 * bytes.len() as u64;
        let said = text.lines().find(|line| line.starts_with("Err(") || line.starts_with("Ok(")).unwrap_or_default();
        let said: String = said.chars().take(300).collect();
        let shown = format!("{parser}, {what}: {} bytes took {peak:?} of {most} {said}", bytes.len());
        println!("{shown}");
        if !output.status.success() || peak.is_none_or(|peak| peak > most) {
            wrong.push(format!("{shown}\n{}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
