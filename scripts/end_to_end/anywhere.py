"""A locked sample, built wherever and whenever: the same manifest, or diffoscope tells what differs."""

import json
import os
import pwd
import shutil

from .command import find_tool, run
from .report import Failed, Skipped


class Locked:
    """A sample with its lock, in a folder of its own."""

    def __init__(self, program, sample, folder):
        self.program, self.stand_in, self.options = program, sample.stand_in, sample.options
        self.folder = folder / f"{sample.label}-locked"
        shutil.copytree(sample.recipe.parent, self.folder / "recipes")
        self.recipe = self.folder / "recipes" / sample.recipe.name
        self.first = self.folder / "first.tar"
        self.first_digest = None

    def lock(self):
        run([self.program.path, "lock", self.recipe, *self.places(), "--cache-dir", self.folder / "cache"])

    def places(self):
        return ["--mirror", self.stand_in / "repo", "--keys-dir", self.stand_in / "keys"]

    def build(self, output, *options, recipe=None, cache=None, places=None, before=(), **popen):
        """Builds it as the lock says; the manifest's digest."""
        command = [*before, self.program.path, "recipe", recipe or self.recipe, "--locked", "--json", "-o", output,
                   "--sbom", "none", *(places or self.places()), "--cache-dir", cache or self.folder / "cache",
                   *self.options, *options]
        said = run(command, **popen)
        return json.loads(said)["images"][0]["platforms"][0]["manifest-digest"]

    def expect_same(self, output, digest):
        if digest == self.first_digest:
            output.unlink()
            return
        # What it finds is for a person to read; its exit code says only that there is something.
        try:
            diffoscope = find_tool("APKBUILD_DIFFOSCOPE", "diffoscope", install="diffoscope")
            report = output.with_suffix(".diffoscope")
            run(["sh", "-c", '"$@" || test $? = 1', "sh", *diffoscope, "--text", report, self.first, output])
            print(report.read_text()[:20_000], flush=True)
        except (Skipped, Failed) as reason:
            print(f"    not explained: {reason}", flush=True)
        raise Failed(f"manifest: expected {self.first_digest}, found {digest}")


def check_anywhere(report, program, sample, folder):
    """Locks one sample and builds it under all that must not matter."""
    label, stand_in = sample.label, sample.stand_in
    locked = Locked(program, sample, folder)
    with report.check(f"{label}: locks, and builds what it locked"):
        locked.lock()
        locked.first_digest = locked.build(locked.first)
    if locked.first_digest is None:
        return
    output, environment = locked.folder / "again.tar", dict(os.environ)
    for title, more in (
        ("another time zone and locale", {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
        ("one thread", {"RAYON_NUM_THREADS": "1"}),
        ("seven threads", {"RAYON_NUM_THREADS": "7"}),
    ):
        with report.check(f"{label}: the same manifest with {title}"):
            locked.expect_same(output, locked.build(output, env={**environment, **more}))
    with report.check(f"{label}: the same manifest with an empty cache, compressed anew"):
        locked.expect_same(output, locked.build(output, cache=locked.folder / "cold"))
    with report.check(f"{label}: the same manifest in another folder, by another user, under another umask"):
        if os.geteuid() != 0:
            raise Skipped("the caller is an ordinary user already")
        nobody, home = pwd.getpwnam("nobody"), locked.folder / "elsewhere"
        shutil.copytree(locked.recipe.parent, home / "deeper" / "recipes")
        for path in (home, home / "deeper"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        digest = locked.build(home / "again.tar", recipe=home / "deeper" / "recipes" / locked.recipe.name, cache=home / "cache",
                              user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], umask=0o077, cwd=home,
                              env={"PATH": os.environ["PATH"], "HOME": str(home)})
        locked.expect_same(home / "again.tar", digest)
    with report.check(f"{label}: the same manifest by another clock"):
        faketime = find_tool("APKBUILD_FAKETIME", "faketime", install="faketime")
        locked.expect_same(output, locked.build(output, before=[*faketime, "2001-02-03 04:05:06"], cache=locked.folder / "early"))
    with report.check(f"{label}: the same manifest from a mirror without an index"):
        mirror = locked.folder / "without-index"
        shutil.copytree(stand_in / "repo", mirror, symlinks=True, ignore=shutil.ignore_patterns("APKINDEX.tar.gz"))
        places = ["--mirror", mirror, "--keys-dir", stand_in / "keys"]
        locked.expect_same(output, locked.build(output, places=places, cache=locked.folder / "without-index-cache"))
        shutil.rmtree(mirror)
    with report.check(f"{label}: the same manifest from a vendored folder, without a network"):
        vendor = locked.folder / "vendor"
        run([program.path, "vendor", locked.recipe, vendor, *locked.places(), "--cache-dir", locked.folder / "cache"])
        before = ["unshare", "-n"] if os.geteuid() == 0 else []
        for number, place in enumerate((["-X", vendor], ["--mirror", vendor])):
            places = [*place, "--keys-dir", vendor / "keys", "--offline"]
            cache = locked.folder / f"vendor-cache-{number}"
            locked.expect_same(output, locked.build(output, places=places, before=before, cache=cache))
        size = sum(path.stat().st_size for path in vendor.rglob("*.apk") if not path.is_symlink())
        report.figure(f"{label}: vendored packages", f"{size / 1e6:.2f} MB")
    shutil.rmtree(locked.folder)
