"""One image for every architecture that Alpine has, loaded by engines that know only theirs."""

import json
import tarfile

from .command import run
from .report import Failed, expect

PLATFORMS = {
    "x86_64": ("amd64", None),
    "aarch64": ("arm64", "v8"),
    "armv7": ("arm", "v7"),
    "armhf": ("arm", "v6"),
    "x86": ("386", None),
    "ppc64le": ("ppc64le", None),
    "s390x": ("s390x", None),
    "riscv64": ("riscv64", None),
    "loongarch64": ("loong64", None),
}


def make_repository(program, folder):
    """A package of each architecture, signed, whose one file says for which it is."""
    run([program.path, "keygen", "--name", "end-to-end", "--bits", "2048", "-o", folder])
    (folder / "keys").mkdir()
    (folder / "end-to-end.rsa.pub").rename(folder / "keys/end-to-end.rsa.pub")
    source = folder / "source"
    (source / "root/etc").mkdir(parents=True)
    for arch in PLATFORMS:
        (source / "root/etc/machine").write_text(f"{arch}\n")
        place = folder / "repository" / arch
        place.mkdir(parents=True)
        run([program.path, "mkpkg", source, "--key", folder / "end-to-end.rsa", "-o", place, "--name", "machine",
             "--version", "1.0-r0", "--arch", arch, "--license", "MIT"])
        run([program.path, "mkndx", place, "--key", folder / "end-to-end.rsa"])


def check_architectures(report, program, engines, folder):
    """Builds one archive for all of them, reads it as an outsider, and has the engines load it."""
    folder = folder / "architectures"
    folder.mkdir()
    archive, index = folder / "machines.tar", None
    with report.check("every architecture in one archive"):
        make_repository(program, folder)
        archs = ", ".join(f'"{arch}"' for arch in PLATFORMS)
        recipe = folder / "machines.toml"
        recipe.write_text(f'name = "apkbuild-machines"\narchs = [{archs}]\n\n[alpine]\nrepositories = ["./repository"]\n'
                          'packages = ["machine"]\n\n[config]\ncmd = ["/bin/none"]\n')
        run([program.path, "recipe", recipe, "--keys-dir", folder / "keys", "--cache-dir", folder / "cache", "-o", archive])
        with tarfile.open(archive) as tar:
            read = lambda name: json.load(tar.extractfile(name))  # noqa: E731
            blob = lambda descriptor: "blobs/" + descriptor["digest"].replace(":", "/")  # noqa: E731
            outer = read("index.json")["manifests"]
            expect("descriptors in index.json", 1, len(outer))
            index = read(blob(outer[0]))["manifests"]
            expect("platforms", list(PLATFORMS.values()),
                   [(it["platform"]["architecture"], it["platform"].get("variant")) for it in index])
            for descriptor, (arch, variant) in zip(index, PLATFORMS.values(), strict=True):
                config = read(blob(read(blob(descriptor))["config"]))
                expect("a config's platform", (arch, variant), (config["architecture"], config.get("variant")))
            docker = read("manifest.json")
            expect("manifest.json's config", [blob(read(blob(index[0]))["config"])], [entry["Config"] for entry in docker])
    if index is None:
        return
    for engine in engines:
        with report.check(f"{engine.name} loads an archive of nine architectures and has its own"):
            image = engine.load(archive)
            try:
                if "apkbuild-machines" not in image:
                    raise Failed(f"it is loaded as {image!r}")
                expect("architecture", "amd64", engine("image", "inspect", "--format", "{{.Architecture}}", image).strip())
            finally:
                engine("rmi", "-f", image)
