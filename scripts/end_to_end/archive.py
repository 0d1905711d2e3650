"""An image archive, read by other means than apkbuild's own."""

import hashlib
import json
import tarfile
import tempfile
import zlib

from .report import expect


class Archive:
    """An image archive as an outsider reads it: its layout, sizes and digests."""

    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as tar:
            self.blobs = {member.name: member for member in tar.getmembers()}
            index = json.load(tar.extractfile("index.json"))
            expect("descriptors in index.json", 1, len(index["manifests"]))
            manifest = json.load(self.verified(tar, index["manifests"][0]))
            self.config = json.load(self.verified(tar, manifest["config"]))
            self.compressed = sum(layer["size"] for layer in manifest["layers"])
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

    @staticmethod
    def read_layer(blob, diff_id):
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
            with tarfile.open(fileobj=plain) as tar:
                return sum(member.size for member in tar if member.isreg())
