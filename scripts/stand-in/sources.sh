# shellcheck shell=bash disable=SC2154 # what local-mirror sets
# Debian's sources and packages, fetched into the cache folder by apt-get with lists of its own, so
# that the machine's own lists stay as they are. Read by local-mirror.

# Where apt keeps what belongs to these calls; the machine's own mirrors, asked for sources.
apt() {
  apt-get -o Dir::Etc::SourceList="$stand_in/apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$stand_in/apt/lists" -o Dir::Cache="$stand_in/apt/cache" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Get::List-Cleanup=0 -qq "$@"
}

# Asks for the lists once a run. Point releases only: a mirror may list a security update that it
# does not hold, and all of this is a stand-in.
apt_ready=
update_lists() {
  [ -z "$apt_ready" ] || return 0
  mkdir -p "$stand_in/apt/lists/partial" "$stand_in/apt/cache/archives/partial"
  # shellcheck disable=SC2016 # apt expands these
  apt-get indextargets --format '$(LABEL)|$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -n 's/^Debian|\(.* main\)$/deb \1\ndeb-src \1/p' | sort -u >"$stand_in/apt/sources.list"
  [ -s "$stand_in/apt/sources.list" ] ||
    fail "apt names no Debian mirror here" "the stand-in is built from Debian's sources, on Debian 12"
  apt update >"$stand_in/logs/lists.log" 2>&1 ||
    fail "cannot read Debian's package lists" "see $stand_in/logs/lists.log; a proxy may be missing"
  apt_ready=yes
}

# fetch_source NAME: the newest files of a source package into sources/NAME.
fetch_source() {
  [ ! -e "$stand_in/sources/$1/complete" ] || return 0
  update_lists
  say "fetching Debian's source of $1"
  mkdir -p "$stand_in/sources/$1"
  (cd "$stand_in/sources/$1" && apt source --download-only "$1" >"$stand_in/logs/fetch-$1.log" 2>&1) ||
    fail "cannot fetch Debian's source package $1" "see $stand_in/logs/fetch-$1.log"
  : >"$stand_in/sources/$1/complete"
}

# fetch_package NAME: a binary package's .deb into sources/NAME.deb.
fetch_package() {
  [ ! -e "$stand_in/sources/$1.deb/complete" ] || return 0
  update_lists
  say "fetching Debian's package $1"
  mkdir -p "$stand_in/sources/$1.deb"
  (cd "$stand_in/sources/$1.deb" && apt download "$1" >"$stand_in/logs/fetch-$1.log" 2>&1) ||
    fail "cannot fetch Debian's package $1" "see $stand_in/logs/fetch-$1.log"
  : >"$stand_in/sources/$1.deb/complete"
}

# fetch_wheel NAME VERSION SHA256: a wheel for musl, or for any system, from the Python index that
# pip is set up to ask, held against its digest.
fetch_wheel() {
  [ ! -e "$stand_in/sources/$1/complete" ] || return 0
  say "fetching the wheel $1 $2"
  mkdir -p "$stand_in/sources/$1"
  echo "$1==$2 --hash=sha256:$3" >"$stand_in/sources/$1/requirements.txt"
  python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes \
    --platform musllinux_1_2_x86_64 --platform any --python-version 3.11 \
    --requirement "$stand_in/sources/$1/requirements.txt" --dest "$stand_in/sources/$1" \
    >"$stand_in/logs/fetch-$1.log" 2>&1 ||
    fail "cannot fetch the wheel $1 $2" "see $stand_in/logs/fetch-$1.log"
  : >"$stand_in/sources/$1/complete"
}
