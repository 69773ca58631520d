/* What is shown of the game servers: see servers.h. */
#include <string.h>

#include "lib/base/metrics.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/servers.h"
#include "lib/product/product.h"

static void
set_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels, double v)
{
    metric_set(metrics_get(metrics, METRIC_GAUGE, name, help, labels), v);
}

/* A counter of this process that is kept elsewhere. */
static void
set_counter(struct metrics *metrics, const char *name, const char *help, const char *labels,
            double v)
{
    struct metric *metric = metrics_get(metrics, METRIC_COUNTER, name, help, labels);

    metric_add(metric, v - metric_value(metric));
}

static void
figures_of(struct metrics *metrics, const struct gameserver_status *s)
{
    static const char *const outcomes[] = {"done", "refused", "rubbish", "late", "down"};
    char labels[METRICS_LABELS_MAX + 1] = "";

    metrics_label(labels, sizeof(labels), "server", s->origin);
    set_gauge(metrics, "varcade_game_server_up",
              "Whether a game server answered when it was asked last (1) or not (0)", labels,
              s->up);
    set_gauge(metrics, "varcade_game_server_breaker_open",
              "Whether calls to a game server are held back (1) or not (0)", labels,
              s->breaker != BREAKER_CLOSED);
    set_gauge(metrics, "varcade_game_server_breaker_half_open",
              "Whether the next call to a game server is a trial (1) or not (0)", labels,
              s->breaker == BREAKER_HALF_OPEN);
    set_gauge(metrics, "varcade_game_server_calls_under_way",
              "Calls to a game server without an answer yet", labels, (double)s->under_way);
    set_counter(metrics, "varcade_game_server_failures_total",
                "Calls to a game server that count against it", labels, (double)s->failures);
    set_counter(metrics, "varcade_game_server_retries_total",
                "Games that could not be made on a game server and were tried on another", labels,
                (double)s->retries);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        char with_outcome[METRICS_LABELS_MAX + 1] = "";

        metrics_label(with_outcome, sizeof(with_outcome), "server", s->origin);
        metrics_label(with_outcome, sizeof(with_outcome), "outcome", outcomes[i]);
        set_counter(metrics, "varcade_game_server_calls_total",
                    "Calls to a game server by how they ended", with_outcome, (double)s->calls[i]);
    }
}

void
servers_figures(struct metrics *metrics, const struct gameserver_client *client,
                const struct products *products)
{
    struct gameserver_status status;

    for (size_t i = 0; gameserver_status(client, i, &status) == 0; i++)
        figures_of(metrics, &status);
    for (size_t i = 0; i < products_count(products); i++) {
        const struct product *product = products_at(products, i);

        for (size_t j = 0; j < product->nservers; j++) {
            char labels[METRICS_LABELS_MAX + 1] = "";

            metrics_label(labels, sizeof(labels), "product", product->id);
            metrics_label(labels, sizeof(labels), "server", product->servers[j].url);
            set_gauge(metrics, "varcade_game_server_drained",
                      "Whether a game server gets no new games (1) or does (0)", labels,
                      product->servers[j].drained);
        }
    }
}

void
servers_away_json(struct gameserver_client *client, const struct products *products,
                  struct buf *out)
{
    size_t n = 0;

    buf_byte(out, '[');
    for (size_t i = 0; i < products_count(products); i++) {
        const struct product *product = products_at(products, i);

        for (size_t j = 0; j < product->nservers; j++) {
            const struct product_server *s = &product->servers[j];
            bool away = gameserver_fitness(client, s->url) != GAMESERVER_FIT;

            if (!away && !s->drained)
                continue;
            buf_str(out, n++ > 0 ? ", " : "");
            buf_str(out, "{\"product_id\": ");
            buf_json_string(out, product->id, strlen(product->id));
            buf_str(out, ", \"game_socket_url\": ");
            buf_json_string(out, s->socket_url, strlen(s->socket_url));
            buf_printf(out, ", \"reason\": \"%s\"}", away ? "away" : "drained");
        }
    }
    buf_byte(out, ']');
}
