# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: python3.11 unpatched
# needs: python3 openssl sqlite libffi bzip2 xz
# CPython's modules that need libraries of their own, which the core has not: compiled one by one
# against the interpreter that is built already.
suffix=cpython-311-x86_64-linux-musl.so
modules=$out/usr/lib/python3.11/lib-dynload
mkdir -p "$modules"

# module NAME LIBRARY_ROOT 'FLAGS' SOURCE…
module() {
  local name=$1 root=$2 flags=$3
  shift 3
  # shellcheck disable=SC2086 # the flags are several words
  "$CC" -shared -fPIC -O2 -fwrapv -DNDEBUG -DPy_BUILD_CORE_MODULE -IInclude -IInclude/internal \
    -I"$root_python3/usr/include/python3.11" -I"$root/usr/include" -L"$root/usr/lib" "$@" $flags \
    -o "$modules/$name.$suffix"
}
module _ssl "$root_openssl" "-lssl -lcrypto" Modules/_ssl.c &
module _hashlib "$root_openssl" -lcrypto Modules/_hashopenssl.c
module _sqlite3 "$root_sqlite" "-DMODULE_NAME=\"sqlite3\" -DPY_SQLITE_HAVE_SERIALIZE -DPY_SQLITE_ENABLE_LOAD_EXTENSION=1 -lsqlite3" Modules/_sqlite/*.c
module _ctypes "$root_libffi" "-DHAVE_FFI_PREP_CIF_VAR=1 -DHAVE_FFI_PREP_CLOSURE_LOC=1 -DHAVE_FFI_CLOSURE_ALLOC=1 -lffi -ldl" \
  Modules/_ctypes/{_ctypes,callbacks,callproc,stgdict,cfield}.c
module _bz2 "$root_bzip2" -lbz2 Modules/_bz2module.c
module _lzma "$root_xz" -llzma Modules/_lzmamodule.c
wait $!
