"""Repetitions: every rival once a round, so that what disturbs the machine disturbs all of them alike."""

import statistics


def rounds(rivals, repetitions):
    """Seconds of each of `rivals` (name to a function that gives seconds), by name. One round more is made first that
    does not count; each round begins with another rival."""
    names = list(rivals)
    seconds = {name: [] for name in names}
    for number in range(repetitions + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            took = rivals[name]()
            if number > 0:
                seconds[name].append(took)
    return seconds


def worked(several):
    """The median of the seconds that processors worked."""
    return statistics.median(seconds.worked for seconds in several)


def ratio(seconds, name, other):
    """The median of `name` over that of `other`, by the clock."""
    return statistics.median(seconds[name]) / statistics.median(seconds[other])
