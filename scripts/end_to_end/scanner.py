"""What scanners and apk itself read in an image: the installed database and the files that say which system it is."""

import re

from .report import Failed, expect


def check_scanner_data(report, label, archive, world):
    """`world` is what the recipe asked for."""
    with report.check(f"{label}: os-release and alpine-release tell the system"):
        release = dict(line.split("=", 1) for line in archive.text("etc/os-release").splitlines() if "=" in line)
        expect("ID", "alpine", release["ID"].strip('"'))
        version = archive.text("etc/alpine-release").strip()
        if not version[:1].isdigit():
            raise Failed(f"etc/alpine-release holds {version!r}, which is no version")
        expect("VERSION_ID", version, release["VERSION_ID"].strip('"'))
    with report.check(f"{label}: repositories and world are the recipe's"):
        expect("world", sorted(world), archive.text("etc/apk/world").split())
        if not archive.text("etc/apk/repositories").split():
            raise Failed("etc/apk/repositories is empty")
    with report.check(f"{label}: the installed database claims what is there, and nothing else"):
        folder, listed = "", 0
        for block in archive.text("lib/apk/db/installed").strip().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z]):(.*)$", block, re.MULTILINE))
            for letter in "CPVAo":
                if not fields.get(letter):
                    raise Failed(f"{fields.get('P')} has no {letter}:")
            for letter, value in re.findall(r"^([FR]):(.*)$", block, re.MULTILINE):
                if letter == "F":
                    folder = value
                    continue
                path, listed = f"{folder}/{value}".lstrip("/"), listed + 1
                if not archive.has(path):
                    raise Failed(f"{fields['P']} lists {path}, which is not in the image")
        if not listed:
            raise Failed("it lists no file")
