/* idle.c - the baseline of energy. */
#include "harness/run/idle.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"

enum { NAP_NS = 50000000 };

static void sleep_until(int64_t end_ns, struct energy_meter *m, const volatile sig_atomic_t *stop)
{
    for (int64_t now; !*stop && (now = clock_ns()) < end_ns;) {
        int64_t left = end_ns - now < NAP_NS ? end_ns - now : NAP_NS;
        nanosleep(&(struct timespec){0, left}, NULL);
        energy_tick(m, clock_ns());
    }
}

static double watts(const struct energy_total *t)
{
    return t->uj >= 0 && t->ns > 0 ? (double)t->uj * 1e3 / (double)t->ns : NAN;
}

static double spread(const double *v, int64_t n)
{
    double mean = 0, var = 0;
    if (n < 2)
        return NAN;
    for (int64_t i = 0; i < n; i++)
        mean += v[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        var += (v[i] - mean) * (v[i] - mean) / (double)(n - 1);
    return sqrt(var);
}

void idle_open(struct idle *x)
{
    *x = (struct idle){.n_windows = 0};
    energy_open(&x->meter, NULL);
}

bool idle_takes_time(const struct idle *x, double seconds)
{
    return energy_any(&x->meter) && seconds > 0;
}

void idle_measure(struct idle *x, double seconds, const volatile sig_atomic_t *stop)
{
    double w[ENERGY_SOURCES][IDLE_WINDOWS];
    x->is_asked = seconds > 0;
    int64_t start = clock_ns(), step = (int64_t)(seconds * 1e9 / IDLE_WINDOWS);
    while (idle_takes_time(x, seconds) && x->n_windows < IDLE_WINDOWS && !*stop) {
        energy_reset(&x->meter);
        energy_begin(&x->meter);
        sleep_until(start + step * (x->n_windows + 1), &x->meter, stop);
        energy_end(&x->meter);
        for (int s = 0; s < ENERGY_SOURCES; s++) {
            energy_add(&x->total[s], &x->meter.total[s]);
            w[s][x->n_windows] = watts(&x->meter.total[s]);
        }
        x->n_windows++;
    }
    for (int s = 0; s < ENERGY_SOURCES; s++)
        x->sd_watts[s] = spread(w[s], x->n_windows);
}

void idle_say(const struct idle *x, char text[IDLE_TEXT])
{
    size_t n = 0;
    text[0] = 0;
    for (int s = 0; s < ENERGY_SOURCES; s++) {
        struct energy_total t = energy_result(&x->total[s]);
        if (!x->meter.has[s] || !x->n_windows || t.uj < 0)
            continue;
        n += (size_t)snprintf(text + n, IDLE_TEXT - n, "%s%.3g W %s", n ? ", " : "idle ", watts(&t),
                              energy_source_name((enum energy_source)s));
    }
}

int idle_save(const struct idle *x, struct store *st, int64_t run_id, struct assay_err *e)
{
    for (int s = 0; s < ENERGY_SOURCES; s++) {
        struct energy_total t = energy_result(&x->total[s]);
        bool has = x->meter.has[s];
        struct store_idle row = {.run_id = run_id,
                                 .source = energy_source_name((enum energy_source)s),
                                 .ns = t.ns,
                                 .n_windows = x->n_windows,
                                 .sd_watts = x->sd_watts[s],
                                 .uj = STORE_NULL,
                                 .reason = x->meter.reason[s]};
        if (has && !x->n_windows)
            row.reason = x->is_asked ? "interrupted" : "not asked for (--idle 0)";
        else if (has && t.uj < 0)
            row.reason = t.reason;
        else if (has)
            row.reason = NULL, row.uj = t.uj;
        if (row.reason && !row.reason[0]) /* this hardware has none of it */
            continue;
        TRY(store_put_idle(st, &row, e));
    }
    return 0;
}
