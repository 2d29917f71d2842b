/* adam.c - plain loops: this is bound by memory. */
#include "backends/native/train/adam.h"

#include <math.h>

/* By squaring: the same everywhere, unlike pow. */
static double power(double x, uint64_t n)
{
    double y = 1;
    for (; n; n /= 2, x *= x)
        y *= n % 2 ? x : 1;
    return y;
}

void adam_update(const struct adam_rule *r, double scale, const float *g, size_t n, float *p,
                 float *m, float *v)
{
    const float s = (float)scale, b1 = (float)r->b1, b2 = (float)r->b2;
    const float c1 = (float)(1 - r->b1), c2 = (float)(1 - r->b2), eps = (float)r->eps;
    const float step = (float)(r->lr / (1 - power(r->b1, r->t)));
    const float root = (float)(1 / sqrt(1 - power(r->b2, r->t)));
    const float shrink = (float)(r->lr * r->decay);
    for (size_t i = 0; i < n; i++) {
        const float x = g[i] * s;
        m[i] = b1 * m[i] + c1 * x;
        v[i] = b2 * v[i] + c2 * x * x;
        p[i] -= step * m[i] / (sqrtf(v[i]) * root + eps) + shrink * p[i];
    }
}

double adam_rate(const struct adam_schedule *s, double done)
{
    done = done > 1 ? 1 : done;
    if (done < s->warmup)
        return s->peak * done / s->warmup;
    if (done <= 1 - s->decay)
        return s->peak;
    return s->peak * (1 - (1 - s->final) * (done - (1 - s->decay)) / s->decay);
}
