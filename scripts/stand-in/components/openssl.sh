# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: openssl
# Only the two libraries, with Alpine's choice of algorithms; no engines, no legacy provider and no
# program.
# The compiler by its name only: the library carries the words that it was compiled with.
PATH=${CC%/*}:$PATH
CC=musl-cc ./Configure linux-x86_64 --prefix=/usr --openssldir=/etc/ssl --libdir=lib shared no-tests no-engine \
  no-legacy no-zlib no-async no-comp no-idea no-mdc2 no-rc5 no-ec2m no-ssl3 no-seed no-weak-ssl-ciphers -O2
make build_generated
make -j"$jobs" libcrypto.so libssl.so
mkdir -p "$out/usr/lib" "$out/usr/include" "$out/etc/ssl/private"
cp -a libcrypto.so* libssl.so* "$out/usr/lib/"
cp -r include/openssl "$out/usr/include/"
install -m 644 apps/openssl.cnf "$out/etc/ssl/openssl.cnf"
