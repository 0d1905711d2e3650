//! No parser panics on anything: what the fuzz targets try for long, tried for a moment with every run of the tests, on
//! noise and on inputs that are in order but for a few bytes. `APKBUILD_TRIES` is how often each (300).

#[path = "../../fuzz/parsers.rs"]
mod parsers;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Inputs that are in order, by the parser that takes them.
fn seeds(parser: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match parser {
        "database" => &["C:Q1abc=\nP:musl\nV:1\nF:lib\nR:ld.so\nD:a b\np:so:x=1\n\nP:b\nV:2\n"],
        "key" => {
            &["-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n"]
        }
        "logins" => &["{\"auths\":{\"registry.example\":{\"auth\":\"YTpi\"},\"b\":{\"identitytoken\":\"x\"}}}"],
        "names" => {
            &["registry.example:5000/a/b:tag@sha256:00", "@edge https://a:b@host/alpine/v3.22/main", "v3.22.1-5-gabc"]
        }
        "script" => &[
            "set -e\nfor f in /etc/*; do [ -f \"$f\" ] && sed -i 's/a\\(b\\)*/\\1/g' \"$f\"; done\n",
            "addgroup -S -g 10 x 2>/dev/null\nadduser -S -D -H -G x x || true\ncat <<EOF > /etc/a\n${1%%-*} $(id -u)\nEOF\n",
            "echo 1 2 | awk '{ print $1 + $2 }' | grep -E '^[0-9]{1,2}$' && find / -name 'a*' -exec rm {} \\;\n",
        ],
        "source" => &[
            "import os, sys\nfrom a.b import *\ndef f(x=1):\n    return __import__(f'{x}.y')\nif __name__ == '__main__': f()\n",
            "const a = require('./' + x); import b from 'c'; export default async () => await import(`./${a}.js`);\n",
            "{\"name\":\"a\",\"main\":\"./main.js\",\"exports\":{\".\":{\"import\":\"./main.mjs\"}}}",
            "#!/bin/sh\nexec python3 -m a.b\n",
        ],
        _ => &[],
    };
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    if matches!(parser, "tar" | "layer" | "image") {
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_pax_extensions([("path", &b"etc/long"[..]), ("SCHILY.xattr.user.a", b"b"), ("mtime", b"1.5")])
            .unwrap();
        for (path, kind, bytes) in [
            ("etc/a", tar::EntryType::Regular, &b"{\"schemaVersion\":2,\"manifests\":[]}"[..]),
            ("index.json", tar::EntryType::Regular, b"{\"schemaVersion\":2,\"manifests\":[]}"),
            ("etc/.wh.a", tar::EntryType::Regular, b""),
            ("etc/b", tar::EntryType::Symlink, b""),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_path(path).unwrap();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            if kind == tar::EntryType::Symlink {
                header.set_link_name("../a").unwrap();
            }
            header.set_cksum();
            tar.append(&header, bytes).unwrap();
        }
        seeds.push(tar.into_inner().unwrap());
    }
    if parser == "source" {
        // The beginning of a real program is enough for its tables.
        let program = fs_err::read(super::sandbox::inside()).unwrap();
        seeds.push(program.into_iter().take(16 << 10).collect());
    }
    seeds
}

/// `seed` with some bytes changed, taken out or said twice.
fn changed(seed: &[u8], changes: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (place, kind, byte) in changes {
        let place = usize::from(*place) % bytes.len().max(1);
        match kind % 4 {
            0 => bytes.iter_mut().skip(place).take(1).for_each(|there| *there = *byte),
            1 => bytes.insert(place.min(bytes.len()), *byte),
            2 => bytes.truncate(bytes.len() - place / 8),
            _ => {
                let part: Vec<u8> = bytes.iter().copied().skip(place).take(usize::from(*byte)).collect();
                bytes.extend(part);
            }
        }
    }
    bytes
}

#[test]
fn no_parser_panics_on_anything() {
    let tries = std::env::var("APKBUILD_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(300);
    for (name, parser) in parsers::ALL {
        let mut runner = TestRunner::new(Config { cases: tries, failure_persistence: None, ..Config::default() });
        let seeds = seeds(name);
        let noise = vec(any::<u8>(), 0..600);
        let inputs = (noise, any::<prop::sample::Index>(), vec(any::<(u16, u8, u8)>(), 0..6), any::<u8>());
        let outcome = runner.run(&inputs, |(noise, place, changes, choice)| {
            if seeds.is_empty() || choice < 64 {
                parser(&noise);
            } else {
                parser(&changed(&seeds[place.index(seeds.len())], &changes));
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
    }
}
