"""What a run of checks comes to: a line a check, the figures, the last line."""

import contextlib
import os
import subprocess
import tarfile


class Failed(Exception):
    """A check that did not hold; the text says what was expected and found."""


class Skipped(Exception):
    """A check that could not be made here."""


class Report:
    """Counts checks, prints each as it ends, keeps the figures for the end."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.figures = []

    @contextlib.contextmanager
    def check(self, name):
        try:
            yield
        except Skipped as reason:
            self.skipped += 1
            print(f"skipped {name}: {reason}", flush=True)
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError, tarfile.TarError) as reason:
            self.failed += 1
            print(f"FAILED {name}: {reason}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def figure(self, name, value):
        self.figures.append((name, value))

    def close(self):
        width = max((len(name) for name, _ in self.figures), default=0)
        for name, value in self.figures:
            print(f"    {name:<{width}}  {value}")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def expect(what, expected, found):
    if expected != found:
        raise Failed(f"{what}: expected {expected!r}, found {found!r}")


def missing(reason):
    """The exception for a tool that is not there: what it is depends on whether it may be missing."""
    return Failed(reason) if os.environ.get("APKBUILD_REQUIRE_ENGINES") == "1" else Skipped(reason)
