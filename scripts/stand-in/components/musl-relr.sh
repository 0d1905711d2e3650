# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: musl
# file: musl-relr.patch
# The C library of the full stand-in: Node's libstdc++ has packed relative relocations, which Debian's
# own musl crashes on. Laid out and named as the core's is.
patch -p1 <"$file"
CC=gcc ./configure --prefix=/usr --syslibdir=/lib --disable-static
make -j"$jobs" lib/libc.so LDFLAGS=-Wl,-soname,libc.musl-x86_64.so.1
install -D -m 755 lib/libc.so "$out/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$out/lib/libc.musl-x86_64.so.1"
