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
    double *kl;
    int32_t *doc; /* running number: a cluster */
    size_t n, cap, n_same;
    double *d_nll, *nll, *nll_ref, *delta_p; /* [n_true]: those whose token is the true one */
    int32_t *true_doc;
    size_t n_true;
};

/* The first `n` elements in a new array of `cap`. */
static void *grown(struct arena *a, const void *old, size_t n, size_t cap, size_t size)
{
    void *new = arena_alloc(a, cap * size);
    if (n)
        memcpy(new, old, n * size);
    return new;
}

static void keep_positions(struct positions *p, const struct view_divergence *d, int32_t first_doc,
                           struct arena *a)
{
    if (p->cap - p->n < d->n) {
        double **of_true[] = {&p->d_nll, &p->nll, &p->nll_ref, &p->delta_p};
        p->cap = p->cap * 2 + d->n;
        p->kl = grown(a, p->kl, p->n, p->cap, sizeof *p->kl);
        p->doc = grown(a, p->doc, p->n, p->cap, sizeof *p->doc);
        p->true_doc = grown(a, p->true_doc, p->n_true, p->cap, sizeof *p->true_doc);
        for (size_t k = 0; k < 4; k++)
            *of_true[k] = grown(a, *of_true[k], p->n_true, p->cap, sizeof(double));
    }
    for (size_t i = 0; i < d->n; i++) {
        first_doc += i > 0 && d->idx[i] != d->idx[i - 1];
        p->kl[p->n] = d->kl[i];
        p->doc[p->n++] = first_doc;
        p->n_same += d->same_top[i] != 0;
        if (!d->is_true[i])
            continue;
        p->d_nll[p->n_true] = d->nll[i] - d->nll_ref[i];
        p->nll[p->n_true] = d->nll[i];
        p->nll_ref[p->n_true] = d->nll_ref[i];
        p->delta_p[p->n_true] = d->delta_p[i];
        p->true_doc[p->n_true++] = first_doc;
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
    struct cluster_error kl, ln = {.mean = NAN, .cr1 = NAN};
    size_t lo, hi;
    *k = (struct compare_kl){.n = p->n, .n_true = p->n_true};
    if (p->n == 0)
        return;
    cluster_mean(p->kl, p->doc, p->n, &kl);
    if (p->n_true)
        cluster_mean(p->d_nll, p->true_doc, p->n_true, &ln);
    k->n_docs = kl.n_clusters;
    k->mean = kl.mean;
    k->se = kl.cr1;
    k->n_true_docs = ln.n_clusters;
    k->ln_ppl_ratio = ln.mean;
    k->ln_ppl_se = ln.cr1;
    k->ppl = exp(mean_of(p->nll, p->n_true));
    k->ppl_ref = exp(mean_of(p->nll_ref, p->n_true));
    k->same_top = (double)p->n_same / (double)p->n;
    k->delta_p_mean = mean_of(p->delta_p, p->n_true);
    double squares = 0;
    for (size_t i = 0; i < p->n_true; i++)
        squares += p->delta_p[i] * p->delta_p[i];
    k->delta_p_rms = p->n_true ? sqrt(squares / (double)p->n_true) : NAN;
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
