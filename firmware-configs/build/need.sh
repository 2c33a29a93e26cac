#!/bin/sh
# need.sh PROGRAM=PACKAGE[,PACKAGE]...: installs the Debian packages of the programs that are missing, and only those.
# Exit status: 0 if all programs are there, 1 if one is not and could not be installed; the reason is on standard error.
set -u
missing=
for pair; do
	command -v "${pair%%=*}" >/dev/null || [ -e "/usr/sbin/${pair%%=*}" ] || missing="$missing $(echo "${pair#*=}" | tr , ' ')"
done
[ -n "$missing" ] || exit 0
as=
if [ "$(id -u)" != 0 ]; then
	as=sudo
	command -v sudo >/dev/null || { echo "need:$missing missing, and neither root nor sudo is here" >&2; exit 1; }
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "need: installing$missing with apt-get" >&2
if $as apt-get update >"$log" 2>&1 &&
	$as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
	exit 0
fi
tail -n 3 "$log" >&2
echo "need: apt-get could not install$missing" >&2
exit 1
