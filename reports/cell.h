/* cell.h - one comparison: paired scores or counts in, statistics, verdict and one line of why out.
 * The formulas are those of harness/stats; what belongs together and in which units is decided
 * here. */
#ifndef CELL_H
#define CELL_H
#include "reports/compare.h"

struct arena;

struct cell_pairs {              /* items both variants have, by ascending idx */
    size_t n, n_changed, only_base, only_variant;
    const double *base, *variant;
    const double *weight;        /* the base's; NULL: none */
    const int32_t *cluster;      /* ids, equal ones adjacent; NULL: every item stands for itself */
    size_t n_clusters;
    bool is_binary, has_nan;
};
/* Clusters n 0: the store has none.  With clusters the items lie by cluster. */
void cell_pair(const struct view_scores *base, const struct view_scores *variant,
               const struct view_clusters *, struct arena *, struct cell_pairs *);

struct cell_spread {             /* of a sum of scores: variance if items were independent, and as they are */
    double plain, clustered;
};
struct cell_counts {             /* 0/1 scores of paired items */
    size_t n, base_right, variant_right, losses, gains, only_base, only_variant;
    size_t n_clusters;
    bool has_clusters;           /* some of its items do not stand for themselves */
    struct cell_spread base, variant, change;
};
void cell_count(const struct cell_pairs *, struct cell_counts *);
void cell_add(struct cell_counts *sum, const struct cell_counts *);

struct cell_rules {              /* fractions, natural logarithms */
    double alpha, margin, ln_ppl_margin;
    double share;                /* 0: n was fixed before; else early stopping (stopping.h): only what
                                    holds at every n, p-values times this number of variants */
    bool is_pool;                /* what early stopping decided by */
};
/* Kind, values, intervals and p-values; no verdict yet (Holm needs all tasks first). */
void cell_binary(struct compare_cell *, const struct cell_counts *, const struct cell_rules *);
void cell_scores(struct compare_cell *, const struct cell_pairs *, const char *aggregation,
                 const struct cell_rules *, struct arena *);
/* No statistics: kind NONE, incomparable, and why. */
void cell_refuse(struct compare_cell *, const char *reason);
/* Nothing to say either way: it was stopped before any of its items was asked. */
void cell_stopped(struct compare_cell *);
/* Sets verdict and reason from p_adjusted, p_margin and the sign of delta. */
void cell_judge(struct compare_cell *, double alpha, struct arena *);
bool cell_is_likelihood(const char *aggregation);
/* What a margin in per cent of perplexity is for the aggregation: "1 %", "0.014 bits". */
const char *cell_margin(const char *aggregation, double ppl_margin, struct arena *);
#endif
