"""Commands: timed by the wall clock, or watched for their memory, never both in one run."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PAUSE = 0.002  # seconds between two looks at a program's memory


class Missing(Exception):
    """Something that cannot be measured here; the text says why."""


class Wrong(Exception):
    """A command that should have worked; the text holds what it said."""


class Seconds(float):
    """Seconds by the wall clock, and those that processors worked in them, which a busy machine lengthens less."""

    def __new__(cls, wall, worked):
        seconds = super().__new__(cls, wall)
        seconds.worked = worked
        return seconds

    @classmethod
    def sum(cls, several):
        several = list(several)
        return cls(sum(several), sum(seconds.worked for seconds in several))


def words_of(command):
    return [os.fspath(word) for word in command]


def seconds_of(command, output=os.devnull):
    """Runs `command` with its standard output in the file `output`; the seconds that took.

    It is started by posix_spawn, which costs the same whatever this script has in memory."""
    words = words_of(command)
    with tempfile.TemporaryFile() as errors:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.fspath(output), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
        ]
        started = time.perf_counter()
        process = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        seconds = Seconds(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)
        expect_success(words, os.waitstatus_to_exitcode(status), errors)
    return seconds


def anonymous_of(command, output=os.devnull):
    """Runs `command`; the most bytes of anonymous memory that it was seen with (RssAnon of proc_pid_status(5): mapped
    files are the page cache's and do not count)."""
    words = words_of(command)
    peak = 0
    with tempfile.TemporaryFile() as errors, open(output, "wb") as sink:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sink, stderr=errors)
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("RssAnon:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
            time.sleep(PAUSE)
        expect_success(words, process.returncode, errors)
    return peak


def expect_success(words, code, errors):
    if code != 0:
        errors.seek(0)
        said = " ".join(errors.read().decode(errors="replace").split())[-800:]
        raise Wrong(f"`{shlex.join(words)[:300]}` ended with {code}: {said}")


def run(command, **options):
    """Standard output of a command that prepares something and is not measured."""
    words = words_of(command)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Wrong(f"`{shlex.join(words)[:300]}` ended with {done.returncode}: {' '.join(done.stderr.split())[-800:]}")
    return done.stdout


def find(name):
    """The command of a tool that may be missing."""
    if shutil.which(name) is None:
        raise Missing(f"there is no {name} here")
    return name


def warm(paths):
    """Reads files, so that the page cache has them for everybody alike."""
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
