"""A real registry on this machine: images pushed to it with the engines' own credentials, read by others, pulled and run.

What is there is Debian's docker-registry (the distribution project's), which APKBUILD_REGISTRY may name otherwise. It
listens on a free port of the loopback, which engines take without TLS, and asks for a password.
"""

import base64
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

from .command import find_tool, run
from .container import check_image
from .cutter import Cutter
from .delivery import check_architectures
from .report import Failed, Skipped, expect

ACCOUNT, PASSWORD = "tester", "open sesame"
HASH = "$2b$04$muxtXk1H.U3sN1WK67Iddul6snrIRIDvv2W7OTpZMlxnRUIw/JDam"  # bcrypt of the password
MANIFESTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json")


class Registry:
    """The registry, for as long as it is entered."""

    def __init__(self, folder):
        self.folder = folder / "registry"
        self.program = find_tool("APKBUILD_REGISTRY", "docker-registry", install="docker-registry")

    def __enter__(self):
        self.folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        (self.folder / "passwords").write_text(f"{ACCOUNT}:{HASH}\n")
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "store")}},
            "http": {"addr": self.host},
            "auth": {"htpasswd": {"realm": "end-to-end", "path": str(self.folder / "passwords")}},
        }
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([*self.program, "serve", self.folder / "config.yml"], stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.host.split(":"), timeout=1):
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"the registry does not listen: {(self.folder / 'log').read_text()[-400:]}")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        """The answer to a request below /v2/, as bytes; None for a 404."""
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": ", ".join(MANIFESTS)})
        token = base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise Failed(f"{path} answered {error.code}: {error.read()[:300]!r}") from error

    def digest(self, name, tag):
        """The digest of what a tag names; None where nothing has it."""
        manifest = self.get(f"{name}/manifests/{tag}")
        return manifest and "sha256:" + hashlib.sha256(manifest).hexdigest()


class Credentials:
    """Where each kind of credentials lies, as the environment that names it."""

    def __init__(self, folder, host):
        self.folder, self.host = folder / "credentials", host
        self.folder.mkdir()

    def environment(self, **variables):
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name not in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")}
        return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), **variables}

    def written(self, host=None):
        """docker's file as docker itself would write it, for checks that need no engine."""
        host = host or self.host
        folder = self.folder / f"written-{host.rpartition(':')[2]}"
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        return self.environment(DOCKER_CONFIG=str(folder))

    def helper(self, label, config):
        """A credential helper, which docker's file names: for one registry, or as the store of all credentials."""
        folder = self.folder / label
        folder.mkdir()
        answer = json.dumps({"ServerURL": self.host, "Username": ACCOUNT, "Secret": PASSWORD})
        program = folder / "docker-credential-end-to-end"
        program.write_text(f"#!/bin/sh\n[ \"$1\" = get ] && [ \"$(cat)\" = {self.host} ] || exit 1\ncat <<'EOT'\n{answer}\nEOT\n")
        program.chmod(0o755)
        (folder / "config.json").write_text(json.dumps(config))
        return self.environment(DOCKER_CONFIG=str(folder), PATH=f"{folder}:{os.environ['PATH']}")

    def of_engine(self, engine):
        """What the engine's own `login` leaves."""
        folder = self.folder / engine.name.replace(" ", "-")
        folder.mkdir()
        words = ["--username", ACCOUNT, "--password-stdin", self.host]
        if engine.name == "docker":
            engine("--config", str(folder), "login", *words, input=PASSWORD)
            return self.environment(DOCKER_CONFIG=str(folder))
        file = folder / "auth.json"
        folder.chmod(0o777)
        engine("login", "--authfile", str(file), "--tls-verify=false", *words, input=PASSWORD)
        file.chmod(0o644)
        return self.environment(REGISTRY_AUTH_FILE=str(file))


def push(program, image, reference, environment, *options):
    return json.loads(run([program.path, "push", image, reference, "--json", *options], env=environment))


def check_registry(report, program, samples, engines, validator, folder):
    """Everything above for the first sample, and pulling and running for all."""
    if not samples:
        return
    with contextlib.ExitStack() as stack:
        registry = None
        with report.check("registry: it is there"):
            registry = stack.enter_context(Registry(folder))
        if registry is None:
            return
        credentials = Credentials(folder, registry.host)
        environment = credentials.written()
        check_push(report, program, samples[0], registry, credentials, environment, folder)
        for label, archive in samples:
            with report.check(f"registry: {label} is pushed, and its tag names its manifest"):
                pushed = push(program, archive.path, f"{registry.host}/team/{label}:1.0", environment, "--sbom", "spdx", "--sbom", "cyclonedx")
                expect("digest of the push", archive.manifest_digest, pushed["digest"])
                expect("digest of the tag", archive.manifest_digest, registry.digest(f"team/{label}", "1.0"))
            check_referrers(report, registry, label, archive, validator, folder)
        check_architectures(report, program, registry, environment, folder)
        with report.check("registry: skopeo reads what was pushed"):
            label, archive = samples[0]
            skopeo = find_tool("APKBUILD_SKOPEO", "skopeo", install="skopeo")
            seen = json.loads(run([*skopeo, "inspect", "--tls-verify=false", f"docker://{registry.host}/team/{label}:1.0"],
                                  env={**environment, "REGISTRY_AUTH_FILE": environment["DOCKER_CONFIG"] + "/config.json"}))
            expect("digest", archive.manifest_digest, seen["Digest"])
        for engine in engines:
            check_engine(report, program, engine, samples, registry, credentials)


def check_push(report, program, sample, registry, credentials, environment, folder):
    label, archive = sample
    name = f"team/{label}"
    reference = f"{registry.host}/{name}"
    with report.check("registry: a stranger is told to log in, and nothing is there"):
        done = subprocess.run([program.path, "push", archive.path, f"{reference}:stranger"], env=credentials.environment(),
                              capture_output=True, text=True, timeout=60)
        expect("exit code", 1, done.returncode)
        if "wants an account" not in done.stderr or f"help: log in with `docker login {registry.host}`" not in done.stderr:
            raise Failed(f"it says {done.stderr!r}")
        expect("the tag", None, registry.digest(name, "stranger"))
    with report.check("registry: pushed again, nothing is sent"):
        first = push(program, archive.path, f"{reference}:0.9", environment)
        if first["sent"] == 0:
            raise Failed(f"the first time nothing was sent: {first}")
        second = push(program, archive.path, f"{reference}:0.9", environment)
        expect("sent and there", (0, first["sent"]), (second["sent"], second["present"]))
    with report.check("registry: another repository has the layers mounted"):
        mounted = push(program, archive.path, f"{registry.host}/other/{label}:1.0", environment, "--mount-from", name, "--sbom", "none")
        expect("sent and mounted", (0, 1 + len(archive.config["rootfs"]["diff_ids"])), (mounted["sent"], mounted["mounted"]))
    with report.check("registry: a push over a line that breaks three times gets there"):
        with Cutter(registry.host, 500_000, 3) as line:
            pushed = push(program, archive.path, f"{line.host}/broken/{label}:1.0", credentials.written(line.host), "--sbom", "none")
            expect("times that the line broke", 3, line.made)
        expect("digest", archive.manifest_digest, registry.digest(f"broken/{label}", "1.0"))
        expect("what was pushed", archive.manifest_digest, pushed["digest"])
    with report.check("registry: a push over a line that always breaks fails, and nothing has its tag"):
        with Cutter(registry.host, 500_000, 1 << 30) as line:
            done = subprocess.run([program.path, "push", archive.path, f"{line.host}/never/{label}:1.0"], env=credentials.written(line.host),
                                  capture_output=True, text=True, timeout=120)
        expect("exit code", 1, done.returncode)
        if "\nhelp: " not in done.stderr:
            raise Failed(f"it says {done.stderr!r}")
        expect("the tag", None, registry.digest(f"never/{label}", "1.0"))
    for tag, config in {"helper": {"credHelpers": {registry.host: "end-to-end"}}, "store": {"credsStore": "end-to-end"}}.items():
        with report.check(f"registry: a credential {tag} is asked"):
            push(program, archive.path, f"{reference}:{tag}", credentials.helper(tag, config))
            expect("digest", archive.manifest_digest, registry.digest(name, tag))
    with report.check("registry: inspect and diff read it from there"):
        seen = json.loads(run([program.path, "inspect", f"{reference}:0.9", "--json"], env=environment))
        expect("manifest", archive.manifest_digest, seen["manifest"])
        same = json.loads(run([program.path, "diff", f"{reference}:0.9", archive.path, "--json"], env=environment))
        expect("same", True, same["same"])


def check_referrers(report, registry, label, archive, validator, folder):
    """The bills of materials, by the list that the specification has for registries without an API for it."""
    with report.check(f"registry: {label}'s bills of materials refer to it"):
        name, digest = f"team/{label}", archive.manifest_digest
        listed = json.loads(registry.get(f"{name}/manifests/{digest.replace(':', '-')}"))["manifests"]
        kinds = {"application/spdx+json": ".spdx.json", "application/vnd.cyclonedx+json": ".cdx.json"}
        files = []
        for kind, suffix in kinds.items():
            of_kind = [descriptor for descriptor in listed if descriptor["artifactType"] == kind]
            manifest = json.loads(registry.get(f"{name}/manifests/{of_kind[-1]['digest']}"))
            expect("subject", digest, manifest["subject"]["digest"])
            file = folder / f"{label}-pushed{suffix}"
            file.write_bytes(registry.get(f"{name}/blobs/{manifest['layers'][0]['digest']}"))
            files.append(file)
        if validator is None:
            raise Skipped("they are there, but there is no validator")
        validator(*files)


def check_engine(report, program, engine, samples, registry, credentials):
    """What the engine's own login leaves serves for a push; what was pushed is pulled and run."""
    environment = None
    with report.check(f"registry: {engine.name}'s own login serves for a push"):
        environment = credentials.of_engine(engine)
        label, archive = samples[0]
        tag = engine.name.replace(" ", "-")
        push(program, archive.path, f"{registry.host}/team/{label}:{tag}", environment)
        expect("digest", archive.manifest_digest, registry.digest(f"team/{label}", tag))
    if environment is None:
        return
    for label, _ in samples:
        image = f"{registry.host}/team/{label}:1.0"
        pulled = False
        with report.check(f"registry: {engine.name} pulls {label}"):
            if engine.name == "docker":
                engine("--config", environment["DOCKER_CONFIG"], "pull", "--quiet", image)
            else:
                engine("pull", "--quiet", "--tls-verify=false", "--authfile", environment["REGISTRY_AUTH_FILE"], image)
            pulled = True
        if pulled:
            check_image(report, engine, f"registry: {label}", image)
