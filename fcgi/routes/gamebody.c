/* See gamebody.h: json-c reads what fcgi/server/jsontext.c has found to be JSON. */
#include "fcgi/routes/gamebody.h"

#include <json-c/json.h>
#include <string.h>

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/server/jsontext.h"
#include "lib/product/gamesettings.h"
#include "lib/product/product.h"
#include "lib/rules/rules.h"

#define WHY_MAX 8192

/* NULL: no body, or one that is no object. */
static struct json_object *
parse(const struct request *r)
{
    struct json_tokener *tokener;
    struct json_object *object = NULL;

    if (r->body_len == 0)
        return NULL;
    tokener = json_tokener_new_ex(JSONTEXT_DEPTH_MAX);
    if (tokener == NULL)
        return NULL;
    object = json_tokener_parse_ex(tokener, r->body, (int)r->body_len);
    json_tokener_free(tokener);
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        return NULL;
    }
    return object;
}

static int
read_fields(struct json_object *object, const struct product *product, struct gamebody *b,
            struct buf *why)
{
    struct json_object *given = NULL, *is_private = NULL;

    if (json_object_object_get_ex(object, "private", &is_private) &&
        !json_object_is_type(is_private, json_type_boolean)) {
        buf_str(why, "private must be true or false");
        return -1;
    }
    if (json_object_object_get_ex(object, "settings", &given) &&
        !json_object_is_type(given, json_type_object)) {
        buf_str(why, "settings must be an object");
        return -1;
    }
    b->is_private = json_object_get_boolean(is_private);
    if (gamesettings_choose(product->settings, given, product->players_max, &b->settings, why) != 0)
        return -1;
    return gamesettings_terms(product->settings, given, &b->terms, why);
}

/* The board by whose ratings players are to be near each other: one that has a figure of each
 * player for all time. */
static int
read_board(struct json_object *object, const struct product *product, struct gamebody *b,
           struct buf *why)
{
    struct json_object *name;
    const struct rules_board *board;

    if (!json_object_object_get_ex(object, "board", &name))
        return 0;
    if (json_object_is_type(name, json_type_string))
        b->board = rules_board_find(product->rules, json_object_get_string(name),
                                    (size_t)json_object_get_string_len(name));
    board = b->board >= 0 ? rules_board_at(product->rules, (size_t)b->board) : NULL;
    if (board == NULL || board->rating == NULL || board->ties == RULES_FIRST ||
        !board->windows.has[WINDOW_ALL]) {
        buf_str(why, "board must be a board with a rating for all time");
        return -1;
    }
    return 0;
}

int
gamebody_read(struct request *r, bool quick, struct gamebody *ret_body)
{
    struct json_object *object = parse(r);
    struct gamebody b = {.board = -1};
    struct buf why;
    int ret;

    buf_init(&why, WHY_MAX);
    buf_init(&b.settings, GAMESETTINGS_JSON_MAX);
    buf_init(&b.terms, GAMESETTINGS_TERMS_MAX);
    ret = read_fields(object, r->product, &b, &why);
    if (ret == 0 && quick)
        ret = read_board(object, r->product, &b, &why);
    if (ret == 0 && (!buf_ok(&b.settings) || !buf_ok(&b.terms))) {
        buf_str(&why, "settings are too long");
        ret = -1;
    }
    if (ret == 0) {
        *ret_body = b;
    } else {
        gamebody_free(&b);
        reply_problem(r, 400, buf_ok(&why) ? why.data : "settings that cannot be chosen");
    }
    buf_free(&why);
    json_object_put(object);
    return ret;
}

void
gamebody_free(struct gamebody *b)
{
    buf_free(&b->settings);
    buf_free(&b->terms);
}
