/* make_store - writes a synthetic database for looking at reports:
 *   make_store FILE [items per task] [divergence: 0 or 1] [plain: 0 or 1] */
#include "tests/reports/make_store.h"

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: make_store FILE [items per task] [divergence: 0|1] [plain: 0|1]\n");
        return 2;
    }
    struct make_options o = {.n_items = argc > 2 ? atoi(argv[2]) : 1000,
                             .has_divergence = argc <= 3 || atoi(argv[3]) != 0,
                             .is_plain = argc > 4 && atoi(argv[4]) != 0};
    make_store(argv[1], &o);
    return 0;
}
