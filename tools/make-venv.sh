#!/bin/sh
# Makes the virtual environment $1 with the Python $2 (may be empty) unless it is there and runs.
# Debian ships ensurepip in a package of its own, so its absence is met here and not left to a stack trace.
set -eu

venv="$1"
asked="${2:-}"
here="$(dirname "$0")"

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    have="$(version_of "$venv/bin/python")"
    if [ -n "$asked" ] && [ "$(version_of "$("$here/find-python.sh" "$asked")")" != "$have" ]; then
        echo "$venv was made with Python $have, and PYTHON=$asked is another one." >&2
        echo "Give it an environment of its own: make ... PYTHON=$asked VENV=.venv-other (or run make clean first)." >&2
        exit 1
    fi
    exit 0
fi

python="$("$here/find-python.sh" "$asked")"
echo "Making $venv with $python (Python $(version_of "$python"))"
rm -f "$venv/.installed-run" "$venv/.installed-dev"

if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip "$venv"
        exec "$python" -m pip --python "$venv/bin/python" install --quiet pip
    fi
    echo "This Python has neither ensurepip nor pip." >&2
    "$here/apt-needs.sh" python3-venv
fi
if ! "$python" -m venv "$venv"; then
    echo "Could not make $venv. On Debian: apt-get install python3-venv" >&2
    exit 1
fi
