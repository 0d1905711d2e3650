//! Where an image is written, and in which form: whole, and over nothing but its own.

use super::{arguments, json, program, recipe, repository};
use crate::support::{Program, members, names};

#[test]
fn a_bill_of_materials_that_cannot_be_written_leaves_the_image_unwritten() {
    let (program, repository) = (program(""), repository());
    fs_err::create_dir(program.folder().join("hello.spdx.json")).unwrap();
    let message = program.run(arguments(&repository, &[])).failure(1).to_owned();
    assert!(message.contains("hello.spdx.json"), "{message}");
    assert_eq!(names(&program.folder()), ["app.txt", "hello.spdx.json", "hello.toml"]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let (program, repository) = (program(""), repository());
    let output = program.run(arguments(&repository, &["-o", "app.txt/image.tar"]));
    assert!(output.failure(1).contains("app.txt"));
    for option in ["-o", "--report"] {
        let output = program.run(arguments(&repository, &[option, "nowhere/it"]));
        let message = output.failure(1);
        assert!(message.starts_with("error: there is no folder `nowhere` for `nowhere/it`\nhelp: "), "{message}");
    }
}

#[test]
fn an_output_with_a_slash_at_its_end_is_a_folder_for_the_image() {
    let (program, repository) = (program(""), repository());
    program.run(arguments(&repository, &["-o", "new/images/"])).success();
    assert_eq!(names(&program.folder().join("new/images")), ["hello.spdx.json", "hello.tar"]);
}

#[test]
fn an_interrupt_leaves_nothing_half_written() {
    let (program, repository) = (program(""), repository());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", silent.local_addr().unwrap());
    let keys = repository.keys_dir().display().to_string();
    let mut child = program
        .command(["recipe", "hello.toml", "--mirror", &mirror, "--keys-dir", &keys, "--arch", "x86_64"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The program waits for an answer that does not come once somebody is connected.
    let connection = silent.accept().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(connection);
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
}

#[test]
fn the_files_themselves_can_be_written() {
    let (program, repository) = (program(""), repository());
    program.run(arguments(&repository, &["--format", "rootfs", "-o", "root"])).success();
    let root = program.folder().join("root");
    assert_eq!(fs_err::read_to_string(root.join("app/app.txt")).unwrap(), "application\n");
    assert_eq!(fs_err::read_to_string(root.join("etc/apk/world")).unwrap(), "app-runtime\n");
    let config = json(&fs_err::read(program.folder().join("root.config.json")).unwrap());
    assert_eq!(config["config"]["User"], "1001:1001");
    program.run(arguments(&repository, &["--format", "oci-dir", "-o", "layout"])).success();
    assert_eq!(names(&program.folder().join("layout")), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn files_are_written_whole_and_over_nothing_but_themselves() {
    let (program, repository) = (program(""), repository());
    let words = arguments(&repository, &["--format", "rootfs", "-o", "root"]);
    program.run(&words).success();
    fs_err::write(program.folder().join("root/left-over"), "from before").unwrap();
    program.run(&words).success();
    let root = program.folder().join("root");
    assert!(root.join("app/app.txt").is_file() && !root.join("left-over").exists());
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml", "root", "root.config.json", "root.spdx.json"]);

    program.write("precious/file", "somebody's");
    let words = arguments(&repository, &["--format", "rootfs", "-o", "precious"]);
    let message = program.run(&words).failure(1).to_owned();
    assert!(message.contains("precious"), "{message}");
    assert_eq!(names(&program.folder().join("precious")), ["file"]);
    assert!(!program.folder().join("precious.config.json").exists());
}

#[test]
fn nothing_but_a_file_is_written_over_and_no_recipe_is() {
    use std::os::unix::fs::FileTypeExt as _;
    let (program, repository) = (program(""), repository());
    let folder = program.folder();
    nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let output = program.run(arguments(&repository, &["-o", "pipe"]));
    let message = output.failure(1);
    assert!(message.contains("`pipe` is a device, a pipe") && message.contains("help: name a file"), "{message}");
    assert!(fs_err::symlink_metadata(folder.join("pipe")).unwrap().file_type().is_fifo());

    let before = fs_err::read_to_string(folder.join("hello.toml")).unwrap();
    for words in
        [&["-o", "hello.toml"][..], &["-o", "./hello.toml"], &["--report", "hello.toml"], &["--report", "hello.tar"]]
    {
        let output = program.run(arguments(&repository, words));
        assert!(output.failure(2).contains("would be written over"), "{words:?}");
    }
    assert_eq!(fs_err::read_to_string(folder.join("hello.toml")).unwrap(), before);
    assert_eq!(names(&folder), ["app.txt", "hello.toml", "pipe"]);
}

/// The media types of the layers of `hello.tar`.
fn layer_types(program: &Program) -> Vec<String> {
    let members = members(&program.folder().join("hello.tar"));
    let digest = json(&members["index.json"])["manifests"][0]["digest"].as_str().unwrap().replace("sha256:", "");
    let manifest = json(&members[&format!("blobs/sha256/{digest}")]);
    manifest["layers"].as_array().unwrap().iter().map(|it| it["mediaType"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn layers_are_compressed_as_the_recipe_says_and_the_call_has_the_last_word() {
    let repository = repository();
    let (gzip, zstd) = ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd");
    for (said, options, environment, expected) in [
        ("", &[][..], None, gzip),
        ("compression = \"gzip\"", &[], None, gzip),
        ("compression = \"zstd\"", &[], None, zstd),
        ("compression = \"zstd\"", &["--compression", "gzip"], None, gzip),
        ("compression = \"zstd\"", &[], Some("gzip"), gzip),
        ("", &[], Some("zstd"), zstd),
        ("", &["--compression", "zstd"], Some("gzip"), zstd),
    ] {
        let mut program = program("");
        program.write("hello.toml", format!("{said}\n{}", recipe("")));
        if let Some(value) = environment {
            program = program.env("APKBUILD_COMPRESSION", value);
        }
        // The second one is found among what was built before.
        for round in ["first", "again"] {
            program.run(arguments(&repository, options)).success();
            assert_eq!(layer_types(&program), [expected, expected], "{said} {options:?} {environment:?} {round}");
        }
    }
}

#[test]
fn a_level_is_held_against_the_compression_that_the_recipe_says() {
    let (program, repository) = (program(""), repository());
    let level = ["--level", "15"];
    let refused = program.run(arguments(&repository, &level));
    assert!(refused.failure(2).contains("gzip has no level 15; its levels are 1 to 12"), "{}", refused.stderr);
    program.write("hello.toml", format!("compression = \"zstd\"\n{}", recipe("")));
    program.run(arguments(&repository, &level)).success();
    assert!(layer_types(&program)[0].ends_with("+zstd"));
}

#[test]
fn an_archive_goes_to_standard_output_and_what_is_told_of_it_elsewhere() {
    let (program, repository) = (program(""), repository());
    program.run(arguments(&repository, &["-o", "hello.tar"])).success();
    let written = fs_err::read(program.folder().join("hello.tar")).unwrap();
    let before = names(&program.folder());
    let output = program.command(arguments(&repository, &["-o", "-"])).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && output.stdout == written, "{told}");
    assert!(told.contains("\nreference    hello:latest\n") && !told.contains("\nwrote "), "{told}");
    assert_eq!(names(&program.folder()), before);
    for (words, reason) in [
        (&["-o", "-", "--json"][..], "standard output is the archive"),
        (&["-o", "-", "--format", "oci-dir"], "only an archive can go to standard output"),
        (&["hello.toml", "-o", "-"], "standard output takes one image"),
    ] {
        let finished = program.run(arguments(&repository, words));
        assert!(finished.failure(2).contains(reason), "{}", finished.stderr);
    }
}

#[test]
fn variables_that_are_empty_are_not_set() {
    let (mut program, repository) = (program(""), repository());
    let variables = [
        "ALLOW_UNTRUSTED",
        "ARCH",
        "CACHE_DIR",
        "COLOR",
        "COMPRESSION",
        "DOCKER",
        "FORMAT",
        "JSON",
        "KEYS_DIR",
        "LEVEL",
        "LOAD",
        "LOCKED",
        "MIRROR",
        "MOUNT_FROM",
        "OFFLINE",
        "OUTPUT",
        "OVER_SIZE",
        "PLAIN_HTTP",
        "PODMAN",
        "PUSH",
        "REPORT",
        "REPOSITORY",
        "SBOM",
        "TAG",
    ];
    for variable in variables {
        program = program.env(format!("APKBUILD_{variable}"), "");
    }
    program.run(arguments(&repository, &[])).success();
    assert_eq!(names(&program.folder()), ["app.txt", "hello.spdx.json", "hello.tar", "hello.toml"]);
    let program = program.env("APKBUILD_LEVEL", "99");
    assert!(program.run(arguments(&repository, &[])).failure(2).contains("99"), "one that is set counts");
}

#[test]
fn quiet_hides_no_warning() {
    let (program, repository) = (program("[prune]\nkeep = [\"no/such/*\"]\n"), repository());
    let finished = program.run(arguments(&repository, &["-q"]));
    finished.success();
    let warnings: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(warnings, ["warning: `no/such/*` under [prune] fits no path"]);
}
