/*
 * Prints a man page of section 5 from the table of its parser: `gen-man conf` or `gen-man game`.
 * For the build alone; it is not installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/conf.h"
#include "lib/product/product.h"

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "conf") == 0) {
        conf_print_man(stdout);
    } else if (argc == 2 && strcmp(argv[1], "game") == 0) {
        product_print_man(stdout);
    } else {
        fputs("usage: gen-man conf|game\n", stderr);
        return EXIT_FAILURE;
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
