# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# deb: musl
# The core's C library, laid out and named as Alpine does it: the loader is the library, and a link
# bears the name that programs ask for.
install -D -m 755 lib/x86_64-linux-musl/libc.so "$out/lib/ld-musl-x86_64.so.1"
patchelf --set-soname libc.musl-x86_64.so.1 "$out/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$out/lib/libc.musl-x86_64.so.1"
