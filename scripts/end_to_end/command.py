"""Other programs: found, installed where root may, called, held to their exit code."""

import os
import shlex
import shutil
import subprocess

from .report import Failed, missing

LIMIT = 300  # seconds that one command of an engine may take


def run(command, **options):
    """Standard output of a command, as text; a Failed that holds its standard error where it fails."""
    options.setdefault("timeout", LIMIT)
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[-600:]
        raise Failed(f"`{' '.join(map(str, command))}` ended with {done.returncode}: {words}")
    return done.stdout


def find_tool(variable, name, install=None):
    """The command of a tool, installed with the package `install` where root may, or the reason why there is none."""
    command = shlex.split(os.environ.get(variable, name))
    if shutil.which(command[0]) is None and install and os.geteuid() == 0:
        for call in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", install]):
            subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if shutil.which(command[0]) is None:
        raise missing(f"there is no {command[0]} here; {variable} names another")
    return command
