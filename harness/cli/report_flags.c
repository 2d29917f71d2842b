/* report_flags.c - opening a database for the commands that only read. */
#include "harness/cli/report_flags.h"

#include <string.h>

#include "harness/base/err.h"
#include "harness/cli/command.h"

const struct assay_field report_flag_fields[] = {
    {"db", ASSAY_STR, offsetof(struct report_flags, db), "assay.db", NULL, "the database"},
    {"run", ASSAY_STR, offsetof(struct report_flags, run), NULL, NULL,
     "comma list of runs: ids, or beginnings or endings of them, latest, previous; "
     "machines: the newest of each"},
    {0},
};

int report_open(const struct report_flags *f, struct options *o, struct view **view,
                const struct view_set **set, struct assay_err *e)
{
    const char *runs[64];
    size_t n = 0;
    char *save = NULL, *list = f->run ? arena_strdup(&o->arena, f->run) : NULL;
    for (char *w = list ? strtok_r(list, ", ", &save) : NULL; w; w = strtok_r(NULL, ", ", &save)) {
        if (n == sizeof runs / sizeof *runs)
            return err_set(e, ASSAY_ELIMIT, "--run: at most %zu runs at once", n);
        runs[n++] = w;
    }
    TRY(view_open(f->db, view, e));
    int rc = view_load(*view, runs, n, set, e);
    if (rc < 0) {
        view_close(*view);
        *view = NULL;
    }
    return rc;
}
