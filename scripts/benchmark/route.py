"""What a user would do by hand: apk into a folder, remove files, tar, gzip, umoci."""

import os
import shlex
import shutil
import time
from pathlib import Path

from .command import Missing, Seconds, anonymous_of, find, run, seconds_of

# An image that can be loaded, by the steps that the classic hand takes, and by the fewest that lead there.
BY_HAND = ["apk", "remove", "tar", "gzip -6", "umoci", "tar of image"]
SHORTEST = ["apk", "remove", "tar", "umoci", "tar of image"]
# No image yet: what to put in one.
PIGZ = ["apk", "remove", "tar", "pigz -6"]
ZSTD = ["apk", "remove", "tar", "zstd -9"]


def find_apk():
    """The command that installs with the real apk: `apk install REPOSITORY KEYS ROOT PACKAGE…`."""
    words = shlex.split(os.environ.get("APKBUILD_APK", ""))
    if not words:
        raise Missing("APKBUILD_APK names no apk")
    if os.geteuid() != 0:
        raise Missing("apk wants root")
    find(words[0])
    return words


class Route:
    """The same image as `subject`, by hand. `application` are files to copy: source to path in the image."""

    def __init__(self, subject, application):
        self.apk, self.umoci = find_apk(), find("umoci")
        self.subject, self.application = subject, application
        self.folder = subject.folder / "by-hand"
        self.folder.mkdir(exist_ok=True)
        self.root, self.layer, self.layout = (self.folder / name for name in ("root", "layer.tar", "layout"))
        installed = [package["name"] for package in subject.report["packages"]]
        self.names = [name for name in installed if any(subject.packages.glob(f"{name}-[0-9]*.apk"))]
        self.pruned = [entry["path"] for entry in subject.report["pruned"]]

    def steps(self):
        """Seconds of every step of one go, by name."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        compress = {"gzip -6": "gzip", "pigz -6": "pigz", "zstd -9": "zstd"}
        took = {
            "apk": seconds_of(self.install()),
            "remove": self.remove(),
            "tar": seconds_of(self.tar()),
            **{name: seconds_of(self.compress(name), self.folder / f"layer.{tool}") for name, tool in compress.items() if shutil.which(tool)},
            "umoci": Seconds.sum(seconds_of(command) for command in self.image()),
            "tar of image": seconds_of(["tar", "-C", self.layout, "-cf", self.folder / "image.tar", "."]),
        }
        return took

    def memory(self):
        """The most anonymous memory of the heavy steps, by name; to be called after `steps`."""
        shutil.rmtree(self.layout)
        return {
            "gzip -6": anonymous_of(self.compress("gzip -6"), self.folder / "layer.gzip"),
            "umoci": max(anonymous_of(command) for command in self.image()),
        }

    def install(self):
        return [*self.apk, "install", self.subject.packages.parent, self.subject.keys, self.root, *self.names]

    def remove(self):
        """Removes what pruning removed, and copies the application."""
        started, worked = time.perf_counter(), time.process_time()
        folders = set()
        for path in self.pruned:
            path = self.root / path
            folders.update(path.parents)
            if path.is_dir() and not path.is_symlink():
                folders.add(path)
            else:
                path.unlink(missing_ok=True)
        for folder in sorted((folder for folder in folders if self.root in folder.parents), reverse=True):
            if folder.is_dir() and not any(os.scandir(folder)):
                folder.rmdir()
        for source, target in self.application.items():
            target = self.root / target
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        return Seconds(time.perf_counter() - started, time.process_time() - worked)

    def tar(self):
        return ["tar", "--sort=name", "--numeric-owner", "-C", self.root, "-cf", self.layer, "."]

    def compress(self, name):
        tool, level = name.split()
        return [tool, level, "-c", *(["-T0", "-q"] if tool == "zstd" else []), self.layer]

    def image(self):
        umoci, image = self.umoci, f"{self.layout}:latest"
        return [
            [umoci, "init", "--layout", self.layout],
            [umoci, "new", "--image", image],
            [umoci, "raw", "add-layer", "--image", image, self.layer],
            [umoci, "config", "--image", image, "--config.user", "1001:1001", "--config.cmd", "python3"],
        ]

    def check(self):
        """That what comes out is an image: umoci reads it again."""
        run([self.umoci, "stat", "--image", f"{self.layout}:latest"])
        if not Path(self.folder / "image.tar").stat().st_size:
            raise Missing("the image by hand came out empty")
