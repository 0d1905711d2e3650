# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# deb: ca-certificates
# Mozilla's certificates in one file, out of Debian's package: not the machine's own bundle, which
# may trust more.
mkdir -p "$out/etc/ssl/certs"
LC_ALL=C
cat usr/share/ca-certificates/mozilla/*.crt >"$out/etc/ssl/certs/ca-certificates.crt"
ln -s certs/ca-certificates.crt "$out/etc/ssl/cert.pem"
