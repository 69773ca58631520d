/*
 * The names of varcade's keys in Redis, as printf formats: the first %s is the product's id. The
 * braces are Redis Cluster's hash tag: all keys of a product are in one slot. The layout is
 * private; what each key holds is told in docs/ARCHITECTURE.md, "Redis keys".
 *
 * KEYG_ are of one generation (lib/product/generation.h), which is the second %s: all that follows from the
 * stream alone.
 */
#ifndef VARCADE_KEYS_H
#define VARCADE_KEYS_H

#define KEY_GAME "{%s}:game:%s"             /* hash: one game; game id */
#define KEY_DEADLINES "{%s}:deadlines"      /* sorted set: game id by when something is due, ms */
#define KEY_LOBBY "{%s}:lobby"              /* sorted set: listed game ids by publish time, ms */
#define KEY_PUBLIC "{%s}:public"            /* hash: listed game id -> public JSON object */
#define KEY_COUNTS "{%s}:counts"            /* hash: players_in_lobby, players_in_game, games */
#define KEY_HOLDERS "{%s}:holders"          /* hash: user id -> games in which there is a seat for them */
#define KEY_INDEX "{%s}:index"              /* sorted set: listed games by their settings */
#define KEY_CODES "{%s}:codes"              /* hash: join code -> id of a private game */
#define KEY_REQUEST "{%s}:request:%zu:%s:%s" /* string: the first answer to a key; bytes of user id, user id, key */
#define KEY_REQUESTS "{%s}:requests:%s"     /* string: how many such keys there are; user id */
#define KEY_NAMES "{%s}:names"              /* hash: user id -> the name last seen */
#define KEY_BYNAME "{%s}:byname"            /* sorted set: folded name, NUL, user id */
#define KEYG_PLAYER "{%s}:%s:player:%s"     /* hash: KEYS_PLAYER_RATING -> text; user id */
#define KEYS_PLAYER_RATING "r:%s"           /* a rating, as rating_rule_format writes it; board id */
#define KEYG_MATCHES "{%s}:%s:matches:%s" /* list: the last matches, newest first, JSON; user id */
#define KEYG_HISTORY "{%s}:%s:history:%s:%s"/* list: `ms rating`, newest first; user id, board id */
#define KEYG_VERSUS "{%s}:%s:versus:%s"     /* hash: opponent -> wins, losses, draws; user id */
#define KEYG_SEEN "{%s}:%s:seen"            /* sorted set: event_id by when it came, ms; of a day */
#define KEYG_STATS "{%s}:%s:stats:%s"       /* hash: stat -> number; user id */
#define KEYG_BOARD "{%s}:%s:board:%s:%s"    /* sorted set: user id by score; board id, window */
/* Behind a board's key, what is beside it where ties are `dense` and where they are `first`. */
#define KEYS_SCORES ":scores"               /* sorted set: each different score once */
#define KEYS_COUNTS ":counts"               /* hash: score -> how many have it */
#define KEYS_MEMBERS ":members"             /* hash: user id -> place:score */
#define KEYS_HIDDEN ":hidden"               /* hash, beside any board: of hidden players, user id -> score, or
                                               place:score */
#define KEYG_BOARD_HEAD "{%s}:%s:board:"    /* what the keys of all boards begin with */
#define KEYG_WINDOWS "{%s}:%s:windows" /* sorted set: boards' keys by the end of their window, ms */
#define KEYG_QUARANTINE "{%s}:%s:quarantine" /* stream: events outside a board's bounds, by their ids */
#define KEYG_PACE "{%s}:%s:pace"            /* sorted set: `board:user` by minute and events in it */
#define KEY_GENERATION "{%s}:generation"    /* string: which generation is the live one */
#define KEY_GENERATIONS "{%s}:generations"  /* string: the last one that was given out */
/* Of a generation that is being computed: where it is. */
#define KEYG_CHECKPOINT "{%s}:%s:checkpoint" /* string */
#define KEYG_POSITION "{%s}:%s:position"    /* hash */
#define KEY_HOLD "{%s}:hold"                /* string: while it is there, no event is applied */
#define KEY_CHECKPOINT "{%s}:checkpoint:%s" /* string: last stream id applied; stream name */
#define KEY_POSITION "{%s}:position:%s" /* hash: where the checkpoint is, counted; stream name */
#define KEY_ASIDE "{%s}:aside"              /* sorted set: ids that did not count, by their ms */
#define KEY_ARCHIVED "{%s}:archived:%s"     /* hash: how far the archive is; stream name */
#define KEY_PSEUDONYMS "{%s}:pseudonyms"   /* set: what stands for players who were erased */
#define KEY_DEADLETTERS "{%s}:deadletters"  /* stream: events that could not be applied */
#define KEY_HIDDEN "{%s}:hidden"            /* set: user ids that are on no board */
#define KEY_BANNED "{%s}:banned"            /* set: those of them that cannot play either */
#define KEY_CLOSED "{%s}:closed"            /* hash: KEYS_CLOSED_SEASON -> when it ended, ms */
#define KEYS_CLOSED_SEASON "%s:%s"          /* a season that was ended early; board id, season's id */
#define KEY_KEYS "{%s}:keys"                /* hash: id of a game's key -> hash, created, revoked */
#define KEY_DRAINED "{%s}:drained"          /* hash: URL of a game server -> since when it is drained, ms */
#define KEY_AUDIT "{%s}:audit"              /* stream: who changed what by hand */
#define KEY_LEASE "{%s}:lease"              /* string: the worker that serves the product */
#define KEY_TICKET "{%s}:ticket:%s"         /* hash: one ticket; ticket id */
#define KEY_TICKETS_USERS "{%s}:tickets:users" /* hash: user id -> active ticket */
#define KEY_TICKETS_CODES "{%s}:tickets:codes" /* hash: code of a party that is being formed -> ticket */
#define KEY_TICKETS_DUE "{%s}:tickets:due"  /* sorted set: t:<ticket>, m:<match> by when something is due, ms */
#define KEY_TICKETS_LOG "{%s}:tickets:log"  /* stream: which ticket came to which state */
#define KEY_TICKETS_LEASE "{%s}:tickets:lease" /* string: the worker that matches the product's tickets */
#define KEY_QUEUE "{%s}:queue:%s"           /* sorted set: waiting tickets by since when, ms; queue id */
#define KEY_WAITS "{%s}:waits:%s"           /* list: how long the last matched tickets waited, ms; queue id */
#define KEY_MATCH "{%s}:match:%s"           /* hash: a match whose game is being made; game id */

#define KEY_HEARTBEAT "varcade:heartbeat"   /* string: ms of the last sign of life of any worker */

/* Events whose product is unknown or unreadable are kept under this name, which is no product's id. */
#define KEYS_NO_PRODUCT "?"

#endif
