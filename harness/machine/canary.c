/* canary.c - two small fixed kernels; see the header. */
#include "harness/machine/canary.h"

#include <stdint.h>
#include <stdlib.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"

enum { STREAM_N = 4 << 20, DOT_N = 4096, DOT_ROUNDS = 4000 };

static volatile int64_t sink; /* what is computed is used */

static double stream_once(float *a, const float *b, const float *c)
{
    int64_t start = clock_ns();
    for (size_t i = 0; i < STREAM_N; i++)
        a[i] = b[i] + 3 * c[i];
    int64_t ns = clock_ns() - start;
    sink += (int64_t)a[STREAM_N / 2];
    return ns > 0 ? 12.0 * STREAM_N / (double)ns : 0;
}

static double dot_once(const int8_t *x, const int8_t *y)
{
    int64_t start = clock_ns(), total = 0;
    for (int round = 0; round < DOT_ROUNDS; round++) {
        int32_t sum = 0;
        for (size_t i = 0; i < DOT_N; i++)
            sum += (int32_t)x[i] * y[(i + (size_t)(round & 63)) & (DOT_N - 1)];
        total += sum;
    }
    int64_t ns = clock_ns() - start;
    sink += total;
    return ns > 0 ? 2.0 * DOT_N * DOT_ROUNDS / (double)ns : 0;
}

int canary_measure(struct canary out[CANARY_KINDS], struct assay_err *e)
{
    float *f = calloc((size_t)3 * STREAM_N, sizeof *f);
    int8_t *q = calloc(2, DOT_N);
    int rc = 0;
    if (!f || !q) {
        rc = err_set(e, ASSAY_ENOMEM, "out of memory for the canaries");
        goto out;
    }
    for (size_t i = 0; i < (size_t)3 * STREAM_N; i++) /* touched: no page faults inside */
        f[i] = (float)(i & 1023);
    for (size_t i = 0; i < 2 * DOT_N; i++)
        q[i] = (int8_t)(i * 37 % 251);
    out[0] = (struct canary){.name = "stream", .unit = "GB/s"};
    out[1] = (struct canary){.name = "int8-dot", .unit = "GOPS"};
    stream_once(f, f + STREAM_N, f + 2 * (size_t)STREAM_N);
    dot_once(q, q + DOT_N);
    for (int rep = 0; rep < CANARY_REPS; rep++) {
        out[0].value[rep] = stream_once(f, f + STREAM_N, f + 2 * (size_t)STREAM_N);
        out[1].value[rep] = dot_once(q, q + DOT_N);
    }
out:
    free(f);
    free(q);
    return rc;
}
