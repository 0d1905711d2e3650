import asyncio
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import requests


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = gzip.compress(json.dumps({"path": self.path, "agent": self.headers["User-Agent"]}).encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Set-Cookie", "seen=yes; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.send_response(201)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(self.rfile.read(length))

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"

with requests.Session() as session:
    answer = session.get(f"{url}/a", params={"q": "ä"}, timeout=5)
    assert answer.json()["path"] == "/a?q=%C3%A4" and session.cookies["seen"] == "yes", answer.text
    answer = session.post(url, files={"file": ("name.txt", b"text")}, auth=("user", "secret"), timeout=5)
    assert answer.status_code == 201 and b"name.txt" in answer.content
try:
    requests.get("http://127.0.0.1:1", timeout=1)
    raise SystemExit("nobody listens there")
except requests.ConnectionError:
    pass

with httpx.Client(base_url=url) as client:
    assert client.get("/b", params={"q": 1}).json()["path"] == "/b?q=1"
    assert client.post("/", json={"a": [1, 2]}).json() == {"a": [1, 2]}


async def both():
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(5)) as client:
        answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(5)))
        assert [answer.json()["path"] for answer in answers] == [f"/{number}" for number in range(5)]


asyncio.run(both())
print("ok")
