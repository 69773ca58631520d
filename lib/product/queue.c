/*
 * `queues` of a game's file to rules that the matcher can walk. What contradicts itself is a
 * problem here, with its place: a queue in which nobody could ever be matched would look like one
 * in which nobody waits.
 */
#include "lib/product/queue.h"

#include <assert.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"
#include "lib/rules/rules_file.h"

#define LIMIT_MAX 1e6
#define SECOND_MS 1000.0
#define TIMEOUT_MAX 86400

_Static_assert(QUEUE_ID_MAX == RULES_ID_MAX, "names are checked by rules_file_id");

/* One queue while it is read. */
struct reader {
    struct rules_file f;
    const struct rules *rules;
    int64_t players_min, players_max;
    struct queue *queues;
    size_t n;
};

/* --- single values ---------------------------------------------------------------------------- */

static double
compile_whole(struct rules_file *f, struct json_object *object, const struct rules_number *number)
{
    size_t problems = f->problems;
    double v = rules_file_number(f, object, number);

    if (f->problems == problems && v != floor(v)) {
        size_t before = rules_file_enter(f, number->key);

        rules_file_complain(f, "not a whole number");
        rules_file_leave(f, before);
    }
    return f->problems == problems ? v : number->min;
}

/* Where problems are found the value is of no matter, but it has to be one. */
static size_t
compile_count(struct rules_file *f, struct json_object *object, const struct rules_number *number)
{
    return (size_t)compile_whole(f, object, number);
}

/* The id that the string is, into out. */
static void
compile_name(struct rules_file *f, struct json_object *value, char out[static QUEUE_ID_MAX + 1])
{
    struct event_text name = rules_file_string(value);

    if (rules_file_id(f, name)) {
        memcpy(out, name.s, name.len);
        out[name.len] = '\0';
    }
}

/* An array of different names into names; how many. */
static size_t
compile_names(struct rules_file *f, struct json_object *object, const char *key, size_t max,
              char names[][QUEUE_ID_MAX + 1])
{
    size_t before = rules_file_enter(f, key), n = 0;
    struct json_object *array;

    if (!json_object_object_get_ex(object, key, &array))
        goto out;
    if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) < 1 ||
        json_object_array_length(array) > max) {
        rules_file_complain(f, "not an array of 1 to %zu names", max);
        goto out;
    }
    for (; n < json_object_array_length(array); n++) {
        size_t above = rules_file_enter_index(f, n);

        compile_name(f, json_object_array_get_idx(array, n), names[n]);
        for (size_t i = 0; i < n; i++)
            if (names[n][0] != '\0' && strcmp(names[i], names[n]) == 0)
                rules_file_complain(f, "stands here twice");
        rules_file_leave(f, above);
    }
out:
    rules_file_leave(f, before);
    return n;
}

/* --- teams ------------------------------------------------------------------------------------ */

/* The seats of a game have to do for the largest match, and a match for the game's smallest. */
static void
check_players(struct reader *r, const struct queue *q)
{
    size_t before = rules_file_enter(&r->f, "team_size");
    size_t most = q->teams * q->size_max, least = q->teams * q->size_min;

    if (r->players_max > 0 && most > (size_t)r->players_max)
        rules_file_complain(&r->f, "%zu teams of %zu are more than players.max, %d", q->teams,
                            q->size_max, (int)r->players_max);
    else if (r->players_min > 0 && least < (size_t)r->players_min)
        rules_file_complain(&r->f, "%zu teams of %zu are fewer than players.min, %d", q->teams,
                            q->size_min, (int)r->players_min);
    else if (least < 2)
        rules_file_complain(&r->f, "a match of one player needs no queue");
    rules_file_leave(&r->f, before);
}

static void
compile_sizes(struct rules_file *f, struct queue *q, struct json_object *sizes)
{
    static const char *const known[] = {"min", "max", "wait", NULL};
    static const struct rules_number least = {"min", 1, RATING_TEAMS_MAX, 1};
    static const struct rules_number most = {"max", 1, RATING_TEAMS_MAX, RULES_NUMBER_MISSING};
    static const struct rules_number wait = {"wait", 0, TIMEOUT_MAX, 10};

    rules_file_keys(f, sizes, known);
    q->size_min = compile_count(f, sizes, &least);
    q->size_max = compile_count(f, sizes, &most);
    q->full_ms = (dur_ms)compile_count(f, sizes, &wait) * 1000;
    if (q->size_min > q->size_max)
        rules_file_complain(f, "`min` is more than `max`");
    if (q->size_min == q->size_max)
        q->full_ms = 0;
}

static void
compile_teams(struct reader *r, struct queue *q, struct json_object *entry)
{
    static const struct rules_number teams = {"teams", 1, RATING_TEAMS_MAX, 2};
    static const struct rules_number size = {"team_size", 1, RATING_TEAMS_MAX, 1};
    size_t problems = r->f.problems;
    struct json_object *sizes;

    q->teams = compile_count(&r->f, entry, &teams);
    if (json_object_is_type(json_object_object_get(entry, "team_size"), json_type_object)) {
        size_t before = rules_file_enter(&r->f, "team_size");

        json_object_object_get_ex(entry, "team_size", &sizes);
        compile_sizes(&r->f, q, sizes);
        rules_file_leave(&r->f, before);
    } else {
        q->size_min = q->size_max = compile_count(&r->f, entry, &size);
    }
    if (r->f.problems == problems)
        check_players(r, q);
}

/* --- limits that widen ------------------------------------------------------------------------ */

static void
compile_limit(struct rules_file *f, struct json_object *object, double most,
              struct queue_limit *limit)
{
    const struct rules_number start = {"start", 0, most, 100};
    const struct rules_number per_second = {"per_second", 0, most, 10};
    const struct rules_number max = {"max", 0, most, HUGE_VAL};
    size_t problems = f->problems;

    limit->start = rules_file_number(f, object, &start);
    limit->per_second = rules_file_number(f, object, &per_second);
    limit->max = rules_file_number(f, object, &max);
    if (f->problems > problems)
        return;
    if (limit->max < limit->start)
        rules_file_complain(f, "`max` is less than `start`");
    else if (limit->per_second <= 0 && limit->max > limit->start && !isinf(limit->max))
        rules_file_complain(f, "`max` is never reached: `per_second` is 0");
}

static void
compile_range(struct rules_file *f, struct queue *q, struct json_object *entry)
{
    static const char *const known[] = {"start", "per_second", "max", NULL};
    size_t before = rules_file_enter(f, "range");
    struct json_object *range;

    q->range = (struct queue_limit){100, 10, HUGE_VAL};
    if (json_object_object_get_ex(entry, "range", &range)) {
        if (!json_object_object_get_ex(entry, "rating", NULL))
            rules_file_complain(f, "is one of ratings, and the queue has no `rating`");
        if (rules_file_object(f, range)) {
            rules_file_keys(f, range, known);
            compile_limit(f, range, LIMIT_MAX, &q->range);
        }
    }
    rules_file_leave(f, before);
}

static void
compile_rating(struct reader *r, struct queue *q, struct json_object *entry)
{
    size_t before = rules_file_enter(&r->f, "rating");
    struct json_object *value;
    struct event_text id;

    q->board = -1;
    if (json_object_object_get_ex(entry, "rating", &value)) {
        id = rules_file_string(value);
        if (id.s == NULL)
            rules_file_complain(&r->f, "not the id of a board");
        else if (r->rules != NULL) {
            q->board = rules_board_find(r->rules, id.s, id.len);
            if (q->board == -1)
                rules_file_complain(&r->f, "not the id of a board");
            else if (rules_board_at(r->rules, (size_t)q->board)->rating == NULL)
                rules_file_complain(&r->f, "this board has no rating");
            else
                q->newcomer = queue_rating(
                    q, r->rules, &rules_board_at(r->rules, (size_t)q->board)->rating->start);
        }
    }
    rules_file_leave(&r->f, before);
}

static void
compile_latency(struct rules_file *f, struct queue *q, struct json_object *entry)
{
    static const char *const known[] = {"regions", "start", "per_second", "max", NULL};
    size_t before = rules_file_enter(f, "latency");
    struct json_object *latency;

    if (json_object_object_get_ex(entry, "latency", &latency) && rules_file_object(f, latency)) {
        rules_file_keys(f, latency, known);
        q->nregions = compile_names(f, latency, "regions", QUEUE_REGIONS_MAX, q->region);
        if (!json_object_object_get_ex(latency, "regions", NULL))
            rules_file_complain(f, "has no `regions`");
        compile_limit(f, latency, QUEUE_LATENCY_MAX, &q->latency);
    }
    rules_file_leave(f, before);
}

/* --- attributes ------------------------------------------------------------------------------- */

static void
compile_distance(struct rules_file *f, struct queue *q, const char *name,
                 struct json_object *within)
{
    const struct rules_number distance = {name, 0, QUEUE_NUMBER_MAX, RULES_NUMBER_MISSING};
    struct queue_within *w = &q->within[q->nwithin++];
    struct event_text text = {name, strlen(name)};
    size_t before = rules_file_enter(f, name);

    if (rules_file_id(f, text))
        memcpy(w->name, name, text.len + 1);
    for (size_t i = 0; i < q->nequal; i++)
        if (strcmp(q->equal[i], name) == 0)
            rules_file_complain(f, "has to be equal already");
    rules_file_leave(f, before);
    w->distance = rules_file_number(f, within, &distance);
}

static void
compile_within(struct rules_file *f, struct queue *q, struct json_object *entry)
{
    size_t before = rules_file_enter(f, "within");
    struct json_object *within;

    if (json_object_object_get_ex(entry, "within", &within) && rules_file_filled(f, within)) {
        if (json_object_object_length(within) > QUEUE_WITHIN_MAX) {
            rules_file_complain(f, "more than %d attributes", QUEUE_WITHIN_MAX);
        } else {
            json_object_object_foreach (within, name, value) {
                (void)value;
                compile_distance(f, q, name, within);
            }
        }
    }
    rules_file_leave(f, before);
}

/* --- a queue ---------------------------------------------------------------------------------- */

static void
compile_id(struct reader *r, struct queue *q, struct json_object *entry)
{
    size_t before = rules_file_enter(&r->f, "id");

    compile_name(&r->f, json_object_object_get(entry, "id"), q->id);
    if (q->id[0] != '\0' && queue_find(r->queues, r->n, q->id, strlen(q->id)) != NULL)
        rules_file_complain(&r->f, "another queue has this id");
    rules_file_leave(&r->f, before);
}

static void
compile_timeout(struct rules_file *f, struct queue *q, struct json_object *entry)
{
    static const struct rules_number timeout = {"timeout", 1, TIMEOUT_MAX, 300};
    size_t before;

    q->timeout = (dur_ms)compile_count(f, entry, &timeout) * 1000;
    if (q->full_ms >= q->timeout) {
        before = rules_file_enter(f, "team_size");
        rules_file_complain(f, "`wait` is not less than `timeout`: there would be none but full "
                               "teams");
        rules_file_leave(f, before);
    }
}

static void
compile_backfill(struct rules_file *f, struct queue *q, struct json_object *entry)
{
    size_t before = rules_file_enter(f, "backfill");
    struct json_object *value;

    if (json_object_object_get_ex(entry, "backfill", &value)) {
        if (!json_object_is_type(value, json_type_boolean))
            rules_file_complain(f, "neither true nor false");
        q->backfill = json_object_get_boolean(value);
    }
    rules_file_leave(f, before);
}

static void
compile_entry(struct reader *r, struct json_object *entry)
{
    static const char *const known[] = {"id",      "teams",    "team_size", "rating",
                                        "range",   "latency",  "equal",     "within",
                                        "timeout", "backfill", NULL};
    struct queue *q = &r->queues[r->n];

    if (!rules_file_object(&r->f, entry))
        return;
    rules_file_keys(&r->f, entry, known);
    compile_id(r, q, entry);
    r->n++;
    compile_teams(r, q, entry);
    compile_rating(r, q, entry);
    compile_range(&r->f, q, entry);
    compile_latency(&r->f, q, entry);
    q->nequal = compile_names(&r->f, entry, "equal", QUEUE_EQUAL_MAX, q->equal);
    compile_within(&r->f, q, entry);
    compile_timeout(&r->f, q, entry);
    compile_backfill(&r->f, q, entry);
}

static void
compile_all(struct reader *r, struct json_object *array)
{
    size_t before = rules_file_enter(&r->f, "queues");

    if (!json_object_is_type(array, json_type_array))
        rules_file_complain(&r->f, "not an array");
    else if (json_object_array_length(array) > QUEUE_QUEUES_MAX)
        rules_file_complain(&r->f, "more than %d elements", QUEUE_QUEUES_MAX);
    else
        for (size_t i = 0; i < json_object_array_length(array); i++) {
            size_t above = rules_file_enter_index(&r->f, i);

            compile_entry(r, json_object_array_get_idx(array, i));
            rules_file_leave(&r->f, above);
        }
    rules_file_leave(&r->f, before);
}

int
queue_compile(struct json_object *file, const struct rules *rules, int64_t players_min,
              int64_t players_max, struct queue **ret_queues, size_t *ret_n, struct buf *why)
{
    struct reader r = {
        .f = {.why = why}, .rules = rules, .players_min = players_min, .players_max = players_max};
    struct json_object *array;

    if (json_object_object_get_ex(file, "queues", &array)) {
        r.queues = calloc(QUEUE_QUEUES_MAX, sizeof(*r.queues));
        if (r.queues == NULL)
            rules_file_no_memory(&r.f);
        else
            compile_all(&r, array);
    }
    if (r.f.problems > 0) {
        free(r.queues);
        return -1;
    }
    *ret_queues = r.queues;
    *ret_n = r.n;
    return 0;
}

/* --- what is asked of them -------------------------------------------------------------------- */

const struct queue *
queue_find(const struct queue *queues, size_t n, const char *id, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(queues[i].id) == len && memcmp(queues[i].id, id, len) == 0)
            return &queues[i];
    return NULL;
}

double
queue_rating(const struct queue *q, const struct rules *rules, const struct rating_state *state)
{
    const struct rating_rule *rule;

    assert(q->board >= 0);
    rule = rules_board_at(rules, (size_t)q->board)->rating;
    return rule->system == RATING_RULE_OPENSKILL ? state->rating * rule->scale + rule->base
                                                 : state->rating;
}

double
queue_limit_at(const struct queue_limit *limit, dur_ms waited)
{
    double v = limit->start + limit->per_second * (double)(waited > 0 ? waited : 0) / SECOND_MS;

    return v < limit->max ? v : limit->max;
}

dur_ms
queue_limit_when(const struct queue_limit *limit, double value)
{
    double ms;
    dur_ms when;

    if (value <= limit->start)
        return 0;
    if (!(value <= limit->max) || limit->per_second <= 0)
        return INT64_MAX;
    ms = ceil((value - limit->start) / limit->per_second * SECOND_MS);
    if (ms > 1e15)
        return INT64_MAX;
    when = (dur_ms)ms;
    /* The division above may be off in its last digit, and the millisecond then by one. */
    while (when > 0 && queue_limit_at(limit, when - 1) >= value)
        when--;
    while (queue_limit_at(limit, when) < value)
        when++;
    return when;
}
