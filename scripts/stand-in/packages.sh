# shellcheck shell=bash disable=SC2154 # what local-mirror sets
# Packages: the components split as Alpine splits them, with dependencies and provides computed as
# abuild computes them; then packed, indexed and signed by apkbuild. Read by local-mirror.

# The time of files that this project wrote: 2025-01-01.
written=1735689600

# package REPOSITORY NAME VERSION ORIGIN LICENSE DESCRIPTION [ARCH]: begins a package; sets $folder.
package() {
  folder=$folders/$1/$2
  mkdir -p "$folder/root"
  cat >"$folder/PKGINFO" <<END
pkgname = $2
pkgver = $3
pkgdesc = $6 (stand-in, not Alpine's)
url = about:blank
arch = ${7:-x86_64}
origin = $4
license = $5
END
}

# field KEY VALUE…: more lines of the package that was begun last.
field() {
  local key=$1 value
  shift
  for value; do echo "$key = $value" >>"$folder/PKGINFO"; done
}

# copy COMPONENT PATH…: paths of a component into the package, as links: nothing is changed in place.
copy() {
  local from path
  from=$(component_folder "$1")
  shift
  for path; do
    # shellcheck disable=SC2086 # the path may be a pattern
    (cd "$from" && cp -al --parents -- $path "$folder/root/")
  done
}

# take FOLDER PATTERN…: moves what an earlier package holds into this one, as sub-packages are made.
take() {
  local from=$1 pattern path
  shift
  for pattern; do
    # shellcheck disable=SC2086 # the pattern is meant to expand
    (cd "$from/root" && printf '%s\n' $pattern) | while read -r path; do
      { [ -n "$path" ] && [ -e "$from/root/$path" ]; } || continue # nothing is so called
      mkdir -p "$folder/root/$(dirname "$path")"
      mv "$from/root/$path" "$folder/root/$path"
    done
  done
}

version_of() { echo "$(cat "$(component_folder "$1")/.version")-r${2:-0}"; }

core_packages() {
  take_alpines musl || {
    package main musl "$(version_of "$c_library" ${full:+1})" musl MIT "C library"
    copy "$c_library" lib
  }
  take_alpines ca-certificates-bundle || {
    package main ca-certificates-bundle "$(version_of ca-certificates)" ca-certificates "MPL-2.0 AND MIT" "Mozilla's certificates in one file"
    copy ca-certificates etc
  }
  take_alpines zlib || {
    package main zlib "$(version_of zlib)" zlib Zlib "Compression library"
    copy zlib 'usr/lib/libz.so.*'
  }
  { take_alpines busybox && take_alpines busybox-binsh; } || busybox_packages
  python_packages main python3 "$(version_of python3 ${full:+1})" ${full:+python3-modules}
}

busybox_packages() {
  local version
  version=$(version_of busybox)
  package main busybox "$version" busybox GPL-2.0-only "Many common utilities in one small program"
  copy busybox bin etc
  mkdir -p "$folder"/root/{sbin,tmp,usr/sbin,var/cache/misc}
  echo "tmp root:root 1777" >"$folder/owners"
  field triggers "/bin /usr/bin /sbin /usr/sbin /lib/modules/*"
  cp "$recipes/packages/busybox/.post-install" "$recipes/packages/busybox/.trigger" "$folder/"
  package main busybox-binsh "$version" busybox GPL-2.0-only "busybox ash as /bin/sh"
  field depend "busybox=$version"
  field provides /bin/sh
  field provider_priority 100
  mkdir -p "$folder/root/bin"
  ln -s /bin/busybox "$folder/root/bin/sh"
}

# python_packages REPOSITORY COMPONENT VERSION [MODULES]: Python. The first is the same interpreter in the
# core and in the full stand-in; there with MODULES, those that need other libraries, as Alpine's has
# them, and so another release.
python_packages() {
  local repository=$1 component=$2 version=$3 modules=${4:-} minor main library
  minor=$(cut -d. -f1,2 <<<"$version")
  library=usr/lib/python$minor
  package "$repository" python3 "$version" python3 PSF-2.0 "A high-level scripting language"
  main=$folder
  copy "$component" usr
  [ -z "$modules" ] || copy "$modules" usr
  mkdir -p "$folder/root/$library/site-packages"
  # As Alpine has it since v3.17, where it was a package of this name before.
  ln -s python3 "$folder/root/usr/bin/python"
  field provides "pythonispython3=$version"

  package "$repository" python3-doc "$version" python3 PSF-2.0 "Python's manual page"
  take "$main" usr/share/man
  field install_if "python3=$version docs"
  package "$repository" python3-dev "$version" python3 PSF-2.0 "Python's headers"
  field depend "python3=$version"
  take "$main" 'usr/bin/*-config' "$library/config-*" "usr/lib/libpython$minor.so" usr/lib/pkgconfig
  copy "$component" usr/include
  rm "$folder/root/usr/include/python$minor/pyconfig.h"
  (cd "$main/root/usr/include/python$minor" && find . -mindepth 1 -maxdepth 1 ! -name pyconfig.h -exec rm -rf {} +)
  package "$repository" python3-tests "$version" python3 PSF-2.0 "Python's own tests"
  field depend "python3=$version"
  take "$main" "$library/test" "$library/*/test" "$library/*/tests" "$library/idlelib/idle_test" \
    "$library/lib-dynload/_*test*.so"

  # As Alpine does: bytecode comes with python3, unless the world says !pyc.
  package "$repository" python3-pycache-pyc0 "$version" python3 PSF-2.0 "Bytecode of Python's library"
  field depend "python3=$version"
  (cd "$main/root" && find usr -name __pycache__ -prune) | while read -r path; do
    mkdir -p "$folder/root/$(dirname "$path")"
    mv "$main/root/$path" "$folder/root/$path"
  done
  package "$repository" pyc "$version" python3 PSF-2.0 "Stands for: bytecode is wanted" noarch
  package "$repository" python3-pyc "$version" python3 PSF-2.0 "Brings Python's bytecode" noarch
  field depend "python3-pycache-pyc0=$version" pyc
  field install_if "python3=$version"
}

# pip_package REPOSITORY MINOR: pip, where Python MINOR looks for it.
pip_package() {
  local version
  version=$(version_of pip)
  package "$1" py3-pip "$version" py3-pip MIT "Python's package installer" noarch
  field depend "python3~$2"
  field provides "py$2:pip=${version%-r*}"
  copy pip usr
  mv "$folder/root/usr/lib/python3" "$folder/root/usr/lib/python$2"
  ln -s pip3 "$folder/root/usr/bin/pip$2"
}

full_packages() {
  local version gcc name
  version=$(version_of openssl)
  take_alpines libcrypto3 || {
    package main libcrypto3 "$version" openssl Apache-2.0 "Cryptography, of OpenSSL"
    copy openssl 'usr/lib/libcrypto.so.*' etc
    echo "etc/ssl/private root:root 0700" >"$folder/owners"
  }
  take_alpines libssl3 || {
    package main libssl3 "$version" openssl Apache-2.0 "TLS, of OpenSSL"
    field depend "libcrypto3=$version"
    copy openssl 'usr/lib/libssl.so.*'
  }
  package main sqlite-libs "$(version_of sqlite)" sqlite blessing "SQLite's library"
  copy sqlite 'usr/lib/libsqlite3.so.*'
  take_alpines libffi || {
    package main libffi "$(version_of libffi)" libffi MIT "Calls into functions known only at run time"
    copy libffi 'usr/lib/libffi.so.*'
  }
  take_alpines libbz2 || {
    package main libbz2 "$(version_of bzip2)" bzip2 bzip2-1.0.6 "bzip2's library"
    copy bzip2 'usr/lib/libbz2.so.*'
  }
  take_alpines xz-libs || {
    package main xz-libs "$(version_of xz)" xz "GPL-2.0-or-later AND 0BSD" "xz's library"
    copy xz 'usr/lib/liblzma.so.*'
  }
  for name in "${alpine_only[@]}"; do take_alpines "$name" || true; done
  package main tzdata "$(version_of tzdata)" tzdata CC-PDDC "Time zones" noarch
  copy tzdata usr

  version=$(version_of nodejs)
  gcc=$(cat "$(component_folder nodejs)/.gcc-version")-r0
  take_alpines libgcc || {
    package main libgcc "$gcc" gcc "GPL-2.0-or-later WITH GCC-exception-3.1" "GNU C compiler's run time"
    copy nodejs 'usr/lib/libgcc_s.so.1'
  }
  take_alpines libstdc++ || {
    package main libstdc++ "$gcc" gcc "GPL-2.0-or-later WITH GCC-exception-3.1" "GNU C++ library"
    copy nodejs 'usr/lib/libstdc++.so.*'
  }
  package main nodejs "$version" nodejs MIT "JavaScript, with copies of libraries that Alpine's shares"
  copy nodejs usr/bin/node
  package community npm "$(cat "$(component_folder nodejs)/.npm-version")-r0" npm Artistic-2.0 "Node's package manager" noarch
  field depend nodejs
  copy nodejs usr/lib/node_modules usr/bin/npm usr/bin/npx

  pip_package community 3.11
  [ -n "$second_python_missing" ] || second_python_packages
}

# The other Python, in a repository of its own, where it stands in the place of the first.
second_python_packages() {
  local main=$folders/main.second/python3
  python_packages main.second python3.13 "$(cat "$(component_folder python3.13)/.python-version")-r0"
  is_alpines readline || rm "$main"/root/usr/lib/python3.13/lib-dynload/readline.*.so
  is_alpines libncursesw || rm "$main"/root/usr/lib/python3.13/lib-dynload/_curses.*.so
  is_alpines libssl3 || {
    rm "$main"/root/usr/lib/python3.13/lib-dynload/_ssl.*.so
    cp -al "$(component_folder python3.13)/on-older-openssl/usr" "$main/root/"
  }
  pip_package community.second 3.13
}

# The folders of packages/: files that this project wrote. `directories` lists empty folders, which
# git does not keep.
written_packages() {
  local source name path
  for source in "$recipes"/packages/*/; do
    name=$(basename "$source")
    [ -e "$source/PKGINFO" ] || continue
    folder=$folders/main/$name
    mkdir -p "$folder/root"
    cp -a "$source/." "$folder/"
    if [ -e "$folder/directories" ]; then
      while read -r path; do mkdir -p "$folder/root/$path"; done <"$folder/directories"
      rm "$folder/directories"
    fi
    if [ -e "$folder/links" ]; then
      while read -r path target; do
        mkdir -p "$folder/root/$(dirname "$path")"
        case $target in
          =*) ln "$folder/root/${target#=}" "$folder/root/$path" ;;
          *) ln -s "$target" "$folder/root/$path" ;;
        esac
      done <"$folder/links"
      rm "$folder/links"
    fi
    # Files of a checkout have whatever time and mode the checkout gave them.
    chmod -R u=rwX,go=rX "$folder/root"
    find "$folder" -exec touch -h -d "@$written" {} +
  done
}

# What a package provides and needs by the look of its files: shared libraries (so:), commands (cmd:),
# the interpreter of its install scripts.
complete_package() {
  local file name version real needed newest provided="$folder/provided" wanted="$folder/wanted"
  version=$(sed -n 's/^pkgver = //p' "$folder/PKGINFO")
  : >"$provided"
  : >"$wanted"
  while read -r file; do
    needed=$(readelf -d "$file")
    sed -n 's/.*(NEEDED).*\[\(.*\)\]/so:\1/p' <<<"$needed" >>"$wanted"
    name=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' <<<"$needed")
    real=${file##*/}
    case ${file#"$folder"/root/} in
      lib/ld-musl-*) echo "so:libc.musl-x86_64.so.1=1" >>"$provided" ;;
      lib/*/* | usr/lib/*/*) ;;
      lib/* | usr/lib/*)
        [ -z "$name" ] || case $real in
          *.so.*) echo "so:$name=${real##*.so.}" ;;
          *) echo "so:$name=0" ;;
        esac >>"$provided"
        ;;
    esac
  done < <(elf_files "$folder/root")
  for file in "$folder"/root/{bin,sbin,usr/bin,usr/sbin}/*; do
    echo "cmd:${file##*/}=$version" >>"$provided"
  done
  [ "${folder##*/}" = busybox ] || for file in "$folder"/.[pt]*; do
    [ "$(head -n 1 "$file")" != '#!/bin/sh' ] || echo /bin/sh >>"$wanted"
  done
  sort -u "$wanted" | while read -r name; do
    grep -qF -- "$name=" "$provided" || field depend "$name"
  done
  sort -u "$provided" | while read -r name; do field provides "$name"; done
  rm "$provided" "$wanted"

  # Folders and links made while packing take the time of the newest file.
  newest=$(find "$folder/root" -type f -printf '%Ts\n' | sort -n | tail -n 1)
  find "$folder" -newermt "@${newest:-$written}" -exec touch -h -d "@${newest:-$written}" {} +
}

# Every so: that a package needs, some package provides.
check_closure() {
  local missing
  missing=$(comm -23 <(sed -n 's/^depend = \(so:.*\)/\1/p' "$folders"/*/*/PKGINFO | sort -u) \
    <(sed -n 's/^provides = \(so:.*\)=.*/\1/p' "$folders"/*/*/PKGINFO | sort -u))
  [ -z "$missing" ] || fail "no package of the stand-in provides" "$missing"
}

# pack_folders NAME TARGET: packs the packages of $folders/NAME into TARGET.
pack_folders() {
  local folder
  mkdir -p "$2"
  for folder in "$folders/$1"/*; do
    [ ! -e "$folder/unchanged.apk" ] || cp "$(readlink "$folder/unchanged.apk")" "$2/"
    [ -e "$folder/unchanged.apk" ] || printf '%s\0' "$folder"
  done | xargs -0 -r -n 1 -P "$jobs" "$program" mkpkg --key "$private" -o "$2" >>"$stand_in/logs/pack.log" 2>&1 || {
    tail -n 15 "$stand_in/logs/pack.log" >&2
    fail "cannot pack the packages of $1" "see $stand_in/logs/pack.log"
  }
}

# index NAME TARGET: signs what is in TARGET.
index() {
  "$program" mkndx "$2" --key "$private" --rewrite-arch x86_64 --description "apkbuild's stand-in, not Alpine: $1" >>"$stand_in/logs/pack.log" 2>&1 || {
    tail -n 5 "$stand_in/logs/pack.log" >&2
    fail "cannot index $1" "see $stand_in/logs/pack.log"
  }
}

# pack_repository RESULT: RESULT/repo and RESULT/keys; in the full stand-in RESULT/python-3.13 too.
pack_repository() {
  local folder folders=$work/folders repository private
  say "packing"
  core_packages
  [ -z "$full" ] || full_packages
  written_packages
  for folder in "$folders"/*/*; do
    [ -e "$folder/unchanged.apk" ] || complete_package
  done
  check_closure

  # One key for this machine's stand-ins; the private half does not leave the cache folder.
  private=$(echo "$stand_in"/key/*.rsa)
  if [ -z "$private" ]; then
    (umask 077 && mkdir -p "$stand_in/key")
    "$program" keygen -o "$stand_in/key" --name "stand-in-$(od -An -N4 -tx1 /dev/urandom | tr -d ' ')" >&2
    private=$(echo "$stand_in"/key/*.rsa)
  fi
  mkdir -p "$1/keys"
  cp "$private.pub" "$1/keys/"
  for repository in main community; do
    pack_folders "$repository" "$1/repo/$release/$repository/x86_64"
    index "$repository" "$1/repo/$release/$repository/x86_64"
  done
  ln -s "$release" "$1/repo/latest-stable"
  [ -z "$full" ] || pack_second_python "$1/repo/$release" "$1/$second_python"
}

# pack_second_python REPOSITORY RESULT: what is in REPOSITORY, as other names of the same files, but for
# the first Python and for Node, which is large and not asked for there.
pack_second_python() {
  local repository target file name
  mkdir "$2"
  [ -z "$second_python_missing" ] || { echo "$second_python_missing" >"$2/missing"; return; }
  cp -r "$1/../../keys" "$2/" # no link: the folder may be mounted alone
  for repository in main community; do
    target=$2/repo/$release/$repository/x86_64
    pack_folders "$repository.second" "$target"
    for file in "$1/$repository"/x86_64/*.apk; do
      name=${file##*/}
      name=${name%-*-r*}
      [ "$name" = nodejs ] || [ "$name" = npm ] || [ -d "$folders/$repository.second/$name" ] || ln "$file" "$target/"
    done
    index "$repository, with Python 3.13" "$target"
  done
  ln -s "$release" "$2/repo/latest-stable"
}
