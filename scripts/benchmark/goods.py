"""Packages that are made to be measured: signed, indexed, full of data that half compresses."""

import concurrent.futures
import os
import random
import shutil

from .command import run

FILE = 64 << 10  # bytes of a file


class Goods:
    """A repository with the folders REPOSITORY/x86_64 and KEYS, filled by the program's own `mkpkg` and `mkndx`."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.repository, self.keys = folder / "repository", folder / "keys"
        self.packages = self.repository / "x86_64"
        self.packages.mkdir(parents=True)
        self.keys.mkdir()
        run([program, "keygen", "--bits", "2048", "--name", "bench", "--output", folder])
        self.key = folder / "bench.rsa"
        shutil.copy(folder / "bench.rsa.pub", self.keys)
        chance = random.Random(1)
        words = [bytes(chance.choices(range(97, 123), k=chance.randint(2, 9))) for _ in range(4000)]
        self.prose = b" ".join(chance.choices(words, k=300_000))

    def file(self, chance):
        """One file: half of it cannot be compressed, half is prose; in turns, a page of each."""
        pieces = []
        for _ in range(FILE // 8192):
            start = chance.randrange(len(self.prose) - 4096)
            pieces += (chance.randbytes(4096), self.prose[start : start + 4096])
        return b"".join(pieces)

    def add(self, name, folders):
        """Makes the package `name` with the bytes of `folders` (path to how many) in files of 64 KiB, a part of the last."""
        source = self.folder / f"source-{name}"
        chance = random.Random(name)
        for path, size in folders.items():
            folder = source / "root" / path / name
            folder.mkdir(parents=True)
            for number, start in enumerate(range(0, size, FILE)):
                (folder / f"{number:05}.dat").write_bytes(self.file(chance)[: size - start])
        run([self.program, "mkpkg", source, "--key", self.key, "-o", self.packages, "--name", name, "--version", "1.0-r0",
             "--arch", "x86_64", "--description", f"Data of {name}", "--license", "MIT", "--level", "6"],
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
        shutil.rmtree(source)

    def add_all(self, packages):
        """Makes several packages at once: name to folders."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.add, packages, packages.values()))

    def index(self):
        run([self.program, "mkndx", self.packages, "--key", self.key])

    def recipe(self, path, names):
        """Writes a recipe for the packages `names`."""
        listed = ", ".join(f'"{name}"' for name in names)
        path.write_text(f'name = "{path.stem}"\narchs = ["x86_64"]\n[alpine]\npackages = [{listed}]\n[config]\ncmd = ["/bin/true"]\n')
        return path
