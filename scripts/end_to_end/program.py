"""apkbuild, as a user calls it."""

import os
import subprocess
import time

from .report import Failed


class Program:
    """apkbuild, as a user calls it."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder
        self.peak = 0  # bytes: the largest resident set of a build since this was set to 0

    def command(self, recipe, stand_in, output, *options, cache=None):
        """The words that build `recipe` into `output`."""
        return [self.path, "recipe", recipe, "--mirror", stand_in / "repo", "--keys-dir", stand_in / "keys",
                "--cache-dir", cache or self.folder / "cache", "-o", output, *options]

    def build(self, recipe, stand_in, output, *options, **popen):
        """Builds `recipe` into `output`; the seconds that took."""
        command = self.command(recipe, stand_in, output, *options)
        errors = output.with_suffix(".errors")
        started = time.monotonic()
        with open(errors, "wb") as sink:
            process = subprocess.Popen([str(word) for word in command], stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, **popen)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            words = " ".join(errors.read_text(errors="replace").split())[-800:]
            raise Failed(f"`{' '.join(map(str, command))}` ended with {process.returncode}: {words}")
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        return seconds
