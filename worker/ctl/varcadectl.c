/*
 * varcadectl: what an administrator or a game's author does by hand. Here is the table of all
 * commands and what is common to them: words, options, arguments, configuration.
 */
#include "config.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "worker/ctl/ctl.h"

#define PRODUCT "PRODUCT"

/* clang-format off */
static const struct ctl_command commands[] = {
    {.name = "token", .arguments = "", .needs = CTL_CONFIG | CTL_JSON, .run = ctl_token_run,
     .options = {{"user", "ID", true, "the claim user_id"},
                 {"name", "NAME", true, "the claim username"},
                 {"hours", "N", false, "how long it is good, 1 to 87600 (24)"}},
     .help = "print a player's token, signed with the first key of the configuration, which\n"
             "must be a secret (HS256, HS384, HS512)"},
    {.name = "check", .arguments = "FILE... | FILE --event NAME=VALUE...", .min = 1,
     .max = SIZE_MAX, .needs = CTL_JSON, .run = ctl_check_run,
     .options = {{"event", NULL, false, "say what the rules would do with this event"}},
     .help = "check games' files: every problem of every file, one a line; or try a file's rules\n"
             "on a sample event"},
    {.name = "keys add", .arguments = PRODUCT, .min = 1, .max = 1, .needs = CTL_CONFIG | CTL_JSON,
     .run = ctl_keys_add,
     .help = "make a key for the game's servers and print it, once: POST /events/PRODUCT"},
    {.name = "keys rotate", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_keys_rotate,
     .options = {{"overlap", "HOURS", false, "how long the old ones still count, 0 to 8760 (24)"}},
     .help = "make a key and print it; the others end after the overlap"},
    {.name = "keys revoke", .arguments = PRODUCT " KEY-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_keys_revoke,
     .help = "end a key at once"},
    {.name = "keys list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_keys_list,
     .help = "list the game's keys"},
    {.name = "deadletters list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_list,
     .options = {{"limit", "N", false, "how many at the most, 1 to 100000 (100)"},
                 {"after", "ID", false, "from the one behind this on"}},
     .help = "list events that could not be applied, and why; PRODUCT ? is those of no product"},
    {.name = "deadletters replay", .arguments = PRODUCT " [ID...]", .min = 1, .max = SIZE_MAX,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_replay,
     .options = {{"all", NULL, false, "all there are"}},
     .help = "put such events into the stream again, as new ones, and take them off the list"},
    {.name = "deadletters drop", .arguments = PRODUCT " [ID...]", .min = 1, .max = SIZE_MAX,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_drop,
     .options = {{"all", NULL, false, "all there are"}},
     .help = "take such events off the list"},
    {.name = "quarantine list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_list,
     .options = {{"limit", "N", false, "how many at the most, 1 to 100000 (100)"},
                 {"after", "ID", false, "from the one behind this on"}},
     .help = "list events that a board's bounds keep out, and why"},
    {.name = "quarantine release", .arguments = PRODUCT " [ID...]", .min = 1, .max = SIZE_MAX,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_release,
     .options = {{"all", NULL, false, "all there are"}},
     .help = "let such events count, whatever the bounds are"},
    {.name = "quarantine drop", .arguments = PRODUCT " [ID...]", .min = 1, .max = SIZE_MAX,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_letters_drop_held,
     .options = {{"all", NULL, false, "all there are"}},
     .help = "forget such events"},
    {.name = "export player", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_player_export,
     .help = "print all that is kept about a player, always as JSON"},
    {.name = "export board", .arguments = PRODUCT " BOARD", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_board_export,
     .options = {{"at", "WINDOW", false, "which window of the board, such as 2026-11 (all)"}},
     .help = "print a board, as CSV or JSON"},
    {.name = "hide", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_hide_run,
     .help = "take a player off all boards, for readers; his events go on counting"},
    {.name = "unhide", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_hide_run,
     .help = "put a hidden player back on the boards, with what counted meanwhile"},
    {.name = "ban", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_hide_run,
     .help = "hide a player, and refuse him games"},
    {.name = "unban", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_hide_run,
     .help = "take a ban back, and put the player back on the boards"},
    {.name = "hidden list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_hide_list,
     .help = "list the players who are hidden or banned"},
    {.name = "season close", .arguments = PRODUCT " SEASON", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_season_close,
     .options = {{"board", "BOARD", true, "the board whose season it is"},
                 {"at", "TIME", false, "when it ends, such as 2026-01-31T00:00:00Z (now)"}},
     .help = "end a season before its time: what happens later does not count in it"},
    {.name = "rebuild", .arguments = PRODUCT, .min = 1, .max = 1, .needs = CTL_CONFIG | CTL_JSON,
     .run = ctl_rebuild_run,
     .options = {{"verify", NULL, false, "compare with the figures there are, and change nothing"},
                 {"without", "USER-ID", false, "leave out the events that name this player"},
                 {"partial", NULL, false, "also where events are no longer there"}},
     .many = "without",
     .help = "compute all boards, ratings and statistics anew, from the archive and the stream,\n"
             "while the worker goes on; they take the place of the others in one step"},
    {.name = "games list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_games_list,
     .options = {{"limit", "N", false, "how many at the most, 1 to 100000 (100)"}},
     .help = "list the games there are: state, players, age, game server; the next one due first"},
    {.name = "games show", .arguments = PRODUCT " GAME-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_games_show,
     .help = "print all that is known of a game, as JSON"},
    {.name = "games end", .arguments = PRODUCT " GAME-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_games_end,
     .help = "take a game away, as its deadline would, on the game server too"},
    {.name = "gameserver list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_gameserver_list,
     .help = "list the game's servers, and which of them are drained"},
    {.name = "gameserver drain", .arguments = PRODUCT " URL", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_gameserver_drain,
     .help = "make no new games on one of the game's servers; those that it has go on"},
    {.name = "gameserver undrain", .arguments = PRODUCT " URL", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_gameserver_drain,
     .help = "make new games there again"},
    {.name = "tickets list", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_tickets_list,
     .options = {{"limit", "N", false, "how many at the most, 1 to 100000 (100)"}},
     .help = "list the tickets of those who want to be matched"},
    {.name = "tickets cancel", .arguments = PRODUCT " TICKET-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_tickets_cancel,
     .help = "end a ticket that has no game yet"},
    {.name = "queue", .arguments = PRODUCT, .min = 1, .max = 1,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_queue_list,
     .help = "list the game's queues: how many wait, for how long, and whether a worker matches them"},
    {.name = "erase", .arguments = PRODUCT " USER-ID", .min = 2, .max = 2,
     .needs = CTL_CONFIG | CTL_JSON, .run = ctl_player_erase,
     .help = "forget a player: boards, statistics, ratings, name, dead letters; prints what there was"},
};
/* clang-format on */

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* --- for the commands ------------------------------------------------------------------------- */

static void __attribute__((format(printf, 1, 0))) tell(const char *fmt, va_list ap)
{
    fputs("varcadectl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int
ctl_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(fmt, ap);
    va_end(ap);
    return CTL_FAILED;
}

int
ctl_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(fmt, ap);
    va_end(ap);
    fputs("Try varcadectl --help\n", stderr);
    return CTL_USAGE;
}

const char *
ctl_option(const struct ctl *c, const char *name)
{
    const struct ctl_option *options = c->command->options;

    for (size_t i = 0; options[i].name != NULL; i++)
        if (strcmp(options[i].name, name) == 0)
            return c->value[i];
    assert(false); /* each command asks for its own options only */
    return NULL;
}

const char *
ctl_product(const struct ctl *c)
{
    if (text_is_product_id(c->args[0], strlen(c->args[0])))
        return c->args[0];
    (void)ctl_usage("%s: not a product's id", c->args[0]);
    return NULL;
}

struct product *
ctl_product_load(const struct ctl *c, const char *id)
{
    struct product *product = NULL;
    struct buf file, why;

    buf_init(&file, 8192);
    buf_init(&why, CTL_WHY_MAX);
    buf_printf(&file, "%s/%s.json", c->conf->games_dir, id);
    if (!buf_ok(&file) || products_load_file(file.data, &product, &why) != 0)
        (void)ctl_fail("%s", why.data != NULL ? why.data : "out of memory");
    buf_free(&file);
    buf_free(&why);
    return product;
}

int
ctl_print(struct buf *out)
{
    int ret = CTL_OK;

    if (!buf_ok(out))
        ret = ctl_fail("out of memory");
    else
        puts(out->data != NULL ? out->data : "");
    buf_free(out);
    return ret;
}

void
ctl_json_text(struct buf *out, const char *s, size_t len)
{
    struct buf text;
    size_t n;

    buf_init(&text, 3 * len);
    for (size_t i = 0; i < len; i += n) {
        n = text_utf8_char(s + i, len - i);
        if (n > 0) {
            buf_add(&text, s + i, n);
        } else {
            buf_str(&text, "\xef\xbf\xbd");
            n = 1;
        }
    }
    buf_json_string(out, text.data != NULL ? text.data : "", text.len);
    buf_free(&text);
}

void
ctl_json_score(struct buf *out, const char *s)
{
    double score;

    if (text_parse_double(s, strlen(s), &score) == 0)
        buf_json_number(out, score);
    else
        ctl_json_text(out, s, strlen(s));
}

/* --- the command line ------------------------------------------------------------------------- */

/* How many of the words at argv are the command's name; 0: it is another. */
static int
count_words(const struct ctl_command *command, int argc, char **argv)
{
    const char *name = command->name;
    int n = 0;

    while (*name != '\0') {
        size_t len = strcspn(name, " ");

        if (n == argc || strlen(argv[n]) != len || memcmp(argv[n], name, len) != 0)
            return 0;
        n++;
        name += len + (name[len] == ' ');
    }
    return n;
}

static const struct ctl_command *
find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < NCOMMANDS; i++) {
        *ret_words = count_words(&commands[i], argc, argv);
        if (*ret_words > 0)
            return &commands[i];
    }
    return NULL;
}

/* What getopt_long answers; an option of the command's own is its index. */
enum { OPTION_HELP = CTL_OPTIONS_MAX, OPTION_CONFIG, OPTION_JSON, OPTION_PRODUCT };

bool
ctl_takes_product(const struct ctl_command *command)
{
    return strncmp(command->arguments, PRODUCT, strlen(PRODUCT)) == 0;
}

static void
list_options(const struct ctl_command *command, struct option *list)
{
    size_t n = 0;

    for (int i = 0; command->options[i].name != NULL; i++)
        list[n++] = (struct option){
            command->options[i].name,
            command->options[i].argument != NULL ? required_argument : no_argument, NULL, i};
    list[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    if (command->needs & CTL_CONFIG)
        list[n++] = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    if (command->needs & CTL_JSON)
        list[n++] = (struct option){"json", no_argument, NULL, OPTION_JSON};
    if (ctl_takes_product(command))
        list[n++] = (struct option){"product", required_argument, NULL, OPTION_PRODUCT};
    list[n] = (struct option){NULL, 0, NULL, 0};
}

/* One of the command's own; false where there are too many of it. */
static bool
take_option(struct ctl *c, int option, const char *argument)
{
    const char *many = c->command->many;

    c->value[option] = argument != NULL ? argument : "";
    if (many == NULL || strcmp(many, c->command->options[option].name) != 0)
        return true;
    if (c->nmany == CTL_MANY_MAX)
        return false;
    c->many[c->nmany++] = c->value[option];
    return true;
}

/* read_options(c, argc, argv, ret_config, ret_help): argv[0] is the command's last word. 0, or the
 * exit status. */
static int
read_options(struct ctl *c, int argc, char **argv, const char **ret_config, bool *ret_help)
{
    struct option list[CTL_OPTIONS_MAX + 5];
    char *product = NULL;
    int option;

    list_options(c->command, list);
    while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
        if (option == OPTION_HELP)
            *ret_help = true;
        else if (option == OPTION_CONFIG)
            *ret_config = optarg;
        else if (option == OPTION_JSON)
            c->json = true;
        else if (option == OPTION_PRODUCT)
            product = optarg;
        else if (option >= 0 && option < CTL_OPTIONS_MAX && take_option(c, option, optarg))
            continue;
        else
            return ctl_usage("%s", c->command->name);
    }
    /* In front of the other arguments; the option itself has left room there. */
    if (product != NULL)
        argv[--optind] = product;
    c->args = argv + optind;
    c->nargs = (size_t)(argc - optind);
    return 0;
}

/* 0, or the exit status. */
static int
check_usage(const struct ctl *c)
{
    const struct ctl_command *command = c->command;

    for (size_t i = 0; command->options[i].name != NULL; i++)
        if (command->options[i].required && c->value[i] == NULL)
            return ctl_usage("%s: --%s is needed", command->name, command->options[i].name);
    if (c->nargs > command->max && command->max == 0)
        return ctl_usage("%s: there are no arguments but options", command->name);
    if (c->nargs < command->min || c->nargs > command->max)
        return ctl_usage("%s: the arguments are %s", command->name, command->arguments);
    return 0;
}

static int
run_configured(struct ctl *c, const char *config)
{
    struct buf why;
    int ret;

    buf_init(&why, CTL_WHY_MAX);
    if (conf_load(config, &c->conf, &why) == 0)
        ret = c->command->run(c);
    else
        ret = ctl_fail("%s", why.data != NULL ? why.data : "out of memory");
    ctl_redis_close(c);
    conf_free(c->conf);
    buf_free(&why);
    return ret;
}

static int
run_command(const struct ctl_command *command, int argc, char **argv)
{
    struct ctl c = {.command = command};
    const char *config = NULL;
    bool help = false;
    int ret = read_options(&c, argc, argv, &config, &help);

    if (ret == 0 && help) {
        ctl_help_command(command);
        return CTL_OK;
    }
    if (ret == 0)
        ret = check_usage(&c);
    if (ret != 0)
        return ret;
    return command->needs & CTL_CONFIG ? run_configured(&c, config) : command->run(&c);
}

/* There may be commands of two words that begin with the first one. */
static int
no_command(int argc, char **argv)
{
    bool one = argc == 2 || argv[2][0] == '-';

    if (argc == 3 && strcmp(argv[2], "--help") == 0 && ctl_help_group(argv[1], commands, NCOMMANDS))
        return CTL_OK;
    return ctl_usage("%s%s%s: no such command", argv[1], one ? "" : " ", one ? "" : argv[2]);
}

static int
run(int argc, char **argv)
{
    const struct ctl_command *command;
    int words;

    if (argc < 2)
        return ctl_usage("no command is named");
    if (strcmp(argv[1], "--help") == 0) {
        ctl_help_print(commands, NCOMMANDS);
        return CTL_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("varcadectl " PACKAGE_VERSION);
        return CTL_OK;
    }
    if (strcmp(argv[1], "--completion") == 0) {
        ctl_help_completion(commands, NCOMMANDS);
        return CTL_OK;
    }
    command = find_command(argc - 1, argv + 1, &words);
    if (command == NULL)
        return no_command(argc, argv);
    /* getopt_long names its first word in what it has to say. */
    argv[words] = argv[0];
    return run_command(command, argc - words, argv + words);
}

int
main(int argc, char **argv)
{
    int ret;

    log_init("varcadectl");
    ret = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("varcadectl: standard output");
        ret = CTL_FAILED;
    }
    return ret;
}
