//! Machines that forbid user namespaces: what needs none works, and what does says which setting forbids it.

use std::process::{Command, Output};

use super::sandbox::{PROGRAM, inside, sandbox_is_possible};
use super::support::{BuiltRepository, Program, Repository};

/// A way to forbid them: the words that a command is put behind, and what the program says of it.
struct Ban {
    words: Vec<String>,
    says: &'static str,
    help: &'static str,
    /// Of install scripts that are to run.
    says_of_scripts: &'static str,
}

fn bans() -> Vec<Ban> {
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let unshare = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"];
    vec![
        Ban {
            words: unshare.map(str::to_owned).to_vec(),
            says: "user.max_user_namespaces is 0",
            help: "sysctl user.max_user_namespaces=15000",
            // There is one id only, in the namespace that the limit holds for.
            says_of_scripts: "running install scripts needs a range of user ids",
        },
        Ban {
            words: vec![inside().display().to_string(), "filtered".to_owned()],
            says: "a seccomp filter, such as a container's default one, refuses user namespaces",
            help: "--security-opt seccomp=unconfined",
            says_of_scripts: "a seccomp filter, such as a container's default one, refuses user namespaces",
        },
    ]
}

fn repository() -> BuiltRepository {
    Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .package("tool", "1-r0")
        .depends("shell")
        .directory("srv")
        .script("post-install", "#!/bin/sh\necho > /srv/made\n")
        .build()
}

fn call(ban: &Ban, program: &Program, arguments: &[&str]) -> Output {
    let mut command = Command::new(&ban.words[0]);
    let plain = program.command(arguments);
    command.args(&ban.words[1..]).arg(PROGRAM).args(arguments).current_dir(program.folder());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.output().unwrap()
}

#[test]
fn only_what_needs_namespaces_is_refused() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = repository();
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let sources = ["-X", &location, "--keys-dir", &keys];
    for ban in bans() {
        let program = Program::new();
        program.write("plain.toml", "name = \"plain\"\nalpine.packages = [\"tool\"]\nconfig.cmd = [\"sh\"]\n");
        program.write("run.toml", "name = \"run\"\nalpine = { packages = [\"tool\"], scripts = \"run\" }\n");
        program.write(
            "stage.toml",
            "name = \"stage\"\nalpine.packages = [\"shell\"]\nstage.s = { packages = [\"shell\"], run = [\"write /x\"] }\n",
        );
        for words in [
            [&["plan", "plain.toml"][..], &sources].concat(),
            [&["resolve", "tool"][..], &sources].concat(),
            [&["recipe", "plain.toml"][..], &sources].concat(),
            [&["recipe", "plain.toml", "--format=rootfs", "-o", "root"][..], &sources].concat(),
            vec!["inspect", "plain.tar"],
            vec!["diff", "plain.tar", "plain.tar"],
            vec!["cache", "verify"],
        ] {
            let output = call(&ban, &program, &words);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{}: {words:?}: {errors}", ban.says);
        }
        for (words, says, help) in [
            ([&["recipe", "stage.toml"][..], &sources].concat(), ban.says, ban.help),
            ([&["recipe", "run.toml"][..], &sources].concat(), ban.says_of_scripts, ""),
            (vec!["run", "plain.tar", "list", "/"], ban.says, ban.help),
            (vec!["check", "plain.tar"], ban.says, ban.help),
        ] {
            let output = call(&ban, &program, &words);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{words:?}: {errors}");
            for part in [says, help, "\nhelp: "] {
                assert!(errors.contains(part), "{words:?}: `{part}` is missing in {errors}");
            }
        }
        assert!(!program.folder().join("stage.tar").exists() && !program.folder().join("run.tar").exists());
    }
}
