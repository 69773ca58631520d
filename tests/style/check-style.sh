#!/bin/sh
# The house rules that a machine can check, as part of `make check`:
#
#   - no banned function (C only; comments and texts do not count),
#   - no function of more than 120 lines, no .c file of more than 500 (tests, which are lists of
#     cases in tables: 800),
#   - every file opens with a comment,
#   - the folders of lib/ stand on each other in the order of docs/ARCHITECTURE.md: no include goes back,
#   - every header compiles alone, and twice over.
#
# What is wrong goes to stderr as file:line: message. The Makefile gives srcdir (the sources, which
# may be read-only), CC and STYLE_CFLAGS; by hand it runs in the top folder without the last check.
# shellcheck disable=SC2016 # the fields are awk's
set -eu
LC_ALL=C
export LC_ALL
cd "${srcdir:-.}"

dirs=
for dir in lib fcgi worker tests demo; do
    [ ! -d "$dir" ] || dirs="$dirs $dir"
done
# lib/redis/library.c is made from the Lua files where the build is in the source folder.
# shellcheck disable=SC2086 # names of ours, without spaces
sources() { find $dirs "$@" ! -path lib/redis/library.c | sort; }

check_c() {
    sources -name '*.[ch]' | xargs awk '
        function complain(line, message) {
            printf "%s:%d: %s\n", FILENAME, line, message
        }
        # The line without comments and the insides of texts; in_comment lasts from line to line.
        function code_of(s,    out, at) {
            out = ""
            while (s != "") {
                if (in_comment) {
                    at = index(s, "*/")
                    if (at == 0)
                        return out
                    s = substr(s, at + 2)
                    in_comment = 0
                } else if (match(s, /^("([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047)/)) {
                    out = out "\"\""
                    s = substr(s, RLENGTH + 1)
                } else if (substr(s, 1, 2) == "/*") {
                    in_comment = 1
                    s = substr(s, 3)
                } else if (substr(s, 1, 2) == "//") {
                    return out
                } else {
                    out = out substr(s, 1, 1)
                    s = substr(s, 2)
                }
            }
            return out
        }
        function file_ends(    most) {
            most = file ~ /^tests\// ? 800 : 500
            if (file ~ /\.c$/ && lines > most)
                printf "%s:%d: %d lines: such a file has at most %d\n", file, most + 1, lines, most
        }
        BEGIN {
            # setlocale: numbers are read and written with a point, by lib/base/text.c too.
            banned = "strcpy|strcat|strncpy|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof|" \
                "sscanf|gets|setlocale"
        }
        FNR == 1 {
            file_ends()
            file = FILENAME
            in_comment = 0
            name = ""
            body = 0
            if ($0 !~ /^\/[*\/]/)
                complain(1, "the file does not open with a comment")
        }
        {
            lines = FNR
            code = code_of($0)
            rest = code
            while (match(rest, "(^|[^A-Za-z0-9_])(" banned ")[ \t]*\\(")) {
                word = substr(rest, RSTART, RLENGTH)
                gsub(/[^A-Za-z0-9_]/, "", word)
                complain(FNR, word "() is banned")
                rest = substr(rest, RSTART + RLENGTH)
            }
            # By .clang-format a function has its name and its braces in the first column.
            if (match(code, /^[A-Za-z_][A-Za-z0-9_]*\(/))
                name = code
            if (code ~ /^\{/)
                body = FNR
            if (code ~ /^\}/ && body > 0) {
                if (FNR - body - 1 > 120) {
                    sub(/^START_TEST\(/, "", name)
                    sub(/[^A-Za-z0-9_].*/, "", name)
                    complain(body, name ": " FNR - body - 1 " lines: a function has at most 120")
                }
                body = 0
            }
        }
        END { file_ends() }'
}

# Scripts and build files: the first line, or the one behind #!.
check_openings() {
    {
        sources \( -name '*.am' -o -name '*.lua' -o -name '*.py' -o -name '*.sh' \)
        find configure.ac Makefile.am nginx games www docs -name '*.am' -o -name '*.ac' | sort
    } | xargs awk '
        FNR == 1 { open = 0 }
        FNR == 1 && /^#!/ { next }
        !open {
            open = 1
            if ($0 !~ /^(#|--|dnl|"""|r""")/)
                printf "%s:%d: the file does not open with a comment\n", FILENAME, FNR
        }'
}

check_floors() {
    below=
    for folder in base redis config rules product access boards lobby matcher; do
        below="$below${below:+|}$folder"
        grep -nE '^#include "(lib|fcgi|worker)/' "lib/$folder"/*.[ch] |
            grep -vE "#include \"lib/($below)/" | sed 's|$|: not a folder that this one stands on|'
    done
    find lib -maxdepth 2 -name '*.[ch]' | grep -vE "^lib/($below)/" |
        sed 's|$|:1: in none of the folders whose order is known|'
}

check_headers() {
    sources -name '*.h' | while read -r header; do
        # shellcheck disable=SC2086 # a command and flags, in words
        printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
            $CC $STYLE_CFLAGS -I. -fsyntax-only -x c - 2>&1 |
            sed "1s|^|$header:1: does not compile alone: |"
    done
}

complaints=$(
    check_c
    check_openings
    check_floors
    [ -z "${CC:-}" ] || [ -z "${STYLE_CFLAGS:-}" ] || check_headers
)
[ -z "$complaints" ] || {
    printf '%s\n' "$complaints" >&2
    exit 1
}
