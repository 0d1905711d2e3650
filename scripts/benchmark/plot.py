"""A plot as SVG: seconds and anonymous memory of a first build against the size of its packages, both axes logarithmic."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 70, 56, 56


@dataclass
class Point:
    """One set of packages: its size in MB, seconds of a build and of the bare work, bytes of anonymous memory."""

    label: str
    size: float
    seconds: float
    bare: float
    anonymous: int


class Axis:
    """A logarithmic axis over whole decades, from `start` to `end` in the picture's own units."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def marks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


def plot(path, points):
    """Writes the picture. A line of slope one through the last point shows what linear would be."""
    across = Axis([point.size for point in points], LEFT, WIDTH - RIGHT)
    up = Axis([point.seconds for point in points] + [point.bare for point in points], HEIGHT - BOTTOM, TOP)
    memory = Axis([1, 1000], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(WIDTH / 2, 20, "First build: time and memory against the size of the packages", "#222222", size=14),
    ]
    for value in across.marks():
        x = across.place(value)
        parts += [line(x, TOP, x, HEIGHT - BOTTOM, "#e4e4e4"), text(x, HEIGHT - BOTTOM + 18, f"{value:g}", "#444444")]
    for value in up.marks():
        y = up.place(value)
        parts += [line(LEFT, y, WIDTH - RIGHT, y, "#e4e4e4"), text(LEFT - 8, y + 4, f"{value:g}", "#1f5fa8", anchor="end")]
    for value in memory.marks():
        parts.append(text(WIDTH - RIGHT + 8, memory.place(value) + 4, f"{value:g}", "#b4541a", anchor="start"))
    parts += [
        text(WIDTH / 2, HEIGHT - 14, "MB of files in the packages, all kept", "#444444"),
        text(LEFT, TOP - 12, "seconds", "#1f5fa8"),
        text(WIDTH - RIGHT, TOP - 12, "MB, anonymous", "#b4541a"),
    ]
    last = points[-1]
    first = max(across.marks()[0], last.size * up.marks()[0] / last.seconds)
    parts.append(line(across.place(first), up.place(last.seconds * first / last.size), across.place(last.size), up.place(last.seconds), "#8a8a8a", "2 4"))
    parts += curve([(across.place(point.size), up.place(point.bare)) for point in points], "#7fb0e0", "6 4")
    parts += curve([(across.place(point.size), up.place(point.seconds)) for point in points], "#1f5fa8")
    parts += curve([(across.place(point.size), memory.place(max(point.anonymous / 1e6, 1))) for point in points], "#b4541a")
    for number, (word, color, dash) in enumerate((
        ("apkbuild, seconds", "#1f5fa8", ""), ("bare work, seconds", "#7fb0e0", "6 4"),
        ("linear", "#8a8a8a", "2 4"), ("apkbuild, anonymous memory", "#b4541a", ""),
    )):
        y = TOP + 16 + 18 * number
        parts += [line(LEFT + 12, y, LEFT + 40, y, color, dash), text(LEFT + 46, y + 4, word, "#222222", anchor="start")]
    path.write_text("\n".join([*parts, "</svg>", ""]))


def curve(places, color, dash=""):
    track = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{track}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'


def line(x1, y1, x2, y2, color, dash=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-dasharray="{dash}"/>'


def text(x, y, words, color, anchor="middle", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
