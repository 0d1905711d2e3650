"""First builds of package sets from 1 MB to 1 GB: time and anonymous memory against size."""

import statistics

from .bare import Bare
from .goods import Goods
from .plot import Point, plot
from .rounds import rounds
from .subject import Subject

MEGABYTE = 1_000_000
SLOW = 300  # MB from which on three repetitions have to do


def make_sets(program, folder, sizes):
    """A recipe for each of `sizes` in MB, of so many packages of 1 MB, and one for a third of the largest size in one
    package: memory must not grow with the size of a package either. Labels, MB and subjects, in that order."""
    goods = Goods(program, folder)
    names = [f"size-{number:04}" for number in range(max(sizes))]
    goods.add_all({name: {"usr/lib": MEGABYTE} for name in names})
    whole = max(sizes) // 3
    goods.add(f"whole-{whole}", {"usr/lib": whole * MEGABYTE})
    goods.index()
    sets = [(f"{size} MB", size, names[:size]) for size in sizes] + [(f"{whole} MB in one package", whole, [f"whole-{whole}"])]
    for number, (label, size, wanted) in enumerate(sets):
        recipe = goods.recipe(folder / f"set-{number}.toml", wanted)
        subject = Subject(program, label, recipe, ["-X", goods.repository], goods.keys, goods.packages, folder / f"set-{number}")
        yield label, size, subject


def measure_sizes(results, sets, bare_program, repetitions, plot_path):
    """All of each set is kept, so that the whole way is measured."""
    points = []
    for label, size, subject in sets:
        subject.study()
        bare = Bare(bare_program, subject)
        memory = {"apkbuild": subject.cold_memory()}
        seconds = rounds({"apkbuild": subject.cold, "bare work": bare.work}, repetitions if size < SLOW else min(repetitions, 3))
        results.table(f"{label}, first build, all kept", seconds, "bare work", memory)
        points.append(Point(label, size, statistics.median(seconds["apkbuild"]), statistics.median(seconds["bare work"]), memory["apkbuild"]))
        subject.forget()
        for path in (*bare.layers, bare.archive):
            path.unlink()
    *many, whole = points
    largest, middle = many[-1], many[len(many) // 2]
    for point in (largest, whole):
        results.goal(f"anonymous memory for {point.label}", point.anonymous / 1e6, 100, " MB")
    # Linear: a byte of the largest set costs no more than one of a set in the middle, within the machine's noise.
    growth = largest.seconds / largest.size / (middle.seconds / middle.size)
    results.goal(f"seconds per MB at {largest.label}, of those at {middle.label}", growth, 1.25, " times")
    if plot_path:
        plot(plot_path, many)
