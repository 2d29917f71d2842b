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
    {"variants", ASSAY_STR, offsetof(struct report_flags, variants), NULL, NULL,
     "only these: comma list of names, * and ? allowed; the suite's reference stays"},
    {0},
};

enum { MAX_WORDS = 64 };

static int split(const char *flag, const char *text, const char **words, size_t *n,
                 struct options *o, struct assay_err *e)
{
    char *save = NULL, *list = text ? arena_strdup(&o->arena, text) : NULL;
    *n = 0;
    for (char *w = list ? strtok_r(list, ", ", &save) : NULL; w; w = strtok_r(NULL, ", ", &save)) {
        if (*n == MAX_WORDS)
            return err_set(e, ASSAY_ELIMIT, "%s: at most %d at once", flag, MAX_WORDS);
        words[(*n)++] = w;
    }
    return 0;
}

int report_open(const struct report_flags *f, struct options *o, struct view **view,
                const struct view_set **set, struct assay_err *e)
{
    const char *runs[MAX_WORDS], *variants[MAX_WORDS];
    size_t n, n_variants;
    TRY(split("--run", f->run, runs, &n, o, e));
    TRY(split("--variants", f->variants, variants, &n_variants, o, e));
    TRY(view_open(f->db, view, e));
    int rc = view_load(*view, runs, n, set, e);
    if (rc >= 0 && n_variants)
        rc = view_keep(*view, variants, n_variants, set, e);
    if (rc < 0) {
        view_close(*view);
        *view = NULL;
    }
    return rc;
}
