/* view_impl.h - what the files of the view share: its statements and how columns are read. */
#ifndef VIEW_IMPL_H
#define VIEW_IMPL_H
#include <sqlite3.h>
#include "harness/base/arena.h"
#include "reports/view.h"

struct store;

enum view_query {
    VIEW_Q_RUNS,
    VIEW_Q_MEASURES,
    VIEW_Q_TASKS,
    VIEW_Q_SCENARIOS,
    VIEW_Q_GROUPS,
    VIEW_Q_LEAVES,
    VIEW_Q_VARIANTS,
    VIEW_Q_ANSWERED,
    VIEW_Q_DECISION,
    VIEW_Q_JOBS,
    VIEW_Q_NOTICES,
    VIEW_Q_ENERGY,
    VIEW_Q_IDLE,
    VIEW_Q_RESULTS,
    VIEW_Q_SCORES,
    VIEW_Q_SCORES_OF,
    VIEW_Q_DIVERGENCE,
    VIEW_Q_SAMPLES,
    VIEW_Q_CLUSTERS,
    VIEW_Q_ITEM,
    VIEW_Q_RESPONSE,
    VIEW_QUERIES
};
struct view {
    struct store *store;
    sqlite3 *db;
    const char *path;
    sqlite3_stmt *st[VIEW_QUERIES];
    struct arena arena;
    const struct view_run *runs; /* NULL: not read yet */
    size_t n_runs;
    const struct view_measure *measures; /* NULL: not read yet */
    size_t n_measures;
};

/* The database's own words as an error. */
int view_fail(struct view *, struct assay_err *);
/* The statement, its first parameter bound to key; NULL with *e filled. */
sqlite3_stmt *view_query(struct view *, enum view_query, int64_t key, struct assay_err *);
/* 1: a row; 0: the end; negative: an error. */
int view_step(struct view *, sqlite3_stmt *, struct assay_err *);

int64_t view_int(sqlite3_stmt *, int col);               /* NULL: VIEW_NONE */
double view_real(sqlite3_stmt *, int col);               /* NULL: NAN */
const char *view_text(sqlite3_stmt *, int col, struct arena *);      /* a copy; NULL stays NULL */
const char *view_word(sqlite3_stmt *, int col, struct arena *);      /* the same, NULL: "" */
/* A name: a copy, and of one beyond reason the beginning and a hash, the same for the same name. */
const char *view_name(sqlite3_stmt *, int col, struct arena *);
/* v with room for one more: an array that doubles inside an arena. */
void *view_grown(struct arena *, void *v, size_t n, size_t *cap, size_t size);
int view_load_idle(struct view *, struct view_run *, struct assay_err *);
/* jobs [of->n_jobs], in the order of their ids. */
int view_load_energy(struct view *, const struct view_variant *of, struct view_job *jobs,
                     struct assay_err *);
const struct view_measure *view_measure_of(const struct view *, int64_t id);
#endif
