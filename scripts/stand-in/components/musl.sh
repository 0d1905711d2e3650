# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# deb: musl
# strip: no
# The core's C library, laid out and named as Alpine does it: the loader is the library, and a link
# bears the name that programs ask for. Its bytes stay Debian's own: changed by patchelf, to bear that
# name inside as well, it crashes on starting Python.
install -D -m 755 lib/x86_64-linux-musl/libc.so "$out/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$out/lib/libc.musl-x86_64.so.1"
