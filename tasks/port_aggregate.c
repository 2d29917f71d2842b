/* port_aggregate.c - aggregations of well-known tasks, as their Python computes them. */
#include "tasks/port_aggregate.h"

#include <math.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "tasks/metric.h"
#include "tasks/pytext.h"
#include "tasks/regex.h"

/* -- what scores hold -------------------------------------------------------------------------- */

static int bad(const struct port_scores *s, size_t i, const char *what)
{
    return err_set(s->e, ASSAY_EFORMAT, "score %zu: %s", i + 1, what);
}

static bool is_list(const struct value *v, uint32_t n)
{
    return (v->type == VALUE_LIST || v->type == VALUE_TUPLE) && (n == 0 || v->n == n);
}

static int number(const struct port_scores *s, size_t i, const struct value *v, double *out)
{
    if (v->type == VALUE_FLOAT)
        *out = v->f;
    else if (v->type == VALUE_INT || v->type == VALUE_BOOL)
        *out = v->type == VALUE_BOOL ? v->b : (double)v->i;
    else
        return bad(s, i, "holds something that is no number");
    return 0;
}

/* -- masakhapos: share of equal tags, over the shorter of the two lists ------------------------ */

static int tag_accuracy(const struct port_scores *s, double *out)
{
    double *share = ARENA_ARRAY(s->a, double, s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (!is_list(s->v[i], 2) || !is_list(s->v[i]->items[0], 0) || !is_list(s->v[i]->items[1], 0))
            return bad(s, i, "is no pair of lists of tags");
        const struct value *gold = s->v[i]->items[0], *pred = s->v[i]->items[1];
        uint32_t n = 0, same = 0;
        for (uint32_t k = 0; k < pred->n; k++) { /* the lists of all responses, one behind the other */
            const struct value *tags = pred->items[k];
            if (!is_list(tags, 0))
                return bad(s, i, "a response is no list of tags");
            for (uint32_t j = 0; j < tags->n && n < gold->n; j++)
                same += value_equal(tags->items[j], gold->items[n++]);
        }
        share[i] = n ? (double)same / n : NAN;
    }
    *out = metric_sum(share, s->n, METRIC_SUM_COMPENSATED) / (double)s->n;
    return 0;
}

/* -- masakhaner: F1 of named spans --------------------------------------------------------------- */

struct spans {
    struct arena *a;
    struct assay_err *e;
    struct regex *punctuation, *articles, *blanks, *space;
};
struct span {
    struct pystr tag, entity;
    bool taken;
};
struct span_list {
    struct span *v;
    size_t n, cap;
};

static int sub(const struct spans *x, const struct regex *re, struct pystr repl, struct pystr *s)
{
    struct regex_sub to = {repl, 0};
    struct buf b;
    buf_init(&b, 0);
    int rc = regex_replace(re, &to, *s, &b, x->e);
    *s = pystr(arena_strndup(x->a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return rc;
}

static int normal_text(const struct spans *x, struct pystr *s)
{
    struct buf b;
    TRY(sub(x, x->punctuation, PYSTR(" "), s));
    TRY(sub(x, x->articles, PYSTR(" "), s));
    TRY(sub(x, x->blanks, PYSTR(""), s));
    TRY(sub(x, x->space, PYSTR(" "), s));
    buf_init(&b, 0);
    pytext_convert(&b, *s, PYTEXT_TO_LOWER);
    *s = pystr(arena_strndup(x->a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return 0;
}

static int add_span(const struct spans *x, struct pystr item, struct span_list *out)
{
    size_t n;
    struct pystr *part = pytext_split(x->a, pytext_strip(item, PYTEXT_BOTH), PYSTR(": "), -1, &n);
    if (n != 2)
        return 0;
    struct span s = {pytext_strip(part[0], PYTEXT_BOTH), pytext_strip(part[1], PYTEXT_BOTH), false};
    TRY(normal_text(x, &s.tag));
    TRY(normal_text(x, &s.entity));
    if (out->n == out->cap) {
        size_t cap = out->cap ? 2 * out->cap : 16;
        struct span *more = ARENA_ARRAY(x->a, struct span, cap);
        if (out->n)
            memcpy(more, out->v, out->n * sizeof *more);
        out->v = more;
        out->cap = cap;
    }
    out->v[out->n++] = s;
    return 0;
}

/* "PER: Ada $ LOC: Paris, ORG: X": entries end at $$, $, ". " and ", ". */
static int find_spans(const struct spans *x, struct pystr text, struct span_list *out)
{
    size_t n_a, n_b, n_c;
    /* Splitting at "$$" and then at "$" is splitting at "$" where nothing is kept of "". */
    struct pystr *a = pytext_split(x->a, pytext_strip(text, PYTEXT_BOTH), PYSTR("$"), -1, &n_a);
    for (size_t i = 0; i < n_a; i++) {
        if (a[i].n == 0)
            continue;
        struct pystr *b = pytext_split(x->a, pytext_strip(a[i], PYTEXT_BOTH), PYSTR(". "), -1, &n_b);
        for (size_t j = 0; j < n_b; j++) {
            struct pystr *c = pytext_split(x->a, b[j], PYSTR(", "), -1, &n_c);
            for (size_t k = 0; k < n_c; k++)
                TRY(add_span(x, c[k], out));
        }
    }
    return 0;
}

static int spans_of(const struct spans *x, const struct value *v, struct span_list *out)
{
    if (v->type == VALUE_STR)
        return find_spans(x, pystr(v->s, v->n), out);
    struct buf b;
    buf_init(&b, 0);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *t = v->items[i];
        struct pystr s = t->type == VALUE_STR ? pytext_strip(pystr(t->s, t->n), PYTEXT_BOTH) : PYSTR("");
        if (i)
            buf_addc(&b, ' ');
        buf_add(&b, s.s, s.n);
    }
    struct pystr all = pystr(arena_strndup(x->a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return find_spans(x, all, out);
}

static bool same_text(struct pystr a, struct pystr b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static int count_spans(const struct spans *x, const struct value *pair, size_t counts[3])
{
    struct span_list gold = {0}, pred = {0};
    TRY(spans_of(x, pair->items[0], &gold));
    TRY(spans_of(x, pair->items[1], &pred));
    size_t hits = 0;
    for (size_t i = 0; i < pred.n; i++)
        for (size_t k = 0; k < gold.n; k++)
            if (!gold.v[k].taken && same_text(pred.v[i].tag, gold.v[k].tag) &&
                same_text(pred.v[i].entity, gold.v[k].entity)) {
                gold.v[k].taken = true;
                hits++;
                break;
            }
    counts[0] += hits;
    counts[1] += pred.n - hits;
    counts[2] += gold.n - hits;
    return 0;
}

static int span_f1_with(const struct spans *x, const struct port_scores *s, double *out)
{
    size_t n[3] = {0}; /* found, said wrongly, missed */
    for (size_t i = 0; i < s->n; i++) {
        if (!is_list(s->v[i], 2))
            return bad(s, i, "is no pair of texts");
        for (int k = 0; k < 2; k++)
            if (s->v[i]->items[k]->type != VALUE_STR && !is_list(s->v[i]->items[k], 0))
                return bad(s, i, "is no pair of texts");
        TRY(count_spans(x, s->v[i], n));
    }
    double precision = (double)n[0] / ((double)(n[0] + n[1]) + 1e-13);
    double recall = (double)n[0] / ((double)(n[0] + n[2]) + 1e-13);
    *out = 2.0 * ((precision * recall) / (precision + recall + 1e-13));
    return 0;
}

static int span_f1(const struct port_scores *s, double *out)
{
    struct spans x = {.a = s->a, .e = s->e};
    int rc = regex_compile(PYSTR("[!\"$%&'()*+,-./:;<=>?[\\]^_`{|}~\u2022@.\"\"-,`]+"), 0, &x.punctuation, s->e);
    if (rc == 0)
        rc = regex_compile(PYSTR("\\b(a|an|the)\\b"), 0, &x.articles, s->e);
    if (rc == 0)
        rc = regex_compile(PYSTR("\\s{3,}|\\t"), 0, &x.blanks, s->e);
    if (rc == 0)
        rc = regex_compile(PYSTR("\\s+"), 0, &x.space, s->e);
    if (rc == 0)
        rc = span_f1_with(&x, s, out);
    regex_free(x.punctuation);
    regex_free(x.articles);
    regex_free(x.blanks);
    regex_free(x.space);
    return rc;
}

/* -- super_glue cb: the mean of three binary F1s ------------------------------------------------- */

static int cb_f1(const struct port_scores *s, double *out)
{
    double hit[3] = {0}, all[3] = {0}, f[3];
    for (size_t i = 0; i < s->n; i++) {
        double v[2];
        if (!is_list(s->v[i], 2))
            return bad(s, i, "is no pair of labels");
        for (int k = 0; k < 2; k++) {
            TRY(number(s, i, s->v[i]->items[k], &v[k]));
            for (int label = 0; label < 3; label++)
                all[label] += v[k] == label;
        }
        for (int label = 0; label < 3; label++)
            hit[label] += v[0] == label && v[1] == label;
    }
    for (int k = 0; k < 3; k++)
        f[k] = all[k] > 0 ? 2 * hit[k] / all[k] : 0;
    *out = (f[0] + f[1] + f[2]) / 3;
    return 0;
}

/* -- bbq: scores by whether the context settles the question ------------------------------------- */

struct bbq { /* sums over the items whose last value is (not) true; NaN is true */
    double n, acc, biased, answered;
    bool any_answered;
};

static int bbq_sums(const struct port_scores *s, bool disambiguated, uint32_t width, struct bbq *b)
{
    *b = (struct bbq){0};
    for (size_t i = 0; i < s->n; i++) {
        double v[4];
        if (!is_list(s->v[i], width))
            return bad(s, i, "has another number of parts than this aggregation takes");
        for (uint32_t k = 0; k < width; k++)
            TRY(number(s, i, s->v[i]->items[k], &v[k]));
        if ((v[width - 1] != 0) != disambiguated)
            continue;
        b->n++;
        b->acc += v[0];
        if (width == 4) {
            b->biased += isnan(v[1]) ? 0 : v[1];
            b->answered += isnan(v[2]) ? 0 : v[2];
            b->any_answered |= !isnan(v[2]);
        }
    }
    return 0;
}

static double bbq_bias(const struct bbq *b)
{
    if (!b->any_answered)
        return NAN;
    return b->biased == 0 ? 0 : 2.0 * (b->biased / b->answered) - 1;
}

static int bbq_accuracy_ambiguous(const struct port_scores *s, double *out)
{
    struct bbq b;
    TRY(bbq_sums(s, false, 2, &b));
    *out = b.acc / b.n;
    return 0;
}

static int bbq_accuracy_disambiguated(const struct port_scores *s, double *out)
{
    struct bbq b;
    TRY(bbq_sums(s, true, 2, &b));
    *out = b.acc / b.n;
    return 0;
}

static int bbq_bias_disambiguated(const struct port_scores *s, double *out)
{
    struct bbq b;
    TRY(bbq_sums(s, true, 4, &b));
    *out = bbq_bias(&b);
    return 0;
}

static int bbq_bias_ambiguous(const struct port_scores *s, double *out)
{
    struct bbq b;
    TRY(bbq_sums(s, false, 4, &b));
    *out = b.n ? (1 - b.acc / b.n) * bbq_bias(&b) : NAN;
    return 0;
}

/* -- fda and its like: numpy's mean of whole numbers, whose sum is exact ------------------------- */

static int mean_of_counts(const struct port_scores *s, double *out)
{
    double sum = 0, x = 0;
    for (size_t i = 0; i < s->n; i++) {
        TRY(number(s, i, s->v[i], &x));
        if (x != floor(x))
            return bad(s, i, "is no whole number");
        sum += x;
    }
    *out = sum / (double)s->n;
    return 0;
}

/* -- the table ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    port_aggregate_fn *fn;
} table[] = {
    {"bbq_accuracy_ambiguous", bbq_accuracy_ambiguous},
    {"bbq_accuracy_disambiguated", bbq_accuracy_disambiguated},
    {"bbq_bias_ambiguous", bbq_bias_ambiguous},
    {"bbq_bias_disambiguated", bbq_bias_disambiguated},
    {"cb_f1", cb_f1},
    {"mean_of_counts", mean_of_counts},
    {"span_f1", span_f1},
    {"squad2_best_exact", squad2_best_exact},
    {"squad2_best_f1", squad2_best_f1},
    {"squad2_exact", squad2_exact},
    {"squad2_f1", squad2_f1},
    {"squad2_has_exact", squad2_has_exact},
    {"squad2_has_f1", squad2_has_f1},
    {"squad2_no_exact", squad2_no_exact},
    {"squad2_no_f1", squad2_no_f1},
    {"tag_accuracy", tag_accuracy},
};

port_aggregate_fn *port_aggregate_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].fn;
    return NULL;
}

int port_aggregate(const struct metric_use *u, const struct task_score *scores, size_t n, double *out,
                   struct assay_err *e)
{
    struct arena a = {0};
    const struct value **v = ARENA_ARRAY(&a, const struct value *, n);
    struct port_scores s = {v, n, u->sum == METRIC_SUM_NAIVE, &a, e};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *text = scores[i].detail;
        if (text)
            rc = json_parse(text, strlen(text), "score", 1, &a, &v[i], e);
        else
            v[i] = value_float(&a, scores[i].value);
    }
    if (rc == 0)
        rc = port_aggregate_find(u->aggregation)(&s, out);
    arena_release(&a);
    return rc;
}
