"""The limits: a program of benches/bare.rs that does what cannot be left out, and nothing else."""

import json

from .command import run, seconds_of


def build(checkout):
    """Compiles it as the program itself is compiled; where it lies."""
    said = run(["cargo", "build", "--release", "--locked", "--example", "bare", "--message-format", "json"], cwd=checkout)
    for line in said.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "bare":
            return message["executable"]
    raise FileNotFoundError("cargo named no executable of the example `bare`")


class Bare:
    """The bare work of one image, and the bare writing of its archive."""

    def __init__(self, program, subject):
        self.program, self.subject = program, subject
        self.layers, self.packages = subject.layers(), subject.archives()
        # The build's own output is rewritten while this is measured.
        self.archive = subject.folder / "archive.tar"
        self.archive.write_bytes(subject.output.read_bytes())

    def work(self, *options):
        """Seconds of inflating and hashing every package, then hashing and deflating what is kept."""
        return seconds_of([self.program, "work", *options, "--kept", *self.layers, "--", *self.packages])

    def write(self):
        """Seconds of writing as many bytes as the archive has, to the disk."""
        target = self.subject.folder / "written.tar"
        target.unlink(missing_ok=True)
        return seconds_of([self.program, "write", self.archive, target])
