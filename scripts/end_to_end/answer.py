"""What a sample answers over HTTP, on the port that all samples listen on."""

import http.client
import socket
import time

from .report import Failed

PORT = 8000
GREETING = "Hello from Advent of DevOps!"
LIMIT = 20  # seconds until a container that does not answer has failed


def ask(path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def wait_for_answer():
    """The first answer, and the wall-clock time at which it had come."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            answer = ask()
            return answer, time.time()
        except (OSError, http.client.HTTPException) as reason:
            if time.monotonic() > end:
                raise Failed(f"no answer on port {PORT} within {LIMIT} s: {reason}") from reason
            time.sleep(0.005)


def wait_for_free_port():
    end = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", PORT))
                return
            except OSError as reason:
                if time.monotonic() > end:
                    raise Failed(f"port {PORT} of this host is taken: {reason}") from reason
        time.sleep(0.5)
