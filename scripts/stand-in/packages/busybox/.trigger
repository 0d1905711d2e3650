#!/bin/sh

install_links=

for folder in "$@"; do
	case "$folder" in
		/lib/modules/*) ;;
		*) install_links=yes;;
	esac
done

if [ -n "$install_links" ]; then
	/bin/busybox --install -s
fi
