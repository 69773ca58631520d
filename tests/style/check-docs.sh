#!/bin/sh
# What can be checked of the documents by a machine, as part of `make check`:
#
#   - the README's source map names every file of lib/, fcgi/ and worker/, and no file that is not there,
#   - docs/ARCHITECTURE.md names every key of lib/redis/keys.h and every function of lib/redis/,
#   - docs/http-api.md names every route of fcgi/router.c,
#   - links between the documents lead somewhere,
#   - mandoc finds nothing wrong with the man pages.
#
# What is wrong goes to stderr as file: message. The Makefile gives srcdir (the sources, which may be
# read-only); it runs in the build's folder, where the generated man pages are. Without mandoc the
# last check is skipped (exit 77), unless CI=true: then it fails.
set -eu
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
documents="README.md CHANGELOG.md docs/*.md docs/deploy/*.md"

# The files that a source map has to name. library.c is made in the build, which may be here.
source_files() {
    find lib fcgi worker -type f \( -name '*.[ch]' -o -name '*.lua' -o -name '*.sh' -o -name '*.in' \
        -o -name '*.am' \) ! -path lib/redis/library.c | sort
}

# The files that it does name: `lib/base/buf.[ch]` is two.
mapped_files() {
    sed -n '/^## Source map/,/^## [^S]/p' README.md | grep -o '`[^`]*`' | tr -d '`' |
        grep -E '^(lib|fcgi|worker)/.*[^/]$' |
        sed -n -e '/\.\[ch\]$/{s///;h;s/$/.c/p;g;s/$/.h/p;d;}' -e p | sort
}

check_map() {
    source_files >"$tmp/there"
    mapped_files >"$tmp/named"
    uniq -d "$tmp/named" | sed 's/^/README.md: the source map names this file twice: /'
    sort -u "$tmp/named" >"$tmp/unique"
    comm -23 "$tmp/there" "$tmp/unique" | sed 's/^/README.md: the source map lacks /'
    comm -13 "$tmp/there" "$tmp/unique" | sed 's/^/README.md: the source map names what is not there: /'
}

# Names in braces are the documents' own: {product}, {game_id}, {p} are all one.
plain_braces() { sed -E 's/\{[a-z_%]*\}/{}/g'; }

# check_names DOCUMENT WHAT: it has to have each of the names on standard input.
check_names() {
    plain_braces <"$1" >"$tmp/document"
    plain_braces | sort -u >"$tmp/names"
    [ -s "$tmp/names" ] || echo "$1: no $2 to look for: tests/style/check-docs.sh is out of date"
    while read -r name; do
        grep -qF -- "$name" "$tmp/document" || echo "$1: lacks the $2 $name"
    done <"$tmp/names"
}

check_links() {
    for document in $documents; do
        [ -f "$document" ] || continue
        grep -oE '\]\([^)]+\)' "$document" | sed 's/^](//; s/)$//; s/#.*//' | sort -u |
            while read -r link; do
                case $link in
                '' | *://*) ;;
                *) [ -e "$(dirname "$document")/$link" ] || echo "$document: a link to nowhere: $link" ;;
                esac
            done
    done
}

check_sources() {
    check_map
    sed -nE '/^#define KEYG?_/{/KEYG_/s/:%s:/:<g>:/;s/^[^"]*"([^"]*)".*/\1/;s/:%[a-z].*//;p;}' lib/redis/keys.h |
        check_names docs/ARCHITECTURE.md key
    sed -nE "s/^register(_read)?\('([a-z_]+)'.*/\`\2\`/p" lib/redis/*.lua |
        grep -v ping | check_names docs/ARCHITECTURE.md function
    sed -nE 's/.*\{REQUEST_[A-Z]+, "([^"]*)".*/\1/p' fcgi/router.c |
        check_names docs/http-api.md route
    check_links
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
build=$PWD

complaints=$(cd "$srcdir" && check_sources)
if [ -n "$complaints" ]; then
    printf '%s\n' "$complaints" >&2
    exit 1
fi

if ! command -v mandoc >/dev/null 2>&1; then
    echo "mandoc is not there: the man pages were not checked" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 77
fi
set --
for page in "$srcdir"/docs/*.[1-8] "$build"/docs/*.[1-8]; do
    [ ! -f "$page" ] || set -- "$@" "$page"
done
mandoc -Tlint -W warning "$@" >&2
