/* distance.c - KL divergence, same-top share, movement of the true token and the perplexity ratio,
 * from the positions the store keeps; see the header. */
#include "reports/distance.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/stats/cluster.h"
#include "harness/stats/quantile.h"

struct positions { /* of one task, or of all tasks of a variant */
    double *kl, *d_nll, *nll, *nll_ref, *delta_p;
    int32_t *doc; /* running number: a cluster */
    size_t n, cap, n_same;
};

static void keep_positions(struct positions *p, const struct view_divergence *d, int32_t first_doc,
                           struct arena *a)
{
    if (p->cap - p->n < d->n) {
        size_t cap = p->cap * 2 + d->n;
        struct positions q = {.n = p->n, .cap = cap, .n_same = p->n_same};
        double **to[] = {&q.kl, &q.d_nll, &q.nll, &q.nll_ref, &q.delta_p};
        double *from[] = {p->kl, p->d_nll, p->nll, p->nll_ref, p->delta_p};
        for (size_t k = 0; k < 5; k++) {
            *to[k] = ARENA_ARRAY(a, double, cap);
            if (p->n)
                memcpy(*to[k], from[k], p->n * sizeof(double));
        }
        q.doc = ARENA_ARRAY(a, int32_t, cap);
        if (p->n)
            memcpy(q.doc, p->doc, p->n * sizeof *q.doc);
        *p = q;
    }
    for (size_t i = 0; i < d->n; i++) {
        size_t at = p->n++;
        p->kl[at] = d->kl[i];
        p->d_nll[at] = d->nll[i] - d->nll_ref[i];
        p->nll[at] = d->nll[i];
        p->nll_ref[at] = d->nll_ref[i];
        p->delta_p[at] = d->delta_p[i];
        p->n_same += d->same_top[i] != 0;
        first_doc += i > 0 && d->idx[i] != d->idx[i - 1];
        p->doc[at] = first_doc;
    }
}

static double mean_of(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum / (double)n : NAN;
}

/* Reorders p->kl. */
static void summarise(struct positions *p, struct compare_kl *k)
{
    struct cluster_error kl, ln;
    size_t lo, hi;
    *k = (struct compare_kl){.n = p->n};
    if (p->n == 0)
        return;
    cluster_mean(p->kl, p->doc, p->n, &kl);
    cluster_mean(p->d_nll, p->doc, p->n, &ln);
    k->n_docs = kl.n_clusters;
    k->mean = kl.mean;
    k->se = kl.cr1;
    k->ln_ppl_ratio = ln.mean;
    k->ln_ppl_se = ln.cr1;
    k->ppl = exp(mean_of(p->nll, p->n));
    k->ppl_ref = exp(mean_of(p->nll_ref, p->n));
    k->same_top = (double)p->n_same / (double)p->n;
    k->delta_p_mean = mean_of(p->delta_p, p->n);
    double squares = 0;
    for (size_t i = 0; i < p->n; i++)
        squares += p->delta_p[i] * p->delta_p[i];
    k->delta_p_rms = sqrt(squares / (double)p->n);
    k->median = quantile_select(p->kl, p->n, 0.5);
    k->p90 = quantile_ranks(p->n, 0.9, 0.05, &lo, &hi) ? quantile_select(p->kl, p->n, 0.9) : NAN;
    k->p99 = quantile_ranks(p->n, 0.99, 0.05, &lo, &hi) ? quantile_select(p->kl, p->n, 0.99) : NAN;
    k->max = quantile_select(p->kl, p->n, 1);
}

static const struct view_job *find_job(const struct view_variant *v, const char *task)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        if (strcmp(v->jobs[i].kind, "divergence") == 0 && strcmp(v->jobs[i].name, task) == 0)
            return &v->jobs[i];
    return NULL;
}

int distance_measure(struct view *view, const struct compare *c, struct compare_row *r,
                     struct assay_err *e)
{
    struct arena all_a = {0}, task_a = {0};
    struct positions all = {0};
    int rc = 0;
    for (size_t t = 0; t < c->n_tasks && rc >= 0; t++) {
        const struct view_job *job = find_job(r->variant, c->tasks[t].name);
        struct view_divergence d;
        struct positions one = {0};
        if (!job)
            continue;
        arena_reset(&task_a);
        rc = view_divergence(view, job, &task_a, &d, e);
        if (rc < 0 || d.n == 0)
            continue;
        keep_positions(&one, &d, 0, &task_a);
        keep_positions(&all, &d, all.n ? all.doc[all.n - 1] + 1 : 0, &all_a);
        summarise(&one, &r->task_kl[t]);
    }
    if (rc >= 0)
        summarise(&all, &r->kl);
    arena_release(&all_a);
    arena_release(&task_a);
    return rc;
}
