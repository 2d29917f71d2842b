/* compare.h - variants against a base: paired by item, with intervals and a verdict.
 *
 * Only items that both variants answered are paired.  A task is compared only when its uid (data,
 * configuration and few-shot choices) is the same on both sides.  "No significant difference" is
 * never a pass: pass means that a loss of the margin or more was ruled out.
 *
 *   pass          Tango score test refutes a loss >= margin (one-sided, alpha/2 of a 90 % interval)
 *   fail          not passed, and worse than the base by mid-p McNemar (Holm over the tasks)
 *   inconclusive  neither: too few items; `mde` says what could have been seen
 *   incomparable  nothing to pair, or the tasks differ; `reason` says which and why
 * Where a run stops early (a decision in the store), pool and groups fail only when a loss beyond the
 * margin is shown, and all intervals and p-values are of betting tests that hold at every n.
 *
 * Formulas and their sources stand in harness/stats. */
#ifndef COMPARE_H
#define COMPARE_H
#include "backends/backend.h"
#include "reports/view.h"

struct agree;

struct compare_options {
    const char *base;            /* name of the base variant; NULL: the reference, else the first;
                                    several runs: each variant's namesake in the first run */
    const char *metric;          /* NULL: each task's first */
    double margin;               /* accuracy points (1 = one percentage point); 0: 1, and 2 for
                                    variants of 4 bits or fewer */
    double ppl_margin;           /* per cent of perplexity (and other likelihood metrics); 0: 1 */
    double alpha;                /* 0: 0.05 */
    bool all_bases;              /* fill compare.by_base too: what a page that switches bases needs */
};
/* Rows for --base --metric --margin --ppl-margin --alpha, over struct compare_options. */
extern const struct assay_field compare_fields[];

enum compare_verdict { COMPARE_PASS, COMPARE_FAIL, COMPARE_INCONCLUSIVE, COMPARE_INCOMPARABLE,
                       COMPARE_BASE };
const char *compare_verdict_name(enum compare_verdict);   /* "pass" ... "base" */

struct compare_value {           /* NAN: unknown */
    double v, lo, hi;            /* 95 % interval */
};
enum compare_kind {
    COMPARE_NONE,                /* nothing to compare: verdict incomparable, reason says why */
    COMPARE_BINARY,              /* 0/1 scores: difference, Tango, McNemar */
    COMPARE_MEAN,                /* other means: paired difference, t or normal interval; Tango and
                                    McNemar where scores are 0/1 and 1 is worse */
    COMPARE_LIKELIHOOD,          /* perplexities and bits per byte: ln ratio, ratio estimator */
    COMPARE_VALUE                /* values only, as stored where they are of the paired items: no paired
                                    formula exists for the aggregation */
};
struct compare_cell {            /* one measure of one task, group or pool: variant against base */
    enum compare_kind kind;
    enum compare_verdict verdict;
    const char *reason;          /* one line; NULL: none needed */
    size_t n;                    /* paired items */
    size_t n_changed;            /* of them with another score, whatever the direction */
    size_t only_base, only_variant;          /* items without a partner */
    size_t n_clusters;           /* items with a text in common are one; 0: every item stands for itself */
    double deff;                 /* variance of delta against that of as many independent items; >= 1 */
    struct compare_value base, variant;      /* with Wilson intervals where binary */
    struct compare_value delta;  /* BINARY, MEAN: variant - base; LIKELIHOOD: ln(variant/base) of
                                    the perplexity, or the difference in bits per byte */
    double se;                   /* of delta (paired) */
    size_t losses, gains;        /* BINARY: base right & variant wrong, and the reverse */
    bool is_sequence;            /* early stopping: interval and p-values hold at every n at once;
                                    p_mid is of a betting test, p_exact unknown, and the intervals of
                                    base and variant too */
    double p_fail;               /* sequence of a pool: p of "the loss is at most the margin" */
    double p_exact, p_mid;       /* BINARY: McNemar; others: p_mid is the two-sided p of delta */
    double p_adjusted;           /* Holm over the tasks of the row; pool and groups: p_mid */
    double margin;               /* used for the verdict, in units of delta */
    double smallest_margin;      /* that would have passed; 0: any */
    double mde;                  /* difference seen with 80 % power at alpha */
    double p_margin;             /* p of the non-inferiority test */
    bool higher_is_better;
    bool is_bits;                /* LIKELIHOOD: bits per byte */
};
struct compare_kl {              /* next-token distributions against the run's reference */
    size_t n, n_docs;            /* positions, items; n 0: none kept */
    double mean, se;             /* nats; se clustered by item (CR1) */
    double median, p90, p99, max;/* p99 NAN when n < 368 */
    double same_top;             /* 0..1 */
    size_t n_true, n_true_docs;  /* positions but those of wrong choices; of the following */
    double delta_p_mean, delta_p_rms;
    double ln_ppl_ratio, ln_ppl_se;          /* paired, clustered by item */
    double ppl, ppl_ref;
};
struct compare_times {           /* of one kind, over the repetitions that are used */
    const double *ms;            /* ascending, [n] */
    const uint32_t *unit;        /* [n]: which round or repetition each came from, below n_units */
    size_t n, n_units;
};
struct compare_speed {           /* one scenario of one variant */
    const struct view_job *job;  /* NULL: not measured */
    size_t n, n_dirty, n_warmup; /* n: repetitions used */
    const double *units;         /* [n_units] ln tokens/s of rounds, or of one round's repetitions */
    const int64_t *rounds;       /* [n_units] their numbers, ascending; NULL: repetitions */
    size_t n_units;
    bool is_disturbed;           /* fewer than 3 clean repetitions: dirty ones were used too */
    struct compare_value rate;   /* tokens/s: median of the units, interval by ranks */
    struct compare_value ratio;  /* to the base: Hodges-Lehmann on logs, by rounds; > 1 is faster */
    struct compare_value ttft_ms;            /* median, by rounds too */
    struct compare_times itl, ttft;          /* between tokens; to the first one */
    double itl_median_ms, itl_p90_ms, itl_p99_ms;    /* NAN when n does not allow it */
    double cpu_share;            /* CPU time / wall time, median */
    const double *wall_ms;       /* ascending, [n]: per repetition */
};
struct compare_energy {          /* joules per token or per correct answer: energy.h */
    struct compare_value gross, net;         /* NAN: unknown; net may be below 0 */
    double gross_error, net_error;           /* of the instrument, half widths */
    int64_t n, ns;               /* tokens or correct answers; time measured */
    size_t n_rounds;
    const char *reason;          /* why gross is unknown; NULL: nobody measured */
};
struct compare_task {            /* a line of the task table */
    const char *name;
    const struct view_task *task;            /* the base's */
    const struct view_measure *measure;
    const char *aggregation;
    bool higher_is_better;
    bool is_binary;              /* the base's scores are all 0 or 1 */
};
struct compare_row {             /* a variant */
    const struct view_variant *variant;
    size_t base;                 /* row it is compared with; its own: it is a base */
    enum compare_verdict verdict;
    const char *reason;          /* one sentence, always set */
    struct compare_cell pool;    /* all 0/1 tasks together; n 0: there are none */
    struct compare_cell *tasks;  /* [compare.n_tasks] */
    struct compare_cell *groups; /* [compare.n_groups] */
    size_t n_pass, n_fail, n_inconclusive, n_incomparable;   /* over the tasks */
    size_t n_better, n_worse, n_unclear;     /* what the tasks say: see compare_vote */
    struct compare_kl kl;        /* all tasks */
    struct compare_kl *task_kl;  /* [compare.n_tasks] */
    struct compare_speed *speeds;            /* [compare.n_scenarios] */
    const struct compare_speed *prefill, *decode;    /* the headline ones; NULL: none */
    struct compare_energy per_token[VIEW_SOURCES];   /* of decode where any row has it, else prefill */
    struct compare_energy per_answer[VIEW_SOURCES];  /* all binary tasks */
};
struct compare {
    const struct view_set *set;
    struct compare_options options;          /* resolved */
    const struct view_variant *base;         /* by name: the first run's reference */
    bool is_by_name;             /* runs were compared: namesakes are paired */
    const char *against;         /* the base's label, or "run 3b1a90" */
    struct compare_row *rows;    /* [n_rows], as set->variants */
    size_t n_rows, base_row;
    const struct compare_task *tasks;
    size_t n_tasks;
    size_t n_left_out;           /* tasks of the suite the base never began (no data, skipped) */
    const struct view_group *const *groups;  /* of the base's run */
    size_t n_groups;
    const struct view_scenario *const *scenarios;
    size_t n_scenarios;
    enum compare_verdict verdict;            /* worst of the rows: fail > incomparable >
                                                inconclusive > pass */
    const char *headline;        /* one sentence of why */
    const struct compare *const *by_base;    /* [n_rows]: the same with that row as base (agree NULL,
                                    distances and rates shared); NULL entries: it cannot be one.
                                    NULL: not asked for, or runs are compared by name */
    const struct agree *agree;   /* how tasks rank the variants; NULL: too few of either */
    size_t n_scores;             /* scores that were read */
    bool has_token_energy[VIEW_SOURCES], has_answer_energy[VIEW_SOURCES];    /* any row has it */
};
bool compare_is_base(const struct compare *, size_t row);
/* What one task says of a variant: 1 better than the base, -1 worse (p after Holm over the row's
 * tasks < alpha), 0 it cannot tell.  A variant that one task calls better and another worse is a
 * sign conflict. */
int compare_vote(const struct compare *, const struct compare_cell *);
/* Everything lives in `arena`.  Errors: ASSAY_EUSAGE unknown base or metric (with suggestion). */
int compare_make(struct view *, const struct view_set *, const struct compare_options *,
                 struct arena *, const struct compare **, struct assay_err *);
#endif
