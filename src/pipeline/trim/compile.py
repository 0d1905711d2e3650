import marshal
import sys

from _frozen_importlib_external import MAGIC_NUMBER

out = sys.stdout.buffer
out.write(MAGIC_NUMBER)
with open(sys.argv[1], encoding="utf-8") as sources:
    for path in sources.read().splitlines():
        try:
            with open("/" + path, "rb") as source:
                code = compile(source.read(), "/" + path, "exec", dont_inherit=True, optimize=0)
            answer, mark = marshal.dumps(code), 0
        except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as reason:
            answer, mark = f"{type(reason).__name__}: {reason}".encode(errors="replace"), 1 << 31
        out.write((len(answer) | mark).to_bytes(4, "little"))
        out.write(answer)
