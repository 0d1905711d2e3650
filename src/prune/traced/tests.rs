//! The traced profile on small trees.

use super::super::tests::{Sample, library};
use super::super::{Error, Facts, News, Policy, Profile, Report, prune, prune_knowing};
use crate::mapping::MappedSlice;
use crate::rootfs::{Origin, Rootfs};

const LIBRARY: &str = "usr/lib/python3.12";

/// A root filesystem with a Python whose standard library is a handful of files.
fn python(add: impl FnOnce(&mut Sample)) -> Rootfs {
    let mut sample = Sample::default();
    sample
        .package("musl", &[], &["so:libc.musl-x86_64.so.1=1"])
        .file("lib/ld-musl-x86_64.so.1", library("libc.musl-x86_64.so.1"));
    sample.link("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1");
    sample.package("libssl3", &["so:libc.musl-x86_64.so.1"], &["so:libssl.so.3=3"]);
    sample.file("usr/lib/libssl.so.3", library("libc.musl-x86_64.so.1")).file("etc/ssl/openssl.cnf", "configuration");
    sample.package("python3", &["so:libc.musl-x86_64.so.1", "so:libssl.so.3"], &[]);
    let interpreter = [library("libc.musl-x86_64.so.1"), b"\0PyInit_time\0PyInit__io\0".to_vec()].concat();
    sample.file("usr/bin/python3.12", interpreter).link("usr/bin/python3", "python3.12");
    for name in
        ["os", "site", "codecs", "io", "abc", "stat", "warnings", "copyreg", "runpy", "pkgutil", "unused", "importlib"]
    {
        sample.file(&format!("{LIBRARY}/{name}.py"), "");
    }
    for name in ["__init__", "utf_8", "cp1252", "big5", "zlib_codec"] {
        sample.file(&format!("{LIBRARY}/encodings/{name}.py"), "");
    }
    sample.file(&format!("{LIBRARY}/ssl.py"), "import _ssl");
    sample.file(&format!("{LIBRARY}/client.py"), "try:\n    import ssl\nexcept ImportError:\n    ssl = None\n");
    let extension = [library("libssl.so.3"), b"\0PyInit__ssl\0".to_vec()].concat();
    sample.file(&format!("{LIBRARY}/lib-dynload/_ssl.cpython-312-x86_64-linux-musl.so"), extension);
    sample.origin(Origin::Copied);
    add(&mut sample);
    sample.build()
}

fn traced(command: &[&str]) -> Policy {
    Policy {
        profile: Profile::Traced,
        packages: vec!["python3".into()],
        command: command.iter().map(|&word| word.into()).collect(),
        workdir: "/app".into(),
        ..Policy::default()
    }
}

/// Whether these modules of the standard library stayed, as a string of their names.
fn stayed(rootfs: &Rootfs, names: &[&str]) -> String {
    let is_there = |name: &&&str| rootfs.tree.get(&format!("{LIBRARY}/{name}")).is_some();
    names.iter().filter(is_there).copied().collect::<Vec<_>>().join(" ")
}

fn run(mut rootfs: Rootfs, policy: &Policy) -> (Rootfs, Report) {
    let report = prune(&mut rootfs, policy).unwrap();
    (rootfs, report)
}

#[test]
fn what_the_command_cannot_reach_goes() {
    let (rootfs, report) = run(
        python(|sample| {
            sample
                .file("app/app.py", "import helper\nimport client\n")
                .file("app/helper.py", "")
                .file("app/extra.py", "");
        }),
        &traced(&["python3", "app.py"]),
    );
    assert_eq!(
        stayed(&rootfs, &["os.py", "unused.py", "runpy.py", "client.py", "ssl.py", "encodings/utf_8.py"]),
        "os.py client.py ssl.py encodings/utf_8.py"
    );
    assert_eq!(
        stayed(&rootfs, &["encodings/cp1252.py", "encodings/big5.py", "encodings/zlib_codec.py"]),
        "encodings/cp1252.py"
    );
    for path in
        ["app/extra.py", "usr/lib/libssl.so.3", "etc/ssl/openssl.cnf", "usr/bin/python3", "lib/ld-musl-x86_64.so.1"]
    {
        assert!(rootfs.tree.get(path).is_some(), "{path}");
    }
    assert_eq!(
        report.why("usr/lib/libssl.so.3").unwrap()[1..],
        [
            "usr/lib/libssl.so.3 is needed as `libssl.so.3` by usr/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-musl.so",
            "usr/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-musl.so is imported as `_ssl` by usr/lib/python3.12/ssl.py, line 1",
            "usr/lib/python3.12/ssl.py is imported as `ssl` by usr/lib/python3.12/client.py, line 2 (it can do without)",
            "usr/lib/python3.12/client.py is imported as `client` by app/app.py, line 2",
            "app/app.py is what the command `python3 app.py` starts",
        ]
    );
    assert_eq!(
        report.why("usr/lib/python3.12/unused.py").unwrap()[0].split(',').next().unwrap(),
        "usr/lib/python3.12/unused.py from python3-1-r0 was pruned by the rule `unreached`"
    );
}

#[test]
fn an_optional_module_can_be_dropped_with_all_behind_it() {
    let build = || {
        python(|sample| {
            sample.file("app/app.py", "import client\n");
        })
    };
    let mut policy = traced(&["python3", "app.py"]);
    policy.drop = vec!["ssl".into()];
    let (rootfs, report) = run(build(), &policy);
    assert_eq!(stayed(&rootfs, &["client.py", "ssl.py"]), "client.py");
    assert!(rootfs.tree.get("usr/lib/libssl.so.3").is_none() && rootfs.tree.get("etc/ssl/openssl.cnf").is_none());
    let gone: Vec<&str> = report.packages_gone().map(|package| package.name.as_str()).collect();
    assert_eq!(gone, ["libssl3"]);

    let mut rootfs = python(|sample| {
        sample.file("app/app.py", "import client\nimport tls\n").file("app/tls.py", "\nfrom ssl import SSLContext\n");
    });
    let error = prune(&mut rootfs, &policy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`prune.drop` names `ssl`, which is needed:\n  `ssl` is imported by app/tls.py, line 2\n  \
         app/tls.py is imported as `tls` by app/app.py, line 2\n  app/app.py is what the command `python3 app.py` starts"
    );
    assert!(rootfs.tree.get(&format!("{LIBRARY}/unused.py")).is_some(), "a refusal leaves the tree whole");
}

#[test]
fn what_stands_on_the_same_library_goes_along_unless_it_is_missed() {
    let build = |code: &str| {
        python(|sample| {
            sample.file("app/app.py", "import client, hashlib\n").file("app/more.py", code);
            sample.package("python3-hashes", &["so:libssl.so.3"], &[]);
            let module = [library("libssl.so.3"), b"\0PyInit__hashlib\0".to_vec(), vec![0; 30_000]].concat();
            sample.file(&format!("{LIBRARY}/lib-dynload/_hashlib.cpython-312-x86_64-linux-musl.so"), module);
            sample.file(
                &format!("{LIBRARY}/hashlib.py"),
                "try:\n    import _hashlib\nexcept ImportError:\n    import own\nelse:\n    import fast\n\
                 try:\n    from _hashlib import scrypt\nexcept ImportError:\n    pass\n",
            );
            sample.file(&format!("{LIBRARY}/own.py"), "").file(&format!("{LIBRARY}/fast.py"), "");
        })
    };
    let modules = ["ssl.py", "own.py", "fast.py", "lib-dynload/_hashlib.cpython-312-x86_64-linux-musl.so"];
    let with = |code: &str, drop: &[&str]| {
        let command: &[&str] = if code.is_empty() { &["app.py"] } else { &["app.py", "more.py"] };
        let mut policy = traced(&[&["python3"][..], command].concat());
        policy.packages.push("python3-hashes".into());
        policy.drop = drop.iter().map(|&module| module.into()).collect();
        let (rootfs, report) = run(build(code), &policy);
        // The cut is large enough for a line only with what would go along.
        let is_cut = report.cuts.iter().any(|cut| cut.module == "ssl");
        assert_eq!(is_cut, drop.is_empty() && code.is_empty());
        (stayed(&rootfs, &modules), rootfs.tree.get("usr/lib/libssl.so.3").is_some())
    };
    let all = "ssl.py fast.py lib-dynload/_hashlib.cpython-312-x86_64-linux-musl.so";
    assert_eq!(with("", &[]), (all.into(), true));
    assert_eq!(with("", &["ssl"]), ("own.py".into(), false));
    assert_eq!(with("", &["ssl", "_hashlib"]), ("own.py".into(), false));
    assert_eq!(with("import hashlib\nhashlib.scrypt(b'')\n", &[]), (all.into(), true));
    // Its fallback was followed before a name came up that asks for more.
    let kept = ("own.py fast.py lib-dynload/_hashlib.cpython-312-x86_64-linux-musl.so".into(), true);
    assert_eq!(with("import hashlib\nhashlib.scrypt(b'')\n", &["ssl"]), kept);
    assert!(with("import _hashlib\n", &["ssl"]).1);
    assert_eq!(with("import hashlib\nhashlib.sha256(b'')\n", &["ssl"]), ("own.py".into(), false));
}

#[test]
fn removing_what_is_reachable_is_refused() {
    let build = || {
        python(|sample| {
            sample.file("app/app.py", "import client\nimport needed\n").file("app/needed.py", "");
        })
    };
    let mut policy = traced(&["python3", "app.py"]);
    policy.remove = vec!["app/needed.py".into()];
    let error = prune(&mut build(), &policy).unwrap_err();
    assert!(
        matches!(&error, Error::RemoveRefused { path, chain, .. } if path == "app/needed.py" && chain.len() == 2),
        "{error}"
    );
    policy.remove = vec![format!("{LIBRARY}/ssl.py"), format!("{LIBRARY}/encodings/cp*")];
    let (rootfs, _) = run(build(), &policy);
    assert_eq!(
        stayed(&rootfs, &["ssl.py", "encodings/cp1252.py", "client.py"]),
        "client.py",
        "what is optional may go"
    );
}

#[test]
fn a_function_nobody_names_imports_nothing() {
    let lazy = "def used():\n    import os\n\ndef idle():\n    import unused\n";
    let (rootfs, _) = run(
        python(|sample| {
            sample.file("app/app.py", "import lazy\nlazy.used()\n").file("app/lazy.py", lazy);
        }),
        &traced(&["python3", "app.py"]),
    );
    assert_eq!(stayed(&rootfs, &["unused.py"]), "");
    let (rootfs, _) = run(
        python(|sample| {
            sample.file("app/app.py", "import lazy\ngetattr(lazy, 'idle')()\n").file("app/lazy.py", lazy);
        }),
        &traced(&["python3", "app.py"]),
    );
    assert_eq!(stayed(&rootfs, &["unused.py"]), "unused.py");
}

#[test]
fn a_fallback_is_reached_only_where_the_import_may_fail() {
    for (tried, fallback) in [("fast", false), ("missing", true), ("broken", true), ("fast import nothing", true)] {
        let import = match tried.split_once(" import ") {
            Some((module, name)) => format!("from {module} import {name}"),
            None => format!("import {tried}"),
        };
        let (rootfs, _) = run(
            python(|sample| {
                sample.file("app/app.py", format!("try:\n    {import}\nexcept ImportError:\n    import unused\n"));
                sample.file("app/fast.py", "").file("app/broken.py", "import missing\n");
            }),
            &traced(&["python3", "app.py"]),
        );
        assert_eq!(stayed(&rootfs, &["unused.py"]) == "unused.py", fallback, "{tried}");
    }
}

#[test]
fn the_command_line_of_random_runs_only_where_random_is_the_command() {
    for (command, expected) in [(["app.py"].as_slice(), "random.py"), (&["-m", "random"], "random.py unused.py")] {
        let (rootfs, _) = run(
            python(|sample| {
                let random = "def main():\n    import unused\n\nif __name__ == '__main__':\n    main()\n";
                sample.file(&format!("{LIBRARY}/random.py"), random);
                sample.file("app/app.py", "import random\n\ndef main():\n    pass\n\nmain()\n");
            }),
            &traced(&[&["python3"], command].concat()),
        );
        assert_eq!(stayed(&rootfs, &["random.py", "unused.py"]), expected, "{command:?}");
    }
}

#[test]
fn modules_are_run_by_name_and_computed_names_are_listed() {
    let (rootfs, report) = run(
        python(|sample| {
            sample.file("app/tool/__init__.py", "").file("app/tool/__main__.py", "import unused\n");
            sample.file(
                "app/tool/plugins/__init__.py",
                "import importlib\nimportlib.import_module('tool.plugins.' + x)\n",
            );
            sample.file("app/tool/plugins/one.py", "import client\n");
            sample.file("app/tool/other.py", "import traceback\n\nNAMES = ['tool.plugins']\n");
            sample.file(&format!("{LIBRARY}/traceback.py"), "__import__(error.name)\n");
        }),
        &traced(&["python3", "-u", "-m", "tool", "tool.other:NAMES"]),
    );
    assert_eq!(stayed(&rootfs, &["unused.py", "runpy.py", "client.py"]), "unused.py runpy.py client.py");
    let listed: Vec<String> =
        report.unfollowed.iter().map(|it| format!("{}:{} {}", it.path, it.line, it.what)).collect();
    assert_eq!(
        listed,
        [
            "app/tool/plugins/__init__.py:2 imports a module by a computed name that begins with `tool.plugins.`; 1 modules kept for it"
        ]
    );
}

#[test]
fn distributions_of_a_stage_go_whole_when_nothing_reaches_them() {
    let (rootfs, _) = run(
        python(|sample| {
            sample.file("app/app.py", "import used\n").origin(Origin::Stage);
            for name in ["used", "idle"] {
                sample.file(&format!("deps/{name}/__init__.py"), "").file(&format!("deps/{name}/data.txt"), "");
                sample.file(&format!("deps/{name}/sub.py"), "").file(&format!("deps/{name}-1.dist-info/METADATA"), "");
                let record = format!(
                    "{name}/__init__.py,,\n{name}/sub.py,,\n{name}/data.txt,,\n{name}-1.dist-info/METADATA,,\n"
                );
                sample.file(&format!("deps/{name}-1.dist-info/RECORD"), record);
            }
        }),
        &Policy { env: [("PYTHONPATH".into(), "/deps".into())].into(), ..traced(&["python3", "app.py"]) },
    );
    let left: Vec<String> = rootfs.tree.walk().map(|(path, _)| path).filter(|path| path.starts_with("deps/")).collect();
    assert_eq!(
        left,
        [
            "deps/used",
            "deps/used/__init__.py",
            "deps/used/data.txt",
            "deps/used-1.dist-info",
            "deps/used-1.dist-info/METADATA",
            "deps/used-1.dist-info/RECORD"
        ]
    );
}

#[test]
fn node_modules_are_followed() {
    let mut sample = Sample::default();
    sample.package("nodejs", &[], &[]).file("usr/bin/node", library("libc.musl-x86_64.so.1"));
    sample.origin(Origin::Stage).file("app/server.js", "const a = require('a'); try { require('gone') } catch {}");
    sample.file("app/node_modules/a/package.json", r#"{"name": "a", "main": "lib/a.js"}"#);
    sample.file("app/node_modules/a/lib/a.js", "require('./locale/' + name); require('b/feature')");
    sample.file("app/node_modules/a/lib/locale/de.js", "").file("app/node_modules/a/lib/other.js", "");
    sample.file("app/node_modules/a/template.html", "").file("app/node_modules/a/index.d.ts", "");
    sample.file(
        "app/node_modules/b/package.json",
        r#"{"exports": {"./feature": {"import": "./f.mjs", "require": "./f.cjs"}}}"#,
    );
    sample.file("app/node_modules/b/f.cjs", "").file("app/node_modules/b/f.mjs", "");
    sample.file("app/node_modules/idle/package.json", "{}").file("app/node_modules/idle/index.js", "");
    let mut policy = traced(&["node", "server.js"]);
    policy.packages = vec!["nodejs".into()];
    let (rootfs, report) = run(sample.build(), &policy);
    let left: Vec<String> = rootfs
        .tree
        .walk()
        .map(|(path, _)| path)
        .filter(|path| path.contains("node_modules/") && path.contains('.'))
        .collect();
    assert_eq!(
        left,
        [
            "app/node_modules/a/lib/a.js",
            "app/node_modules/a/lib/locale/de.js",
            "app/node_modules/a/package.json",
            "app/node_modules/a/template.html",
            "app/node_modules/b/f.cjs",
            "app/node_modules/b/package.json",
        ]
    );
    assert_eq!(report.unfollowed.len(), 1);
    assert!(report.unfollowed[0].what.contains("`./locale/`; 1 files kept"), "{:?}", report.unfollowed);
}

#[test]
fn cuts_name_what_drop_would_take() {
    let (_, report) = run(
        python(|sample| {
            sample.file("app/app.py", "try:\n    import large\nexcept ImportError:\n    pass\nimport client\n");
            sample.file("app/large.py", "#".repeat(30_000)).origin(Origin::Stage);
        }),
        &traced(&["python3", "app.py"]),
    );
    let cuts: Vec<(&str, u64)> = report.cuts.iter().map(|cut| (cut.module.as_str(), cut.bytes)).collect();
    assert_eq!(cuts, [("large", 30_000)]);
    assert_eq!(report.cuts[0].importers, ["app/app.py:2"]);
}

#[test]
fn what_is_known_changes_nothing_but_time() {
    let build = |code: &str| {
        python(|sample| {
            sample.file("app/app.py", code);
        })
    };
    let policy = traced(&["python3", "app.py"]);
    let none = || MappedSlice::from(Vec::new());
    let trace =
        |code: &str, mut facts: Facts| (prune_knowing(&mut build(code), &policy, &mut facts).unwrap(), facts.news());
    let (first, news) = trace("import client\n", Facts::default());
    let Some(News::Common(common)) = news else { panic!("{news:?}") };
    let common = MappedSlice::from(common);
    assert_eq!(trace("import client\n", Facts::known(common.clone(), none())), (first.clone(), None));

    // After a change of code, what is new is the application's own.
    let changed = "import client, server\n";
    let (second, news) = trace(changed, Facts::known(common.clone(), none()));
    assert_eq!(second, trace(changed, Facts::default()).0);
    let Some(News::Own(own)) = news else { panic!("{news:?}") };
    assert!(own.len() < common.len());
    assert_eq!(trace(changed, Facts::known(common.clone(), own.into())), (second, None));

    for damaged in [b"garbage".to_vec(), common[..common.len() / 2].to_vec()] {
        let (report, news) = trace("import client\n", Facts::known(damaged.into(), none()));
        assert_eq!(report, first);
        assert!(matches!(news, Some(News::Common(_))));
    }
}
