"""What apkbuild makes of an image without any engine: one command in it, signals, `check`."""

import json
import signal
import subprocess
import time

from .answer import GREETING, wait_for_answer, wait_for_free_port
from .report import Failed, expect

LIMIT = 120  # seconds that one call may take


def check_without_engine(report, program, label, archive, recipe):
    """Runs the archive and holds it against its recipe."""

    def call(*words, **options):
        command = [program.path, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=LIMIT, **options)

    cache = ["--cache-dir", program.folder / "cache"]
    with report.check(f"{label}: apkbuild run: whoami is appuser"):
        done = call("run", *cache, archive.path, "whoami")
        expect("what it printed", "appuser\n", done.stdout)
        expect("exit status", 0, done.returncode)
    with report.check(f"{label}: apkbuild run: the exit status is the program's"):
        expect("exit status", 42, call("run", *cache, archive.path, "sh", "-c", "exit 42").returncode)
    with report.check(f"{label}: apkbuild run: answers, and ends by the signal that it is sent"):
        wait_for_free_port()
        process = subprocess.Popen([str(word) for word in [program.path, "run", *cache, archive.path]],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            (status, body), _ = wait_for_answer()
            expect("status", 200, status)
            if GREETING not in body:
                raise Failed(f"the body {body!r} does not hold {GREETING!r}")
            process.send_signal(signal.SIGTERM)
            if process.wait(timeout=LIMIT) not in (0, 128 + signal.SIGTERM):
                raise Failed(f"exit status: expected 0 or 143, found {process.returncode}")
        finally:
            process.kill()
            process.wait()
        wait_for_free_port()
    with report.check(f"{label}: apkbuild check holds it against its recipe"):
        started = time.monotonic()
        done = call("check", *cache, archive.path, "--recipe", recipe, "--json")
        seconds = time.monotonic() - started
        if not done.stdout:
            raise Failed(f"it printed nothing: {done.stderr}")
        found, _ = json.JSONDecoder().raw_decode(done.stdout)
        # The stand-in's Node has its libraries inside, so its size is no measure.
        missed = [line for line in found["checks"] if not line["held"] and line["what"] not in ("unpacked", "compressed")]
        expect("what does not hold", [], missed)
        expect("starts", 5, len(found["startup-milliseconds"]))
        over = any(not line["held"] for line in found["checks"])
        expect("exit status", 3 if over else 0, done.returncode)
        if over and not found["bill"]["packages"]:
            raise Failed("there is no bill of an image over its size")
        report.figure(f"{label}: apkbuild check, five starts included", f"{seconds:.2f} s")
        report.figure(f"{label}: first answer after exec, without an engine", f"{sorted(found['startup-milliseconds'])[2] / 1e3:.3f} s")
