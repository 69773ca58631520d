/*
 * Whether bytes are one JSON text (RFC 8259), any value, with nothing else around it but white
 * space.
 *
 * json-c's strict mode lets through single quotes and NaN, and lib/config/table.h's parser wants more
 * than the grammar does (an object, no key twice); here it is only asked whether a client sent
 * JSON.
 */
#ifndef VARCADE_FCGI_JSONTEXT_H
#define VARCADE_FCGI_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#define JSONTEXT_DEPTH_MAX 64

/* jsontext_is_valid(s, len): also false where it is not UTF-8 or nested deeper than
 * JSONTEXT_DEPTH_MAX. */
bool jsontext_is_valid(const char *s, size_t len);

/* jsontext_value(s, len): how many bytes the value is that s starts with, and the white space around it; 0 where it
 * starts with none. Strings are not checked for UTF-8. */
size_t jsontext_value(const char *s, size_t len);

#endif
