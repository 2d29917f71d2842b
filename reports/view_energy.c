/* view_energy.c - rows of energy and idle power, as the store has them. */
#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "reports/view_impl.h"

const char *const view_source_names[VIEW_SOURCES] = {"rapl-package", "rapl-dram"};

/* VIEW_SOURCES: of a meter this program does not know. */
static enum view_source source_at(sqlite3_stmt *st, int col)
{
    const char *s = (const char *)sqlite3_column_text(st, col);
    int k = 0;
    while (k < VIEW_SOURCES && !(s && strcmp(s, view_source_names[k]) == 0))
        k++;
    return (enum view_source)k;
}

int view_load_idle(struct view *v, struct view_run *run, struct assay_err *e)
{
    sqlite3_stmt *st = view_query(v, VIEW_Q_IDLE, run->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        enum view_source s = source_at(st, 0);
        if (s == VIEW_SOURCES)
            continue;
        run->idle[s] = (struct view_idle){.is_there = true,
                                          .uj = view_int(st, 1),
                                          .ns = view_int(st, 2),
                                          .n_windows = view_int(st, 3),
                                          .sd_watts = view_real(st, 4),
                                          .reason = view_text(st, 5, &v->arena)};
    }
    return rc;
}

/* Rows come by job, jobs are in the order of their ids. */
int view_load_energy(struct view *v, const struct view_variant *of, struct view_job *jobs,
                     struct assay_err *e)
{
    struct view_energy *x = NULL;
    struct arena scratch = {0};
    size_t n = 0, cap = 0, *owner = NULL, cap_owner = 0, at = 0;
    sqlite3_stmt *st = view_query(v, VIEW_Q_ENERGY, of->id, e);
    int rc = st ? 0 : ASSAY_EIO;
    while (rc >= 0 && (rc = view_step(v, st, e)) > 0) {
        enum view_source s = source_at(st, 1);
        while (at < of->n_jobs && jobs[at].id < view_int(st, 0))
            at++;
        if (s == VIEW_SOURCES || at == of->n_jobs || jobs[at].id != view_int(st, 0))
            continue;
        x = view_grown(&v->arena, x, n, &cap, sizeof *x);
        owner = view_grown(&scratch, owner, n, &cap_owner, sizeof *owner);
        owner[n] = at;
        x[n++] = (struct view_energy){.source = s,
                                      .round = view_int(st, 2),
                                      .uj = view_int(st, 3),
                                      .ns = view_int(st, 4),
                                      .n_blocks = view_int(st, 5),
                                      .n_tokens = view_int(st, 6),
                                      .reason = view_text(st, 7, &v->arena)};
    }
    for (size_t i = n; i-- > 0;) {
        jobs[owner[i]].energy = &x[i];
        jobs[owner[i]].n_energy++;
    }
    arena_release(&scratch);
    return rc;
}
