"""First builds of package sets from 1 MB to 1 GB: time and anonymous memory against size."""

import statistics

from .bare import Bare
from .command import warm
from .goods import Goods
from .plot import Point, plot
from .rounds import rounds
from .subject import Subject

MEGABYTE = 1_000_000


def measure_sizes(results, program, bare_program, folder, sizes, repetitions, plot_path):
    """`sizes` in MB; each set is so many packages of 1 MB. All of a set is kept, so that the whole way is measured."""
    goods = Goods(program, folder)
    names = [f"size-{number:04}" for number in range(max(sizes))]
    goods.add_all({name: {"usr/lib": MEGABYTE} for name in names})
    # The same bytes in one package: memory must not grow with a package's size either.
    one = f"whole-{max(sizes) // 3}"
    goods.add(one, {"usr/lib": max(sizes) // 3 * MEGABYTE})
    goods.index()
    points = []
    for size, wanted in [*((size, names[:size]) for size in sizes), (max(sizes) // 3, [one])]:
        label = f"{size} MB" if wanted != [one] else f"{size} MB in one package"
        recipe = goods.recipe(folder / f"set-{len(points)}.toml", wanted)
        subject = Subject(program, label, recipe, ["-X", goods.repository], goods.keys, goods.packages, folder / f"set-{len(points)}")
        subject.study()
        bare = Bare(bare_program, subject)
        warm(bare.layers)
        seconds = rounds({"apkbuild": subject.cold, "bare work": bare.work}, repetitions if size < 300 else min(repetitions, 3))
        memory = {"apkbuild": subject.cold_memory()}
        results.table(f"{label} of packages, first build, all kept", seconds, "bare work", memory)
        points.append(Point(label, size, statistics.median(seconds["apkbuild"]), statistics.median(seconds["bare work"]), memory["apkbuild"]))
        subject.forget()
        for path in (*bare.layers, bare.archive):
            path.unlink()
    many = points[:-1]
    results.goal(f"anonymous memory for {many[-1].label}", many[-1].anonymous / 1e6, 100, " MB")
    results.goal(f"anonymous memory for {points[-1].label}", points[-1].anonymous / 1e6, 100, " MB")
    # Linear: a byte of the largest set costs no more than one of the set in the middle, within what the machine's noise allows.
    middle = many[len(many) // 2]
    results.goal(f"seconds per MB at {many[-1].label}, of those at {middle.label}",
                 many[-1].seconds / many[-1].size / (middle.seconds / middle.size), 1.25, " times")
    if plot_path:
        plot(plot_path, many)
