"""A sample built in every way that must give the same bytes."""

import hashlib
import os
import pwd
import shutil
import statistics

from .archive import Archive
from .program import Program
from .report import Skipped, expect
from .sbom import SUFFIXES


def check_builds(report, program, sample, folder):
    """Builds one sample in every way that must give the same bytes; the archive, or None."""
    label, recipe, stand_in = sample.label, sample.recipe, sample.stand_in
    output, archive, program.peak = folder / f"{label}.tar", None, 0
    options = [*sample.options, "--sbom", "spdx", "--sbom", "cyclonedx"]
    with report.check(f"{label}: builds from the stand-in"):
        report.figure(f"{label}: first build", f"{program.build(recipe, stand_in, output, *options):.2f} s")
    with report.check(f"{label}: the archive holds what it says"):
        archive = Archive(output)
        report.figure(f"{label}: unpacked", f"{archive.unpacked / 1e6:.2f} MB")
        report.figure(f"{label}: compressed", f"{archive.compressed / 1e6:.2f} MB")
        report.figure(f"{label}: archive", f"{output.stat().st_size / 1e6:.2f} MB")
    if archive is None:
        return None
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    with report.check(f"{label}: built again, the same bytes"):
        again = folder / f"{label}-again.tar"
        times = [program.build(recipe, stand_in, again, *options) for _ in range(5)]
        report.figure(f"{label}: built again with everything cached, median of 5", f"{statistics.median(times):.3f} s")
        report.figure(f"{label}: peak memory of a build", f"{program.peak / 1e6:.0f} MB")
        expect("digest", digest, hashlib.sha256(again.read_bytes()).hexdigest())
        again.unlink()
        for suffix in SUFFIXES:
            first, second = folder / f"{label}{suffix}", folder / f"{label}-again{suffix}"
            expect(f"bytes of {second.name}", first.read_bytes(), second.read_bytes())
            second.unlink()
    with report.check(f"{label}: built by an ordinary user, under another umask, the same bytes"):
        if os.geteuid() != 0:
            raise Skipped("the caller is an ordinary user already")
        nobody = pwd.getpwnam("nobody")
        home = folder / f"{label}-nobody"
        home.mkdir()
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        copy = Program(program.path, home)
        shutil.copytree(recipe.parent, home / "recipes")
        copy.build(home / "recipes" / recipe.name, stand_in, home / "image.tar", *options, user=nobody.pw_uid,
                   group=nobody.pw_gid, extra_groups=[], umask=0o077, cwd=home, env={"PATH": os.environ["PATH"], "HOME": str(home)})
        expect("digest", digest, hashlib.sha256((home / "image.tar").read_bytes()).hexdigest())
        shutil.rmtree(home)
    return archive
