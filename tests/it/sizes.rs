//! That the figures for Alpine's own packages in the documentation are those that `scripts/alpine-sizes` works out.

use std::path::Path;
use std::process::Command;

use super::support::shared;

#[test]
fn the_documentation_has_the_figures_of_the_real_index() {
    let Some(shared) = shared("the_documentation_has_the_figures_of_the_real_index") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/alpine-sizes");
    let program = super::sandbox::program();
    let output = Command::new("python3")
        .arg(script)
        .arg("--check")
        .arg("--program")
        .arg(program)
        .env("APKBUILD_SHARED", shared)
        .output();
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("the_documentation_has_the_figures_of_the_real_index: skipped, since there is no python3");
            return;
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // What those who read the index by other means found, too.
    for sum in
        ["23 packages, 18.1 MB to download, 48.4 MB installed", "21 packages, 29.4 MB to download, 80.5 MB installed"]
    {
        assert!(said.contains(sum), "`{sum}` is not in:\n{said}");
    }
}
