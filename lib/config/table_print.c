/*
 * A table for people: `--help` on a terminal, and the tagged list of a man page.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/config/table.h"

#define WIDTH 78

static const char *
type_text(const struct table_row *row)
{
    switch (row->type) {
    case TABLE_STRING:
        return "string";
    case TABLE_PATH:
        return "path";
    case TABLE_INT:
    case TABLE_DURATION:
        return "integer";
    case TABLE_BOOL:
        return "true or false";
    case TABLE_LIST:
        return "array of strings";
    case TABLE_PATHS:
        return "array of paths";
    case TABLE_ENUM:
    case TABLE_OTHER:
        break;
    }
    return row->choices;
}

/* `integer, 1 to 86400 s, default 60`; `string, 1 to 200 bytes, required` */
static void
describe(const struct table_row *row, FILE *out)
{
    bool number = row->type == TABLE_INT || row->type == TABLE_DURATION;
    bool list = row->type == TABLE_LIST || row->type == TABLE_PATHS;
    const char *unit = row->type == TABLE_STRING ? "bytes" : row->unit;

    fputs(type_text(row), out);
    if (list || (row->type == TABLE_STRING && row->min == 0)) {
        fprintf(out, ", at most %" PRId64, row->max);
    } else if (number || row->type == TABLE_STRING) {
        fprintf(out, ", %" PRId64 " to %" PRId64, row->min, row->max);
    }
    if (unit[0] != '\0') {
        fprintf(out, " %s", unit);
    }
    if (row->fallback == NULL) {
        fputs(", required", out);
    } else if (row->fallback[0] != '\0') {
        fprintf(out, ", default %s", row->fallback);
    }
}

/* Words of text, indented, in lines of at most WIDTH columns. */
static void
print_wrapped(const char *text, FILE *out)
{
    static const char indent[] = "      ";
    size_t column = 0;

    for (;;) {
        size_t n = strcspn(text, " ");

        if (column == 0 || column + 1 + n > WIDTH) {
            fprintf(out, "%s%s", column == 0 ? "" : "\n", indent);
            column = sizeof(indent) - 1;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)n, text);
        column += n;
        if (text[n] == '\0') {
            break;
        }
        text += n + 1;
    }
    fputc('\n', out);
}

void
table_print_help(const struct table_row *rows, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "  %-32s ", rows[i].key);
        describe(&rows[i], out);
        fputc('\n', out);
        print_wrapped(rows[i].help, out);
    }
}

/* Text lines of mdoc: each sentence on its own, no line that looks like a macro, no escapes. */
static void
print_mdoc_text(const char *text, FILE *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool line_start = c == text || (c[-1] == ' ' && c > text + 1 && c[-2] == '.');

        if (line_start && (*c == '.' || *c == '\'')) {
            fputs("\\&", out);
        }
        if (*c == '\\') {
            fputs("\\e", out);
        } else if (*c == ' ' && c > text && c[-1] == '.') {
            fputc('\n', out);
        } else {
            fputc(*c, out);
        }
    }
    fputc('\n', out);
}

void
table_print_mdoc(const struct table_row *rows, size_t n, FILE *out)
{
    fputs(".Sh KEYS\n"
          "Keys are written nested:\n"
          ".Sy a.b\n"
          "is the key\n"
          ".Sy b\n"
          "in the object\n"
          ".Sy a .\n"
          "A program that finds an unknown key, a wrong type, a value out of range\n"
          "or a key twice does not start,\n"
          "and names file, key and reason, one line a problem.\n"
          ".Bl -tag -width 4n\n",
          out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, ".It Sy %s\n(", rows[i].key);
        describe(&rows[i], out);
        fputs(")\n.Pp\n", out);
        print_mdoc_text(rows[i].help, out);
    }
    fputs(".El\n", out);
}
