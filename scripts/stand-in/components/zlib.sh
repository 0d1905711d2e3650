# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: zlib
CFLAGS=-O2 ./configure --prefix=/usr --shared
make -j"$jobs" CC="$CC" "$(sed -n 's/^SHAREDLIBV=//p' Makefile)"
mkdir -p "$out/usr/lib" "$out/usr/include"
cp -a libz.so* "$out/usr/lib/"
cp zlib.h zconf.h "$out/usr/include/"
