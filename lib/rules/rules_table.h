/*
 * The compiled form of a product's rules. Private to rules.c (which walks it) and rules_compile.c (which
 * builds it).
 *
 * Every field and every text that some rule compares with has a number, so that an event is read
 * once, into numbers (struct seen in rules.c), and a condition then is one comparison of integers.
 */
#ifndef VARCADE_RULES_TABLE_H
#define VARCADE_RULES_TABLE_H

#include "lib/base/intern.h"
#include "lib/rules/rules.h"

/* Limits of one game's file. */
#define RULES_RULES_MAX 512    /* entries of `stats` and of all `from` */
#define RULES_STEPS_MAX 2048   /* operations in them; a value of a `count` is one */
#define RULES_STATS_MAX 512    /* different statistics */
#define RULES_VALUES_MAX 1024  /* texts that one field is compared with */
#define RULES_TEXT_MAX 256     /* bytes of such a text */

/* A field that some rule reads, and what to say where it does not fit. */
struct rules_field {
    struct intern values; /* texts that some rule compares it with */
    char *why_missing;
    char *why_no_player;
    char *why_no_team;
    int team; /* which of RULES_TEAMS_MAX it is, where some rule reads players there; -1: none does */
    char *why_no_number;
    char *why_beyond;
};

/* When a step is done, where it is not for one value of a count's field. */
#define RULES_ALWAYS (-1) /* no step of a count */
#define RULES_OTHER (-2)  /* a count's `other`: none of its values */

struct rules_step {
    size_t rule; /* of which it is a step */
    enum rules_target target;
    enum rules_op op;
    size_t figure;  /* number of the statistic or the board */
    int when;       /* RULES_ALWAYS, RULES_OTHER, or a number in the values of the rule's count_field */
    bool follows;   /* the value is what the step before made of its figure */
    bool has_field; /* the value is in an event's field, not in number */
    size_t field;
    double number;
};

struct rules_rule {
    struct rules_condition condition[RULES_CONDITIONS_MAX];
    size_t nconditions;
    size_t player;      /* the field with whose figures they are */
    bool team;          /* which names several players */
    bool counts;        /* some of its steps are of a count */
    size_t count_field; /* of those */
    size_t first, end;  /* its steps */
};

struct rules {
    struct intern fields;
    struct rules_field *field; /* EVENT_FIELDS_MAX of them */
    struct intern stats;
    char **title; /* of statistics; NULL where the file has none */
    struct rules_board *board;
    size_t nboards;
    struct rules_rule *rule;
    size_t nrules, rules_cap;
    struct rules_step *step;
    size_t nsteps, steps_cap;
    size_t nteams; /* fields that name several players */
    size_t effects_max;
    dur_ms grace; /* how late an event may come and still count by its field `time` */
    int top_ten;
};

#endif
