#!/bin/sh
# embed.sh PART...: print the C source of the function library (library.h) made of these Lua parts.
#
# The version is a digest of the parts, so that it changes whenever their text does, and programs
# of two versions can share one Redis.
set -eu
LC_ALL=C
export LC_ALL

version=$(cat "$@" | sha256sum | cut -c 1-8)

cat <<END
/* Made by lib/redis/embed.sh from the Lua parts beside it. */
#include "lib/redis/library.h"

const char library_version[] = "$version";

const char library_text[] =
END
{
    printf '#!lua name=varcade_%s\n' "$version"
    printf "local PREFIX = 'varcade_%s_'\n" "$version"
    cat "$@"
} | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/'
cat <<END
    ;

const size_t library_len = sizeof(library_text) - 1;
END
