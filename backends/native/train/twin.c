/* twin.c - scales channels and their readers against each other. */
#include "backends/native/train/twin.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"

#include <stdlib.h>

/* The first n of out[] become n different numbers below `of`. */
static void draw_channels(struct rng *r, uint32_t n, uint32_t of, uint32_t *out)
{
    for (uint32_t i = 0; i < of; i++)
        out[i] = i;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t j = i + (uint32_t)rng_below(r, of - i), t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

static void scale_column(const struct net *n, const struct net_tensor *t, size_t column, float by)
{
    float *w = n->p + t->at + column;
    for (size_t o = 0; o < t->n_out; o++)
        w[o * t->n_in] *= by;
}

static void scale_norm(const struct net *n, uint32_t layer, enum net_kind norm, uint32_t channel,
                       float s)
{
    const enum net_kind reader = norm == NET_ATTN_NORM ? NET_QKV : NET_GATE_UP;
    net_values(n, layer, norm)[channel] *= s;
    scale_column(n, net_at(n, layer, reader), channel, 1 / s);
}

static void scale_up(const struct net *n, uint32_t layer, uint32_t channel, float s)
{
    const size_t d = n->cfg.n_embd;
    float *row = net_values(n, layer, NET_GATE_UP) + (n->cfg.n_ff + (size_t)channel) * d;
    for (size_t i = 0; i < d; i++)
        row[i] *= s;
    scale_column(n, net_at(n, layer, NET_DOWN), channel, 1 / s);
}

int twin_make(const struct twin *t, struct net *n, struct assay_err *e)
{
    const uint32_t d = n->cfg.n_embd, ff = n->cfg.n_ff;
    struct rng r = {t->seed};
    if (t->n < 1 || t->n > d || t->n > ff)
        return err_set(e, ASSAY_EUSAGE, "%u outlier channels, expected 1 to %u", t->n,
                       d < ff ? d : ff);
    if (!(t->scale >= 1 && t->scale <= 65536))
        return err_set(e, ASSAY_EUSAGE, "a scale of %g, expected 1 to 65536", t->scale);
    uint32_t *channels = malloc((d > ff ? d : ff) * sizeof *channels);
    if (!channels)
        return err_set(e, ASSAY_ENOMEM, "no memory for a list of channels");
    for (uint32_t l = 0; l < n->cfg.n_layer; l++) {
        draw_channels(&r, t->n, d, channels);
        for (uint32_t i = 0; i < t->n; i++)
            scale_norm(n, l, NET_ATTN_NORM, channels[i], (float)t->scale);
        draw_channels(&r, t->n, d, channels);
        for (uint32_t i = 0; i < t->n; i++)
            scale_norm(n, l, NET_FFN_NORM, channels[i], (float)t->scale);
        draw_channels(&r, t->n, ff, channels);
        for (uint32_t i = 0; i < t->n; i++)
            scale_up(n, l, channels[i], (float)t->scale);
    }
    free(channels);
    return 0;
}
