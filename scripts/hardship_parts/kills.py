"""Builds, locks, pushes, `vendor` and `cache clean` on one cache, each killed after a moment."""

import collections
import os
import shutil
import signal
import subprocess
import time

from end_to_end.report import Failed

from .ground import digest

BETWEEN = 25  # kills before all is looked at again
SIGNALS = [signal.SIGKILL] * 8 + [signal.SIGTERM, signal.SIGINT]


def check_kills(ground, chance, seconds, report):
    out = ground.folder / "out"
    images = {name: out / f"{name}.tar" for name in ["first", "second"]}
    for name, image in images.items():
        ground.finish(ground.build(name, image))
        ground.run("lock", ground.folder / f"{name}.toml", *ground.places())
    wanted = {name: digest(image) for name, image in images.items()}
    locks = {name: (ground.folder / f"{name}.lock").read_bytes() for name in images}
    expected = sorted(entry.name for entry in out.iterdir())
    above = sorted(entry.name for entry in ground.folder.iterdir())
    commands = {
        "recipe": lambda name: ground.build(name, images[name]),
        "lock": lambda name: ground.words("lock", ground.folder / f"{name}.toml", "--update", *ground.places()),
        "push": lambda name: ground.words("push", images[name], f"{ground.registry}/hardship/{name}:latest", "--sbom", "none"),
        "vendor": lambda name: ground.words("vendor", ground.folder / f"{name}.toml", out / "vendored", *ground.places()),
        "cache clean": lambda name: ground.words("cache", "clean", "--cache-dir", ground.cache),
    }
    usual = dict.fromkeys(commands, 0.2)
    kills = collections.Counter()
    endings = collections.Counter()
    end = time.monotonic() + seconds
    looks = 0
    while time.monotonic() < end:
        for _ in range(BETWEEN):
            verb, name = chance.choice(list(commands)), chance.choice(list(images))
            shutil.rmtree(out / "vendored", ignore_errors=True)
            began = time.monotonic()
            process = subprocess.Popen(commands[verb](name), env=ground.environment, cwd=ground.folder,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       start_new_session=True)
            try:
                _, errors = process.communicate(timeout=chance.random() * usual[verb] * 1.1)
                usual[verb] = usual[verb] * 0.7 + (time.monotonic() - began) * 0.3
                endings[f"{verb} ended first"] += 1
                if process.returncode != 0:
                    raise Failed(f"{verb} ended with {process.returncode}: {errors.decode(errors='replace')[-400:]}")
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, chance.choice(SIGNALS))
                process.communicate(timeout=60)
                kills[verb] += 1
        look(ground, images, wanted, locks, expected, above)
        looks += 1
    report.figure("kills", f"{sum(kills.values())}, of them {', '.join(f'{verb} {count}' for verb, count in sorted(kills.items()))}")
    report.figure("looks between them", looks)
    report.figure("ended before the kill", sum(endings.values()))


def look(ground, images, wanted, locks, expected, above):
    """What is built now is what was built first, and nothing else is there."""
    shutil.rmtree(ground.folder / "out/vendored", ignore_errors=True)
    for name, image in images.items():
        image.unlink(missing_ok=True)
        ground.finish(ground.build(name, image))
        if digest(image) != wanted[name]:
            raise Failed(f"{name} is another image after the kills")
        ground.run("lock", ground.folder / f"{name}.toml", *ground.places())
        if (ground.folder / f"{name}.lock").read_bytes() != locks[name]:
            raise Failed(f"the lock of {name} is another one after the kills")
        ground.run("push", image, f"{ground.registry}/hardship/{name}:latest", "--sbom", "none")
        ground.run("vendor", ground.folder / f"{name}.toml", ground.folder / "out/vendored", *ground.places())
        shutil.rmtree(ground.folder / "out/vendored")
    ground.run("cache", "verify", "--cache-dir", ground.cache)
    for folder, names in [(ground.folder / "out", expected), (ground.folder, above)]:
        found = sorted(entry.name for entry in folder.iterdir())
        if found != names:
            raise Failed(f"left in {folder.name}: {', '.join(sorted(set(found) - set(names)))}")
