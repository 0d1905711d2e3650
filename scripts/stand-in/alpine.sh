# shellcheck shell=bash disable=SC2154 # what local-mirror sets
# Alpine's own packages, where there are some: APKBUILD_SHARED names a folder of outside material, and
# alpine/v3.23/x86_64 in it holds packages as Alpine built and signed them. They go into the repository
# unchanged, in the place of those that would be made here, so that Python and Node run on what Alpine
# ships: musl, busybox, zlib, the certificates, OpenSSL, libffi, bzip2, xz, readline, ncurses and gcc's
# two libraries. SQLite, Python, Node, npm, pip and the time zones are not among them and stay the
# stand-in's own; so do the headers and libraries that Python's modules are linked with, which have the
# same sonames. Where there is no such folder, all is made here. Read by local-mirror.

alpine=${APKBUILD_SHARED:+$APKBUILD_SHARED/alpine/v3.23/x86_64}
[ -d "$alpine" ] || alpine=''

# Packages that nothing here has in its place, for the full stand-in. Not openrc: it needs others.
alpine_only=(libexpat readline libncursesw ncurses-terminfo-base doas)

# The file of Alpine's package $1; nothing where there is none.
alpine_file() {
  local file
  [ -n "$alpine" ] || return 0
  for file in "$alpine/$1"-[0-9]*.apk; do
    echo "$file"
    return
  done
}

is_alpines() { [ -n "$(alpine_file "$1")" ]; }

# Takes Alpine's package $1 into main, as it is; status 1 where there is none, so that it is made here.
take_alpines() {
  local file
  file=$(alpine_file "$1")
  [ -n "$file" ] || return 1
  mkdir -p "$folders/main/$1"
  tar --warning=no-unknown-keyword -xzOf "$file" .PKGINFO >"$folders/main/$1/PKGINFO"
  ln -s "$file" "$folders/main/$1/unchanged.apk"
}

# What tells one set of such packages from another, for the name of a result.
alpine_digests() { [ -z "$alpine" ] || (cd "$alpine" && sha256sum -- *.apk); }
