#!/bin/sh
# Prints the Python that chatwatt is to run on: the one asked for ($1), or else the first supported one on PATH.
# A shim that is on PATH but cannot run counts as absent, so every candidate is started once.
set -eu

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

version_of() {
    "$1" -c 'import sys; print("Python %d.%d" % sys.version_info[:2])' 2>/dev/null || echo "not a Python that runs"
}

asked="${1:-}"
if [ -n "$asked" ]; then
    if supported "$asked"; then
        echo "$asked"
        exit 0
    fi
    echo "chatwatt needs Python 3.11, 3.12 or 3.13; PYTHON=$asked is $(version_of "$asked")." >&2
    exit 1
fi

for candidate in python3 python3.13 python3.12 python3.11; do
    if supported "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done
echo "chatwatt needs Python 3.11, 3.12 or 3.13; python3 here is: $(version_of python3)." >&2
echo "Install one of them, or name it: make demo PYTHON=/path/to/python3.12" >&2
exit 1
