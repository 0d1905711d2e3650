"""What was measured: tables as they fill, goals and whether they were reached, all of it as JSON at the end."""

import json
import statistics


class Results:
    """Prints tables to standard output and remembers what is in them."""

    def __init__(self):
        self.tables, self.goals, self.skipped = [], [], []

    def table(self, title, seconds, base=None, memory=None):
        """A line for each of `seconds` (name to a list): median, least, most, the median that processors worked, and how
        much the first is of `base`; with the anonymous memory of those in `memory`."""
        memory = memory or {}
        unit = statistics.median(seconds[base]) if base else None
        rows = []
        for name, took in seconds.items():
            median = statistics.median(took)
            rows.append({
                "name": name, "median": median, "least": min(took), "most": max(took), "repetitions": len(took),
                "worked": statistics.median(one.worked for one in took),
                "ratio": median / unit if unit else None, "anonymous": memory.get(name),
            })
        self.tables.append({"title": title, "base": base, "rows": rows})
        width = max(len(name) for name in seconds)
        heading = f"of {base}" if base else ""
        print(f"\n{title}")
        print(f"    {'':<{width}}  {'median':>10}  {'least':>10}  {'most':>10}  {'n':>3}  {'processors':>10}  {heading:>{max(len(heading), 6)}}  {'anonymous' if memory else ''}".rstrip())
        for row in rows:
            share = f"{row['ratio']:.2f}" if row["ratio"] is not None else ""
            held = f"{row['anonymous'] / 1e6:.0f} MB" if row["anonymous"] is not None else ""
            times = "  ".join(f"{row[key] * 1000:>7.1f} ms" for key in ("median", "least", "most"))
            worked = f"{row['worked'] * 1000:>7.1f} ms"
            print(f"    {row['name']:<{width}}  {times}  {row['repetitions']:>3}  {worked}  {share:>{max(len(heading), 6)}}  {held:>9}".rstrip())
        print(end="", flush=True)

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
