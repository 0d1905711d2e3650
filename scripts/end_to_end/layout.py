"""What skopeo and umoci make of an archive."""

import json
import os
import shutil

from .command import find_tool, run
from .report import Failed, expect, missing


def check_tools(report, label, archive, folder):
    """What skopeo and umoci make of an archive."""
    layout = folder / f"{label}-oci"
    for kind in ("oci-archive", "docker-archive"):
        with report.check(f"{label}: skopeo inspects it as {kind}"):
            skopeo = find_tool("APKBUILD_SKOPEO", "skopeo", install="skopeo")
            seen = json.loads(run([*skopeo, "inspect", f"{kind}:{archive.path}"]))
            expect("architecture", "amd64", seen["Architecture"])
            expect("layers", len(archive.config["rootfs"]["diff_ids"]), len(seen["Layers"]))
    with report.check(f"{label}: skopeo copies it to an OCI folder"):
        skopeo = find_tool("APKBUILD_SKOPEO", "skopeo", install="skopeo")
        run([*skopeo, "--insecure-policy", "copy", f"oci-archive:{archive.path}", f"oci:{layout}:{label}"])
        expect("descriptors", 1, len(json.loads((layout / "index.json").read_text())["manifests"]))
    with report.check(f"{label}: umoci unpacks that"):
        umoci = find_tool("APKBUILD_UMOCI", "umoci", install="umoci")
        if not layout.is_dir():
            raise missing("skopeo made no OCI folder")
        bundle = folder / f"{label}-bundle"
        run([*umoci, "unpack", *([] if os.geteuid() == 0 else ["--rootless"]), "--image", f"{layout}:{label}", bundle])
        config = json.loads((bundle / "config.json").read_text())
        expect("cwd", "/app", config["process"]["cwd"])
        expect("uid and gid", (1001, 1001), (config["process"]["user"]["uid"], config["process"]["user"]["gid"]))
        if not any((bundle / "rootfs/app").iterdir()):
            raise Failed("/app is empty")
        shutil.rmtree(bundle)
