#!/bin/sh
# cross.sh [TARGET...]: builds the gateway for boards into var/cross/TARGET/citygate. Targets (default: all three):
#   arm64-static   without OpenCV, fully static: pictures, Motion JPEG from files and over HTTP; runs on any arm64 Linux
#   armhf-static   the same for 32-bit ARMv7
#   arm64          with OpenCV, against Debian 12: cameras of every kind
# What is missing is installed with apt-get. Where that cannot be, the target is left out with the reason, and the exit
# status is 2.
set -eu
cd "$(dirname "$0")/../.."
build=firmware-configs/build
left=0
skip() { echo "cross: $1 left out: $2" >&2; left=2; }

# gobuild TARGET TAGS EXTLDFLAGS: the toolchain is in the environment.
gobuild() {
	echo "cross: building $1 (the first time takes a few minutes, most of it for SQLite's and OpenCV's C and C++)" >&2
	mkdir -p "var/cross/$1"
	CGO_ENABLED=1 GOOS=linux nice go build -trimpath -buildvcs=auto -tags "$2" -o "var/cross/$1/" \
		-ldflags "-s -w -linkmode external -extldflags '$3'" ./cmd/citygate
}
static='nogocv sqlite_omit_load_extension osusergo netgo'

for target in ${*:-arm64-static armhf-static arm64}; do
	case $target in
	arm64-static)
		$build/need.sh aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu,libc6-dev-arm64-cross || { skip $target 'no cross compiler'; continue; }
		GOARCH=arm64 CC=aarch64-linux-gnu-gcc gobuild $target "$static" -static ;;
	armhf-static)
		$build/need.sh arm-linux-gnueabihf-gcc=gcc-arm-linux-gnueabihf,libc6-dev-armhf-cross || { skip $target 'no cross compiler'; continue; }
		GOARCH=arm GOARM=7 CC=arm-linux-gnueabihf-gcc gobuild $target "$static" -static ;;
	arm64)
		$build/need.sh aarch64-linux-gnu-g++=g++-aarch64-linux-gnu pkg-config=pkg-config || { skip $target 'no cross compiler'; continue; }
		S=$($build/sysroot.sh arm64) || { skip $target 'no sysroot'; continue; }
		lib=usr/lib/aarch64-linux-gnu
		(
			# -rpath-link: OpenCV's own libraries are found in the sysroot, BLAS where update-alternatives would point to.
			export GOARCH=arm64 CC="aarch64-linux-gnu-gcc --sysroot=$S" CXX="aarch64-linux-gnu-g++ --sysroot=$S"
			export PKG_CONFIG_SYSROOT_DIR="$S" PKG_CONFIG_LIBDIR="$S/$lib/pkgconfig:$S/usr/share/pkgconfig" PKG_CONFIG_PATH=
			gobuild $target '' "-Wl,-rpath-link,$S/$lib:$S/lib/aarch64-linux-gnu:$S/$lib/blas:$S/$lib/lapack"
		) ;;
	*) echo "cross: no target $target" >&2; exit 3 ;;
	esac
done
$build/need.sh qemu-aarch64-static=qemu-user-static || echo "cross: no emulator, so what was built cannot be tried here" >&2
exit $left
