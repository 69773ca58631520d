#!/bin/sh
# The steps of the models and the Redis functions of the lobby, of tickets and of matches have the same names, none is
# without the other; functions that write nothing are no steps. The Makefile gives srcdir, and runs it in the
# build's folder.
set -eu
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$srcdir/lib/redis"
awk -F "'" '
    /^register\(/ { name = $2; next }
    name != "" && /^end/ { if (!/no-writes/) print name; name = "" }
' lobby.lua quick.lua tickets.lua match.lua backfill.lua | sort >"$tmp/functions"
cd - >/dev/null
tests/model/model functions | sort -u >"$tmp/steps"
[ -s "$tmp/functions" ] || {
    echo "no function found in lobby.lua" >&2
    exit 1
}
diff -u "$tmp/functions" "$tmp/steps" >&2
