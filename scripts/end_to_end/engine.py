"""docker and podman."""

import os
import subprocess

from .command import LIMIT, find_tool, run
from .report import Failed, Skipped, missing

ROOTLESS_USER = "apkbuild-rootless"


class Engine:
    """docker or podman, by its command; `environment` may make it another user's."""

    def __init__(self, name, command, environment=None):
        self.name, self.command = name, command
        self.environment = {**os.environ, **(environment or {})}

    def __call__(self, *words, **options):
        return run([*self.command, *words], env=self.environment, **options)

    def load(self, archive):
        """Loads from standard input, which another user can read too; the name that the engine gave."""
        with open(archive, "rb") as source:
            said = self("load", stdin=source)
        names = [line.split(": ", 1)[1].strip() for line in said.splitlines() if line.startswith("Loaded image")]
        if not names:
            raise Failed(f"`load` names no image: {said!r}")
        return names[0]

    def remove(self, container):
        subprocess.run([*self.command, "rm", "-f", container], env=self.environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=LIMIT)


def find_engines(report):
    """docker, podman as whoever calls, and podman as an ordinary user where root calls."""
    engines = []
    for variable, name, environment, title in (
        ("APKBUILD_DOCKER", "docker", None, "docker"),
        ("APKBUILD_PODMAN", "podman", None, "podman"),
        ("APKBUILD_PODMAN", "podman", {"AS_USER": ROOTLESS_USER}, "podman rootless"),
    ):
        with report.check(f"{title} is there"):
            engine = Engine(title, find_tool(variable, name), environment)
            try:
                version = engine("version", "--format", "{{.Client.Version}}").strip()
                if environment and os.geteuid() != 0:
                    raise Skipped("podman is rootless already, as the caller is not root")
                if environment and engine("info", "--format", "{{.Host.Security.Rootless}}").strip() != "true":
                    raise missing(f"{' '.join(engine.command)} does not act as AS_USER")
            except (Failed, OSError) as reason:
                raise missing(str(reason)) from reason
            engines.append(engine)
            report.figure(f"{title}: version", version)
    return engines
