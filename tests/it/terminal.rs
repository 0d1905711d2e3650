//! What reaches a terminal, and what reaches a program that reads JSON.

use apkbuild::image::LayerOptions;
use apkbuild::rootfs::Origin;

use super::image::{file, image_set, small_rootfs};
use super::support::{Program, Repository};

#[test]
fn control_characters_of_others_do_not_reach_the_terminal() {
    let program = Program::new();
    program.write("evil.toml", "name = \"a\\u001b]0;title\\u0007\"\n[alpine]\npackages = [\"app\\u001b[2J\"]\n");
    let plain = small_rootfs(b"1");
    let mut evil = small_rootfs(b"1");
    let name = "app/b\u{1b}]0;x\u{7}\rc";
    evil.tree.insert(name, file(b"x", Origin::Generated)).unwrap();
    for (name, rootfs) in [("plain.tar", &plain), ("evil.tar", &evil)] {
        image_set(rootfs, &LayerOptions::default()).write_archive(&program.folder().join(name)).unwrap();
    }
    let run = |words: &[&str]| {
        let output = program.run(words);
        for text in [&output.stdout, &output.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{words:?}: {text:?}");
        }
        output
    };
    run(&["recipe", "evil.toml"]).failure(2);
    assert!(run(&["recipe", "no\u{1b}[31msuch.toml"]).failure(2).contains("no\\u{1b}[31msuch.toml"));
    assert!(run(&["diff", "plain.tar", "evil.tar"]).success().contains("b\\u{1b}]0;x\\u{7}\\u{d}c"));
    run(&["inspect", "evil.tar"]).success();
    // JSON has the names as they are.
    assert!(run(&["diff", "plain.tar", "evil.tar", "--json"]).success().contains("b\\u001b]0;x\\u0007\\rc"));
}

#[test]
fn a_wrong_call_is_told_in_json_too() {
    let program = Program::new();
    for words in [&["recipe", "--jsom", "--json"][..], &["--json", "nonsense"], &["push", "--json"]] {
        let output = program.run(words);
        output.failure(2);
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.starts_with("error"), "{document}");
        assert_eq!(document["error"]["kind"], "usage");
        assert!(document["error"]["help"].as_str().unwrap().contains("Usage: apkbuild"), "{document}");
    }
    assert_eq!(program.run(["run", "--jsom", "--", "--json"]).stdout, "", "that is for the program that is run");
    assert!(program.run(["--json", "--help"]).success().contains("Usage: apkbuild"), "help is no failure");
}

#[test]
fn what_stands_in_the_way_has_a_way_out() {
    let repository = Repository::new().package("app", "1.0-r0").file("usr/bin/app", "app\n").build();
    let program = Program::new();
    let recipe = "name = \"hello\"\narchs = [\"x86_64\"]\n[alpine]\npackages = [\"app\"]\n";
    program.write("hello.toml", recipe);
    program.write("file", "x");
    let (location, keys) = (repository.location(), repository.keys_dir().display().to_string());
    for (words, help) in [
        (["-X", "file", "--keys-dir", &keys, "--cache-dir", "cache"], "a repository is a folder that holds ARCH/"),
        (["-X", &location, "--keys-dir", "nowhere", "--cache-dir", "cache"], "name the folder that holds NAME.rsa.pub"),
        (["-X", &location, "--keys-dir", "file", "--cache-dir", "cache"], "name the folder that holds NAME.rsa.pub"),
        (["-X", &location, "--keys-dir", &keys, "--cache-dir", "file"], "name a folder for the cache with --cache-dir"),
    ] {
        let output = program.run(["recipe", "hello.toml"].into_iter().chain(words));
        assert!(output.failure(1).contains(&format!("\nhelp: {help}")), "{words:?}: {}", output.stderr);
    }
    let from = ["-X", &location, "--keys-dir", &keys];
    for (section, help) in [
        ("[[copy]]\nsource = \"file\"\ntarget = \"/usr/bin/app/file\"\n", "name another target"),
        ("[user]\nhome = \"/usr/bin/app\"\n", "choose another name, uid, gid or home under [user]"),
    ] {
        program.write("hello.toml", format!("{recipe}{section}"));
        let output = program.run(["recipe", "hello.toml"].into_iter().chain(from));
        assert!(output.failure(1).contains(&format!("\nhelp: {help}")), "{section}: {}", output.stderr);
    }
}
