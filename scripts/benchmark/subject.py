"""An image that is measured: a recipe, where its packages come from, and what a build of it takes."""

import gzip
import json
import shutil
import tarfile

from .command import anonymous_of, run, seconds_of, warm


class Subject:
    """One recipe with its sources, in a folder of its own; built by calling the program as users do."""

    def __init__(self, program, name, recipe, sources, keys, packages, folder):
        """`sources` are the options that say where packages come from, `packages` is the folder that holds them
        (REPOSITORY/ARCH) with the public keys in `keys`."""
        self.program, self.name, self.recipe, self.sources = program, name, recipe, sources
        self.keys, self.packages, self.folder = keys, packages, folder
        folder.mkdir(exist_ok=True)
        self.cache, self.output = folder / "cache", folder / "image.tar"
        self.report = None

    def command(self, *options):
        return [self.program, "recipe", self.recipe, *self.sources, "--keys-dir", self.keys, "--cache-dir", self.cache,
                "--output", self.output, "--over-size", "warn", "--quiet", *options]

    def forget(self):
        """As before the first build."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.output.unlink(missing_ok=True)

    def cold(self):
        """Seconds of a build with an empty cache."""
        self.forget()
        return seconds_of(self.command())

    def again(self):
        """Seconds of a build with whatever the cache has."""
        return seconds_of(self.command())

    def cold_memory(self):
        """The most anonymous memory of a build with an empty cache."""
        self.forget()
        return anonymous_of(self.command())

    def again_memory(self):
        return anonymous_of(self.command())

    def study(self):
        """Builds once and takes apart what came out: for the bare work and for rivals."""
        self.forget()
        report = self.folder / "report.json"
        run(self.command("--report", report))
        self.report = json.loads(report.read_text())
        warm(self.archives())

    def archives(self):
        """The package files that the image is made of, those that pruning took whole too."""
        names = (f"{package['name']}-{package['version']}.apk" for package in self.report["packages"])
        return [path for path in map(self.packages.joinpath, names) if path.is_file()]

    def layers(self):
        """The layers' tar streams, inflated, as files."""
        paths = []
        with tarfile.open(self.output) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            for number, name in enumerate(manifest["Layers"]):
                path = self.folder / f"layer-{number}.tar"
                with gzip.open(archive.extractfile(name)) as layer, open(path, "wb") as sink:
                    shutil.copyfileobj(layer, sink, 1 << 20)
                paths.append(path)
        return paths

    def inflated_size(self):
        return self.report["bytes-before"]

    def kept_size(self):
        return self.report["bytes-after"]
