/* history.h - every number a database holds about a (metric, task, variant, machine class), night
 * after night: a series with its segments and change points.
 *
 * A point is one run's value: the median rate of a scenario's clean repetitions (speed.h), peak
 * memory, or an aggregate as stored.  A point whose model, dataset or configuration differs from the
 * one before begins a new segment; values across that line are never compared.  Another number of
 * items is another configuration of a perplexity, and change points of an accuracy are looked for on
 * either side of it.  Runs of another machine class are another series.  Order: when the harness ran.
 * Canaries (fixed work of our own) are series without a variant. */
#ifndef HISTORY_H
#define HISTORY_H
#include "harness/stats/change.h"
#include "reports/view.h"

struct buf;

enum history_kind { HISTORY_SPEED, HISTORY_MEMORY, HISTORY_PERPLEXITY, HISTORY_ACCURACY,
                    HISTORY_CANARY, HISTORY_KINDS };
enum { HISTORY_MODEL = 1, HISTORY_DATASET = 2, HISTORY_CONFIG = 4, HISTORY_ALL = 7 };
const char *history_kind_name(enum history_kind);    /* "speed", "memory", ... */

struct history_point {
    size_t run;                  /* index into set->runs */
    double value;
    size_t n;                    /* repetitions or items behind it */
    bool is_part;                /* stopped early: a value of the items that were asked */
    bool is_dirty;               /* others used the machine: kept, drawn, not judged */
    uint8_t differs;             /* HISTORY_MODEL ...: what is not as at the point before; 0: nothing */
    uint8_t starts;              /* of that what begins a new segment */
    const struct view_variant *variant;      /* NULL: a canary */
    const struct view_job *job;  /* NULL: memory, groups, canaries */
};
struct history_series {
    char id[13];                 /* first digits of the sha256 of the four names below */
    uint64_t seed;               /* the same, for permutations */
    const char *metric, *task, *variant, *machine_class;     /* task: or scenario; may be "" */
    const char *machine, *unit;  /* name of the newest run's machine; "tokens/s", "MiB", "" */
    enum history_kind kind;
    bool higher_is_better;
    bool is_main;                /* accuracy, perplexity: the task's first metric */
    const struct history_point *points;      /* oldest first */
    size_t n;
    size_t first;                /* of the newest segment */
    const struct change_point *changes;      /* in the newest 120 of every segment; indices of points */
    size_t n_changes;
};
struct history_options {
    const char *metric, *task, *variant, *machine;   /* NULL: any; machine: name or class prefix */
    size_t max_runs;             /* newest that are read; 0: all */
    const char *last_run;        /* uid: later ones are not read; NULL: the newest */
    uint32_t segments;           /* HISTORY_*: what begins a new one; 0: all of them */
    bool with_changes;           /* look for change points */
    double min_effect[HISTORY_KINDS];        /* least step; 0: defaults of history_min_effect */
};
double history_min_effect(enum history_kind);

struct history {
    const struct view_set *set;  /* runs oldest first */
    const struct history_series *series;     /* in the order first met */
    size_t n_series;
};
/* Everything lives in `arena` (and in the view).  Errors: those of view_load; ASSAY_EUSAGE no run. */
int history_make(struct view *, const struct history_options *, struct arena *, struct history *,
                 struct assay_err *);
/* Fills id and seed from metric, task, variant and machine_class. */
void history_identify(struct history_series *);
/* "metric/task/variant", the parts that are not empty. */
const char *history_name(const struct history_series *, struct arena *);
/* The one series with this id, beginning of an id (4 digits or more) or name.
 * Errors: ASSAY_EUSAGE none, or several (names two). */
int history_find(const struct history *, const char *text, struct arena *,
                 const struct history_series **, struct assay_err *);

/* Eight heights of blocks, one per value, newest last; at most `width` of the newest.  NAN: a space.
 * The heights follow rank between the least and the largest value shown. */
void history_sparkline(const struct history_series *, size_t width, struct buf *);
enum history_format { HISTORY_TABLE, HISTORY_CSV, HISTORY_JSON };
/* The table is at most 80 columns wide. */
void history_write(const struct history *, enum history_format, struct buf *);
#endif
