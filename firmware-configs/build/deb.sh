#!/bin/sh
# deb.sh [ARCH[:static]...]: builds the Debian 12 packages into var/deb. ARCH is amd64, arm64 or armhf (default: amd64).
# With :static, and for armhf always, the gateway is built without OpenCV and needs no library; for arm64 and armhf only
# the gateway is built, the servers are amd64. Both builds of a gateway are one package: the later one replaces the file.
# Exit status 2: something that is needed cannot be installed here.
#
# nFPM is built once into var/tools, at a fixed version; it is no dependency of the module.
set -eu
cd "$(dirname "$0")/../.."
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
[ -x var/tools/nfpm ] || GOBIN=$PWD/var/tools nice go install "$nfpm"

# The number of commits rises with each of them, so a newer package is an upgrade. The same commit gives the same bytes.
VERSION=${VERSION:-0.$(git rev-list --count HEAD)+g$(git rev-parse --short=12 HEAD)}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export VERSION SOURCE_DATE_EPOCH
mkdir -p var/deb

# depends BINARY: the Debian packages of the libraries that it is linked with.
depends() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r so; do
		case $so in
		libopencv_*.so.406) name=${so#libopencv_}; echo "libopencv-${name%.so.406}406" ;;
		libc.so.6|libm.so.6|libresolv.so.2|libpthread.so.0|libdl.so.2|ld-linux*) echo 'libc6 (>= 2.36)' ;;
		libstdc++.so.6) echo 'libstdc++6 (>= 12)' ;;
		libgcc_s.so.1) echo libgcc-s1 ;;
		*) echo "deb: $1 needs $so, whose package is not known here" >&2; exit 1 ;;
		esac
	done | sort -u | paste -sd, | sed 's/,/, /g'
}

# package NAME ARCH BIN
package() {
	DEPENDS=$(depends "$3/$1")
	ARCH=$2 BIN=$3 DEPENDS=init-system-helpers${DEPENDS:+, $DEPENDS} var/tools/nfpm package -p deb -f "firmware-configs/deb/$1.yaml" -t var/deb/ >&2
}

for target in ${*:-amd64}; do
	case $target in
	amd64*)
		tags=
		[ "$target" = amd64 ] && pkg-config --exists opencv4 || tags=nogocv
		bin=var/cross/amd64${tags:+-$tags}
		mkdir -p "$bin"
		CGO_ENABLED=1 nice go build -buildvcs=auto -tags "$tags" -ldflags '-s -w' -o "$bin/" ./cmd/citygate ./cmd/cityfleet ./cmd/cityregistry
		for p in citygate cityfleet cityregistry; do package $p amd64 "$bin"; done
		for p in citygate-broker citygate-kiosk; do
			ARCH=all BIN= DEPENDS= var/tools/nfpm package -p deb -f firmware-configs/deb/$p.yaml -t var/deb/ >&2
		done ;;
	arm64) firmware-configs/build/cross.sh arm64 && package citygate arm64 var/cross/arm64 ;;
	arm64:static) firmware-configs/build/cross.sh arm64-static && package citygate arm64 var/cross/arm64-static ;;
	armhf*) firmware-configs/build/cross.sh armhf-static && package citygate armhf var/cross/armhf-static ;;
	*) echo "deb: no target $target" >&2; exit 3 ;;
	esac
done
ls -l var/deb
