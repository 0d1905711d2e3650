# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: libffi
./configure --host=x86_64-linux-musl --prefix=/usr --disable-static --disable-docs \
  --disable-multi-os-directory CFLAGS=-O2
make -j"$jobs"
make install DESTDIR="$out"
