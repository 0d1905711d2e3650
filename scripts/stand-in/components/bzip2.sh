# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: bzip2
# The library only: busybox has the programs.
make -j"$jobs" -f Makefile-libbz2_so CC="$CC" all
mkdir -p "$out/usr/lib" "$out/usr/include"
cp -a libbz2.so.* "$out/usr/lib/"
ln -s libbz2.so.1.0 "$out/usr/lib/libbz2.so.1"
ln -s libbz2.so.1.0 "$out/usr/lib/libbz2.so"
cp bzlib.h "$out/usr/include/"
