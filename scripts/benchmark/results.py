"""What was measured: tables as they fill, goals and whether they were reached, all of it as JSON at the end."""

import json
import statistics

from .rounds import ratio, worked


class Results:
    """Prints tables to standard output and remembers what is in them."""

    def __init__(self):
        self.tables, self.goals, self.skipped = [], [], []

    def table(self, title, seconds, base, memory):
        """A line for each of `seconds` (name to a list): least and most by the clock, the medians by the clock and of
        what processors worked, each also as a multiple of that of `base`; the anonymous memory of those in `memory`."""
        rows = []
        for name, took in seconds.items():
            rows.append({
                "name": name, "repetitions": len(took), "least": min(took), "most": max(took), "anonymous": memory.get(name),
                "median": statistics.median(took), "times": ratio(seconds, name, base),
                "worked": worked(took), "worked times": worked(took) / worked(seconds[base]),
            })
        self.tables.append({"title": title, "base": base, "rows": rows})
        width = max(len(name) for name in seconds)
        print(f"\n{title}")
        print(f"    {'':<{width}}    n       least        most      median  times  processors  times  anonymous")
        for row in rows:
            held = f"{row['anonymous'] / 1e6:>6.0f} MB" if row["anonymous"] is not None else ""
            least, most, median, busy = (f"{row[key] * 1000:>7.1f} ms" for key in ("least", "most", "median", "worked"))
            line = f"    {row['name']:<{width}}  {row['repetitions']:>3}  {least}  {most}  {median}  {row['times']:>5.2f}  {busy}  {row['worked times']:>5.2f}  {held}"
            print(line.rstrip(), flush=True)

    def goal(self, what, found, most, unit=""):
        """That `found` is at most `most`."""
        self.goals.append({"what": what, "found": found, "most": most, "unit": unit, "reached": found <= most})

    def skip(self, what, reason):
        self.skipped.append({"what": what, "reason": str(reason)})
        print(f"\nskipped {what}: {reason}", flush=True)

    def close(self, facts, path=None):
        """Prints the goals; writes everything to `path`. Whether all goals were reached."""
        if self.goals:
            print("\nGoals")
            width = max(len(goal["what"]) for goal in self.goals)
            for goal in self.goals:
                word = "reached" if goal["reached"] else "MISSED"
                found, most = (f"{goal[key]:.2f}{goal['unit']}" for key in ("found", "most"))
                print(f"    {goal['what']:<{width}}  {found:>10}, at most {most:>10}  {word}")
        if path:
            document = {**facts, "tables": self.tables, "goals": self.goals, "skipped": self.skipped}
            path.write_text(json.dumps(document, indent=1) + "\n")
        return all(goal["reached"] for goal in self.goals)
