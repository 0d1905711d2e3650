//! What a trace costs: cold, and with everything read before.
//!
//! The tree is a made one of a thousand modules, or a real image's that APKBUILD_BENCH_ROOT names, a folder that
//! `apkbuild recipe --format rootfs` wrote before anything was pruned, whose command is in APKBUILD_BENCH_COMMAND.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macro makes a function of its own")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use apkbuild::mapping::MappedSlice;
use apkbuild::prune::{Facts, News, Policy, Profile, prune_knowing};
use apkbuild::rootfs::folder::{ReadOptions, read_folder};
use apkbuild::rootfs::{Inode, InodeKind, Metadata, Origin, Rootfs, Tree};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// Modules that import one another, with functions that nobody calls.
fn made() -> (Rootfs, Policy) {
    let mut tree = Tree::new();
    let metadata = |mode, origin| Metadata { mode, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin };
    let mut put = |path: &str, text: String, origin| {
        let (folder, _) = path.rsplit_once('/').unwrap();
        tree.make_directories(folder, &metadata(0o755, origin)).unwrap();
        let kind = InodeKind::File { content: text.into_bytes().into(), checksum: None };
        tree.insert(path, Inode { kind, metadata: metadata(0o644, origin) }).unwrap();
    };
    put("usr/bin/python3", String::new(), Origin::Stage);
    put("usr/lib/python3.12/os.py", String::new(), Origin::Stage);
    put("app/app.py", "import m0\n".to_owned(), Origin::Copied);
    for number in 0..1000 {
        let mut text = format!("import m{}, m{}\n", (number * 7 + 1) % 1000, (number * 3 + 2) % 1000);
        for function in 0..20 {
            text.push_str(&format!(
                "def f{function}(a, b=None):\n    import m{}\n    return [x.y for x in a if x] + f{}(b)\n",
                (number + function) % 1000,
                function + 1
            ));
        }
        put(&format!("usr/lib/python3.12/m{number}.py"), text, Origin::Stage);
    }
    (Rootfs { tree, packages: Vec::new() }, policy("python3 app.py", "/app"))
}

fn policy(command: &str, workdir: &str) -> Policy {
    Policy {
        profile: Profile::Traced,
        command: command.split_whitespace().map(str::to_owned).collect(),
        workdir: workdir.to_owned(),
        env: [("PYTHONPATH".to_owned(), "/app/deps".to_owned())].into(),
        ..Policy::default()
    }
}

fn subject() -> (Rootfs, Policy) {
    let Some(root) = std::env::var_os("APKBUILD_BENCH_ROOT") else { return made() };
    let options = ReadOptions { owner: Some((0, 0)), timestamp: Some(0), skip_unfit: true, origin: Origin::Stage };
    let tree = read_folder(Path::new(&root), &options).unwrap();
    let command = std::env::var("APKBUILD_BENCH_COMMAND").unwrap_or_else(|_| "python3 main.py".to_owned());
    (Rootfs { tree, packages: Vec::new() }, policy(&command, "/app"))
}

fn trace(criterion: &mut Criterion) {
    let (rootfs, policy) = subject();
    let mut group = criterion.benchmark_group("trace");
    group.sample_size(10);
    group.bench_function("cold", |bencher| {
        bencher.iter_batched(
            || rootfs.clone(),
            |mut rootfs| black_box(prune_knowing(&mut rootfs, &policy, &mut Facts::default()).unwrap()),
            BatchSize::LargeInput,
        );
    });
    let mut facts = Facts::default();
    prune_knowing(&mut rootfs.clone(), &policy, &mut facts).unwrap();
    let Some(News::Common(bytes)) = facts.news() else { unreachable!("nothing was known before") };
    let (common, own) = (MappedSlice::from(bytes), MappedSlice::from(Vec::new()));
    group.bench_function("known", |bencher| {
        bencher.iter_batched(
            || rootfs.clone(),
            |mut rootfs| {
                let mut facts = Facts::known(common.clone(), own.clone());
                black_box(prune_knowing(&mut rootfs, &policy, &mut facts).unwrap())
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, trace);
criterion_main!(benches);
