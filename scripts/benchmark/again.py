"""Builds after the first: the application's code changed, or nothing did; and what they are made of."""

import statistics

from .bare import Bare
from .command import seconds_of
from .rounds import rounds


def measure_again(results, subject, bare_program, code, large, repetitions):
    """`code` is a file that the recipe copies; `large`, where it is given, the same recipe with a large index beside."""
    subject.study()
    bare = Bare(bare_program, subject)
    subject.again()
    changes = iter(range(1 << 30))

    def after_a_change():
        with open(code, "a") as file:
            file.write(f"# change {next(changes)}\n")
        return subject.again()

    def unchanged():
        subject.again()
        return subject.again()

    def unchanged_beside():
        large.again()
        return large.again()

    # `unchanged` comes after a build of the same, so that the archive that stands there is the one that would be written.
    rivals = {
        "code changed": after_a_change,
        "unchanged": unchanged,
        "--version": lambda: seconds_of([subject.program, "--version"]),
        "bare writing": bare.write,
    }
    if large:
        rivals["unchanged, 30,000 packages"] = unchanged_beside
    seconds = rounds(rivals, repetitions)
    memory = {"unchanged": subject.again_memory()}
    if large:
        memory["unchanged, 30,000 packages"] = large.again_memory()
    results.table(f"{subject.name}, built again", seconds, "bare writing", memory)
    for name, most in (("code changed", 60), ("unchanged", 40), ("unchanged, 30,000 packages", 60), ("--version", 5)):
        if name in seconds:
            results.goal(f"{subject.name}: {name}", statistics.median(seconds[name]) * 1000, most, " ms")
