//! What the user is told where nothing can be selected, a snapshot for each kind.

use super::brief::resolve_brief;

/// The message for `world`, with its help lines as they are printed.
fn explanation(repositories: &[(&str, &str)], world: &str) -> String {
    let error = resolve_brief(repositories, world).expect_err("there should be no selection");
    let help = error.help().unwrap_or_default();
    let help: String = help.lines().map(|line| format!("\nhelp: {line}")).collect();
    format!("error: {error}{help}")
}

const MAIN: &str = "
    musl 1.2.5-r0 | p: so:libc.musl-x86_64.so.1=1
    busybox 1.36.1-r29 | D: so:libc.musl-x86_64.so.1 | p: /bin/sh cmd:sh=1.36.1-r29
    bash 5.2.26-r0 | D: so:libc.musl-x86_64.so.1 /bin/sh
    python3 3.12.3-r1 | D: so:libc.musl-x86_64.so.1 | p: cmd:python3=3.12.3-r1
    py3-pip 24.0-r2 | D: python3~3.12 | p: cmd:pip3=24.0-r2
    nodejs 20.15.1-r0 | D: so:libc.musl-x86_64.so.1 ca-certificates
    ca-certificates 20240705-r0 | D: /bin/sh
";

macro_rules! explained {
    ($($name:ident: [$(($address:expr, $packages:expr)),*], $world:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), explanation(&[$(($address, $packages)),*], $world));
            }
        )*
    };
}

explained! {
    a_misspelt_name: [("/main", MAIN)], "pyhton3";
    a_name_without_its_number: [("/main", MAIN)], "busybox python";
    a_name_that_is_like_no_other: [("/main", MAIN)], "postgresql16";
    the_name_of_a_command: [("/main", MAIN)], "pip3";
    no_repository_at_all: [], "python3";
    a_provided_name_with_one_provider: [("/main", MAIN)], "nodejs";
    a_provided_name_with_several_providers: [("/main", "
        nullmailer 2.2-r5 | p: mta
        postfix 3.9.0-r1 | p: mta
        mailx 8.1-r3 | D: mta
    ")], "mailx";
    a_version_that_is_not_there: [("/main", MAIN)], "python3=3.11.9-r0";
    a_version_without_its_revision: [("/main", MAIN)], "python3=3.12.3";
    a_wish_against_what_is_needed: [("/main", MAIN)], "py3-pip !python3";
    a_dependency_on_another_version: [("/main", "
        python3 3.12.3-r1
        py3-old 1.0-r0 | D: python3~3.11
    ")], "py3-old";
    several_versions_and_none_fits: [("/main", "
        python3 3.11.9-r0
        python3 3.12.3-r1
        py3-new 1.0-r0 | D: python3>=3.13
    ")], "py3-new";
    packages_that_exclude_each_other: [("/main", "
        busybox-extras 1-r0 | D: !inetutils
        inetutils 2-r0
    ")], "busybox-extras inetutils";
    packages_that_provide_the_same: [("/main", "
        openssl 3.3-r0 | p: cmd:openssl=3.3-r0
        libressl 3.9-r0 | p: cmd:openssl=3.9-r0
    ")], "openssl libressl";
    a_package_that_provides_a_name_twice: [("/main", "odd 1-r0 | p: v=1 v=2")], "odd";
    a_library_that_is_nowhere: [("/main", "
        libfoo 1-r0 | p: so:libfoo.so.2=2.0
        tool 1-r0 | D: so:libfoo.so.1
    ")], "tool";
    a_repository_that_is_missing: [("/main", "tool 1-r0 | D: zzuf-completely-else")], "tool";
    a_name_that_only_a_pinned_repository_has: [("/main", MAIN), ("@edge /edge", "nginx 1.27-r0")], "nginx";
    a_dependency_that_only_a_pinned_repository_has:
        [("/main", "site 1-r0 | D: nginx"), ("@edge /edge", "nginx 1.27-r0")], "site";
    a_tag_that_no_repository_has: [("/main", MAIN)], "python3@edge";
    a_package_for_another_machine: [("/main", "tool 1-r0 | A: armv7")], "tool";
    a_package_with_a_field_of_the_future: [("/main", "tool 1-r0 | X: y")], "tool";
    a_package_that_pins_its_dependency: [("/main", "tool 1-r0 | D: nginx@edge")], "tool";
    a_package_of_another_identity: [("/main", "tool 1-r0")], "tool><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=";
    a_choice_that_is_not_taken_back: [("/main", "
        kernel 1-r0
        module 1-r0 | D: kernel=1-r0
        module 2-r0 | D: kernel=2-r0
    ")], "module";
}
