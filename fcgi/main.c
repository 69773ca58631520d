/*
 * varcade-fcgi: arguments, everything that can be wrong checked before anything is served, then one
 * of the two ways to serve.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fcgi/app.h"
#include "fcgi/server/pool.h"
#include "fcgi/server/serve.h"
#include "lib/access/token.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"

#define WHY_MAX 16384
#define POOL_NAME_MAX 32

struct options {
    const char *config; /* NULL: defaults alone */
    const char *listen; /* NULL: as service_listen finds it */
    const char *pool;
    int64_t processes; /* -1: as configured */
    bool check;
};

/* What main owns; app_settings borrows from it. */
struct program {
    struct app_settings settings;
    struct conf *conf;
    struct products *products;
    struct token_keys *keys;
    char *password; /* NULL: none */
    int listen_fd;
};

/* --- arguments -------------------------------------------------------------------------------- */

static void
print_help(void)
{
    fputs(
        "Usage: varcade-fcgi [--config FILE] [--listen unix:PATH] [--pool NAME]\n"
        "                    [--processes N] [--check]\n"
        "\n"
        "The players' side of varcade, behind a web server: FastCGI on the socket that systemd or\n"
        "spawn-fcgi gives or on --listen; plain CGI where the environment is that of a CGI "
        "program.\n"
        "\n"
        "  --config FILE       the configuration; without it every key has its default\n"
        "  --listen unix:PATH  serve on a socket made here\n"
        "  --pool NAME         this pool's name in metrics (varcade)\n"
        "  --processes N       how many processes serve (fcgi.processes)\n"
        "  --check             check configuration, games and keys, and end\n"
        "  --help, --version\n"
        "\n"
        "The configuration's keys:\n\n",
        stdout);
    conf_print_help(stdout);
}

static int
usage_error(const char *what)
{
    if (what != NULL)
        fprintf(stderr, "varcade-fcgi: %s\n", what);
    fputs("Try varcade-fcgi --help\n", stderr);
    return -1;
}

static bool
is_pool_name(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= POOL_NAME_MAX &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* Returns 0; 1 where all is said and done (--help); -1 where the arguments are wrong. */
static int
parse_arguments(int argc, char **argv, struct options *o)
{
    enum { CONFIG, LISTEN, POOL, PROCESSES, CHECK, HELP, VERSION_OPTION };
    static const struct option names[] = {{"config", required_argument, NULL, CONFIG},
                                          {"listen", required_argument, NULL, LISTEN},
                                          {"pool", required_argument, NULL, POOL},
                                          {"processes", required_argument, NULL, PROCESSES},
                                          {"check", no_argument, NULL, CHECK},
                                          {"help", no_argument, NULL, HELP},
                                          {"version", no_argument, NULL, VERSION_OPTION},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case CONFIG:
            o->config = optarg;
            break;
        case LISTEN:
            o->listen = optarg;
            break;
        case POOL:
            o->pool = optarg;
            if (!is_pool_name(optarg))
                return usage_error("--pool: letters, digits, - and _, at most 32");
            break;
        case PROCESSES:
            if (text_parse_int(optarg, strlen(optarg), 1, POOL_PROCESSES_MAX, &o->processes) != 0)
                return usage_error("--processes: a number from 1 to 256");
            break;
        case CHECK:
            o->check = true;
            break;
        case HELP:
            print_help();
            return 1;
        case VERSION_OPTION:
            puts(PACKAGE_STRING);
            return 1;
        default:
            return usage_error(NULL);
        }
    }
    return optind == argc ? 0 : usage_error("there are no arguments but options");
}

/* --- what is read before serving -------------------------------------------------------------- */

static int
read_keys(struct program *p, struct buf *why)
{
    const struct table_list *files = &p->conf->token_key_files;

    if (files->n == 0) {
        buf_str(why, "token.key_files: at least one is needed");
        return -1;
    }
    if (token_keys_load(p->conf->token_algorithm, (const char *const *)files->item, files->n,
                        p->conf->token_leeway, &p->keys, why) != 0)
        return -1;
    p->settings.keys = p->keys;
    return 0;
}

static int
read_all(struct program *p, const struct options *o, struct buf *why)
{
    if (conf_load(o->config, &p->conf, why) != 0)
        return -1;
    if (log_set_levels(p->conf->log_levels) != 0) {
        buf_str(why, "log.levels: not a list of levels");
        return -1;
    }
    if (products_load(p->conf->games_dir, &p->products, why) != 0 || read_keys(p, why) != 0 ||
        conf_read_password(p->conf, &p->password, why) != 0)
        return -1;
    p->settings.redis_password = p->password;
    p->settings.conf = p->conf;
    p->settings.products = p->products;
    p->settings.pool = o->pool;
    return 0;
}

static void
release_all(struct program *p)
{
    products_free(p->products);
    token_keys_free(p->keys);
    if (p->password != NULL)
        text_wipe(p->password, strlen(p->password));
    free(p->password);
    conf_free(p->conf);
    if (p->listen_fd >= 0)
        (void)close(p->listen_fd);
}

/* --- serving ---------------------------------------------------------------------------------- */

static int
serve(void *cookie, struct pool_seat *seat)
{
    const struct program *p = cookie;

    return serve_fastcgi(&p->settings, p->listen_fd, seat);
}

/* The games' files alone: what else the processes have cannot change under them. */
static int
reload(void *cookie)
{
    struct program *p = cookie;
    struct products *products;
    struct buf why;
    int result;

    buf_init(&why, WHY_MAX);
    result = products_load(p->conf->games_dir, &products, &why);
    if (result == 0) {
        products_free(p->products);
        p->products = products;
        p->settings.products = products;
        log_notice("config", "games reloaded", LOG_I("products", products_count(products)));
    } else {
        log_lines(LOG_LEVEL_ERROR, "config", "games not reloaded", why.data);
    }
    buf_free(&why);
    return result;
}

/* Half the cores where nothing is said: the other pool, nginx and Redis want some too, and the
 * fewer processes, the more requests share a turn's reads. */
static size_t
count_processes(const struct program *p, const struct options *o)
{
    cpu_set_t cpus;
    size_t n;

    if (o->processes > 0)
        return (size_t)o->processes;
    if (p->conf->fcgi_processes > 0)
        return (size_t)p->conf->fcgi_processes;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return 1;
    n = ((size_t)CPU_COUNT(&cpus) + 1) / 2;
    return n < 1 ? 1 : n < POOL_PROCESSES_MAX ? n : POOL_PROCESSES_MAX;
}

static int
run(struct program *p, const struct options *o, struct buf *why)
{
    struct pool_options pool = {.serve = serve, .reload = reload, .cookie = p};

    p->listen_fd = service_listen(o->listen, why);
    if (p->listen_fd < 0) {
        if (o->listen == NULL && errno == ENOTSOCK && getenv("GATEWAY_INTERFACE") != NULL)
            return serve_cgi(&p->settings, environ);
        log_lines(LOG_LEVEL_ERROR, "config", "cannot listen", why->data);
        return EXIT_FAILURE;
    }
    pool.processes = count_processes(p, o);
    if (pool_run(&pool) != 0) {
        log_error("pool", "cannot go on", LOG_ERRNO(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    struct options options = {.pool = "varcade", .processes = -1};
    struct program program = {.listen_fd = -1};
    struct buf why;
    int status = EXIT_FAILURE;
    int parsed;

    log_init("varcade-fcgi");
    parsed = parse_arguments(argc, argv, &options);
    if (parsed != 0)
        return parsed > 0 ? EXIT_SUCCESS : 2;
    buf_init(&why, WHY_MAX);
    if (read_all(&program, &options, &why) != 0) {
        log_lines(LOG_LEVEL_ERROR, "config", "cannot start", why.data);
    } else if (options.check) {
        puts("configuration, games and keys are good");
        status = EXIT_SUCCESS;
    } else {
        status = run(&program, &options, &why);
    }
    buf_free(&why);
    release_all(&program);
    return status;
}
