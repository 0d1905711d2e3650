"""An image for aarch64, built here from Debian's busybox and musl for arm64, and executed by qemu."""

import json
import os
import shutil
import subprocess

from .command import find_tool, run
from .report import Failed, expect

DEBIAN = ["busybox-static", "musl"]
LOADER = "lib/ld-musl-aarch64.so.1"


def fetch(folder):
    """Debian's packages for arm64, unpacked, with lists of apt's own, so that the machine's are not touched."""
    folder.mkdir()
    for name in ("lists/partial", "cache/archives/partial", "unpacked"):
        (folder / name).mkdir(parents=True)
    targets = run(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI) $(RELEASE) $(COMPONENT)",
                   "Created-By: Packages"])
    sources = {line.removeprefix("Debian|") for line in targets.splitlines()
               if line.startswith("Debian|") and line.endswith(" main")}
    (folder / "sources.list").write_text("".join(f"deb [arch=arm64] {source}\n" for source in sorted(sources)))
    options = {
        "Dir::Etc::SourceList": folder / "sources.list", "Dir::Etc::SourceParts": "-", "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache", "APT::Architecture": "arm64", "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    run([*apt, "update"])
    run([*apt, "download", *DEBIAN], cwd=folder)
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "-x", package, folder / "unpacked"])
    return folder / "unpacked"


def make_repository(program, folder, unpacked):
    """Debian's programs as packages of Alpine's format; busybox makes its links in a script, as Alpine's old ones do."""
    run([program.path, "keygen", "--name", "foreign", "--bits", "2048", "-o", folder])
    (folder / "keys").mkdir()
    (folder / "foreign.rsa.pub").rename(folder / "keys/foreign.rsa.pub")
    place = folder / "repository/aarch64"
    place.mkdir(parents=True)
    for name, files in (("musl", {LOADER: "usr/lib/aarch64-linux-musl/libc.so"}), ("busybox", {"bin/busybox": "bin/busybox"})):
        root = folder / name / "root"
        for path, source in files.items():
            source = next(it for it in (unpacked / source, unpacked / source.removeprefix("usr/")) if it.exists())
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / path)
            (root / path).chmod(0o755)
        if name == "busybox":
            for path in ("sbin", "usr/bin", "usr/sbin"):
                (root / path).mkdir(parents=True)
            (root / "bin/sh").symlink_to("/bin/busybox")
            (folder / name / ".post-install").write_text("#!/bin/sh\nexec /bin/busybox --install -s\n")
        run([program.path, "mkpkg", folder / name, "--key", folder / "foreign.rsa", "-o", place, "--name", name,
             "--version", "1.35.0-r0", "--arch", "aarch64", "--license", "GPL-2.0-only"])
    run([program.path, "mkndx", place, "--key", folder / "foreign.rsa"])


def check_foreign(report, program, folder):
    """Builds for aarch64 on whatever this is, and has qemu execute what came of it."""
    folder = folder / "foreign"
    folder.mkdir()
    root = folder / "root"
    with report.check("aarch64: built here from packages for it"):
        make_repository(program, folder, fetch(folder / "debian"))
        recipe = folder / "foreign.toml"
        recipe.write_text('name = "apkbuild-foreign"\narchs = ["aarch64"]\n\n[alpine]\nrepositories = ["./repository"]\n'
                          'packages = ["busybox", "musl"]\n\n[config]\ncmd = ["/bin/sh"]\n')
        options = [recipe, "--keys-dir", folder / "keys", "--cache-dir", folder / "cache"]
        run([program.path, "recipe", *options, "--format", "rootfs", "-o", root])
        run([program.path, "recipe", *options, "-o", folder / "foreign.tar"])
        described = json.loads(run([program.path, "inspect", folder / "foreign.tar", "--json"]))
        expect("platforms", ["linux/arm64/v8"], described["platforms"])
    if not root.is_dir():
        return
    with report.check("aarch64: the commands of busybox are linked, as it says itself"):
        listed = qemu(root, "/bin/busybox", "--list-full").split()
        missing = [path for path in listed if not os.path.islink(root / path) and path != "bin/busybox"]
        expect("commands without a link", [], missing)
        if len(listed) < 200:
            raise Failed(f"busybox names {len(listed)} commands only")
    with report.check("aarch64: qemu executes its shell, its commands and musl's loader"):
        expect("machine", "aarch64\n", qemu(root, "/bin/uname", "-m"))
        expect("account", "appuser\n", qemu(root, "/bin/grep", "-o", "^appuser", "/etc/passwd"))
        expect("what the shell prints", "6\n", qemu(root, "/bin/sh", "-c", "echo $((2 * 3))"))
        said = subprocess.run(command(root, f"/{LOADER}"), capture_output=True, text=True, timeout=60).stderr
        if "musl libc (aarch64)" not in said:
            raise Failed(f"the loader said {said!r}")


def command(root, *words):
    """The words that have qemu run a program of `root` as in the image; a change of root needs a user namespace, or root."""
    emulator = find_tool("APKBUILD_QEMU_AARCH64", "qemu-aarch64-static", install="qemu-user-static")
    inside = root / "qemu"
    if not inside.exists():
        shutil.copy(shutil.which(emulator[0]), inside)
    enter = ["chroot"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "chroot"]
    return [str(word) for word in (*enter, root, "/qemu", *words)]


def qemu(root, *words):
    return run(command(root, *words))
