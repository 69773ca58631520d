/*
 * A game's file, from its text to the compiled rules. What was accepted must be whole; what was
 * refused must say why, each line with the file's name.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct product *p = NULL;
    struct buf why;

    buf_init(&why, 1 << 20);
    if (product_parse_one((const char *)data, size, "f", &p, &why) == 0) {
        assert(why.len == 0);
        assert(text_is_product_id(p->id, strlen(p->id)));
        assert(p->title[0] != '\0' && p->nservers > 0 && p->servers[0].socket_url[0] != '\0');
        assert(strncmp(p->servers[0].url, "http", 4) == 0);
        assert(p->players_min >= 1 && p->players_min <= p->players_max);
        assert(p->players_max <= PRODUCT_PLAYERS_MAX);
        assert(rules_board_count(p->rules) <= RULES_BOARDS_MAX);
        product_free(p);
    } else {
        assert(p == NULL && why.len > 0);
        for (const char *line = why.data; line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n';
            assert(strncmp(line, "f: ", 3) == 0);
        }
    }
    buf_free(&why);
    return 0;
}
