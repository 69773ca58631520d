#!/bin/sh
# The steps of the model and the Redis functions of the lobby have the same names, none is without the other. The
# Makefile gives srcdir, and runs it in the build's folder.
set -eu
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
sed -nE "s/^register\('([a-z_]+)'.*/\1/p" "$srcdir/lib/redis/lobby.lua" "$srcdir/lib/redis/quick.lua" |
    sort >"$tmp/functions"
tests/model/model functions | sort >"$tmp/steps"
[ -s "$tmp/functions" ] || {
    echo "no function found in lobby.lua" >&2
    exit 1
}
diff -u "$tmp/functions" "$tmp/steps" >&2
