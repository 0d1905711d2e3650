"""Every call of the system that a small build makes, failing once."""

import collections
import re
import shutil
import subprocess
import time

from end_to_end.command import find_tool
from end_to_end.report import Failed

from .ground import digest, told

ERRORS = ["EIO", "ENOSPC", "EINTR"]
# What the kernel's manual lets fail in none of these ways; the C library ends the program where they do all the same.
CANNOT_FAIL = {
    "arch_prctl", "brk", "clock_gettime", "clock_nanosleep", "execve", "exit", "exit_group", "futex", "getegid", "geteuid",
    "getgid", "getpid", "getrandom", "gettid", "getuid", "madvise", "mprotect", "munmap", "nanosleep", "prlimit64", "restart_syscall",
    "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list",
    "set_tid_address", "sigaltstack",
}


def check_failures(ground, chance, seconds, report):
    strace = find_tool("APKBUILD_STRACE", "strace", "strace")
    folder = ground.folder / "failures"
    out, cache = folder / "out", folder / "cache"
    image = out / "first.tar"

    def fresh():
        shutil.rmtree(folder, ignore_errors=True)
        out.mkdir(parents=True)

    fresh()
    trace = ground.folder / "trace"
    ground.finish([*strace, "-f", "-qq", "-o", str(trace), *ground.build("first", image, cache)])
    wanted = digest(image)
    counts = collections.Counter()
    by_thread = collections.Counter()
    # What the loader and Rust's runtime do before the program begins is not the program's.
    before = None
    for line in trace.read_text(errors="replace").splitlines():
        if found := re.match(r"(\d+)\s+(\w+)\(", line):
            by_thread[found.groups()] += 1
            if before is None and "rt_sigprocmask(SIG_BLOCK, [XFSZ]" in line:
                before = {call: count for (_, call), count in by_thread.items()}
    if before is None:
        raise Failed("the program's beginning is not in its trace")
    for (_, call), count in by_thread.items():
        counts[call] = max(counts[call], count)
    cases = [(call, number, error) for call, most in counts.items() if call not in CANNOT_FAIL
             for number in range(before.get(call, 0) + 1, most + 1) for error in ERRORS]
    chance.shuffle(cases)
    end = time.monotonic() + seconds
    tried = failed = 0
    wrong = []
    for call, number, error in cases:
        if time.monotonic() > end:
            break
        fresh()
        words = [*strace, "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error={error}:when={number}",
                 *ground.build("first", image, cache)]
        case = f"{call} {number} {error}"
        try:
            done = subprocess.run(words, env=ground.environment, cwd=ground.folder, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            wrong.append(f"{case}: it does not end")
            continue
        tried += 1
        failed += done.returncode != 0
        wrong.extend(f"{case}: {what}" for what in complaints(call, done, image, wanted))
    report.figure("calls that failed", f"{tried} of {len(cases)}, by {failed} the build")
    for what in wrong[:40]:
        print(f"  {what}", flush=True)
    if wrong:
        raise Failed(f"{len(wrong)} of {tried} ended otherwise than with an error or the same bytes")


def complaints(call, done, image, wanted):
    """What is wrong with how a build ended."""
    errors = done.stderr.decode(errors="replace")
    left = sorted(entry.name for entry in image.parent.iterdir() if entry != image)
    if "panicked" in errors:
        yield f"a panic: {told(done.stderr)}"
    elif done.returncode == 0:
        if not image.is_file() or digest(image) != wanted:
            yield "exit code 0 and another image"
    elif done.returncode == 1 and call == "write" and not errors:
        pass  # a thread's work failed, and so did the main thread's message
    elif done.returncode not in (1, 2) or "error: " not in errors:
        yield f"exit code {done.returncode}: {told(done.stderr)}"
    if left:
        yield f"left {', '.join(left)}"
