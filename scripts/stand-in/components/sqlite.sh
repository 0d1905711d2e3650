# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: sqlite3
# One large C file is generated (by tclsh), then compiled with the options that Alpine chose.
./configure --host=x86_64-linux-musl --prefix=/usr --disable-tcl --disable-readline
make sqlite3.c sqlite3.h
mkdir -p "$out/usr/lib" "$out/usr/include"
"$CC" -O2 -fPIC -shared -Wl,-soname,libsqlite3.so.0 -DSQLITE_THREADSAFE=1 -DSQLITE_SECURE_DELETE \
  -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 \
  -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_UNLOCK_NOTIFY -DSQLITE_ENABLE_DBSTAT_VTAB \
  -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_USE_URI sqlite3.c -o "$out/usr/lib/libsqlite3.so.0.8.6" -lm
ln -s libsqlite3.so.0.8.6 "$out/usr/lib/libsqlite3.so.0"
ln -s libsqlite3.so.0.8.6 "$out/usr/lib/libsqlite3.so"
cp sqlite3.h "$out/usr/include/"
