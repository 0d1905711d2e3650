"""An image archive, read by other means than apkbuild's own."""

import hashlib
import json
import os
import tarfile
import tempfile
import zlib

from .report import expect


class Archive:
    """An image archive as an outsider reads it: its layout, sizes and digests."""

    # What is read of the files themselves, and not only counted.
    KEPT = ("etc/apk/", "etc/alpine-release", "etc/os-release", "usr/lib/os-release", "lib/apk/db/", "usr/lib/apk/db/")

    def __init__(self, path):
        self.path = path
        self.paths = set()  # of every file and link in the image
        self.links = {}  # targets of symbolic links, by path
        self.texts = {}  # contents of the files that KEPT names, by path
        with tarfile.open(path) as tar:
            self.blobs = {member.name: member for member in tar.getmembers()}
            index = json.load(tar.extractfile("index.json"))
            expect("descriptors in index.json", 1, len(index["manifests"]))
            manifest = json.load(self.verified(tar, index["manifests"][0]))
            self.config = json.load(self.verified(tar, manifest["config"]))
            self.compressed = sum(layer["size"] for layer in manifest["layers"])
            self.manifest_digest = index["manifests"][0]["digest"]
            self.unpacked = 0
            for layer, diff_id in zip(manifest["layers"], self.config["rootfs"]["diff_ids"], strict=True):
                self.unpacked += self.read_layer(self.verified(tar, layer), diff_id)
            self.docker = json.load(tar.extractfile("manifest.json"))[0]
        expect("manifest.json's config", "blobs/sha256/" + manifest["config"]["digest"].split(":")[1], self.docker["Config"])

    @staticmethod
    def verified(tar, descriptor):
        name = "blobs/" + descriptor["digest"].replace(":", "/")
        digest = hashlib.sha256()
        with tar.extractfile(name) as blob:
            while block := blob.read(1 << 20):
                digest.update(block)
        expect(f"digest of {name}", descriptor["digest"], "sha256:" + digest.hexdigest())
        expect(f"size of {name}", descriptor["size"], tar.getmember(name).size)
        return tar.extractfile(name)

    def text(self, path):
        """The text of a file that KEPT names, whichever way links lead to it; a KeyError where it is not there."""
        if path in self.links:
            folder = path.rpartition("/")[0]
            return self.text(os.path.normpath(os.path.join("/", folder, self.links[path])).lstrip("/"))
        return self.texts[path].decode()

    def has(self, path):
        """Whether there is such a file or link, whichever way linked folders lead to it."""
        if path in self.paths:
            return True
        folder = path.rpartition("/")[0]
        while folder:
            if folder in self.links:
                above = folder.rpartition("/")[0]
                real = os.path.normpath(os.path.join("/", above, self.links[folder])).lstrip("/")
                return self.has(f"{real}/{path[len(folder) + 1:]}")
            folder = folder.rpartition("/")[0]
        return False

    def read_layer(self, blob, diff_id):
        """Bytes of the files in a gzip layer of any number of members, whose diff ID is checked."""
        with tempfile.TemporaryFile() as plain:
            digest, inflate = hashlib.sha256(), zlib.decompressobj(31)
            while block := blob.read(1 << 20):
                while block:
                    text = inflate.decompress(block)
                    digest.update(text)
                    plain.write(text)
                    block = inflate.unused_data
                    if inflate.eof:
                        inflate = zlib.decompressobj(31)
            expect("diff ID", diff_id, "sha256:" + digest.hexdigest())
            plain.seek(0)
            size = 0
            with tarfile.open(fileobj=plain) as tar:
                for member in tar:
                    if not member.isdir():
                        self.paths.add(member.name)
                    if member.issym():
                        self.links[member.name] = member.linkname
                    if member.isreg():
                        size += member.size
                        if member.name.startswith(self.KEPT):
                            self.texts[member.name] = tar.extractfile(member).read()
            return size
