"""A first build, beside the bare work that it cannot do without and beside the same image by hand."""

from .bare import Bare
from .command import Missing, Seconds
from .rounds import ratio, rounds, worked
from .route import BY_HAND, PIGZ, SHORTEST, ZSTD, Route


def measure_cold(results, subject, bare_program, repetitions, by_hand=None, of_bare=None):
    """`by_hand` are the files that the application adds, where the same is to be made by hand as well; `of_bare` is how
    many times the bare work may be taken."""
    subject.study()
    bare = Bare(bare_program, subject)
    rivals = {
        "apkbuild": subject.cold,
        "bare work": bare.work,
        "bare work, overlapped": lambda: bare.work("--overlap"),
        "bare writing": bare.write,
    }
    steps = {}
    route = find_route(results, subject, by_hand)
    if route:

        def go():
            took = route.steps()
            for name, seconds in took.items():
                steps.setdefault(name, []).append(seconds)
            return Seconds.sum(took[name] for name in BY_HAND)

        rivals["apk + tar + gzip + umoci"] = go
    seconds = rounds(rivals, repetitions)
    memory = {"apkbuild": subject.cold_memory()}
    if route:
        route.check()
        seconds.update(sums(steps))
        memory.update({f"  {name}": held for name, held in route.memory().items()})
    title = (f"{subject.name}, first build: {len(bare.packages)} packages, {subject.inflated_size() / 1e6:.1f} MB of files, "
             f"{subject.kept_size() / 1e6:.1f} MB kept")
    results.table(title, seconds, "bare work", memory)
    if of_bare:
        results.goal(f"{subject.name}: first build, of the bare work", ratio(seconds, "apkbuild", "bare work"), of_bare, " times")
        work = worked(seconds["apkbuild"]) / worked(seconds["bare work"])
        results.goal(f"{subject.name}: first build, of the bare work, processors' time", work, of_bare, " times")
    if route:
        results.goal(f"{subject.name}: first build, of apk + tar + gzip + umoci", ratio(seconds, "apkbuild", "apk + tar + gzip + umoci"), 1 / 3, " times")


def find_route(results, subject, application):
    if application is None:
        return None
    try:
        return Route(subject, application)
    except Missing as reason:
        results.skip(f"{subject.name}: the same by hand", reason)
        return None


def sums(steps):
    """The other routes out of the steps that were taken anyway, and the steps; the round that does not count is left out."""
    steps = {name: seconds[1:] for name, seconds in steps.items()}
    routes = {}
    for title, names in (
        ("apk + tar + umoci, its own gzip", SHORTEST),
        ("apk + tar + pigz, no image", PIGZ),
        ("apk + tar + zstd, no image", ZSTD),
    ):
        if all(name in steps for name in names):
            routes[title] = [Seconds.sum(took) for took in zip(*(steps[name] for name in names))]
    return {**routes, **{f"  {name}": seconds for name, seconds in steps.items()}}
