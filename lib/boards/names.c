/* See names.h: the calls of the functions in lib/redis/names.lua. */
#include "lib/boards/names.h"

#include "lib/access/token.h"
#include "lib/product/generation.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

void
names_keep(struct redis *redis, struct redis_args *a, const struct product *product,
           const struct token_player *player)
{
    redis_args_reset(a);
    redis_args_fcall(a, "name_set", false);
    redis_args_key(a, KEY_NAMES, product->id);
    redis_args_key(a, KEY_BYNAME, product->id);
    redis_args_add(a, player->user_id, player->user_id_len);
    redis_args_add(a, player->username, player->username_len);
    redis_send(redis, a, NULL, NULL);
}

void
names_find_command(struct redis_args *a, const struct product *product, const char *text,
                   int64_t limit)
{
    const char *generation = product->generation->s;

    redis_args_fcall(a, "names_find", true);
    redis_args_key(a, KEY_GENERATION, product->id);
    redis_args_key(a, KEY_NAMES, product->id);
    redis_args_key(a, KEY_BYNAME, product->id);
    redis_args_key(a, KEY_HIDDEN, product->id);
    redis_args_key(a, KEYG_STATS, product->id, generation, text);
    redis_args_key(a, KEYG_PLAYER, product->id, generation, text);
    redis_args_str(a, generation);
    redis_args_str(a, text);
    redis_args_int(a, limit);
}
