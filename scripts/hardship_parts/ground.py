"""A small signed repository, recipes, a registry and a cache: what the hardships happen to."""

import hashlib
import http.server
import re
import subprocess
import threading
import urllib.parse

from end_to_end.report import Failed

ARCH = "x86_64"
RECIPE = """name = "{name}"
archs = ["{arch}"]
[alpine]
packages = [{packages}]
[[copy]]
source = "app/"
target = "/app/"
[config]
cmd = ["small"]
"""


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of a registry as a push needs (distribution-spec), in memory."""

    protocol_version = "HTTP/1.1"
    blobs = {}
    sessions = {}
    manifests = {}

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        if path == "/v2/":
            return self.answer(200)
        where, name = path.rsplit("/", 2)[-2:]
        found = (self.blobs if where == "blobs" else self.manifests).get(name)
        if found is None:
            return self.answer(404)
        return self.answer(200, found, Docker_Content_Digest="sha256:" + hashlib.sha256(found).hexdigest(),
                           Content_Type="application/vnd.oci.image.manifest.v1+json")

    do_HEAD = do_GET

    def do_POST(self):
        self.body()
        place = self.path.split("?")[0].rstrip("/") + f"/{len(self.sessions)}"
        self.sessions[place] = b""
        self.answer(202, Location=place, Range="0-0")

    def do_PATCH(self):
        place = self.path.split("?")[0]
        self.sessions[place] += self.body()
        self.answer(202, Location=place, Range=f"0-{max(len(self.sessions[place]) - 1, 0)}")

    def do_PUT(self):
        url = urllib.parse.urlparse(self.path)
        body = self.body()
        if "/manifests/" in url.path:
            self.manifests[url.path.rsplit("/", 1)[-1]] = body
            self.manifests["sha256:" + hashlib.sha256(body).hexdigest()] = body
        else:
            body = self.sessions.get(url.path, b"") + body
            self.blobs[urllib.parse.parse_qs(url.query)["digest"][0]] = body
        self.answer(201, Docker_Content_Digest="sha256:" + hashlib.sha256(body).hexdigest())


class Ground:
    """The folder with all of it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.cache = folder / "cache"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")}
        for name in ["home", "temporary", "keys", "signing", "out", f"repository/{ARCH}", "app"]:
            (folder / name).mkdir(parents=True)
        self.run("keygen", "--name", "hardship.rsa", "--bits", "2048", "-o", folder / "signing")
        key = next(path for path in (folder / "signing").iterdir() if path.suffix == ".rsa")
        public = key.with_name(key.name + ".pub")
        (folder / "keys" / public.name).write_bytes(public.read_bytes())
        for name, size in [("small", 30_000), ("large", 3_000_000)]:
            files = folder / "files" / name / "usr/bin"
            files.mkdir(parents=True)
            (files / name).write_bytes(bytes((number * number >> 3) % 251 for number in range(size)))
            (files / name).chmod(0o755)
            self.run("mkpkg", "--key", key, "--name", name, "--version", "1-r0", "--arch", ARCH, "--license", "MIT",
                     "--description", name, "-o", folder / "repository" / ARCH, folder / "files" / name)
        self.run("mkndx", "--key", key, folder / "repository" / ARCH)
        (folder / "app" / "main.txt").write_text("an application\n")
        for name, packages in [("first", '"small"'), ("second", '"small", "large"')]:
            (folder / f"{name}.toml").write_text(RECIPE.format(name=name, packages=packages, arch=ARCH))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        server.daemon_threads = True
        server.handle_error = lambda *arguments: None  # those who were killed hang up
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.registry = f"127.0.0.1:{server.server_address[1]}"

    def words(self, *arguments):
        return [str(word) for word in [self.program, *arguments]]

    def places(self, cache=None):
        folder = self.folder
        return ["-X", folder / "repository", "--keys-dir", folder / "keys", "--cache-dir", cache or self.cache]

    def build(self, name, output, cache=None):
        """The words that build a recipe into `output`, without a bill of materials beside it."""
        return self.words("recipe", self.folder / f"{name}.toml", "-q", "--sbom", "none", "-o", output, *self.places(cache))

    def run(self, *arguments):
        return self.finish(self.words(*arguments))

    def finish(self, words):
        """Runs to a good end; what it printed."""
        done = subprocess.run(words, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=300)
        if done.returncode != 0:
            raise Failed(f"`{' '.join(words)}` ended with {done.returncode}: {told(done.stderr)}")
        return done.stdout


def told(errors):
    return re.sub(r"\s+", " ", errors.decode(errors="replace"))[-600:]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
