"""A web server with dependencies: its pages are Jinja templates, whose escaping is native code."""

import signal
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jinja2
import markupsafe._speedups  # the native half: without it there is a slower one in Python, unnoticed

PORT = 8000
PAGES = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
ROUTES = {
    "/": PAGES.from_string("Hello from {{ event }}!"),
    "/greet": PAGES.from_string("Hello, {{ name }}!"),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        page = ROUTES.get(url.path)
        if page is None:
            self.send_error(404)
            return
        name = parse_qs(url.query).get("name", ["nobody"])[0]
        body = page.render(event="Advent of DevOps", name=name).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

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
