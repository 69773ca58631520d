/*
 * A page of a board as a command and as JSON, in one place: the FastCGI program renders it per
 * request, the worker writes a board's first page to a file, and the bytes must be the same.
 *
 *   {"board": "wins", "window": "all", "at": "all", "starts": null, "ends": null, "total": 2,
 *    "entries": [{"rank": 1, "user_id": "…", "username": "…", "score": 2}, …]}
 *
 * Ranks are as the board's `ties` say. username is null where no name is known.
 */
#ifndef VARCADE_BOARD_H
#define VARCADE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/rules/window.h"

struct buf;
struct product;
struct redis_args;
struct redisReply;

#define BOARD_LIMIT_DEFAULT 25
#define BOARD_LIMIT_MAX 100
#define BOARD_IDS_MAX 100
#define BOARD_AROUND_DEFAULT 5
#define BOARD_AROUND_MAX 50
#define BOARD_BUCKETS_DEFAULT 20
#define BOARD_BUCKETS_MAX 100
#define BOARD_OFFSET_MAX 1000000000000
#define BOARD_JSON_MAX 262144 /* BOARD_LIMIT_MAX entries of the longest ids and names, escaped */

/* What part of which board. */
struct board_page {
    const struct product *product;
    size_t board;   /* index among the product's boards */
    enum window_kind kind;
    struct window window;
    int64_t offset; /* 0 .. BOARD_OFFSET_MAX */
    int64_t limit;  /* 0 .. BOARD_LIMIT_MAX */
};

/* board_page_first(product, board, now): the page that is meant where nothing else is said: the
 * first one of the board's standard window at now. */
struct board_page board_page_first(const struct product *product, size_t board, wall_ms now);

/* board_page_of(product, board, kind, now, ret): the first page of its window of this kind; false
 * where there is none: between seasons. */
bool board_page_of(const struct product *product, size_t board, enum window_kind kind, wall_ms now,
                   struct board_page *ret_page) __attribute__((warn_unused_result));

/* board_page_command(a, page): add to a the function call that reads the page, of the generation that is
 * the product's: see generation_moved. So do the two that follow. */
void board_page_command(struct redis_args *a, const struct board_page *page);

/* board_players_command(a, page, ids, len): instead, the call that reads the entries of some players,
 * 1 to BOARD_IDS_MAX user ids with commas between them; offset and limit do not matter. Its answer is
 * for board_page_render. Returns 0, or -1 where ids are none; a is then to be freed. */
int board_players_command(struct redis_args *a, const struct board_page *page, const char *ids,
                          size_t len) __attribute__((warn_unused_result));

/* board_around_command(a, page, user, len, around): the call that reads one player's place, and the
 * entries around it; offset and limit do not matter. user is a name as text_is_name. */
void board_around_command(struct redis_args *a, const struct board_page *page, const char *user,
                          size_t len, int64_t around);

/*
 * board_around_render(page, reply, out, ret_found): append the JSON of what that call answered; or
 * nothing, where the player is not on the board. Returns as board_page_render does.
 *
 *   {"board" … "total": as of a page, "rank", "user_id", "username", "score": the player's entry,
 *    "percentile": 92, "to_next": 3, "neighbours": [entry, …]}
 *
 * percentile: of 100 players how many are not better, not counting the player; to_next: how far
 * the next better score is, null for who leads.
 */
int board_around_render(const struct board_page *page, const struct redisReply *reply,
                        struct buf *out, bool *ret_found) __attribute__((warn_unused_result));

/* board_around_place(reply, ret_rank, ret_total): the same answer's figures alone. Returns 1, or 0 where the
 * player is not on the board (ret_rank is untouched then), or -1 where reply is not such an answer. */
int board_around_place(const struct redisReply *reply, int64_t *ret_rank, int64_t *ret_total)
    __attribute__((warn_unused_result));

/* How scores are to be divided: into buckets of one width from `from` to `to`, or where it is not
 * bounded from the lowest score to the highest. */
struct board_division {
    int64_t buckets; /* 1 .. BOARD_BUCKETS_MAX */
    bool bounded;
    double from, to; /* finite; from < to */
};

/* board_histogram_command(a, page, division): the call that counts the scores in each bucket; offset
 * and limit do not matter. */
void board_histogram_command(struct redis_args *a, const struct board_page *page,
                             const struct board_division *division);

/*
 * board_histogram_render(page, reply, out): append the JSON of what that call answered. Returns as
 * board_page_render does.
 *
 *   {"board" … "total": as of a page, "min": 0, "max": 10, "below": 0, "above": 0,
 *    "edges": [0, 5, 10], "counts": [3, 1]}
 *
 * A bucket has the scores from its lower edge up to its upper one, which only in the last belongs to
 * it. Where all scores are equal there is one bucket, without scores none; min and max are null then.
 */
int board_histogram_render(const struct board_page *page, const struct redisReply *reply,
                           struct buf *out) __attribute__((warn_unused_result));

/* One entry of an answer; the texts are the reply's. */
struct board_entry {
    int64_t rank;
    const char *user_id;
    size_t user_id_len;
    const char *name; /* NULL where none is known */
    size_t name_len;
    double score;
};

/* board_entry_at(reply, i, ret_entry): the i-th entry of what board_page_command was answered, from 0. Returns 1,
 * or 0 behind the last one, or -1 where reply is not such an answer. */
int board_entry_at(const struct redisReply *reply, size_t i, struct board_entry *ret_entry)
    __attribute__((warn_unused_result));

/* board_page_render(page, reply, out): append the JSON of what the call answered. Returns 0, or -1 where reply is not
 * such an answer or out is full. */
int board_page_render(const struct board_page *page, const struct redisReply *reply,
                      struct buf *out) __attribute__((warn_unused_result));

#endif
