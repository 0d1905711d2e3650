# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# deb: tzdata
# The time zones, compiled by Debian.
mkdir -p "$out/usr/share"
cp -a usr/share/zoneinfo "$out/usr/share/"
rm -rf "$out/usr/share/zoneinfo/right" "$out/usr/share/zoneinfo/posix" "$out/usr/share/zoneinfo/localtime"
