/* make_store - writes a synthetic database for looking at reports:
 *   make_store FILE [items per task] [divergence: 0 or 1] [plain: 0 or 1]
 *   make_store --nights FILE [nights [variants [tasks [items [second machine: 0 or 1]]]]] */
#include "tests/reports/make_nights.h"

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: make_store FILE [items per task] [divergence: 0|1] [plain: 0|1]\n"
                        "       make_store --nights FILE [nights [variants [tasks [items [second "
                        "machine: 0|1]]]]]\n");
        return 2;
    }
    if (argc > 2 && strcmp(argv[1], "--nights") == 0) {
        int v[5] = {0};
        for (int i = 3; i < argc && i < 8; i++)
            v[i - 3] = atoi(argv[i]);
        make_nights(argv[2], (struct nights_options){v[0], v[1], v[2], v[3], v[4] != 0, false});
        return 0;
    }
    struct make_options o = {.n_items = argc > 2 ? atoi(argv[2]) : 1000,
                             .has_divergence = argc <= 3 || atoi(argv[3]) != 0,
                             .is_plain = argc > 4 && atoi(argv[4]) != 0};
    make_store(argv[1], &o);
    return 0;
}
