/* The runner of every unit test program: check's environment variables hold (CK_FORK, CK_RUN_CASE, …). */
#include <stdlib.h>

#include "tests/unit/unit.h"

int
main(void)
{
    SRunner *runner = srunner_create(unit_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
