"""That the Node sample holds what a Node application needs to run, and nothing else; that the Python samples are small."""

import re

from .report import Failed, expect

# What each file is there for. Links to busybox are its programs.
PURPOSES = {
    "Node": r"usr/bin/node",
    "the libraries it needs": r"lib/(ld-musl|libc\.musl)-\w+\.so\.1|usr/lib/lib(gcc_s|stdc\+\+)\.so\.[\d.]+",
    "busybox": r"bin/busybox|etc/busybox-paths\.d/busybox",
    "the application": r"app/server\.js",
    "the account files": r"etc/(passwd|group|shadow)",
    "which system it is": r"etc/(os|alpine)-release",
    "the package database": r"lib/apk/db/(installed|scripts\.tar|triggers)|etc/apk/(arch|repositories|world)",
}
# What Alpine's packages bring and the stand-in's own do not.
OPTIONAL = {
    "the CA bundle": r"etc/ssl(1\.1)?/(cert\.pem|certs(/ca-certificates\.crt)?)",
    "busybox's own settings": r"etc/(logrotate\.d/acpid|network/if-up\.d/dad|securetty|udhcpc/udhcpc\.conf)|usr/share/udhcpc/default\.script",
}


def check_node_contents(report, label, archive):
    """Every file has a purpose, and every purpose a file."""
    with report.check(f"{label}: it holds node, its libraries, busybox, the application, and what tells of them"):
        purposes, others = {**PURPOSES, **OPTIONAL}, []
        found = set()
        for path in sorted(archive.paths):
            if archive.links.get(path, "").rpartition("/")[2] == "busybox":
                continue
            purpose = next((it for it, pattern in purposes.items() if re.fullmatch(pattern, path)), None)
            if purpose is None:
                others.append(path)
            found.add(purpose)
        if others:
            raise Failed(f"nothing asks for {', '.join(others)}")
        if missing := [purpose for purpose in PURPOSES if purpose not in found]:
            raise Failed(f"nothing is there of {', '.join(missing)}")


def check_python_contents(report, label, archive):
    """Python has its names, and the image its size."""
    with report.check(f"{label}: /usr/bin/python is there, as Alpine's python3 brings it"):
        expect("link", "python3", archive.links.get("usr/bin/python"))
    with report.check(f"{label}: under 25 MB unpacked and 10 MB compressed"):
        if archive.unpacked >= 25e6 or archive.compressed >= 10e6:
            raise Failed(f"{archive.unpacked} bytes unpacked, {archive.compressed} compressed")
