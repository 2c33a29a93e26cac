#!/bin/sh
# root.sh BOARD DEB...: makes var/image/BOARD.ext4, the root file system of a board, from Debian 12 and our packages. It
# runs programs of the board's architecture, so on another machine it needs qemu-user-static and binfmt_misc.
#
# What is not in it: the boot partition with firmware and kernel options, which each board's maker describes, and anything
# of one device. The first start makes the machine id, and enrolment its keys. ENROL=FILE takes that enrol.env into the
# image, so that its devices ask their fleet by themselves.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here/.."
board=$1
shift
profile=$here/boards/$board
[ -d "$profile" ] || { echo "image: no board $board in $here/boards" >&2; exit 3; }
case $board in *armhf) arch=armhf kernel=linux-image-armmp ;; *) arch=arm64 kernel=linux-image-arm64 ;; esac
"$here/build/need.sh" mmdebstrap=mmdebstrap arch-test=arch-test mkfs.ext4=e2fsprogs || exit 2
mkdir -p var/image
root=var/image/$board.root
rm -rf "$root"
debs=
for deb; do debs="$debs --include=$(realpath "$deb")"; done
# Data and machine id are empty in the image; the folders that fstab mounts over exist.
nice mmdebstrap --architectures="$arch" --variant=minbase $debs \
	--include="systemd-sysv,systemd-timesyncd,udev,dbus,kmod,e2fsprogs,rauc,rauc-service,$kernel" \
	--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount \
	--customize-hook="copy-in $here/image/fstab /etc/" \
	--customize-hook="mkdir -p \$1/data \$1/boot/autoboot \$1/etc/rauc \$1/etc/systemd/system.conf.d \$1/usr/lib/citygate" \
	--customize-hook="upload $profile/rauc.conf /etc/rauc/system.conf" \
	--customize-hook="upload $profile/watchdog.conf /etc/systemd/system.conf.d/watchdog.conf" \
	--customize-hook="upload $here/image/rauc-tryboot /usr/lib/citygate/rauc-tryboot" \
	--customize-hook="chmod 755 \$1/usr/lib/citygate/rauc-tryboot" \
	--customize-hook="copy-in $here/image/citygate-data.service $here/image/citygate-mark-good.service $here/image/citygate-mark-good.timer /etc/systemd/system/" \
	--customize-hook='ln -s ../citygate-mark-good.timer $1/etc/systemd/system/timers.target.wants/citygate-mark-good.timer' \
	--customize-hook='echo kiosk >$1/etc/hostname; : >$1/etc/machine-id; rm -rf $1/etc/citygate/*.key $1/etc/citygate/enrol' \
	${ENROL:+--customize-hook="copy-in $ENROL /etc/citygate/"} \
	bookworm "$root"
mkfs.ext4 -q -F -L root -d "$root" "var/image/$board.ext4" "${SIZE:-1500M}"
ls -l "var/image/$board.ext4"
