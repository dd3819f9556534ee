#!/bin/sh
# Installs those of the named Debian packages that are missing, if apt-get is here and we may use it.
# It never fails the build: tests that need a missing program skip and say so.
set -u

missing=""
for package in "$@"; do
    case "$package" in
        python3-venv) python3 -c 'import ensurepip' >/dev/null 2>&1 || missing="$missing $package" ;;
        libc6-dev) [ -e /usr/include/stdio.h ] || missing="$missing $package" ;;
        nodejs) command -v node >/dev/null 2>&1 || missing="$missing $package" ;;
        libmodbus-dev) [ -e /usr/include/modbus/modbus.h ] || missing="$missing $package" ;;
        *) command -v "$package" >/dev/null 2>&1 || missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

go_on() {
    echo "Missing Debian packages:$missing ($1). Going on without; what needs them will say so." >&2
    exit 0
}

[ "${CHATWATT_APT:-yes}" = "yes" ] || go_on "CHATWATT_APT=$CHATWATT_APT"
command -v apt-get >/dev/null 2>&1 || go_on "no apt-get here"
if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif sudo -n true >/dev/null 2>&1; then
    as_root="sudo -n env"
else
    go_on "neither root nor passwordless sudo"
fi

# A lock held by another apt, or a mirror that hangs, must not hold the tests up for ever.
install() {
    # shellcheck disable=SC2086
    timeout 300 $as_root DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 "$@"
}

echo "Installing Debian packages:$missing"
# shellcheck disable=SC2086
install install --no-install-recommends $missing && exit 0
# Package lists may be absent or old on a fresh machine: fetch them once and try again.
# shellcheck disable=SC2086
install update && install install --no-install-recommends $missing && exit 0
go_on "apt-get could not install them"
