#!/bin/sh
# test-deb.sh: builds the packages and has them installed and used in a Debian root, which mmdebstrap makes once (a minute;
# var/debtest/base.tar). OPENCV=1 takes the gateway with OpenCV, whose installation fetches some 200 MB; without it the one
# that reads files only. Where mmdebstrap, root or the package archive is missing, it says so and succeeds.
set -eu
cd "$(dirname "$0")/../.."
base=var/debtest/base.tar
if [ "$(id -u)" != 0 ]; then echo "test-deb: skipped: needs root, for chroot" >&2; exit 0; fi
if [ ! -e "$base" ]; then
	firmware-configs/build/need.sh mmdebstrap=mmdebstrap || { echo "test-deb: skipped: no mmdebstrap" >&2; exit 0; }
	mkdir -p var/debtest
	nice mmdebstrap --variant=minbase --include=systemd,ca-certificates bookworm "$base.new.tar" 2>"$base.log" || {
		tail -n 3 "$base.log" >&2
		echo "test-deb: skipped: mmdebstrap could not make a Debian root (see $base.log)" >&2
		exit 0
	}
	mv "$base.new.tar" "$base"
fi
rm -f var/deb/*_amd64.deb var/deb/*_all.deb
firmware-configs/build/deb.sh "$([ -n "${OPENCV:-}" ] && echo amd64 || echo amd64:static)" >/dev/null
CITYGATE_DEBS=$PWD/var/deb CITYGATE_DEBIAN_ROOT=$PWD/$base \
	go test -tags nogocv -count=1 -timeout 20m -run TestInstalledPackages -v ./firmware-configs
