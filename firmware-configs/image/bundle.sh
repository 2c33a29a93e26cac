#!/bin/sh
# bundle.sh BOARD VERSION CERT KEY: packs var/image/BOARD.ext4 into var/image/BOARD-VERSION.raucb, signed. KEY is a file or
# a PKCS#11 URI; the key of a real fleet is never on a build machine. VERSION only rises.
set -eu
cd "$(dirname "$0")/../.."
board=$1 version=$2 cert=$3 key=$4
"$PWD/firmware-configs/build/need.sh" rauc=rauc mksquashfs=squashfs-tools || exit 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bundle"
ln "var/image/$board.ext4" "$dir/bundle/rootfs.ext4" 2>/dev/null || cp "var/image/$board.ext4" "$dir/bundle/rootfs.ext4"
sed -e "s/@BOARD@/$board/" -e "s/@VERSION@/$version/" firmware-configs/image/manifest.raucm >"$dir/bundle/manifest.raucm"
if [ -e "var/image/$board.boot.vfat" ]; then # boards whose firmware reads kernel and options from a partition of their own
	cp "var/image/$board.boot.vfat" "$dir/bundle/boot.vfat"
	printf '\n[image.boot]\nfilename=boot.vfat\n' >>"$dir/bundle/manifest.raucm"
fi
rm -f "var/image/$board-$version.raucb"
rauc bundle --cert="$cert" --key="$key" "$dir/bundle" "var/image/$board-$version.raucb"
