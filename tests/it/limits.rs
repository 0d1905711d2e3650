//! Names, links and attributes as long as any system takes are built, inspected and run; longer ones are refused when
//! the image is built, by the file's name, since no engine could unpack it.

use super::sandbox::{inside, sandbox_is_possible};
use super::support::{Program, Repository};

/// A path of `levels` folders and a file in them, `length` bytes long in all, with no name over 255 bytes.
fn path(length: usize, levels: usize) -> String {
    let whole = length - 2 * levels;
    let mut path = "d/".repeat(levels);
    for start in (0..whole).step_by(201) {
        let rest = whole - start;
        path.push_str(&"p".repeat(rest.min(200)));
        if rest > 201 {
            path.push('/');
        }
    }
    path
}

/// A repository whose package has `file`, the folders above it, and what `more` adds.
fn with_file(file: &str, more: impl FnOnce(Repository) -> Repository) -> Repository {
    let program = fs_err::read(inside()).unwrap();
    let mut repository = Repository::new().package("app", "1").directory("bin").program("bin/inside", program);
    for (slash, _) in file.match_indices('/') {
        repository = repository.directory(&file[..slash]);
    }
    more(repository.file(file, "x"))
}

const RECIPE: &str = "name = \"limits\"\narchs = [\"x86_64\"]\n[alpine]\npackages = [\"app\"]\n[config]\n\
                      cmd = [\"inside\", \"exit\", \"0\"]\n[prune]\nprofile = \"none\"\n";

fn build(repository: Repository) -> (Program, super::support::Finished) {
    let (program, repository) = (Program::new(), repository.build());
    program.write("limits.toml", RECIPE);
    let (location, keys) = (repository.location(), repository.keys_dir().display().to_string());
    let finished = program.run([
        "recipe",
        "limits.toml",
        "-o",
        "limits.tar",
        "-X",
        location.as_str(),
        "--keys-dir",
        keys.as_str(),
    ]);
    (program, finished)
}

#[test]
fn what_is_at_the_limit_is_built_inspected_and_run() {
    let target = "t".repeat(4095);
    // Small file systems take no more than a block.
    let value = vec![7; 3_000];
    for (file, more) in [
        ("n".repeat(255), None),
        (path(1000, 252), None),
        (path(4094, 0), None),
        ("link-beside".to_owned(), Some(&target)),
    ] {
        let (program, built) = build(with_file(&file, |repository| match more {
            Some(target) => repository.symlink("link", target).xattr("bin/inside", "user.large", &value),
            None => repository,
        }));
        built.success();
        program.run(["inspect", "limits.tar"]).success();
        if sandbox_is_possible() {
            program.run(["run", "limits.tar"]).success();
        }
    }
}

#[test]
fn what_no_system_can_unpack_is_refused_by_its_name() {
    let (long, deep, far) = ("n".repeat(256), path(1000, 260), path(4095, 0));
    let value = vec![7; 65_536];
    let table: [(Repository, &str); 5] = [
        (with_file(&long, |repository| repository), "nnnnn"),
        (with_file(&deep, |repository| repository), "d/d/d/d/"),
        (with_file(&far, |repository| repository), "ppppp"),
        (with_file("f", |repository| repository.symlink("link", &"t".repeat(4096))), "`link`"),
        (with_file("f", |repository| repository.xattr("f", "user.large", &value)), "`f`"),
    ];
    for (repository, name) in table {
        let (program, built) = build(repository);
        let errors = built.failure(1);
        assert!(errors.contains(name) && errors.contains(" more than "), "{name}: {errors}");
        assert_eq!(super::support::names(&program.folder()), ["limits.toml"]);
    }
}
