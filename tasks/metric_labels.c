/* metric_labels.c - scores that are pairs of labels: F1 and Matthews correlation, as scikit-learn has them.
 *
 * Resamples are counted by distinct pair, not by label: few counters, whole numbers, and so the same
 * result in any order.  Labels are JSON scalars, at most 4096 of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/metric_sample.h"

/* -- preparation ----------------------------------------------------------------------------------- */

static uint32_t label_id(struct sample *s, const struct value **labels, const struct value *v)
{
    for (size_t k = 0; k < s->n_labels; k++)
        if (value_equal(labels[k], v))
            return (uint32_t)k;
    labels[s->n_labels] = v;
    return (uint32_t)s->n_labels++;
}

enum { MAX_LABELS = 4096 };

static int prepare_labels(struct sample *s, struct assay_err *e)
{
    const struct value **labels = ARENA_ARRAY(&s->arena, const struct value *, MAX_LABELS + 2);
    const struct value one = {.type = VALUE_INT, .i = 1};
    TRY(sample_pairs(s, e));
    s->gold = ARENA_ARRAY(&s->arena, uint32_t, s->n);
    s->pred = ARENA_ARRAY(&s->arena, uint32_t, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct value *const *v = s->pairs[i]->items;
        if (v[0]->type > VALUE_STR || v[1]->type > VALUE_STR)
            return sample_bad_score(e, i, "a label is neither a number nor text");
        s->gold[i] = label_id(s, labels, v[0]);
        s->pred[i] = label_id(s, labels, v[1]);
        if (s->n_labels > MAX_LABELS)
            return sample_bad_score(e, i, "there are more than 4096 labels");
    }
    s->one = s->n_labels;
    for (size_t k = 0; k < s->n_labels; k++)
        if (value_equal(labels[k], &one))
            s->one = k;
    return 0;
}

static int cell_order(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    if (x->gold != y->gold)
        return x->gold < y->gold ? -1 : 1;
    return (x->pred > y->pred) - (x->pred < y->pred);
}

int labels_cells(struct sample *s, struct assay_err *e)
{
    TRY(prepare_labels(s, e));
    s->cells = ARENA_ARRAY(&s->arena, struct cell, s->n);
    s->cell = ARENA_ARRAY(&s->arena, uint32_t, s->n);
    for (size_t i = 0; i < s->n; i++)
        s->cells[i] = (struct cell){s->gold[i], s->pred[i]};
    qsort(s->cells, s->n, sizeof *s->cells, cell_order);
    for (size_t i = 0; i < s->n; i++)
        if (i == 0 || cell_order(&s->cells[s->n_cells - 1], &s->cells[i]) != 0)
            s->cells[s->n_cells++] = s->cells[i];
    for (size_t i = 0; i < s->n; i++) {
        const struct cell key = {s->gold[i], s->pred[i]};
        const struct cell *c = bsearch(&key, s->cells, s->n_cells, sizeof key, cell_order);
        s->cell[i] = (uint32_t)(c - s->cells);
    }
    return 0;
}

struct label {
    const struct value *v;
    uint32_t id;
};

static int label_order(const void *x, const void *y)
{
    const struct value *a = ((const struct label *)x)->v, *b = ((const struct label *)y)->v;
    if (a->type == VALUE_STR)
        return strcmp(a->s, b->s);
    double p = a->type == VALUE_FLOAT ? a->f : a->type == VALUE_BOOL ? a->b : (double)a->i;
    double q = b->type == VALUE_FLOAT ? b->f : b->type == VALUE_BOOL ? b->b : (double)b->i;
    return (p > q) - (p < q);
}

/* Labels by their order, which decides how sums over them round.  All text or all numbers. */
int labels_sorted(struct sample *s, struct assay_err *e)
{
    TRY(prepare_labels(s, e));
    struct label *labels = ARENA_ARRAY(&s->arena, struct label, s->n_labels);
    uint32_t *rank = ARENA_ARRAY(&s->arena, uint32_t, s->n_labels);
    for (size_t i = 0; i < s->n; i++) {
        labels[s->gold[i]] = (struct label){s->pairs[i]->items[0], s->gold[i]};
        labels[s->pred[i]] = (struct label){s->pairs[i]->items[1], s->pred[i]};
    }
    for (size_t k = 0; k < s->n_labels; k++)
        if ((labels[k].v->type == VALUE_STR) != (labels[0].v->type == VALUE_STR) ||
            labels[k].v->type == VALUE_NULL)
            return err_set(e, ASSAY_EFORMAT, "labels are a mix of text and numbers");
    qsort(labels, s->n_labels, sizeof *labels, label_order);
    for (uint32_t k = 0; k < s->n_labels; k++)
        rank[labels[k].id] = k;
    for (size_t i = 0; i < s->n; i++) {
        s->gold[i] = rank[s->gold[i]];
        s->pred[i] = rank[s->pred[i]];
    }
    return 0;
}

int labels_binary(struct sample *s, struct assay_err *e)
{
    TRY(labels_cells(s, e));
    if (s->n_labels > 2)
        return err_set(e, ASSAY_EFORMAT, "f1 is binary, but %zu labels occur", s->n_labels);
    if (s->n_labels == 2 && s->one == s->n_labels)
        return err_set(e, ASSAY_EFORMAT, "f1 needs the label 1 for what counts as positive");
    return 0;
}

/* -- two labels, and any number ----------------------------------------------------------------------- */

/* How often each cell occurs.  Four tables in turn: a counter that was just written is slow to read. */
enum { TABLES = 4 };

static const uint32_t *count_cells(const struct sample *s, const struct draw *d)
{
    const size_t n = s->n, k = s->n_cells;
    uint32_t *t = (void *)d->scratch;
    memset(t, 0, TABLES * k * sizeof *t);
    size_t i = 0;
    for (; d->pick && i + TABLES <= n; i += TABLES)
        for (size_t j = 0; j < TABLES; j++)
            t[j * k + s->cell[d->pick[i + j]]]++;
    for (; i < n; i++)
        t[s->cell[draw_at(d, i)]]++;
    for (size_t c = 0; c < k; c++)
        t[c] += t[k + c] + t[2 * k + c] + t[3 * k + c];
    return t;
}

/* Binary F1 with positive label 1: 2TP / (positives in gold + positives predicted). */
double labels_f1(const struct sample *s, const struct draw *d)
{
    const uint32_t *count = count_cells(s, d);
    double tp = 0, gold = 0, pred = 0;
    for (size_t c = 0; c < s->n_cells; c++) {
        bool g = s->cells[c].gold == s->one, p = s->cells[c].pred == s->one;
        tp += g && p ? count[c] : 0;
        gold += g ? count[c] : 0;
        pred += p ? count[c] : 0;
    }
    return gold + pred > 0 ? 2 * tp / (gold + pred) : 0;
}

/* Multiclass Matthews correlation from the confusion matrix' margins and trace. */
double labels_mcc(const struct sample *s, const struct draw *d)
{
    const uint32_t *count = count_cells(s, d);
    double *t = d->scratch + TABLES * s->n_cells, *p = t + s->n_labels, trace = 0, n = (double)s->n;
    double tp = 0, pp = 0, tt = 0;
    memset(t, 0, 2 * s->n_labels * sizeof *t);
    for (size_t c = 0; c < s->n_cells; c++) {
        t[s->cells[c].gold] += count[c];
        p[s->cells[c].pred] += count[c];
        trace += s->cells[c].gold == s->cells[c].pred ? count[c] : 0;
    }
    for (size_t k = 0; k < s->n_labels; k++) {
        tp += t[k] * p[k];
        pp += p[k] * p[k];
        tt += t[k] * t[k];
    }
    double product = (n * n - pp) * (n * n - tt);
    return product == 0 ? 0 : (trace * n - tp) / sqrt(product);
}

size_t labels_scratch(const struct sample *s)
{
    return TABLES * s->n_cells + 3 * s->n_labels;
}

/* -- averages of F1 over labels: f1_score by average --------------------------------------------------- */

/* Counts per label in label order: scratch holds n_labels of each. */
static void count_labels(const struct sample *s, double *true_sum, double *pred_sum, double *hit)
{
    memset(true_sum, 0, s->n_labels * sizeof *true_sum);
    memset(pred_sum, 0, s->n_labels * sizeof *pred_sum);
    memset(hit, 0, s->n_labels * sizeof *hit);
    for (size_t i = 0; i < s->n; i++) {
        true_sum[s->gold[i]]++;
        pred_sum[s->pred[i]]++;
        hit[s->gold[i]] += s->gold[i] == s->pred[i];
    }
}

static double averaged_f1(const struct sample *s, const struct draw *d, bool by_support)
{
    size_t n = s->n_labels;
    double *true_sum = d->scratch, *pred_sum = true_sum + n, *f = pred_sum + n;
    count_labels(s, true_sum, pred_sum, f);
    for (size_t k = 0; k < n; k++) {
        double all = true_sum[k] + pred_sum[k];
        f[k] = all > 0 ? 2 * f[k] / all : 0;
        if (by_support)
            f[k] *= true_sum[k];
    }
    return sample_pairwise(f, n) / (by_support ? (double)s->n : (double)n);
}

double labels_weighted_f1(const struct sample *s, const struct draw *d)
{
    return averaged_f1(s, d, true);
}

double labels_macro_f1(const struct sample *s, const struct draw *d)
{
    return averaged_f1(s, d, false);
}

double labels_micro_f1(const struct sample *s, const struct draw *d)
{
    double hits = 0;
    (void)d;
    for (size_t i = 0; i < s->n; i++)
        hits += s->gold[i] == s->pred[i];
    return hits / (double)s->n;
}
