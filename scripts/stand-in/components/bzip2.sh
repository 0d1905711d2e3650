# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: bzip2
# The library only: busybox has the programs. Programs ask for it by the name that it has on Alpine.
sed -i 's/-Wl,libbz2\.so\.1\.0/-Wl,libbz2.so.1/' Makefile-libbz2_so
make -j"$jobs" -f Makefile-libbz2_so CC="$CC" all
mkdir -p "$out/usr/lib" "$out/usr/include"
cp -a libbz2.so.* "$out/usr/lib/"
rm "$out/usr/lib/libbz2.so.1.0"
ln -s libbz2.so.1.0.8 "$out/usr/lib/libbz2.so.1"
ln -s libbz2.so.1 "$out/usr/lib/libbz2.so"
cp bzlib.h "$out/usr/include/"
