"""An image in an engine: loaded, run as its user, asked over HTTP, stopped."""

import json
import os
import subprocess
import time
from datetime import datetime

from .answer import GREETING, wait_for_answer, wait_for_free_port
from .command import LIMIT
from .report import Failed, expect


def started_at(engine, container):
    """Seconds since the epoch at which the engine says that the container's process began."""
    stamp = json.loads(engine("inspect", "--type", "container", "--format", "{{json .State.StartedAt}}", container))
    whole, _, rest = stamp.partition(".")
    digits = "".join(c for c in rest if c.isdigit())[:9] if rest else "0"
    zone = "".join(c for c in rest.lstrip("0123456789"))
    moment = datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    return moment.timestamp() + int(digits.ljust(9, "0")[:9]) / 1e9


def check_container(report, engine, label, archive):
    """Loads, runs and asks one archive with one engine. Later checks need the earlier ones."""
    image = None
    with report.check(f"{label}: {engine.name} loads the archive"):
        image = engine.load(archive.path)
    if image is not None:
        check_image(report, engine, label, image)


def check_image(report, engine, label, image):
    """Runs and asks an image that the engine has under the name `image`, and takes it away again."""
    container = f"apkbuild-end-to-end-{os.getpid()}"

    def once(*words):
        """What a command prints in a container of its own; `exec` would need the engine's mounts."""
        return engine("run", "--rm", "--network", "host", image, *words).strip()

    with report.check(f"{label}: {engine.name}: whoami is appuser"):
        expect("whoami", "appuser", once("whoami"))
    with report.check(f"{label}: {engine.name}: id is 1001 of 1001"):
        expect("id", "uid=1001(appuser) gid=1001(appgroup) groups=1001(appgroup)", once("id"))
    with report.check(f"{label}: {engine.name}: a shell, in /app, which is not its user's to write"):
        expect("folder and leave", "/app no", once("sh", "-c", 'echo "$PWD" $(test -w /app && echo yes || echo no)'))
    try:
        running = False
        with report.check(f"{label}: {engine.name} runs it and it answers over HTTP"):
            wait_for_free_port()
            called = time.time()
            engine("run", "-d", "--name", container, "--network", "host", image)
            (status, body), answered = wait_for_answer()
            expect("status", 200, status)
            if GREETING not in body:
                raise Failed(f"the body {body!r} does not hold {GREETING!r}")
            running = True
            began = started_at(engine, container)
            report.figure(f"{label}, {engine.name}: first answer after the container's start", f"{answered - began:.3f} s")
            report.figure(f"{label}, {engine.name}: first answer after `run` was called", f"{answered - called:.3f} s")
        if not running:
            logs = subprocess.run([*engine.command, "logs", container], env=engine.environment, capture_output=True, text=True)
            print("    " + " ".join((logs.stdout + logs.stderr).split())[-400:], flush=True)
            return
        with report.check(f"{label}: {engine.name} knows port, folder and user"):
            config = json.loads(engine("inspect", "--type", "image", "--format", "{{json .Config}}", image))
            expect("workdir", "/app", config["WorkingDir"])
            expect("ports", ["8000/tcp"], list(config["ExposedPorts"]))
            if config["User"].split(":")[0] not in ("appuser", "1001"):
                raise Failed(f"user: expected appuser or 1001, found {config['User']!r}")
        with report.check(f"{label}: {engine.name} stops it"):
            engine("stop", "-t", "10", container)
            expect("running", "false", engine("inspect", "--type", "container", "--format", "{{.State.Running}}", container).strip())
    finally:
        engine.remove(container)
        subprocess.run([*engine.command, "rmi", "-f", image], env=engine.environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=LIMIT)
