/* pack.c - one part of the work per tensor; each writes its own values and panels. */
#include "backends/native/train/pack.h"
#include "backends/native/train/mm.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static const struct grid *grid_of(const struct pack *p, const struct net_tensor *t)
{
    static const struct grid none = {GRID_NONE, 0, 0, 0};
    if (!p->mode || net_is_gain(t))
        return &none;
    return t->kind == NET_EMBD ? &p->mode->embd : &p->mode->weights;
}

static size_t place_panels(struct pack *p)
{
    size_t at = 0;
    for (size_t i = 0; i < p->net->n_tensors; i++) {
        const struct net_tensor *t = &p->net->tensors[i];
        if (net_is_gain(t))
            continue;
        p->rows[i] = at;
        at += mm_panels(t->n_out, t->n_in);
        if (p->cols) {
            p->cols[i] = at;
            at += mm_panels(t->n_in, t->n_out);
        }
    }
    return at;
}

int pack_new(const struct net *net, const struct grid_mode *mode, bool back, struct pack *p,
             struct assay_err *e)
{
    *p = (struct pack){.net = net, .mode = mode, .values = net->p};
    for (size_t i = 0; mode && i < net->n_tensors; i++) {
        const struct net_tensor *t = &net->tensors[i];
        TRY(grid_check(grid_of(p, t), mode->name, t->n_in, e));
        if (!net_is_gain(t))
            TRY(grid_check(&mode->acts, mode->name, t->n_in, e));
    }
    const size_t n = net->n_tensors;
    p->rows = calloc(n, sizeof *p->rows);
    p->cols = back ? calloc(n, sizeof *p->cols) : NULL;
    if (!p->rows || (back && !p->cols))
        goto fail;
    const size_t floats = place_panels(p);
    p->panels = aligned_alloc(ALIGN, (floats * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN);
    if (mode)
        p->values = p->grid = malloc(net->n_params * sizeof *p->grid);
    if (p->panels && (!mode || p->grid))
        return 0;
fail:
    pack_release(p);
    return err_set(e, ASSAY_ENOMEM, "no memory to lay out %zu parameters", net->n_params);
}

void pack_release(struct pack *p)
{
    if (!p)
        return;
    free(p->grid);
    free(p->panels);
    free(p->rows);
    free(p->cols);
    memset(p, 0, sizeof *p);
}

static void update_tensor(void *user, size_t part, size_t n_parts)
{
    const struct pack *p = user;
    const struct net_tensor *t = &p->net->tensors[part];
    const float *w = p->values + t->at;
    (void)n_parts;
    if (p->grid)
        grid_matrix(grid_of(p, t), p->net->p + t->at, t->n_out, t->n_in, p->grid + t->at);
    if (net_is_gain(t))
        return;
    mm_pack_rows(w, t->n_in, t->n_out, t->n_in, p->panels + p->rows[part]);
    if (p->cols)
        mm_pack_cols(w, t->n_in, t->n_in, t->n_out, p->panels + p->cols[part]);
}

void pack_update(struct pack *p, struct pool *pool)
{
    pool_run(pool, p->net->n_tensors, update_tensor, p);
}
