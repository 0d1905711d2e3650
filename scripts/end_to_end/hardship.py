"""A build where little is allowed: a full disk, a folder that cannot be written, a container of an engine."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from .command import run
from .report import Failed, Skipped, expect

# What is left after the call stands in standard output; the mount goes with its namespace.
UNDER_A_MOUNT = """
mount -t tmpfs -o size=$SIZE none "$PLACE" && printf old >"$PLACE/image.tar" && chmod 755 "$PLACE" || exit 99
[ -z "$READ_ONLY" ] || mount -o remount,ro "$PLACE"
"$@"
echo "status $?"
ls -A "$PLACE"
cat "$PLACE/image.tar"
"""


def under_a_mount(command, place, size, read_only=False):
    """Runs `command` while a small file system, which holds `image.tar`, lies on `place`; exit code, names, its text, messages."""
    if os.geteuid() != 0:
        raise Skipped("only root can mount")
    environment = {**os.environ, "PLACE": str(place), "SIZE": size, "READ_ONLY": "yes" if read_only else ""}
    words = ["unshare", "--mount", "sh", "-c", UNDER_A_MOUNT, "sh", *map(str, command)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    status = re.search(r"^status (\d+)\n", done.stdout, re.MULTILINE)
    if status is None:
        raise Failed(f"nothing was run: {done.stderr[-400:]}")
    *names, text = done.stdout[status.end():].split("\n")
    return int(status[1]), names, text, done.stderr


def check_disks(report, program, sample, folder):
    """What a build says and leaves where it cannot write: the old archive, and nothing beside it."""
    place = folder / f"{sample.label}-place"
    place.mkdir()
    elsewhere = folder / "elsewhere.tar"
    for name, output, cache, size, read_only, words in (
        ("a full disk under the output", place / "image.tar", None, "1m", False, ("No space left", "--output")),
        ("a full disk under the cache", elsewhere, place, "3m", False, ("No space left", "--cache-dir")),
        ("a read-only folder for the output", place / "image.tar", None, "1m", True, ("Read-only", "--output")),
        ("a read-only folder for the cache", elsewhere, place, "1m", True, ("Read-only", "--cache-dir")),
    ):
        with report.check(f"{sample.label}: {name} ends a build with one message, and leaves what was there"):
            command = program.command(sample.recipe, sample.stand_in, output, cache=cache)
            status, names, text, errors = under_a_mount(command, place, size, read_only)
            expect("exit code", 1, status)
            for word in (*words, "error: ", "help: "):
                if word not in errors:
                    raise Failed(f"`{word}` is not in: {errors[-600:]}")
            expect("errors", 1, errors.count("error: "))
            expect("the old archive", "old", text)
            if cache is None:
                expect("files", ["image.tar"], names)
            if any(".part" in name for name in names) or elsewhere.exists():
                raise Failed(f"something half-written is left: {names}")


def own_libraries(program):
    """The program and all that the dynamic loader needs for it, by path."""
    listed = run(["ldd", program])
    return [program, *re.findall(r"(/\S+) \(0x", listed)]


def image_of(program):
    """An archive with nothing but the program in it, for `import`."""
    archive = io.BytesIO()
    libraries = own_libraries(program)
    folders = {parent for path in libraries for parent in Path(path).parents if path != program and parent != Path("/")}
    with tarfile.open(fileobj=archive, mode="w") as tar:
        # An engine makes folders that are not listed, for root alone.
        for path in sorted({*folders, Path("/out")}):
            folder = tarfile.TarInfo(str(path))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for path in libraries:
            tar.add(os.path.realpath(path), arcname="apkbuild" if path == program else path)
    return archive.getvalue()


def check_container_build(report, engine, program, sample, folder):
    """Builds as an ordinary user inside a container under the engine's own seccomp profile: the same bytes."""
    image, place = "apkbuild-end-to-end-builder", folder / f"{sample.label}-container"
    with report.check(f"{sample.label}: {engine.name} builds as an ordinary user in a container, without user namespaces"):
        done = subprocess.run([*engine.command, "import", "-", image], input=image_of(program.path), env=engine.environment,
                              capture_output=True, timeout=300)
        if done.returncode != 0:
            raise Failed(f"`import`: {done.stderr.decode(errors='replace')[-400:]}")
        place.mkdir()
        place.chmod(0o777)
        shutil.copytree(sample.recipe.parent, place / "recipes")

        def inside(*words):
            words = ["run", "--rm", "--network", "host", "--user", "4321:4321", "-v", f"{sample.stand_in}:/stand-in:ro",
                     "-v", f"{place}:/out", "-e", "TMPDIR=/out", "-e", "APKBUILD_CACHE_DIR=/out/cache", image, "/apkbuild", *words]
            return subprocess.run([*engine.command, *words], env=engine.environment, capture_output=True, text=True, timeout=300)

        try:
            built = inside("recipe", f"/out/recipes/{sample.recipe.name}", "--mirror", "/stand-in/repo", "--keys-dir",
                           "/stand-in/keys", "-o", "/out/image.tar")
            expect("exit code", 0, built.returncode if built.returncode == 0 else built.stderr[-600:])
            expect("digest", hashlib.sha256(sample.archive.path.read_bytes()).hexdigest(),
                   hashlib.sha256((place / "image.tar").read_bytes()).hexdigest())
            refused = inside("run", "/out/image.tar", "whoami")
            if refused.returncode == 0 or "seccomp" not in refused.stderr:
                raise Failed(f"a sandbox should be refused by seccomp here: {refused.stdout} {refused.stderr[-400:]}")
        finally:
            subprocess.run([*engine.command, "rmi", "-f", image], env=engine.environment, capture_output=True, timeout=300)
