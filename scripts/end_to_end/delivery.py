"""`recipe --load` and `--push`: straight into an engine or a registry, with no archive on the way; several architectures."""

import json
import os
import shlex

from .command import find_tool, run
from .container import check_image
from .report import expect


def check_load(report, program, engine, sample, folder):
    """Builds a sample into the engine and runs it from there."""
    label, stand_in = sample.label, sample.stand_in
    variable = {"docker": "APKBUILD_DOCKER", "podman": "APKBUILD_PODMAN"}.get(engine.name)
    if variable is None:
        return  # as another user, whose engine the caller cannot name
    image = None
    with report.check(f"{label}: recipe --load {engine.name} writes no file"):
        here = folder / f"load-{label}-{engine.name}"
        here.mkdir()
        said = run([program.path, "recipe", sample.recipe, "--mirror", stand_in / "repo", "--keys-dir", stand_in / "keys",
                    "--cache-dir", program.folder / "cache", "--load", engine.name, "--json", *sample.options],
                   cwd=here, env={**os.environ, variable: shlex.join(engine.command)})
        expect("files", [], os.listdir(here))
        (image,) = json.loads(said)["images"][0]["loaded"]["names"]
    if image is not None:
        check_image(report, engine, f"{label}, loaded", image)


RECIPE = """
name = "greeting"
tag = "2.0"
archs = ["x86_64", "aarch64"]
[alpine]
packages = ["greeting"]
repositories = ["./packages"]
[config]
cmd = ["/usr/bin/greeting"]
"""


def check_architectures(report, program, registry, environment, folder):
    """An image for two architectures out of packages that are made here, built straight into the registry."""
    with report.check("registry: one tag for two architectures, each with its bill of materials"):
        here = folder / "greeting"
        (here / "root/usr/bin").mkdir(parents=True)
        (here / "root/usr/bin/greeting").write_text("#!/bin/sh\necho hello\n")
        (here / "root/usr/bin/greeting").chmod(0o755)
        run([program.path, "keygen", "--bits", "2048"], cwd=here)
        (key,) = [path for path in here.iterdir() if path.name.endswith(".rsa")]
        for arch in ("x86_64", "aarch64"):
            packages = here / "packages" / arch
            packages.mkdir(parents=True)
            run([program.path, "mkpkg", here / "root", "--key", key, "-o", packages, "--name", "greeting", "--version", "1.0-r0",
                 "--arch", arch, "--description", "A greeting", "--license", "MIT"], cwd=here)
            run([program.path, "mkndx", packages, "--key", key], cwd=here)
        keys = here / "keys"
        keys.mkdir()
        (key.parent / (key.name + ".pub")).rename(keys / (key.name + ".pub"))
        (here / "greeting.toml").write_text(RECIPE)
        reference = f"{registry.host}/team/greeting:2.0"
        before = sorted(os.listdir(here))
        said = run([program.path, "recipe", "greeting.toml", "--keys-dir", keys, "--cache-dir", here / "cache", "--push", reference, "--json"],
                   cwd=here, env=environment)
        expect("files", sorted([*before, "cache"]), sorted(os.listdir(here)))
        pushed = json.loads(said)["images"][0]["pushed"]
        expect("bills of materials", 2, pushed["attached"])
        expect("digest of the tag", pushed["digest"], registry.digest("team/greeting", "2.0"))
        index = json.loads(registry.get("team/greeting/manifests/2.0"))
        expect("platforms", ["amd64", "arm64"], [entry["platform"]["architecture"] for entry in index["manifests"]])
        for entry in index["manifests"]:
            listed = json.loads(registry.get(f"team/greeting/manifests/{entry['digest'].replace(':', '-')}"))
            expect("referrers", ["application/spdx+json"], [referrer["artifactType"] for referrer in listed["manifests"]])
        for arch, platform in (("x86_64", "linux/amd64"), ("aarch64", "linux/arm64/v8")):
            seen = json.loads(run([program.path, "inspect", reference, "--arch", arch, "--json"], env=environment))
            expect("platform", platform, seen["platform"])
        run([program.path, "recipe", "greeting.toml", "--keys-dir", keys, "--cache-dir", here / "cache"], cwd=here)
        written = sorted(set(os.listdir(here)) - {*before, "cache"})
        expect("files of an archive", ["greeting.aarch64.spdx.json", "greeting.tar", "greeting.x86_64.spdx.json"], written)
    with report.check("registry: skopeo copies both architectures"):
        skopeo = find_tool("APKBUILD_SKOPEO", "skopeo", install="skopeo")
        layout = folder / "greeting-oci"
        run([*skopeo, "--insecure-policy", "copy", "--all", "--src-tls-verify=false",
             f"docker://{registry.host}/team/greeting:2.0", f"oci:{layout}:2.0"],
            env={**environment, "REGISTRY_AUTH_FILE": environment["DOCKER_CONFIG"] + "/config.json"})
        (root,) = json.loads((layout / "index.json").read_text())["manifests"]
        expect("digest", registry.digest("team/greeting", "2.0"), root["digest"])
