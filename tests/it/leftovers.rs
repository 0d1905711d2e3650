//! What lies about when a build is killed in the middle of writing, and what the next one makes of it.

use std::process::Stdio;

use super::support::{Program, Repository, names};

/// Runs the program until its output is under way, what an earlier one left is gone, and nothing is finished; and kills
/// it then.
fn kill_in_the_middle(program: &Program, words: [&str; 10], of_output: &str) {
    let begun = || names(&program.folder()).into_iter().filter(|name| name.starts_with(of_output)).collect::<Vec<_>>();
    let before = begun();
    let mut child = program.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    loop {
        let now = begun();
        if !now.is_empty() && before.iter().all(|name| !now.contains(name)) {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it is done before it could be killed");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_next_build_takes_away_what_a_killed_one_left() {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let noise: Vec<u8> = noise.take(4 << 20).collect();
    let repository = Repository::new().package("noise", "1-r0").file("usr/share/noise", noise).build();
    let program = Program::new();
    program.write("hello.toml", "name = \"hello\"\n[alpine]\npackages = [\"noise\"]\n[prune]\nprofile = \"none\"\n");
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let cases: [(&str, &str, &[&str]); 3] = [
        ("archive", "hello.tar", &["hello.spdx.json", "hello.tar", "hello.toml"]),
        ("oci-dir", "hello", &["hello", "hello.spdx.json", "hello.toml"]),
        ("rootfs", "hello", &["hello", "hello.config.json", "hello.spdx.json", "hello.toml"]),
    ];
    for (format, output, whole) in cases {
        let words =
            ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64", "--format", format];
        // Everything is in the cache then, so the next time only the output is written.
        program.run(words).success();
        assert_eq!(names(&program.folder()), whole);
        let place = program.folder().join(output);
        let file = if place.is_dir() {
            walkdir::WalkDir::new(&place).into_iter().flatten().find(|it| it.file_type().is_file()).unwrap().into_path()
        } else {
            place.clone()
        };
        let first = fs_err::read(&file).unwrap();
        fs_err::write(&file, "old").unwrap();

        let of_output = format!(".{output}.");
        for _ in 0..2 {
            kill_in_the_middle(&program, words, &of_output);
        }
        let left: Vec<String> = names(&program.folder()).into_iter().filter(|name| name.starts_with('.')).collect();
        assert_eq!(left.iter().filter(|name| name.starts_with(&of_output)).count(), 1, "{format}: {left:?}");
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "old", "the output is what it was");

        program.run(words).success();
        assert_eq!(names(&program.folder()), whole, "{format}");
        assert_eq!(fs_err::read(&file).unwrap(), first);
        for name in whole.iter().filter(|name| **name != "hello.toml") {
            let path = program.folder().join(name);
            let gone = if path.is_dir() { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
            gone.unwrap();
        }
    }
}

#[test]
fn temporary_folders_of_a_killed_program_go_as_well() {
    let repository = Repository::new().package("base", "1-r0").file("etc/base", "base").build();
    let program = Program::new();
    let scratch = program.folder().parent().unwrap().join("scratch");
    for name in [".apkbuild.aB3dE6.part/inner", "apkbuild.aB3dE6", ".apkbuild.mine.part"] {
        fs_err::create_dir_all(scratch.join(name)).unwrap();
    }
    let program = program.env("TMPDIR", &scratch);
    program.write("hello.toml", "name = \"hello\"\n[alpine]\npackages = [\"base\"]\n");
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let finished = program.run(["check", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"]);
    assert!(finished.failure(1).contains("there is no command to run"), "{}", finished.stderr);
    let left = fs_err::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        left.collect::<std::collections::BTreeSet<_>>(),
        [".apkbuild.mine.part", "apkbuild.aB3dE6"].map(String::from).into()
    );
}
