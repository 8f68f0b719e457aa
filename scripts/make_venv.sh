#!/bin/sh
# Makes the virtual environment $1 with the first fitting Python: $2, or the newest on the path.
set -eu
target=$1
shift
for python in "$@" python3.13 python3.12 python3.11 python3; do
    command -v "$python" >/dev/null 2>&1 || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "$python has no venv module: apt-get install python3-venv (or python$version-venv)" >&2
        continue
    fi
    exec "$python" -m venv "$target"
done
echo "Underpin needs Python 3.11 or newer with the venv module, and found none on the path." >&2
echo "Install it (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv)," >&2
echo "or name one: make run PYTHON=/path/to/python3.12" >&2
exit 1
