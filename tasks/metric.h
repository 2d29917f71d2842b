/* metric.h - scores of one document, aggregates of many, and their standard errors.
 *
 * Values equal lm-eval's to the last bit where its own are reproducible (acc, exact_match,
 * perplexities, F1, MCC, BLEU, chrF, TER up to libm); softmax based ones (brier_score) to 1e-12.
 * A table row per metric and per aggregation: adding one is adding a row in metric.c.
 *
 *   metric_use_parse (once) -> metric_score (per document) -> metric_aggregate (once) */
#ifndef METRIC_H
#define METRIC_H
#include "tasks/task.h"

struct code;
struct pool;
struct regex;
struct metric_use;
struct metric_doc;

typedef int metric_score_fn(const struct metric_use *, const struct metric_doc *, struct arena *,
                            struct task_score *, struct assay_err *);
struct metric {
    const char *name, *aggregation;        /* default aggregation; NULL: must be given */
    int higher_is_better;
    unsigned outputs;                      /* bit 1 << enum task_output: where it can be computed */
    bool is_pair;                          /* passes (gold, prediction) on: detail is JSON [gold, pred] */
    metric_score_fn *score;
};
const struct metric *metric_find(const char *name);              /* NULL: unknown */
const struct metric *metric_table(size_t *n);
bool metric_aggregation_known(const char *name);
const char *const *metric_aggregations(void);                    /* NULL-terminated */

/* Python's sum() of floats: compensated since 3.12, left to right before. */
enum metric_sum { METRIC_SUM_COMPENSATED, METRIC_SUM_NAIVE };
double metric_sum(const double *x, size_t n, enum metric_sum);

/* One entry of metric_list, resolved. */
struct metric_use {
    const struct metric *metric;
    const char *name, *aggregation;
    int higher_is_better;                  /* -1: not said */
    bool ignore_case, ignore_punctuation, ignore_numbers;
    struct regex **ignore;                 /* regexes_to_ignore */
    size_t n_ignore;
    bool is_numpy;                         /* scores are numpy's: Python's sum() never compensates them */
    enum metric_sum sum;
    struct pool *pool;                     /* for bootstraps; NULL: this thread */
    const struct task_host *host;          /* set before parsing; NULL: no Python */
    const struct code *score_code;         /* the metric is a Python function; `metric` is NULL */
    const struct value *kwargs;            /* its options */
    const struct code *aggregate_code;     /* so is the aggregation */
    bool is_yielded;                       /* a key of the dict another metric's function yields */
};
/* `entry` is a dict {metric:, aggregation:, higher_is_better:, ...kwargs}, or a STR (a default
 * metric's name).  Errors: "file:line:col: unknown metric 'exat_match', did you mean 'exact_match'?",
 * unknown aggregation, unknown option, a metric the output type can't have. */
int metric_use_parse(const struct value *entry, const char *path, enum task_output, struct arena *,
                     struct metric_use *, struct assay_err *);
/* The use of a score that process_results yields: `entry` is its dict in metric_list, or NULL: the mean.
 * name NULL: the entry's own, a text or a Python function. */
int metric_use_result(const struct value *entry, const char *path, const char *name, struct arena *,
                      struct metric_use *, struct assay_err *);
void metric_use_release(struct metric_use *);

/* Everything a metric may read about one document; fill what the output type has. */
struct metric_doc {
    enum task_output output;
    /* MULTIPLE_CHOICE: [n_choices] each; LOGLIKELIHOOD, ROLLING: [1] */
    const double *logprobs;
    const bool *greedy;
    const double *unconditional;           /* NULL unless acc_mutual_info was asked */
    size_t n_choices;
    const struct value *choices;           /* LIST of STR: their lengths normalise */
    /* MULTIPLE_CHOICE: INT, STR, BOOL or (multiple_target) LIST of them; GENERATE: STR or LIST;
     * ROLLING: STR, the document's text. */
    const struct value *gold;
    bool multiple_target;
    const struct value *response;          /* GENERATE: filtered response: STR, or LIST without take_first */
};
/* A numeric score: value (and weight for word_perplexity ...: value = sum of logs, weight = words or
 * bytes).  Pairs and vectors (f1, mcc, brier_score, likelihood, bleu ...): value NAN, detail = JSON.
 * "bypass": value NAN, detail NULL. */
int metric_score(const struct metric_use *, const struct metric_doc *, struct arena *,
                 struct task_score *, struct assay_err *);
/* gold -> index into choices, -100 when it is none (lm-eval's rule). */
int64_t metric_gold_index(const struct value *gold, const struct value *choices, size_t n_choices);
size_t metric_words(const char *s, size_t n);      /* len(re.split(r"\s+", s)) */

/* Value, standard error (NAN: no rule for it, or n <= 1) and n.  bootstrap_iters 0: no standard error.
 * Errors: ASSAY_EFORMAT when scores do not fit the aggregation (labels, lengths). */
int metric_aggregate(const struct metric_use *, const struct task_score *, size_t n,
                     int bootstrap_iters, struct task_aggregate *out, struct assay_err *);
#endif
