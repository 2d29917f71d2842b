/* ops.c - norms, rotation, the gate and the loss, forward and back.  Attention: ops_attend.c. */
#include "backends/native/train/ops.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 };

static float sum_lanes(const float s[LANES])
{
    float t[LANES];
    memcpy(t, s, sizeof t);
    for (int w = LANES / 2; w; w /= 2)
        for (int i = 0; i < w; i++)
            t[i] += t[i + w];
    return t[0];
}

static float dot(const float *x, const float *y, size_t d)
{
    float s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (int j = 0; j < LANES; j++)
            s[j] += x[i + j] * y[i + j];
    for (; i < d; i++)
        s[i % LANES] += x[i] * y[i];
    return sum_lanes(s);
}

static float dot3(const float *x, const float *y, const float *z, size_t d)
{
    float s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (int j = 0; j < LANES; j++)
            s[j] += x[i + j] * y[i + j] * z[i + j];
    for (; i < d; i++)
        s[i % LANES] += x[i] * y[i] * z[i];
    return sum_lanes(s);
}

void ops_norm(const struct ops_norm *f)
{
    for (size_t t = 0; t < f->n; t++) {
        const float *x = f->x + t * f->d;
        float *y = f->y + t * f->d;
        const float r = 1.0f / sqrtf(dot(x, x, f->d) / (float)f->d + f->eps);
        f->r[t] = r;
        for (size_t i = 0; i < f->d; i++)
            y[i] = x[i] * r * f->gain[i];
    }
}

/* dx_i = r g_i dy_i - x_i r^3 / d * sum_j dy_j g_j x_j */
void ops_norm_back(const struct ops_norm *f, const float *dy, float *dx, float *dgain)
{
    for (size_t t = 0; t < f->n; t++, dy += f->d, dx += f->d) {
        const float *x = f->x + t * f->d, r = f->r[t];
        const float c = r * r * r * dot3(dy, f->gain, x, f->d) / (float)f->d;
        for (size_t i = 0; i < f->d; i++) {
            dx[i] += r * f->gain[i] * dy[i] - x[i] * c;
            dgain[i] += dy[i] * x[i] * r;
        }
    }
}

void ops_rope(const struct ops_rope *rope, float *x, size_t n, size_t n_head, size_t ld, int back)
{
    const size_t half = rope->hd / 2;
    const float sign = back ? -1.0f : 1.0f;
    for (size_t t = 0; t < n; t++) {
        const float *c = rope->cosine + t * half, *s = rope->sine + t * half;
        float *row = x + t * ld;
        for (size_t h = 0; h < n_head; h++, row += rope->hd)
            for (size_t i = 0; i < half; i++) {
                /* Sums only: gcc 12 fuses a product and a difference, asked not to or not. */
                const float a = row[2 * i], b = row[2 * i + 1], si = sign * s[i];
                row[2 * i] = a * c[i] + b * -si;
                row[2 * i + 1] = b * c[i] + a * si;
            }
    }
}

void ops_gate(const struct attend *ops, const float *gu, size_t n, size_t ff, float *act)
{
    for (size_t t = 0; t < n; t++) {
        memcpy(act + t * ff, gu + t * 2 * ff, ff * sizeof *act);
        ops->silu_mul(act + t * ff, gu + t * 2 * ff + ff, ff);
    }
}

/* silu(g) = g s, s = 1 / (1 + exp(-g)); silu'(g) = s (1 + g (1 - s)) */
void ops_gate_back(const struct attend *ops, const float *gu, const float *dact, size_t n,
                   size_t ff, float *dgu)
{
    for (size_t t = 0; t < n; t++) {
        const float *g = gu + t * 2 * ff, *u = g + ff, *da = dact + t * ff;
        float *dg = dgu + t * 2 * ff, *du = dg + ff;
        for (size_t i = 0; i < ff; i++)
            dg[i] = -g[i];
        ops->exp(dg, dg, ff);
        for (size_t i = 0; i < ff; i++) {
            const float s = 1.0f / (1.0f + dg[i]);
            du[i] = da[i] * g[i] * s;
            dg[i] = da[i] * u[i] * s * (1.0f + g[i] * (1.0f - s));
        }
    }
}

/* Turns log-probabilities into probabilities; returns KL(teacher || student). */
static double soften_teacher(const struct attend *ops, const float *student, float *teacher,
                             size_t n)
{
    float q[256];
    double kl = 0;
    for (size_t i = 0; i < n; i += sizeof q / sizeof *q) {
        const size_t m = n - i < sizeof q / sizeof *q ? n - i : sizeof q / sizeof *q;
        ops->exp(teacher + i, q, m);
        for (size_t j = 0; j < m; j++)
            kl += (double)q[j] * ((double)teacher[i + j] - (double)student[i + j]);
        memcpy(teacher + i, q, m * sizeof *q);
    }
    return kl;
}

static struct attend_lse to_logprobs(const struct attend *ops, float *logits, size_t n)
{
    struct attend_lse l;
    ops->lse(logits, n, &l);
    const float lse = (float)l.lse;
    for (size_t i = 0; i < n; i++)
        logits[i] -= lse;
    return l;
}

struct ops_lost ops_loss(const struct attend *ops, const struct ops_loss *f, float *logits,
                         float *teacher)
{
    const size_t n = f->n_vocab;
    const double target = (double)logits[f->target];
    const struct attend_lse own = to_logprobs(ops, logits, n);
    struct ops_lost lost = {.ce = own.lse - target, .argmax = own.argmax};
    if (teacher) {
        to_logprobs(ops, teacher, n);
        lost.kl = soften_teacher(ops, logits, teacher, n);
    }
    ops->exp(logits, logits, n);
    logits[f->target] -= 1.0f - f->mix;
    for (size_t i = 0; teacher && i < n; i++)
        logits[i] -= f->mix * teacher[i];
    for (size_t i = 0; i < n; i++)
        logits[i] *= f->weight;
    return lost;
}
