#!/usr/bin/env bash
# A compiler for musl that behaves like Alpine's: Debian's musl-tools, with four differences.
# - Programs ask for libc.musl-x86_64.so.1, the name under which Alpine's musl provides itself.
# - The kernel's headers are found, which musl-gcc hides.
# - It runs without LD_LIBRARY_PATH, which may hold musl's libraries while the compiler is glibc's.
# - It answers -print-multiarch as Alpine's gcc does: CPython's configure and its setup.py both ask.
# Called as `toolchain.sh OUT`.
set -euo pipefail
out=$1
mkdir -p "$out/bin" "$out/include" "$out/lib"

cp /usr/lib/x86_64-linux-musl/libc.so "$out/lib/libc.so"
patchelf --set-soname libc.musl-x86_64.so.1 "$out/lib/libc.so"

ln -s /usr/include/linux /usr/include/asm-generic /usr/include/mtd /usr/include/x86_64-linux-gnu/asm "$out/include/"

cat >"$out/bin/musl-cc" <<'END'
#!/bin/sh
for argument; do
  case $argument in -print-multiarch | --print-multiarch) echo x86_64-linux-musl; exit ;; esac
done
here=${0%/bin/*}
unset LD_LIBRARY_PATH
exec gcc -L"$here/lib" "$@" -idirafter "$here/include" -specs /usr/lib/x86_64-linux-musl/musl-gcc.specs
END
chmod +x "$out/bin/musl-cc"
