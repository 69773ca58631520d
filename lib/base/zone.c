/*
 * Time zones as lists of changes: see zone.h.
 *
 * The list is found by asking localtime_r for the offset once a day and, where it changed, for the
 * second in between. Parsing the tables ourselves would also mean parsing the rules for the years
 * that they do not list.
 */
#include "lib/base/zone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLDER "/usr/share/zoneinfo/"
#define SECOND_MS 1000
#define DAY_S 86400
#define END_S INT64_C(4102444800)                  /* 2100-01-01 */
#define OFFSET_MAX ((dur_ms)26 * 3600 * SECOND_MS) /* no clock is further from UTC */

struct change {
    wall_ms at;    /* from then on … */
    dur_ms offset; /* … the clock shows UTC plus this */
};

struct zone {
    char name[ZONE_NAME_MAX + 1];
    struct change *change; /* the first one is at INT64_MIN */
    size_t n, cap;
    struct zone *next;
};

static struct zone *zones; /* all that were loaded */

/* --- loading ---------------------------------------------------------------------------------- */

static bool
is_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= ZONE_NAME_MAX && name[0] != '/' && strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               len;
}

/* Whether the file is a table: to the C library every name is a zone, and those it does not know
 * are UTC. */
static bool
is_table(const char *path)
{
    char magic[4] = "";
    FILE *f = fopen(path, "re");
    bool is;

    if (f == NULL)
        return false;
    is = fread(magic, sizeof(magic), 1, f) == 1 && memcmp(magic, "TZif", sizeof(magic)) == 0;
    (void)fclose(f);
    return is;
}

static int
add_change(struct zone *z, wall_ms at, dur_ms offset)
{
    struct change *grown;

    if (z->n == z->cap) {
        grown = reallocarray(z->change, z->cap + 64, sizeof(*grown));
        if (grown == NULL)
            return -1;
        z->change = grown;
        z->cap += 64;
    }
    z->change[z->n++] = (struct change){at, offset};
    return 0;
}

/* The offset in seconds, of the zone that TZ names. */
static long
offset_at(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm = {0};

    (void)localtime_r(&t, &tm);
    return tm.tm_gmtoff;
}

/* The second of (low, high] from which on the offset is the one at high. */
static int64_t
find_change(int64_t low, int64_t high)
{
    long after = offset_at(high);

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (offset_at(middle) == after)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static int
scan(struct zone *z)
{
    long offset = offset_at(0);

    if (add_change(z, INT64_MIN, (dur_ms)offset * SECOND_MS) == -1)
        return -1;
    for (int64_t t = DAY_S; t < END_S; t += DAY_S) {
        long now = offset_at(t);

        if (now != offset &&
            add_change(z, find_change(t - DAY_S, t) * SECOND_MS, (dur_ms)now * SECOND_MS) == -1)
            return -1;
        offset = now;
    }
    return 0;
}

/* Scan with TZ set to the table, and put TZ back. */
static int
scan_table(struct zone *z, const char *path)
{
    const char *present = getenv("TZ");
    char *before = present != NULL ? strdup(present) : NULL;
    char *value = NULL;
    int ret = -1;

    if ((present != NULL && before == NULL) || asprintf(&value, ":%s", path) < 0)
        goto out;
    if (setenv("TZ", value, 1) == 0) {
        tzset();
        ret = scan(z);
    }
    if ((before != NULL ? setenv("TZ", before, 1) : unsetenv("TZ")) == -1)
        ret = -1;
    tzset();
out:
    free(value);
    free(before);
    return ret;
}

static int
load(struct zone *z, const char *name)
{
    char path[sizeof(FOLDER) + ZONE_NAME_MAX];

    (void)snprintf(z->name, sizeof(z->name), "%s", name);
    if (strcmp(name, "UTC") == 0)
        return add_change(z, INT64_MIN, 0);
    (void)snprintf(path, sizeof(path), FOLDER "%s", name);
    if (!is_table(path)) {
        errno = ENOENT;
        return -1;
    }
    return scan_table(z, path);
}

const struct zone *
zone_find(const char *name)
{
    struct zone *z;
    int error;

    for (z = zones; z != NULL; z = z->next)
        if (strcmp(z->name, name) == 0)
            return z;
    if (!is_name(name)) {
        errno = ENOENT;
        return NULL;
    }
    z = calloc(1, sizeof(*z));
    if (z == NULL)
        return NULL;
    if (load(z, name) == -1) {
        error = errno;
        free(z->change);
        free(z);
        errno = error;
        return NULL;
    }
    z->next = zones;
    zones = z;
    return z;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* The last change at or before t. */
static size_t
change_before(const struct zone *z, wall_ms t)
{
    size_t low = 0, high = z->n;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (z->change[middle].at <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t
zone_local(const struct zone *z, wall_ms t)
{
    return t + z->change[change_before(z, t)].offset;
}

wall_ms
zone_reached(const struct zone *z, int64_t local)
{
    size_t i = change_before(z, local - OFFSET_MAX);
    dur_ms offset = z->change[i].offset;

    for (; i + 1 < z->n && local - offset >= z->change[i + 1].at; i++)
        offset = z->change[i + 1].offset;
    /* Where the clock jumps over it, the jump. */
    return local - offset > z->change[i].at ? local - offset : z->change[i].at;
}

const char *
zone_name(const struct zone *z)
{
    return z->name;
}
