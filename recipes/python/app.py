"""A web server of the standard library alone: it answers every GET of `/` with one line."""

import signal
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8000
BODY = b"Hello from Advent of DevOps!"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.partition("?")[0] != "/":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_HEAD = do_GET


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def server_bind(self):
        # HTTPServer looks up this machine's name here, which takes seconds where no DNS server answers.
        socketserver.TCPServer.server_bind(self)


def stop(_signal, _frame):
    sys.exit(0)


if __name__ == "__main__":
    # The first process of a container has no default for these signals: without a handler they are ignored.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with Server(("0.0.0.0", PORT), Handler) as server:
        server.serve_forever()
