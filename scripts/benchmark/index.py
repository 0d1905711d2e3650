"""An index as large as Alpine's: thousands of packages that nobody has, signed with a key that `apkbuild keygen` made."""

import base64
import gzip
import hashlib
import io
import random
import tarfile

# DigestInfo of SHA-256 (RFC 8017, section 9.2, note 1).
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def write_index(path, count, key):
    """Writes `path`, an APKINDEX.tar.gz with `count` packages that need and provide one another, signed by `key`."""
    text = "".join(records(count)).encode()
    body = member([("DESCRIPTION", b"bench"), ("APKINDEX", text)], ends=True)
    signature = sign(key.read_text(), body)
    path.write_bytes(member([(f".SIGN.RSA256.{key.name}.pub", signature)], ends=False) + body)


def records(count):
    """Records as Alpine's index has them: about 330 bytes each, a library under most, a command in some."""
    chance = random.Random(2)
    for number in range(count):
        name = f"filler-{number:05}"
        needs = " ".join(f"so:libfiller-{chance.randrange(max(number, 1)):05}.so.1" for _ in range(chance.randint(0, 5)))
        identity = base64.b64encode(hashlib.sha1(name.encode()).digest()).decode()
        size = chance.randint(1000, 5_000_000)
        yield (
            f"C:Q1{identity}\nP:{name}\nV:{chance.randint(0, 9)}.{chance.randint(0, 40)}.{chance.randint(0, 9)}-r{chance.randint(0, 5)}\n"
            f"A:x86_64\nS:{size}\nI:{size * 3}\nT:Filler {number} of a large index\nU:https://example.org/{name}\nL:MIT\n"
            f"o:{name}\nm:Nobody <nobody@example.org>\nt:{1_700_000_000 + number}\nc:{hashlib.sha1(str(number).encode()).hexdigest()}\n"
            f"D:so:libc.musl-x86_64.so.1 {needs}\np:so:libfiller-{number:05}.so.1=1.0 cmd:{name}=1.0\n\n"
        )


def member(files, ends):
    """A tar of `files` as a gzip member; without the blocks that end a tar where another member follows."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        length = archive.offset
    tar = buffer.getvalue()[:length]
    return gzip.compress(tar + bytes(1024) if ends else tar, 6, mtime=0)


def sign(pem, message):
    """The signature of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2.1) by a key in PKCS#8."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))
    # PrivateKeyInfo: version, algorithm, and in an octet string the RSAPrivateKey: version, n, e, d, …
    modulus, _, exponent = numbers(parts(parts(parts(der)[0])[2]))[1:4]
    length = (modulus.bit_length() + 7) // 8
    info = SHA256_INFO + hashlib.sha256(message).digest()
    padded = b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info
    return pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(length, "big")


def parts(der):
    """The contents of the values that stand one after another in `der` (X.690, definite lengths); of one octet string or
    sequence, those inside it."""
    found, position = [], 0
    while position < len(der):
        length, start = der[position + 1], position + 2
        if length & 0x80:
            wide = length & 0x7F
            length, start = int.from_bytes(der[start : start + wide], "big"), start + wide
        found.append(der[start : start + length])
        position = start + length
    return found


def numbers(values):
    return [int.from_bytes(value, "big") for value in parts(values[0])]
