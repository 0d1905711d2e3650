//! What a failing command of a stage probably lacks, told by how it ended and what it printed.
//!
//! A stage holds nothing that its recipe does not name, so nearly every failure is a package, a file or the network
//! that is missing. The signs are the words of busybox, glibc's and musl's resolvers, pip, npm, and compilers.

use super::{Ending, Network};

/// The way out of a failure of the stage `stage`.
pub(super) fn for_stage(stage: &str, ending: Ending, network: Network, output: &str) -> String {
    let says = |signs: &[&str]| signs.iter().any(|sign| output.contains(sign));
    if says(&[
        "CERTIFICATE_VERIFY_FAILED",
        "certificate verify failed",
        "unable to get local issuer",
        "SELF_SIGNED_CERT",
    ]) {
        return format!(
            "add `ca-certificates-bundle` to `packages` of [stage.{stage}], so that it knows whom to trust"
        );
    }
    if says(&NO_NETWORK) {
        return match network {
            Network::None => format!("if it needs the network, say `network = \"host\"` in [stage.{stage}]"),
            Network::Host => {
                "the stage has this machine's network: see whether the machine itself reaches that host, and whether its \
                 proxy variables are right"
                    .to_owned()
            }
        };
    }
    if says(&["No space left on device", "ENOSPC"]) {
        return "free some space, or name another place with --cache-dir: stages are built in the cache".to_owned();
    }
    if says(&["No matching distribution found", "is not a supported wheel on this platform"]) {
        return "only wheels for musl (musllinux) or for any platform fit Alpine: pin a version that has one, or add \
                `python3-dev`, `gcc` and `musl-dev` and have it compiled"
            .to_owned();
    }
    if says(&NO_COMPILER) {
        return format!(
            "it compiles something: add `build-base`, and `python3-dev` for Python, to `packages` of [stage.{stage}]"
        );
    }
    if let Some(program) = missing_program(output) {
        return format!("add the package that has `{program}` to `packages` of [stage.{stage}]");
    }
    if says(&["externally-managed-environment"]) {
        return "install into a folder of its own with `pip install --target /deps …`, and copy that".to_owned();
    }
    if says(&["Operation not permitted", "Invalid argument"]) && says(&["chown", "chgrp", "install:", "su:"]) {
        return "changing owners takes root or a range of user ids (/etc/subuid and newuidmap); the recipe's `owner` sets those \
                of what is copied out of a stage"
            .to_owned();
    }
    if ending == Ending::Signalled(nix::libc::SIGKILL) {
        return "something killed it, most likely the system for want of memory".to_owned();
    }
    let sees = if network == Network::None { ", and no network" } else { "" };
    format!(
        "it finds only what `packages` and `copy` of [stage.{stage}] name{sees}; `set -x; …` at its beginning shows each step"
    )
}

/// What is printed where names cannot be looked up or nobody can be reached.
const NO_NETWORK: [&str; 9] = [
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ENETUNREACH",
    "name resolution",
    "bad address",
    "Could not resolve",
    "Network is unreachable",
    "Network unreachable",
];

/// What is printed where a package has to be compiled and cannot be.
const NO_COMPILER: [&str; 6] = [
    "command 'gcc' failed",
    "command 'cc' failed",
    "Unable to find a compiler",
    "no acceptable C compiler",
    "gyp ERR! find Python",
    "not found: make",
];

/// The program that a shell did not find: busybox prints `sh: NAME: not found`, bash `NAME: command not found`.
fn missing_program(output: &str) -> Option<&str> {
    let line =
        output.lines().rev().find(|line| line.ends_with(": not found") || line.ends_with(": command not found"))?;
    let name = line.strip_suffix(": not found").or_else(|| line.strip_suffix(": command not found"))?;
    let name = name.rsplit(": ").next().unwrap_or(name).trim();
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_way_out_that_fits_it() {
        let none = Network::None;
        let cases = [
            ("/bin/sh: pip: not found", 127, none, "add the package that has `pip` to `packages` of [stage.deps]"),
            ("sh: line 1: npm: command not found", 127, none, "the package that has `npm`"),
            ("[Errno -3] Temporary failure in name resolution", 1, none, "say `network = \"host\"` in [stage.deps]"),
            ("npm error code EAI_AGAIN", 1, Network::Host, "whether the machine itself reaches that host"),
            (
                "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]",
                1,
                Network::Host,
                "ca-certificates-bundle",
            ),
            ("ERROR: No matching distribution found for numpy==1.0", 1, Network::Host, "musllinux"),
            ("error: command 'gcc' failed: No such file or directory", 1, none, "add `build-base`"),
            ("error: externally-managed-environment", 1, none, "--target"),
            ("chown: /data: Operation not permitted", 1, none, "a range of user ids"),
            ("tar: write error: No space left on device", 1, none, "--cache-dir"),
            ("", 1, none, "name, and no network; `set -x; …`"),
            ("", 1, Network::Host, "of [stage.deps] name; `set -x; …`"),
        ];
        for (output, status, network, expected) in cases {
            let advice = for_stage("deps", Ending::Exited(status), network, output);
            assert!(advice.contains(expected), "{output}: {advice}");
        }
        let advice = for_stage("deps", Ending::Signalled(9), none, "");
        assert!(advice.contains("want of memory"), "{advice}");
    }
}
