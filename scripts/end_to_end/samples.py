"""What is built: each sample with the stand-in that it is built from, those of Python once for every Python."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .archive import Archive
from .report import Failed, missing

OVER_SIZE = ("--over-size", "warn")
# A word for the labels, the stand-in for what needs Python alone, and the one for what needs more.
PYTHONS = (("", "core", "full"), ("-3.13", "python-3.13", "python-3.13"))


@dataclass
class Sample:
    """A recipe and where its packages come from."""

    label: str
    recipe: Path
    stand_in: Path  # holds `repo` and `keys`
    options: tuple = ()
    locked: bool = False  # whether it is also locked and built anywhere; stages ask a package index, so they cannot be
    archive: Archive | None = field(default=None, compare=False)

    @property
    def is_plain_python(self):
        return self.recipe.name == "python.toml"


def find_stand_ins(report, maker, program, folder):
    """Copies of the stand-ins, by name: `core` and `full`, and that of the second Python."""
    stand_ins = {}
    for mode, options in (("core", []), ("full", ["--full"])):
        with report.check(f"the stand-in, {mode}"):
            # Its progress goes to standard error as it comes: the first time takes minutes.
            done = subprocess.run([maker, "--program", program, *options], stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise Failed(f"scripts/local-mirror ended with {done.returncode}; its message stands above")
            copy = folder / f"stand-in-{mode}"
            shutil.copytree(done.stdout.strip(), copy, symlinks=True)
            stand_ins[mode] = copy
    for _, name, _ in PYTHONS[1:]:
        with report.check(f"the stand-in, {name}"):
            if "full" not in stand_ins:
                raise missing("it is part of the full stand-in, which is not there")
            reason = stand_ins["full"] / name / "missing"
            if reason.exists():
                raise missing(f"no Python's test is made with it: {reason.read_text().strip()}")
            stand_ins[name] = stand_ins["full"] / name
    return stand_ins


def samples_of(stand_ins, recipes):
    """The samples whose stand-ins are there."""
    known = [(f"python{word}", "python", alone, (), True) for word, alone, _ in PYTHONS]
    known.append(("node", "node", "full", OVER_SIZE, True))
    known += [(f"python-deps{word}", "python-deps", more, OVER_SIZE, False) for word, _, more in PYTHONS]
    known.append(("node-build", "node-build", "full", OVER_SIZE, False))
    return [
        Sample(label, recipes / f"{recipe}.toml", stand_ins[stand_in], options, locked)
        for label, recipe, stand_in, options, locked in known
        if stand_in in stand_ins
    ]
