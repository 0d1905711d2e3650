//! Where results, warnings and documents go: `-q`, `--json`, `-o -`, and what names may show on a terminal.

use super::support::{BuiltRepository, Finished, Program, Repository};

fn repository() -> BuiltRepository {
    Repository::new().package("app", "1").program("usr/bin/app", "#!/bin/none\n").build()
}

fn recipe(program: &Program, more: &str) {
    let text = "name = \"app\"\narchs = [\"x86_64\"]\n[alpine]\npackages = [\"app\"]\n[config]\ncmd = [\"app\"]\n";
    program.write("app.toml", format!("{text}{more}"));
}

fn run(program: &Program, repository: &BuiltRepository, arguments: &[&str]) -> Finished {
    let (location, keys) = (repository.location(), repository.keys_dir().display().to_string());
    program.run([arguments, &["-X", &location, "--keys-dir", &keys]].concat())
}

#[test]
fn json_is_one_document_also_when_a_check_fails() {
    if !super::sandbox::sandbox_is_possible() {
        return;
    }
    let (program, repository) = (Program::new(), repository());
    recipe(&program, "[size]\nunpacked = \"1 B\"\n");
    let finished = run(&program, &repository, &["recipe", "app.toml", "--over-size", "warn", "-q"]);
    finished.success();
    let checked = program.run(["check", "app.tar", "--recipe", "app.toml", "--json"]);
    assert!(matches!(checked.code, Some(1 | 3)), "{checked:?}");
    let document: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert!(document.is_object());
}

#[test]
fn the_path_is_expanded_and_nothing_else() {
    let (program, repository) = (Program::new(), repository());
    recipe(&program, "env = { PATH = \"/app/bin:$PATH\" }\n");
    run(&program, &repository, &["recipe", "app.toml"]).success();
    let inspected = program.run(["inspect", "app.tar", "--json"]);
    let path = "PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert!(inspected.success().contains(path), "{}", inspected.stdout);
    recipe(&program, "env = { DATA = \"$HOME/data\" }\n");
    let refused = run(&program, &repository, &["recipe", "app.toml"]);
    assert!(refused.failure(2).contains("`$HOME` is not expanded"), "{}", refused.stderr);
    program.write("empty.toml", "name = \"x\"\n[alpine]\npackages = [\"app\"]\n[config]\ncmd = [\"\"]\n");
    let refused = run(&program, &repository, &["recipe", "empty.toml"]);
    assert!(refused.failure(2).contains("the first word of `cmd` is empty"), "{}", refused.stderr);
}

/// A root filesystem whose one file has a name that would turn the direction of a listing and add a line to it.
#[test]
fn names_are_shown_escaped_in_listings_and_pages() {
    let program = Program::new();
    program.write("root/\u{202e}gpj\n/etc/shadow\u{1b}[2J.exe", "x");
    program.write("other/plain", "y");
    for folder in ["bin", "etc", "dev", "proc", "tmp"] {
        for root in ["root", "other"] {
            fs_err::create_dir(program.folder().join(root).join(folder)).unwrap();
        }
    }
    let shown = "\\u{202e}gpj\\n";
    let listed = program.run(["inspect", "root", "--files"]);
    let compared = program.run(["diff", "root", "other"]);
    program.run(["inspect", "root", "--html", "page.html"]).success();
    let page = fs_err::read_to_string(program.folder().join("page.html")).unwrap();
    for text in [listed.success(), &compared.stdout, &page] {
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains(['\u{202e}', '\u{1b}']) && !text.contains("gpj\n"), "{text}");
    }
}
