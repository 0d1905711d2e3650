# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: xz-utils
# The library only: busybox has the programs.
./configure --host=x86_64-linux-musl --prefix=/usr --disable-static --disable-xz --disable-xzdec \
  --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-doc --disable-nls CFLAGS=-O2
make -j"$jobs"
make install DESTDIR="$out"
