/* bench_bootstrap.c - 100,000 replicates over 14,042 items (MMLU's), as a standard error takes them.
 *
 *   bench_bootstrap [ITEMS] [REPLICATES]       prints seconds on all cores, per metric */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/base/value.h"
#include "tasks/metric.h"

static int one(const char *name, enum task_output output, size_t n, int iters, struct pool *pool)
{
    struct arena a = {0};
    struct assay_err e = {0};
    struct metric_use use;
    struct task_score *x = ARENA_ARRAY(&a, struct task_score, n);
    struct task_aggregate r;
    bool is_pair = output == TASK_MULTIPLE_CHOICE;
    for (size_t i = 0; i < n; i++) {
        x[i].weight = NAN;
        x[i].value = is_pair ? NAN : -(double)(i * 2654435761u % 1000) / 37;
        x[i].detail = is_pair ? arena_printf(&a, "[%zu, %zu]", i % 2, i * 7 % 3 % 2) : NULL;
    }
    int rc = metric_use_parse(value_str(&a, name), "bench", output, &a, &use, &e);
    if (rc >= 0) {
        use.pool = pool;
        int64_t start = clock_ns();
        rc = metric_aggregate(&use, x, n, iters, &r, &e);
        if (rc >= 0)
            printf("%-12s %6.2f s  stderr %.17g\n", name, (double)(clock_ns() - start) / 1e9, r.stderr_);
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
    int rc = one("perplexity", TASK_LOGLIKELIHOOD, n, iters, pool);
    if (rc >= 0)
        rc = one("f1", TASK_MULTIPLE_CHOICE, n, iters, pool);
    if (rc >= 0)
        rc = one("mcc", TASK_MULTIPLE_CHOICE, n, iters, pool);
    pool_free(pool);
    return rc < 0;
}
