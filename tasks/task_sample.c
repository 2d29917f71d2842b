/* task_sample.c - what lm-eval logs about a document: target, responses, filtered ones, scores.
 *
 * Scores have upstream's types (an int here, a float there) and its order, which is a metric's place in its
 * code for multiple choice and the order of metric_list for generation.
 * Not here: files and hashes (harness/run/export.c), configurations (task_config.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"

size_t task_n_filters(const struct task *t)
{
    return t->impl->n_filters;
}

const struct value *task_generation_kwargs(const struct task *t)
{
    return t->impl->generation_kwargs;
}

/* -- order ------------------------------------------------------------------------------------- */

static const char *const orders[][10] = {
    [TASK_MULTIPLE_CHOICE] = {"acc", "f1", "mcc", "acc_norm", "acc_bytes", "exact_match", "brier_score",
                              "likelihood", "acc_mutual_info"},
    [TASK_LOGLIKELIHOOD] = {"perplexity", "acc"},
    [TASK_ROLLING] = {"word_perplexity", "byte_perplexity", "bits_per_byte"},
    [TASK_GENERATE] = {NULL},
};

/* Places of the metrics in the order upstream computes them. */
static size_t metric_order(const struct task *t, size_t *out)
{
    const struct task_impl *m = t->impl;
    const char *const *names = orders[t->output];
    size_t n = 0;
    if (m->results || !names[0]) {
        for (size_t i = 0; i < m->n_metrics; i++)
            out[n++] = i;
        return n;
    }
    for (; *names; names++)
        for (size_t i = 0; i < m->n_metrics; i++)
            if (strcmp(m->metrics[i].name, *names) == 0)
                out[n++] = i;
    return n;
}

const size_t *task_measure_order(const struct task *t, struct arena *a, size_t *n)
{
    const struct task_impl *m = t->impl;
    size_t *out = ARENA_ARRAY(a, size_t, m->n_filters * m->n_metrics + 1), *one = out;
    size_t k = metric_order(t, one);
    for (size_t f = 1; f < m->n_filters; f++)
        for (size_t i = 0; i < k; i++)
            out[f * k + i] = f * m->n_metrics + one[i];
    *n = k * m->n_filters;
    return out;
}

/* -- scores ------------------------------------------------------------------------------------ */

static bool is_whole(const struct task *t, const char *metric)
{
    return (t->output == TASK_LOGLIKELIHOOD && strcmp(metric, "acc") == 0) ||
           (t->output == TASK_MULTIPLE_CHOICE && strcmp(metric, "exact_match") == 0);
}

/* str() of a numpy array of probabilities: 8 decimals at most, exponents when they differ much, lines of 75. */
static const struct value *numpy_text(const struct value *list, struct arena *a)
{
    enum { DECIMALS = 8, LINE = 74 };
    double most = 0, least = 1;
    size_t decimals = 0, exponent = 2, line = 1;
    for (uint32_t i = 0; i < list->n; i++) {
        double x = list->items[i]->f;
        most = x > most ? x : most;
        least = x > 0 && x < least ? x : least;
        exponent = x > 0 && x < 1e-99 ? 3 : exponent;
    }
    bool is_exp = least < 1e-4 || most / least > 1000;
    char (*words)[40] = arena_alloc(a, (list->n + 1) * sizeof *words);
    for (uint32_t i = 0; i < list->n; i++) {
        snprintf(words[i], sizeof words[i], is_exp ? "%.*e" : "%.*f", DECIMALS, list->items[i]->f);
        size_t n = DECIMALS;
        while (n && words[i][1 + n] == '0')
            n--;
        decimals = n > decimals ? n : decimals;
    }
    struct buf b;
    buf_init(&b, 0);
    buf_addc(&b, '[');
    for (uint32_t i = 0; i < list->n; i++) {
        char *e = strchr(words[i], 'e');
        size_t n = is_exp ? 2 + decimals + 2 + exponent : 2 + decimals, kept = 2 + decimals;
        if (line > 1 && line + n > LINE) {
            b.n -= b.v[b.n - 1] == ' ';
            buf_adds(&b, "\n ");
            line = 1;
        }
        while (!is_exp && kept > 2 && words[i][kept - 1] == '0')
            words[i][--kept] = ' '; /* shorter ones are filled up on the right */
        buf_add(&b, words[i], 2 + decimals);
        if (is_exp)
            buf_printf(&b, "e%c%0*d", e[1], (int)exponent, atoi(e + 2));
        buf_adds(&b, i + 1 < list->n ? " " : "");
        line += n + 1;
    }
    buf_addc(&b, ']');
    const struct value *v = value_strn(a, b.v, b.n);
    buf_release(&b);
    return v;
}

static int score_value(const struct task *t, const struct metric_use *u, const struct task_score *s,
                       struct arena *a, const struct value **out, struct assay_err *e)
{
    if (s->detail && !isnan(s->value) && strstr(s->detail, "\"__numpy__\"")) {
        *out = s->number == TASK_INT ? value_int(a, (int64_t)s->value) : value_float(a, s->value);
        return 0;
    }
    if (s->detail) {
        TRY(json_parse(s->detail, strlen(s->detail), u->name, 1, a, out, e));
        if (strcmp(u->name, "brier_score") == 0) {
            const struct value *pair[] = {(*out)->items[0], numpy_text((*out)->items[1], a)};
            *out = value_list(a, pair, 2);
        }
        return 0;
    }
    if (strcmp(u->name, "bypass") == 0)
        *out = &value_null;
    else if (!isnan(s->weight)) {
        const struct value *pair[] = {value_float(a, s->value), value_int(a, (int64_t)s->weight)};
        *out = value_list(a, pair, 2);
    } else if (s->number == TASK_BOOL)
        *out = value_bool(s->value != 0);
    else if (s->number == TASK_INT || is_whole(t, u->name))
        *out = value_int(a, (int64_t)s->value);
    else
        *out = value_float(a, s->value);
    return 0;
}

/* In the order of the dict that process_results made. */
static void by_place(const struct task_score *scores, size_t *order, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k && scores[order[k]].place < scores[order[k - 1]].place; k--) {
            size_t x = order[k];
            order[k] = order[k - 1];
            order[k - 1] = x;
        }
}

static int score_values(struct task *t, const struct task_item *item, const struct task_response *r,
                        size_t filter, struct arena *a, const struct value **out, struct assay_err *e)
{
    const struct task_impl *m = t->impl;
    struct task_score *scores = ARENA_ARRAY(a, struct task_score, m->n_filters * m->n_metrics + 1);
    size_t *order = ARENA_ARRAY(a, size_t, m->n_metrics + 1), n = metric_order(t, order);
    struct value_entry *all = ARENA_ARRAY(a, struct value_entry, n + 1);
    TRY(task_grade(t, item, r, a, scores, e));
    const struct task_score *own = scores + filter * m->n_metrics;
    if (m->results)
        by_place(own, order, n);
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const struct metric_use *u = &m->metrics[order[i]];
        if (own[order[i]].is_absent)
            continue;
        all[n_out].key = value_str(a, u->name);
        TRY(score_value(t, u, &own[order[i]], a, &all[n_out++].value, e));
    }
    *out = value_dict(a, all, n_out);
    return 0;
}

/* Upstream's answer to a rolling request is the sum alone. */
static const struct value *only_sum(const struct value *v)
{
    return v->type == VALUE_TUPLE && v->n ? v->items[0] : v;
}

static const struct value *only_sums(const struct value *list, struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++)
        v[i] = only_sum(list->items[i]);
    return value_list(a, v, list->n);
}

int task_sample(struct task *t, const struct task_item *item, const struct task_response *r, size_t filter,
                struct arena *a, struct task_sample *out, struct assay_err *e)
{
    struct task_impl *m = t->impl;
    struct task_row row = {.doc = item->doc, .idx = item->idx, .arena = a, .e = e};
    struct task_filtered f;
    out->filter = m->filters[filter].name;
    TRY(task_field_get(&m->target, &row, &out->target));
    TRY(task_filtered(t, item, r, filter, a, &f, e));
    for (size_t i = 0; i < f.n && t->output == TASK_ROLLING; i++) {
        f.lists[i] = only_sums(f.lists[i], a);
        f.filtered[i] = only_sum(f.filtered[i]);
    }
    out->resps = value_list(a, f.lists, f.n);
    out->filtered = value_list(a, f.filtered, f.n);
    if (m->results && !m->results->code)
        return port_results(m->results, item->doc, out->filtered, a, &out->metrics, e);
    return score_values(t, item, r, filter, a, &out->metrics, e);
}
