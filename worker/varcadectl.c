/*
 * varcadectl: what an administrator or a game's author does by hand. One function a command, in
 * one table; each has argc and argv of its own, from the command's name on.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/product.h"
#include "lib/text.h"
#include "lib/token.h"

#define WHY_MAX ((size_t)262144)
#define HOURS_MAX 87600 /* ten years */
#define USAGE_ERROR 2   /* exit status */

static void
print_help(void)
{
    fputs("Usage: varcadectl token [--config FILE] --user ID --name NAME [--hours N]\n"
          "       varcadectl check FILE...\n"
          "       varcadectl --help | --version\n"
          "\n"
          "  token  print a player's token, signed with the first key of the configuration, which\n"
          "         must be a secret (HS256, HS384, HS512)\n"
          "    --config FILE  the configuration; without it every key has its default\n"
          "    --user ID      the claim user_id\n"
          "    --name NAME    the claim username\n"
          "    --hours N      how long it is good, 1 to 87600 (24)\n"
          "  check  check games' files: every problem of every file, one a line\n",
          stdout);
}

static int
usage_error(const char *what)
{
    if (what != NULL)
        fprintf(stderr, "varcadectl: %s\n", what);
    fputs("Try varcadectl --help\n", stderr);
    return USAGE_ERROR;
}

/* --- token ------------------------------------------------------------------------------------ */

struct token_options {
    const char *config; /* NULL: defaults alone */
    const char *user, *name;
    int64_t hours;
};

/* parse_token_options(argc, argv, o): 0, or the exit status. */
static int
parse_token_options(int argc, char **argv, struct token_options *o)
{
    enum { CONFIG, USER, NAME, HOURS };
    static const struct option names[] = {{"config", required_argument, NULL, CONFIG},
                                          {"user", required_argument, NULL, USER},
                                          {"name", required_argument, NULL, NAME},
                                          {"hours", required_argument, NULL, HOURS},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case CONFIG:
            o->config = optarg;
            break;
        case USER:
            o->user = optarg;
            break;
        case NAME:
            o->name = optarg;
            break;
        case HOURS:
            if (text_parse_int(optarg, strlen(optarg), 1, HOURS_MAX, &o->hours) != 0)
                return usage_error("--hours: a number from 1 to 87600");
            break;
        default:
            return usage_error(NULL);
        }
    }
    if (optind < argc)
        return usage_error("token: there are no arguments but options");
    if (o->user == NULL || !text_is_name(o->user, strlen(o->user)))
        return usage_error("--user: 1 to 128 bytes of UTF-8 without control characters");
    if (o->name == NULL || !text_is_name(o->name, strlen(o->name)))
        return usage_error("--name: 1 to 128 bytes of UTF-8 without control characters");
    return 0;
}

/* sign(conf, o, why): the token, free()d by the caller; NULL with the reason in why. */
static char *
sign(const struct conf *conf, const struct token_options *o, struct buf *why)
{
    const struct table_list *files = &conf->token_key_files;
    struct token_keys *keys = NULL;
    char *token = NULL;

    if (files->n == 0) {
        buf_str(why, "token.key_files: at least one is needed");
        return NULL;
    }
    if (token_keys_load(conf->token_algorithm, (const char *const *)files->item, files->n,
                        conf->token_leeway, &keys, why) != 0)
        return NULL;
    token = token_sign(keys, o->user, o->name, o->hours * 3600, clock_wall());
    if (token == NULL && errno == ENOTSUP)
        buf_printf(why, "token.algorithm: %s: the key is public, tokens are signed elsewhere",
                   conf->token_algorithm);
    else if (token == NULL)
        buf_str(why, strerror(errno));
    token_keys_free(keys);
    return token;
}

static int
run_token(int argc, char **argv)
{
    struct token_options o = {.hours = 24};
    struct conf *conf = NULL;
    char *token = NULL;
    struct buf why;
    int ret = parse_token_options(argc, argv, &o);

    if (ret != 0)
        return ret;
    buf_init(&why, WHY_MAX);
    if (conf_load(o.config, &conf, &why) == 0)
        token = sign(conf, &o, &why);
    if (token != NULL)
        puts(token);
    else
        fprintf(stderr, "varcadectl: %s\n", why.data != NULL ? why.data : "out of memory");
    ret = token != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    free(token);
    conf_free(conf);
    buf_free(&why);
    return ret;
}

/* --- check ------------------------------------------------------------------------------------ */

static int
check_file(const char *file)
{
    struct product *product = NULL;
    struct buf why;
    int ret;

    buf_init(&why, WHY_MAX);
    ret = products_load_file(file, &product, &why);
    if (ret == 0)
        printf("%s: good\n", file);
    else
        fprintf(stderr, "%s\n", why.data != NULL ? why.data : "out of memory");
    product_free(product);
    buf_free(&why);
    return ret;
}

static int
run_check(int argc, char **argv)
{
    int ret = EXIT_SUCCESS;

    if (argc < 2)
        return usage_error("check: no file is named");
    for (int i = 1; i < argc; i++) {
        if (check_file(argv[i]) != 0)
            ret = EXIT_FAILURE;
    }
    return ret;
}

/* --- all commands ----------------------------------------------------------------------------- */

static int
run_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_help();
    return EXIT_SUCCESS;
}

static int
run_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("varcadectl " PACKAGE_VERSION);
    return EXIT_SUCCESS;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"token", run_token},
    {"check", run_check},
    {"--help", run_help},
    {"--version", run_version},
};

int
main(int argc, char **argv)
{
    int ret = -1;

    if (argc < 2)
        return usage_error("no command is named");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            ret = commands[i].run(argc - 1, argv + 1);
    }
    if (ret == -1)
        return usage_error("no such command");
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("varcadectl: standard output");
        ret = EXIT_FAILURE;
    }
    return ret;
}
