//! `[stage.NAME]` end to end: stages beside each other, stages that are kept, and what of them reaches an image.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use apkbuild::image::StoredImage;
use serde_json::Value;

use super::sandbox::{inside, sandbox_is_possible};
use super::support::{BUILD_DATE, BuiltRepository, Finished, Program, Repository};

/// A shell, and a package `extra` of this version.
fn repository(version: &str) -> BuiltRepository {
    Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .directory("out")
        .package("extra", version)
        .file("usr/share/extra", version)
        .build()
}

fn build(program: &Program, repository: &BuiltRepository, recipe: &str) -> Finished {
    program.write("hello.toml", format!("name = \"hello\"\n[alpine]\npackages = [\"shell\"]\n{recipe}"));
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    program.run(["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--json"])
}

/// What `take` makes of everybody who calls at this address; it is there before the caller is hung up on.
fn listener<T: Send + 'static>(take: impl Fn(&TcpStream) -> T + Send + 'static) -> (String, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || listener.incoming().flatten().try_for_each(|caller| sender.send(take(&caller))));
    (address, receiver)
}

#[test]
fn a_stage_is_built_as_soon_as_those_that_it_needs_are() {
    if !sandbox_is_possible() {
        return;
    }
    // Two commands that wait for each other end only if they run at the same time. One is of a stage that needs another
    // first, so `beside` must be under way before `first` has ended and still be when `second` begins.
    let (address, callers) = listener(|caller| caller.try_clone().unwrap());
    let recipe = format!(
        "[[copy]]\nfrom = \"second\"\nsource = \"/out\"\ntarget = \"/second\"\n\
         [[copy]]\nfrom = \"beside\"\nsource = \"/out\"\ntarget = \"/beside\"\n\
         [stage.first]\npackages = [\"shell\"]\nrun = [\"write /out/first\"]\n\
         [stage.second]\npackages = [\"shell\"]\nnetwork = \"host\"\nrun = [\"meet {address}\", \"write /out/second\"]\n\
         copy = [{{ from = \"first\", source = \"/out/first\", target = \"/out/\" }}]\n\
         [stage.beside]\npackages = [\"shell\"]\nnetwork = \"host\"\nrun = [\"meet {address}\", \"write /out/beside\"]\n"
    );
    let rendezvous = std::thread::spawn(move || {
        let patience = Duration::from_mins(1);
        let both: Vec<_> = (0..2).map_while(|_| callers.recv_timeout(patience).ok()).collect();
        // Whoever came alone is sent away without an answer, and fails.
        if both.len() == 2 {
            for mut caller in both {
                caller.write_all(b"!").unwrap();
            }
        }
    });
    let program = Program::new();
    build(&program, &repository("1-r0"), &recipe).success();
    rendezvous.join().unwrap();
    let tree = StoredImage::open_all(&program.folder().join("hello.tar")).unwrap()[0].tree().unwrap();
    for path in ["second/first", "second/second", "beside/beside"] {
        assert!(tree.file(path).is_some(), "{path}");
    }
}

#[test]
fn a_stage_is_kept_until_something_that_goes_into_it_changes() {
    if !sandbox_is_possible() {
        return;
    }
    // Who calls is let go when the name is taken down, so that none is missed.
    let (address, names) = listener(|mut caller| {
        let mut name = String::new();
        caller.read_to_string(&mut name).unwrap();
        name
    });
    let program = Program::new();
    let recipe = |packages: &str, settings: &str, command: &str| {
        let stage = |name: &str, more: &str| {
            format!("[stage.{name}]\nnetwork = \"host\"\nrun = [\"tell {address} {name}\"]\n{more}\n")
        };
        let image = ["last", "alone"]
            .map(|name| format!("[[copy]]\nfrom = \"{name}\"\nsource = \"/out\"\ntarget = \"/{name}\"\n"))
            .concat();
        let first = stage("first", "packages = [\"shell\"]\ncopy = [{ source = \"file\", target = \"/out/\" }]");
        let last = stage(
            "last",
            "packages = [\"shell\"]\ncopy = [{ from = \"first\", source = \"/out\", target = \"/out\" }]",
        );
        let alone = stage("alone", &format!("packages = [{packages}]\n{settings}")).replace(" alone\"", command);
        format!("{image}{first}{last}{alone}")
    };
    let builds = std::cell::Cell::new(0);
    let told = |repository: &BuiltRepository, packages: &str, settings: &str, command: &str| {
        // An unchanged recipe is not built at all, so that nothing would be asked of its stages.
        builds.set(builds.get() + 1);
        let another = format!("[config]\nlabels = {{ build = \"{}\" }}\n", builds.get());
        build(&program, repository, &(recipe(packages, settings, command) + &another)).success();
        let mut names: Vec<String> = names.try_iter().collect();
        names.sort();
        names
    };
    let old = repository("1-r0");
    let (plain, with_extra) = ("\"shell\"", "\"shell\", \"extra\"");
    program.write("file", "one");
    assert_eq!(told(&old, plain, "", " alone\""), ["alone", "first", "last"]);
    assert_eq!(told(&old, plain, "", " alone\""), [""; 0], "nothing has changed");
    program.write("file", "two");
    assert_eq!(told(&old, plain, "", " alone\""), ["first", "last"], "a copied file, and what copies it on");
    program.write("file", "one");
    assert_eq!(told(&old, plain, "", " alone\""), [""; 0], "what there was before is still kept");
    assert_eq!(told(&old, plain, "", " other\""), ["other"], "a command");
    assert_eq!(told(&old, plain, "env = { NAME = \"value\" }", " other\""), ["other"], "the environment");
    assert_eq!(told(&old, plain, "workdir = \"/out\"", " other\""), ["other"], "the working directory");
    assert_eq!(told(&old, with_extra, "", " other\""), ["other"], "a package more");
    assert_eq!(told(&old, with_extra, "", " other\""), [""; 0]);
    assert_eq!(told(&repository("2-r0"), with_extra, "", " other\""), ["other"], "another version of a package");
    assert_eq!(told(&old, plain, "", " alone\""), [""; 0], "what there was at first");
}

/// The keys of `[stage.NAME]` that the reference of recipes names, in the order of their names.
fn documented_fields() -> Vec<String> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipe.md");
    let text = fs_err::read_to_string(reference).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("`[stage.NAME]`")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut fields: Vec<String> = rows.map(|(field, _)| field.to_owned()).collect();
    fields.sort();
    fields
}

#[test]
fn every_field_of_a_stage_decides_whether_it_is_built_again() {
    if !sandbox_is_possible() {
        return;
    }
    // What a field has at first, and what else it may have.
    let fields = [
        ("copy", "[]", "[{ source = \"file\", target = \"/out/\" }]"),
        ("env", "{}", "{ NAME = \"value\" }"),
        ("network", "\"none\"", "\"host\""),
        ("packages", "[\"shell\"]", "[\"shell\", \"extra\"]"),
        ("run", "[\"write /out/file\"]", "[\"write /out/another\"]"),
        ("workdir", "\"/\"", "\"/out\""),
    ];
    assert_eq!(documented_fields(), fields.map(|(field, ..)| field));
    let (program, repository) = (Program::new(), repository("1-r0"));
    program.write("file", "one");
    let kept_after = |changed: &str, build_number: usize| {
        let lines = fields.map(|(field, first, other)| {
            let value = if field == changed { other } else { first };
            format!("{field} = {value}\n")
        });
        // An unchanged recipe is not built at all.
        let recipe = format!(
            "[config]\nlabels = {{ build = \"{build_number}\" }}\n[[copy]]\nfrom = \"made\"\nsource = \"/out\"\n\
             target = \"/made\"\n[stage.made]\n{}",
            lines.concat()
        );
        build(&program, &repository, &recipe).success();
        fs_err::read_dir(program.cache().join("stages")).unwrap().count()
    };
    assert_eq!((kept_after("nothing", 0), kept_after("nothing", 1)), (1, 1));
    for (number, (changed, ..)) in fields.iter().enumerate() {
        assert_eq!(kept_after(changed, number + 2), number + 2, "{changed}");
    }
    assert_eq!(kept_after("nothing", 100), fields.len() + 1);
}

#[test]
fn recipes_that_share_a_stage_make_it_once() {
    if !sandbox_is_possible() {
        return;
    }
    // The command ends when somebody waits for the stage; where nobody does, it has had time enough to be run twice.
    let (let_go, waited_for) = channel();
    let (address, names) = listener(move |mut caller| {
        let mut name = String::new();
        caller.read_to_string(&mut name).unwrap();
        let _ = waited_for.recv_timeout(Duration::from_mins(1));
        name
    });
    let program = Program::new();
    let stage = |name: &str| {
        format!(
            "name = \"{name}\"\n[alpine]\npackages = [\"shell\"]\n[[copy]]\nfrom = \"made\"\nsource = \"/out\"\n\
             target = \"/{name}\"\n[stage.made]\npackages = [\"shell\"]\nnetwork = \"host\"\n\
             run = [\"tell {address} made\", \"write /out/file\"]\n"
        )
    };
    // The first recipe of a call is built alone, the others beside each other.
    program.write("first.toml", "name = \"first\"\n[alpine]\npackages = [\"shell\"]\n");
    program.write("one.toml", stage("one"));
    program.write("other.toml", stage("other"));
    let repository = repository("1-r0");
    let (location, keys) = (repository.location(), repository.keys_dir().display().to_string());
    let call = ["-X", &location, "--keys-dir", &keys];
    let mut command = program.command(["recipe", "first.toml", "one.toml", "other.toml"].iter().chain(&call));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines
        .inspect(|line| {
            if line.contains("waiting for stage made") {
                let_go.send(()).unwrap();
            }
        })
        .collect();
    assert!(child.wait().unwrap().success(), "{lines:#?}");
    let count = |text| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("building stage made"), count("waiting for stage made")), (1, 1), "{lines:#?}");
    assert_eq!(names.try_iter().collect::<Vec<String>>(), ["made"]);
    for name in ["one", "other"] {
        let tree = StoredImage::open_all(&program.folder().join(format!("{name}.tar"))).unwrap()[0].tree().unwrap();
        assert!(tree.file(&format!("{name}/file")).is_some(), "{name}");
    }

    // Whoever uses a stage later says nothing of building it, and it counts as used then.
    let kept = only_stage(&program);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
    fs_err::File::open(&kept).unwrap().set_modified(long_ago).unwrap();
    program.write("third.toml", stage("third"));
    let built = program.run(["recipe", "third.toml"].iter().chain(&call));
    built.success();
    assert!(!built.stderr.contains("stage made"), "{}", built.stderr);
    assert_eq!(only_stage(&program), kept);
    assert!(fs_err::metadata(&kept).unwrap().modified().unwrap() > long_ago);
    assert_eq!(names.try_iter().collect::<Vec<String>>(), [""; 0]);
}

/// The one thing that lies among the stages of the cache.
fn only_stage(program: &Program) -> PathBuf {
    let mut entries = fs_err::read_dir(program.cache().join("stages")).unwrap();
    let only = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "more than one");
    only
}

#[test]
fn owners_and_times_of_what_a_stage_made_are_the_same_every_time() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = repository("1-r0");
    let recipe = "[[copy]]\nfrom = \"made\"\nsource = \"/out\"\ntarget = \"/made\"\n[stage.made]\npackages = [\"shell\"]\n\
                  run = [\"write /out/file\", \"stamp /out/stamp\", \"stamp /out\"]\n";
    let digests = [(), ()].map(|()| {
        let program = Program::new();
        let built = build(&program, &repository, recipe);
        let document: Value = serde_json::from_str(built.success()).unwrap();
        let tree = StoredImage::open_all(&program.folder().join("hello.tar")).unwrap()[0].tree().unwrap();
        assert_eq!(tree.file("made/stamp").map(|text| text.to_vec()), Some(BUILD_DATE.to_string().into_bytes()));
        for path in ["made", "made/file", "made/stamp"] {
            let metadata = &tree.get(path).unwrap().metadata;
            assert_eq!((metadata.uid, metadata.gid, metadata.mtime), (0, 0, BUILD_DATE), "{path}");
        }
        document["images"][0]["digest"].as_str().unwrap().to_owned()
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_failing_command_is_told_with_its_stage_and_a_way_out() {
    if !sandbox_is_possible() {
        return;
    }
    let stage =
        "[[copy]]\nfrom = \"made\"\nsource = \"/out\"\ntarget = \"/made\"\n[stage.made]\npackages = [\"shell\"]\n";
    let program = Program::new();
    let failed = build(&program, &repository("1-r0"), &format!("{stage}run = [\"fail 1\"]\n"));
    let error: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(failed.code, Some(1), "{error}");
    assert_eq!(
        error["error"]["message"],
        "stage `made`: `fail 1` failed: exit status 9, after printing\n  | line 0\n  | error 0"
    );
    let help = error["error"]["help"].as_str().unwrap();
    assert!(help.contains("only what `packages` and `copy` of [stage.made] name, and no network"), "{help}");
}
