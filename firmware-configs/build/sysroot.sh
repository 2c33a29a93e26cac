#!/bin/sh
# sysroot.sh ARCH: makes var/sysroot/ARCH, a Debian 12 folder with the headers and libraries that a gateway with OpenCV is
# built against, and prints its path. It is unpacked, not installed, so nothing of ARCH runs on this machine. Kept until
# removed. Exit status 2: it cannot be made here; the reason is on standard error.
set -eu
cd "$(dirname "$0")/../.."
arch=$1
root=var/sysroot/$arch
if [ ! -e "$root.done" ]; then
	firmware-configs/build/need.sh mmdebstrap=mmdebstrap || exit 2
	mkdir -p var/sysroot
	rm -rf "$root"
	echo "sysroot: unpacking Debian's OpenCV for $arch into $root (a minute or two, once, 1.1 GB)" >&2
	if ! nice mmdebstrap --architectures="$arch" --variant=extract --include=libc6-dev,libstdc++-12-dev,libopencv-dev \
		bookworm "$root" >&2 2>"$root.log"; then
		tail -n 3 "$root.log" >&2
		echo "sysroot: mmdebstrap could not unpack Debian for $arch (see $root.log): is the package archive reachable?" >&2
		exit 2
	fi
	touch "$root.done"
fi
cd "$root" && pwd
