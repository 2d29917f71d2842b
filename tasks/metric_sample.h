/* metric_sample.h - what aggregations see: a sample of scores, and one resample of it.  Private to
 * metric_aggregate.c, which has the table and the bootstrap, and metric_labels.c. */
#ifndef METRIC_SAMPLE_H
#define METRIC_SAMPLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/metric.h"

/* A pair that occurs, gold and predicted label. */
struct cell {
    uint32_t gold, pred;
};

/* What aggregations work on.  x: values; w: weights; gold, pred: label ids of pairs; cell: which of cells
 * a pair is; rank: where a value stands in sorted. */
struct sample {
    const struct task_score *scores;
    const struct value **pairs;            /* parsed details, [a, b] */
    double *x, *w;
    uint32_t *gold, *pred, *cell, *rank;
    struct cell *cells;
    double *sorted;                        /* NULL when some are NaN */
    double *stats;                         /* [n][mt_n_stats] of translations */
    size_t n, n_labels, n_cells, one;      /* one: the id of label 1, or n_labels */
    enum metric_sum sum;
    size_t n_plain;                        /* scores before the first of numpy's, whose sums stay plain */
    struct arena arena;
};

/* A resample: item i is pick[i], or i itself when pick is NULL.  scratch: scratch_size() doubles. */
struct draw {
    const uint32_t *pick;
    double *scratch;
};

static inline size_t draw_at(const struct draw *d, size_t i)
{
    return d->pick ? d->pick[i] : i;
}

int sample_bad_score(struct assay_err *, size_t i, const char *what);
int sample_pairs(struct sample *, struct assay_err *);            /* fills pairs */
double sample_pairwise(const double *x, size_t n);                /* numpy's sum */

/* Pairs of labels; sorted: ids by the labels' order, for averages over labels. */
int labels_binary(struct sample *, struct assay_err *);
int labels_cells(struct sample *, struct assay_err *);
int labels_sorted(struct sample *, struct assay_err *);
size_t labels_scratch(const struct sample *);                     /* doubles that the following need */
double labels_f1(const struct sample *, const struct draw *);
double labels_mcc(const struct sample *, const struct draw *);
double labels_weighted_f1(const struct sample *, const struct draw *);
double labels_macro_f1(const struct sample *, const struct draw *);
double labels_micro_f1(const struct sample *, const struct draw *);
#endif
