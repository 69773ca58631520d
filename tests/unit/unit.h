/*
 * A unit test program is one suite: check_<module>.c defines unit_suite(), main.c runs it.
 */
#ifndef VARCADE_TESTS_UNIT_H
#define VARCADE_TESTS_UNIT_H

#include <check.h>

/* unit_suite(): the suite of this program; the runner frees it. */
Suite *unit_suite(void);

#endif
