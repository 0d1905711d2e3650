# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# source: busybox
# file: busybox.config
# Alpine's busybox in small: the applets of busybox.config, linked to musl, and the list of its links.

# Alpine's nologin is in /sbin, where adduser's default shell looks for it.
sed -i '/applet:IF_NOLOGIN/s/BB_DIR_USR_SBIN/BB_DIR_SBIN/' util-linux/nologin.c

make defconfig
grep -rhoE '^//applet:IF_[A-Z0-9_]+' --include='*.c' . | sed 's/.*IF_//' | sort -u >applets.known
sed '/^[#+-]/d' "$file" | tr ' ' '\n' | sed '/^$/d' | sort -u >wanted
unknown=$(comm -13 applets.known wanted)
[ -z "$unknown" ] || { echo "busybox has no applet $unknown"; exit 1; }
{
  comm -23 applets.known wanted | sed 's/.*/# CONFIG_& is not set/'
  sed 's/.*/CONFIG_&=y/' wanted
  sed -n 's/^-\(.*\)/# CONFIG_\1 is not set/p; s/^+\(.*\)/CONFIG_\1=y/p' "$file"
} >changes
grep -oE 'CONFIG_[A-Z0-9_]+' changes >changed
grep -vwFf changed .config >unchanged
cat unchanged changes >.config
yes '' | make oldconfig || [ "${PIPESTATUS[1]}" = 0 ]

make -j"$jobs" CC="$CC" HOSTCC=gcc busybox
install -D -m 755 busybox "$out/bin/busybox"
mkdir -p "$out/etc/busybox-paths.d"
./busybox --list-full >"$out/etc/busybox-paths.d/busybox"
