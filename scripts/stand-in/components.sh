# shellcheck shell=bash disable=SC2154 # what local-mirror sets
# Components: what is compiled, or taken from a package, before anything is packed. Each has a recipe,
# components/NAME.sh, whose head says what it is made from:
#
#   # source: NAME [unpatched]   Debian's source package, unpacked; the recipe starts inside it
#   # deb: NAME                  Debian's binary package, unpacked
#   # wheel: NAME VERSION SHA256 a wheel, unpacked
#   # needs: NAME…               components whose folders it gets as $root_NAME
#   # file: FILE                 a file beside the recipes that belongs to it, as $file
#   # strip: no                  leave the ELF files as they are
#
# A recipe fills $out as `make install DESTDIR=$out` would, with $CC, $jobs, and $epoch (the time that
# its files will get). The result is kept under a digest of all that it depends on. Read by local-mirror.

head_of() { sed -n "s/^# $2: //p" "$recipes/components/$1.sh"; }

# The digest that names a component: its recipe, its file, the toolchain and what it needs.
digest_of() {
  local need file
  {
    cat "$recipes/toolchain.sh" "$recipes/components/$1.sh"
    file=$(head_of "$1" file)
    [ -z "$file" ] || cat "$recipes/$file"
    for need in $(head_of "$1" needs); do digest_of "$need"; done
  } | sha256sum | cut -c1-16
}

component_folder() {
  if [ "$1" = toolchain ]; then
    echo "$stand_in/components/toolchain-$(sha256sum "$recipes/toolchain.sh" | cut -c1-16)"
  else
    echo "$stand_in/components/$1-$(digest_of "$1")"
  fi
}

# Fetches what component $1 is made from, unless it is built.
fetch_component() {
  local source deb wheel
  [ ! -d "$(component_folder "$1")" ] || return 0
  source=$(head_of "$1" source) deb=$(head_of "$1" deb) wheel=$(head_of "$1" wheel)
  [ -z "$source" ] || fetch_source "${source%% *}"
  [ -z "$deb" ] || fetch_package "$deb"
  # shellcheck disable=SC2086 # name, version and digest are three words
  [ -z "$wheel" ] || fetch_wheel $wheel
}

# unpack NAME FOLDER: the material of component NAME into FOLDER; sets version and epoch.
unpack() {
  local source deb wheel files options=()
  source=$(head_of "$1" source) deb=$(head_of "$1" deb) wheel=$(head_of "$1" wheel)
  if [ -n "$source" ]; then
    files=$stand_in/sources/${source%% *}
    [ "${source#* }" != unpatched ] || options+=(--skip-patches)
    dpkg-source --no-copy "${options[@]}" -x "$files"/*.dsc "$2"
    version=$(dpkg-parsechangelog -l "$2/debian/changelog" -S Version)
    epoch=$(dpkg-parsechangelog -l "$2/debian/changelog" -S Timestamp)
  elif [ -n "$deb" ]; then
    files=$(echo "$stand_in/sources/$deb.deb"/*.deb)
    dpkg-deb -x "$files" "$2"
    version=$(dpkg-deb -f "$files" Version)
    epoch=$(find "$2" -type f -printf '%Ts\n' | sort -n | tail -n 1)
  else
    mkdir "$2"
    unzip -q "$(echo "$stand_in/sources/${wheel%% *}"/*.whl)" -d "$2"
    version=$(echo "$wheel" | cut -d' ' -f2)
    epoch=$(find "$2" -type f -printf '%Ts\n' | sort -n | tail -n 1)
  fi
  # Debian's own parts of a version: epoch, revision, repacking.
  version=${version#*:}
  version=${version%-*}
  version=${version%[.+]dfsg*}
  version=${version%+deb*}
}

# elf_files FOLDER: the programs and libraries below it, one a line; no process for each file.
elf_files() {
  local file magic
  find "$1" -type f \( -perm /111 -o -name '*.so*' \) | while read -r file; do
    IFS= read -r -N 4 magic <"$file" || true
    [ "$magic" != $'\x7fELF' ] || echo "$file"
  done
}

strip_files() { elf_files "$1" | xargs -r strip --strip-unneeded; }

# Builds one component unless it is there; its output goes to a log.
build_component() {
  local name=$1 folder out need log=$stand_in/logs/$1.log started=$SECONDS version='' epoch='' status
  folder=$(component_folder "$name")
  [ ! -d "$folder" ] || return 0
  out=$work/$name.out
  mkdir "$out"
  say "building $name"
  set +e # else the shell would not stop at an error inside, as the status is looked at
  (
    set -e
    if [ "$name" = toolchain ]; then
      bash "$recipes/toolchain.sh" "$out"
      exit
    fi
    unpack "$name" "$work/$name"
    for need in $(head_of "$name" needs); do
      export "root_$(echo "$need" | tr - _)=$(component_folder "$need")"
    done
    file=$recipes/$(head_of "$name" file)
    CC=$(component_folder toolchain)/bin/musl-cc
    export out CC jobs epoch file
    (cd "$work/$name" && bash -euo pipefail "$recipes/components/$name.sh")
    find "$out" -name '*.la' -delete
    [ -n "$(head_of "$name" strip)" ] || strip_files "$out"
    find "$out" -exec touch -h -d "@$epoch" {} +
    echo "$version" >"$out/.version"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  [ $status = 0 ] || {
    tail -n 15 "$log" >&2
    fail "cannot build $name for the stand-in" "the whole log is $log"
  }
  rm -rf "${work:?}/$name"
  mv "$out" "$folder"
  say "built $name in $((SECONDS - started)) s"
}

c_library=musl${full:+-relr}
lane_of_python=(zlib python3)
lane_of_others=("$c_library")
is_alpines busybox || lane_of_others+=(busybox)
is_alpines ca-certificates-bundle || lane_of_others+=(ca-certificates)
[ -z "$full" ] || lane_of_others+=(openssl sqlite libffi bzip2 xz nodejs pip tzdata)

# A Python of another version, which the full stand-in has in a repository of its own: one more wheel,
# and a large one, so the rest is made without it where it cannot be had.
second_python=python-3.13
second_python_missing='' # why, where it cannot

# Fetches what the second Python is made from; status 1 where it cannot be had.
fetch_second_python() {
  local said
  # A shell of its own, which `fail` ends.
  said=$(fetch_component python3.13 2>&1) || {
    second_python_missing=$(sed -n 's/^error: //p' <<<"$said")
    say "without a second Python: $second_python_missing"
    return 1
  }
}

# Two lanes at once, since fetching and configuring are single-threaded; each a process group of its
# own, so that an interrupt reaches the compilers.
lanes=()
lane() {
  set -m
  (
    set +m
    for name; do
      fetch_component "$name"
      build_component "$name"
    done
  ) &
  lanes+=($!)
  set +m
}
stop_lanes() {
  local lane
  for lane in "${lanes[@]}"; do kill -- "-$lane" 2>/dev/null || true; done
  wait 2>/dev/null || true
}

build_components() {
  local name lane
  for name in "${lane_of_python[@]}" "${lane_of_others[@]}" ${full:+python3-modules}; do
    [ -d "$(component_folder "$name")" ] || update_lists
  done
  build_component toolchain
  lane "${lane_of_python[@]}"
  lane "${lane_of_others[@]}"
  for lane in "${lanes[@]}"; do wait -n || exit 1; done # whichever ends; the trap ends the other
  lanes=()
  [ -n "$full" ] || return 0
  fetch_component python3-modules
  build_component python3-modules
  ! fetch_second_python || build_component python3.13
}
