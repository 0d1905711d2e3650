# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: python3.11 unpatched
# needs: zlib
# CPython as upstream wrote it (Debian's patches rename its folders), built as Alpine builds it, less
# most optimisation, which would take half as long again, and less the modules of python3-modules,
# which need other libraries. Its bytecode is compiled last, once every file has its time.
version=3.11

# What setup.py would look for on the machine and not find for musl.
cat >Modules/Setup.local <<'END'
*disabled*
_bz2 _crypt _ctypes _curses _curses_panel _dbm _gdbm _hashlib _lzma _sqlite3 _ssl _tkinter _uuid nis ossaudiodev readline
END

# Modules are imported while they are built, so zlib has to be where musl's loader looks: make points
# it here, at the new libpython.
cp -a "$root_zlib"/usr/lib/libz.so.* .
OPT="-DNDEBUG -fwrapv -O1" CFLAGS="-pipe -ffile-prefix-map=$PWD=." CPPFLAGS="-I$root_zlib/usr/include" \
  LDFLAGS="-L$root_zlib/usr/lib" ZLIB_CFLAGS=" " ZLIB_LIBS=-lz SOURCE_DATE_EPOCH=$epoch ./configure \
  --build=x86_64-linux-musl --host=x86_64-linux-musl --prefix=/usr --enable-ipv6 --enable-shared \
  --with-computed-gotos --without-ensurepip --disable-test-modules --with-tzpath=/usr/share/zoneinfo
SOURCE_DATE_EPOCH=$epoch make -j"$jobs" all

make DESTDIR="$out" altbininstall bininstall inclinstall maninstall sharedinstall
library=$out/usr/lib/python$version
cp -r Lib/. "$library"
cp build/lib.linux-x86_64-$version/_sysconfigdata*.py "$library/"
find "$library" -name __pycache__ -prune -exec rm -rf {} +
configuration=$library/config-$version-x86_64-linux-musl
install -D -m 644 Makefile "$configuration/Makefile"
install -m 644 Modules/Setup Modules/Setup.local Modules/config.c Modules/config.c.in "$configuration/"
install -m 755 python-config "$out/usr/bin/python$version-config"
ln -sf python$version-config "$out/usr/bin/python3-config"
cp LICENSE "$library/LICENSE.txt"

# A compiler on Alpine is called gcc and finds zlib by itself; the folder of the build is gone.
sed -i -e "s|-L$root_zlib/usr/lib||g" -e "s|-I$root_zlib/usr/include||g" -e "s|-ffile-prefix-map=$PWD=.||g" \
  -e "s|$CC|gcc|g" -e "s|$PWD|/usr/src/python3|g" "$library"/_sysconfigdata*.py "$configuration/Makefile"

chmod -R u=rwX,go=rX "$out"
find "$out" -exec touch -h -d "@$epoch" {} +
export LD_LIBRARY_PATH="$out/usr/lib" PYTHONHOME="$out/usr"
"$out/usr/bin/python$version" -m compileall -q -j "$jobs" -s "$out" --invalidation-mode timestamp \
  -x '/(test|tests|idle_test|bad_.*)/|lib2to3/tests|badsyntax' "$library"
