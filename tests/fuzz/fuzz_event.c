/*
 * Entries of a stream: whatever their bytes, event_decode refuses with a reason or keeps its
 * promises. The input's first byte separates the rest into the id, names and values.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/rules/event.h"
#include "tests/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_accepted(const struct event *e)
{
    char id[EVENT_ID_SIZE];
    struct event_id again;

    assert(event_id_parse(id, event_id_format(e->id, id), &again) == 0);
    assert(event_id_compare(e->id, again) == 0);
    assert(text_is_product_id(e->product_id.s, e->product_id.len));
    assert(e->type == EVENT_OTHER || e->type == EVENT_PLAYER_NAME || text_is_game_id(e->game_id.s, e->game_id.len));
    assert(e->nfields > 0 && e->nfields <= EVENT_FIELDS_MAX);
    assert(event_id_time(event_at(e)) >= 0);
    for (size_t i = 0; i < e->nfields; i++) {
        assert(e->name[i].len > 0 && e->name[i].len <= EVENT_FIELD_NAME_MAX);
        assert(e->value[i].len <= EVENT_FIELD_VALUE_MAX);
        assert(text_is_utf8(e->value[i].s, e->value[i].len));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redisReply *entry = entry_split((const char *)data, size);
    const char *why = NULL;
    struct event e;

    if (event_decode(entry, &e, &why) == 0)
        check_accepted(&e);
    else
        assert(why != NULL && why[0] != '\0');
    entry_free(entry);
    return 0;
}
