/* varcadectl --help and the shell's completion, from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "worker/ctl/ctl.h"

#define INDENT 9

static void
print_usage(const struct ctl_command *command)
{
    printf("varcadectl %s", command->name);
    if (command->needs & CTL_CONFIG)
        fputs(" [--config FILE]", stdout);
    if (command->needs & CTL_JSON)
        fputs(" [--json]", stdout);
    for (const struct ctl_option *o = command->options; o->name != NULL; o++)
        printf(o->required ? " --%s%s%s%s" : " [--%s%s%s]%s", o->name,
               o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "",
               command->many != NULL && strcmp(command->many, o->name) == 0 ? "..." : "");
    printf("%s%s\n", command->arguments[0] != '\0' ? " " : "", command->arguments);
}

static void
print_indented(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        printf("%*s%.*s\n", INDENT, "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void
print_entry(const struct ctl_command *command)
{
    fputs("  ", stdout);
    print_usage(command);
    print_indented(command->help);
}

bool
ctl_help_group(const char *word, const struct ctl_command *commands, size_t n)
{
    size_t len = strlen(word), found = 0;

    for (size_t i = 0; i < n; i++) {
        if (strncmp(commands[i].name, word, len) != 0 || commands[i].name[len] != ' ')
            continue;
        if (found++ == 0)
            printf("Usage: varcadectl %s COMMAND [OPTION...] [ARGUMENT...]\n\n", word);
        print_entry(&commands[i]);
    }
    return found > 0;
}

void
ctl_help_print(const struct ctl_command *commands, size_t n)
{
    puts("Usage: varcadectl COMMAND [OPTION...] [ARGUMENT...]\n"
         "       varcadectl COMMAND --help\n"
         "       varcadectl --help | --version | --completion\n");
    for (size_t i = 0; i < n; i++)
        print_entry(&commands[i]);
    puts("\nExit status: 0 done, 1 refused or failed, 2 wrong usage. --config FILE is the "
         "configuration;\n"
         "without it every key has its default. --completion prints a script for bash.");
}

static void
print_option(const char *name, const char *argument, const char *help)
{
    int len =
        printf("  --%s%s%s", name, argument != NULL ? " " : "", argument != NULL ? argument : "");

    printf("%*s%s\n", len < 20 ? 20 - len : 1, "", help);
}

void
ctl_help_command(const struct ctl_command *command)
{
    fputs("Usage: ", stdout);
    print_usage(command);
    printf("\n%s\n\n", command->help);
    if (command->needs & CTL_CONFIG)
        print_option("config", "FILE", "the configuration; without it every key has its default");
    if (command->needs & CTL_JSON)
        print_option("json", NULL, "print JSON");
    if (ctl_takes_product(command))
        print_option("product", "PRODUCT", "instead of the first argument");
    for (const struct ctl_option *o = command->options; o->name != NULL; o++)
        print_option(o->name, o->argument, o->help);
}

/* --- bash ------------------------------------------------------------------------------------- */

static void
print_words(const struct ctl_command *command)
{
    fputs("--help", stdout);
    if (command->needs & CTL_CONFIG)
        fputs(" --config", stdout);
    if (command->needs & CTL_JSON)
        fputs(" --json", stdout);
    if (ctl_takes_product(command))
        fputs(" --product", stdout);
    for (const struct ctl_option *o = command->options; o->name != NULL; o++)
        printf(" --%s", o->name);
}

/* The first words of all commands, each once: commands of one first word stand together. */
static void
print_first_words(const struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(commands[i].name, " ");

        if (i == 0 || strncmp(commands[i - 1].name, commands[i].name, len + 1) != 0)
            printf("%.*s ", (int)len, commands[i].name);
    }
}

/* The second words that may follow a first one. */
static void
print_second_words(const struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(commands[i].name, " ");

        if (commands[i].name[len] == '\0')
            continue;
        if (i == 0 || strncmp(commands[i - 1].name, commands[i].name, len + 1) != 0)
            printf("    '%.*s ') words='", (int)len, commands[i].name);
        fputs(commands[i].name + len + 1, stdout);
        if (i + 1 < n && strncmp(commands[i + 1].name, commands[i].name, len + 1) == 0)
            fputc(' ', stdout);
        else
            puts("' ;;");
    }
}

void
ctl_help_completion(const struct ctl_command *commands, size_t n)
{
    puts("# Completion of varcadectl for bash: made by varcadectl --completion.\n"
         "_varcadectl() {\n"
         "    local words='' word=${COMP_WORDS[COMP_CWORD]}\n"
         "    COMPREPLY=()\n"
         "    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then\n"
         "        compopt -o filenames\n"
         "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "        return\n"
         "    fi\n"
         "    case \"${COMP_WORDS[*]:1:COMP_CWORD-1} \" in");
    fputs("    ' ') words='", stdout);
    print_first_words(commands, n);
    puts("--help --version --completion' ;;");
    print_second_words(commands, n);
    for (size_t i = 0; i < n; i++) {
        printf("    '%s '*) words='", commands[i].name);
        print_words(&commands[i]);
        puts("' ;;");
    }
    puts("    esac\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "}\n"
         "complete -o bashdefault -o default -F _varcadectl varcadectl");
}
