/* bench_bootstrap.c - 100,000 replicates over 14,042 items (MMLU's), as a standard error takes them.
 *
 *   bench_bootstrap [ITEMS] [REPLICATES]       prints seconds on all cores, per aggregation, and processor
 *                                              seconds: machines that are busy show in the difference */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/base/value.h"
#include "tasks/metric.h"

static const struct run {
    const char *metric, *aggregation;
    bool is_pair;
} runs[] = {{"perplexity", "perplexity", false},
            {"perplexity", "median", false},
            {"perplexity", "nanmean", false},
            {"f1", "f1", true},
            {"mcc", "matthews_corrcoef", true}};

static int one(const struct run *run, size_t n, int iters, struct pool *pool)
{
    struct arena a = {0};
    struct assay_err e = {0};
    struct metric_use use;
    struct task_score *x = ARENA_ARRAY(&a, struct task_score, n);
    struct task_aggregate r;
    struct value_entry entry[] = {{value_str(&a, "metric"), value_str(&a, run->metric)},
                                  {value_str(&a, "aggregation"), value_str(&a, run->aggregation)}};
    enum task_output output = run->is_pair ? TASK_MULTIPLE_CHOICE : TASK_LOGLIKELIHOOD;
    for (size_t i = 0; i < n; i++) {
        x[i].weight = NAN;
        x[i].value = run->is_pair ? NAN : -(double)(i * 2654435761u % 1000) / 37;
        x[i].detail = run->is_pair ? arena_printf(&a, "[%zu, %zu]", i % 2, i * 7 % 3 % 2) : NULL;
    }
    int rc = metric_use_parse(value_dict(&a, entry, 2), "bench", output, &a, &use, &e);
    if (rc >= 0) {
        use.pool = pool;
        int64_t start = clock_ns(), cpu = clock_cpu_ns();
        rc = metric_aggregate(&use, x, n, iters, &r, &e);
        if (rc >= 0)
            printf("%-18s %6.2f s wall %6.2f s cpu  stderr %.17g\n", run->aggregation,
                   (double)(clock_ns() - start) / 1e9, (double)(clock_cpu_ns() - cpu) / 1e9, r.stderr_);
    }
    if (rc < 0)
        fprintf(stderr, "bench_bootstrap: %s\n", e.msg);
    arena_release(&a);
    return rc;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 14042;
    int iters = argc > 2 ? atoi(argv[2]) : 100000;
    struct pool *pool = pool_new(pool_cpus());
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < sizeof runs / sizeof runs[0]; i++)
        rc = one(&runs[i], n, iters, pool);
    pool_free(pool);
    return rc < 0;
}
