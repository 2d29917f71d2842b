/* port_aggregate.h - aggregations that task files bring as Python functions: no YAML may name them.
 *
 * They see the scores as Python would, have no standard error (as upstream), and differ from the rows
 * of metric_aggregate.c in that nothing resamples them: they may be slow and need no preparation. */
#ifndef PORT_AGGREGATE_H
#define PORT_AGGREGATE_H
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct assay_err;
struct metric_use;
struct task_score;

struct port_scores {                       /* what an aggregation is given */
    const struct value *const *v;          /* numbers, or what was scored: mostly [gold, prediction] */
    size_t n;
    bool naive_sum;                        /* add as Python before 3.12 does */
    struct arena *a;
    struct assay_err *e;
};
typedef int port_aggregate_fn(const struct port_scores *, double *out);

port_aggregate_fn *port_aggregate_find(const char *name);          /* NULL: unknown */
/* n is not 0.  Errors: ASSAY_EFORMAT "score 7: ...". */
int port_aggregate(const struct metric_use *, const struct task_score *, size_t n, double *out,
                   struct assay_err *);

/* port_squad.c: percentages of SQuAD 2.0's script, by its names for them. */
port_aggregate_fn squad2_exact, squad2_f1, squad2_has_exact, squad2_has_f1, squad2_no_exact, squad2_no_f1,
    squad2_best_exact, squad2_best_f1;
#endif
