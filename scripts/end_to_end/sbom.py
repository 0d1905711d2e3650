"""Bills of materials: held against the official schemas by software that is not ours, and against what is in the image."""

import json
import re
import subprocess
import sys
from pathlib import Path

from .command import run
from .report import Failed, expect, missing

SUFFIXES = (".spdx.json", ".cdx.json")
NEEDED = ("cyclonedx-python-lib[json-validation]", "spdx-tools")
SCRIPT = Path(__file__).resolve().parent.parent / "validate-sbom"


class Validator:
    """scripts/validate-sbom, with what it needs in an environment of its own."""

    def __init__(self, folder):
        environment = folder / "validators"
        self.python = environment / "bin/python"
        try:
            run([sys.executable, "-m", "venv", environment])
            run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDED])
        except (Failed, subprocess.SubprocessError) as reason:
            raise missing(f"the validators cannot be installed here: {reason}") from reason

    def __call__(self, *paths):
        said = run([self.python, SCRIPT, *paths])
        expect("documents found valid", len(paths), said.count(": valid\n"))


def packages_of(archive):
    """Names and versions in the installed database of an image."""
    database = archive.text("lib/apk/db/installed")
    blocks = [dict(re.findall(r"^([A-Za-z]):(.*)$", block, re.MULTILINE)) for block in database.split("\n\n")]
    return {(block["P"], block["V"]) for block in blocks if "P" in block}


def names_of(path):
    """Package URLs of a bill of materials without what follows the version."""
    document = json.loads(Path(path).read_text())
    if "spdxVersion" in document:
        references = [reference["referenceLocator"] for package in document["packages"] for reference in package.get("externalRefs", [])]
    else:
        references = [component["purl"] for component in document["components"] if "purl" in component]
    return {reference.partition("?")[0] for reference in references}


def check_sboms(report, label, archive, validator):
    """The bills of materials beside an archive."""
    stem = str(archive.path).removesuffix(".tar")
    files = [Path(stem + suffix) for suffix in SUFFIXES]
    if validator is not None:
        with report.check(f"{label}: its bills of materials are valid by the official schemas"):
            validator(*files)
    with report.check(f"{label}: its bills of materials name what is in the image"):
        quote = {"+": "%2B"}
        wanted = {f"pkg:apk/alpine/{name}@{version}".translate(str.maketrans(quote)) for name, version in packages_of(archive)}
        for file in files:
            found = names_of(file)
            expect(f"Alpine packages in {file.name}", sorted(wanted), sorted(name for name in found if name.startswith("pkg:apk/")))
            for kind, pattern in (("pypi", r"\.dist-info/METADATA$"), ("npm", r"/node_modules/(@[^/]+/)?[^/]+/package\.json$")):
                places = [path for path in archive.paths if re.search(pattern, path)]
                names = [name for name in found if name.startswith(f"pkg:{kind}/")]
                if bool(places) != bool(names):
                    raise Failed(f"{file.name} names {names} where the image has {places}")
    with report.check(f"{label}: its bills of materials are of this very image"):
        digest = archive.manifest_digest.removeprefix("sha256:")
        spdx, cyclonedx = (json.loads(file.read_text()) for file in files)
        expect("SPDX's checksum of the image", digest, spdx["packages"][0]["checksums"][0]["checksumValue"])
        expect("CycloneDX's hash of the image", digest, cyclonedx["metadata"]["component"]["hashes"][0]["content"])
