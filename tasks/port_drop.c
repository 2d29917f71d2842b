/* port_drop.c - filters of ports: overlap of words in answers, as SQuAD and DROP measure it. */
#include <math.h>
#include <string.h>

#include "tasks/port_filters.h"
#include "tasks/port_words.h"
#include "tasks/regex.h"

static bool is_punctuation(char c)
{
    return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

static bool same(struct pystr a, struct pystr b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* Lower case, without ASCII punctuation. */
static struct pystr bare(struct arena *a, struct pystr s, bool keep_punctuation)
{
    struct buf b;
    size_t n = 0;
    buf_init(&b, 0);
    pytext_convert(&b, s, PYTEXT_TO_LOWER);
    char *text = arena_strndup(a, b.v ? b.v : "", b.n);
    for (size_t i = 0; i < b.n; i++)
        if (keep_punctuation || !is_punctuation(b.v[i]))
            text[n++] = b.v[i];
    buf_release(&b);
    return pystr(text, n);
}

/* Words without the articles. */
static int split_words(struct arena *a, const struct regex *articles, struct pystr s, struct words *out,
                       struct assay_err *e)
{
    static const struct regex_sub blank = {{" ", 1}, 0};
    struct buf b;
    buf_init(&b, 0);
    int rc = regex_replace(articles, &blank, s, &b, e);
    struct pystr t = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    out->v = pytext_split(a, t, (struct pystr){0}, -1, &out->n);
    return rc;
}

int words_articles(struct regex **out, struct assay_err *e)
{
    return regex_compile(PYSTR("\\b(a|an|the)\\b"), 0, out, e);
}

/* -- SQuAD --------------------------------------------------------------------------------------- */

int words_of(struct arena *a, const struct regex *articles, struct pystr s, struct words *out,
             struct assay_err *e)
{
    return split_words(a, articles, bare(a, s, false), out, e);
}

/* Normal forms of two answers. */
static bool squad_pair(struct render *r, const struct filter_call_args *c, struct words out[2])
{
    const struct value *const v[2] = {c->subject, c->arg[0]};
    struct assay_err why;
    struct regex *articles;
    if (v[0]->type != VALUE_STR || v[1]->type != VALUE_STR)
        return render_fail(r, "an answer to compare is no text") != NULL;
    if (!render_step(r, (v[0]->n + v[1]->n) / TEMPLATE_STEP_BYTES + 1))
        return false;
    int rc = words_articles(&articles, &why);
    for (int k = 0; k < 2 && rc == 0; k++)
        rc = words_of(r->a, articles, value_text(v[k]), &out[k], &why);
    if (rc == 0)
        regex_free(articles);
    return rc == 0 ? true : render_fail(r, "%s", why.msg) != NULL;
}

bool words_equal(const struct words *x, const struct words *y)
{
    bool equal = x->n == y->n;
    for (size_t i = 0; equal && i < x->n; i++)
        equal = same(x->v[i], y->v[i]);
    return equal;
}

static const struct value *do_squad_exact(struct render *r, const struct filter_call_args *c)
{
    struct words w[2];
    return squad_pair(r, c, w) ? value_int(r->a, words_equal(&w[0], &w[1])) : NULL;
}

size_t words_shared(const struct words *a, const struct words *b)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (b->v[k].s && same(a->v[i], b->v[k])) {
                b->v[k].s = NULL; /* counted */
                n++;
                break;
            }
    return n;
}

/* F1 of the multisets of words; `if_empty`: 1 where neither has a word, as transformers has it. */
static const struct value *f1(struct render *r, const struct filter_call_args *c, bool if_empty)
{
    struct words w[2];
    if (!squad_pair(r, c, w) || !render_step(r, (uint64_t)w[0].n * w[1].n / TEMPLATE_STEP_BYTES))
        return NULL;
    if (if_empty && w[0].n == 0 && w[1].n == 0)
        return value_int(r->a, 1);
    size_t n = words_shared(&w[0], &w[1]);
    if (n == 0)
        return value_int(r->a, 0);
    double precision = (double)n / (double)w[0].n, recall = (double)n / (double)w[1].n;
    return value_float(r->a, 2 * precision * recall / (precision + recall));
}

static const struct value *do_squad_f1(struct render *r, const struct filter_call_args *c)
{
    return f1(r, c, true);
}

static const struct value *do_words_f1(struct render *r, const struct filter_call_args *c)
{
    return f1(r, c, false);
}

/* -- DROP ---------------------------------------------------------------------------------------- */

static bool is_number(struct pystr s)
{
    double x;
    return pytext_to_float(s, &x);
}

/* Normal form of an answer: its words; numbers as float prints them. */
static int drop_words(struct arena *a, const struct regex *articles, struct pystr s, struct words *out,
                      struct assay_err *e)
{
    const struct value *tokens;
    struct regex *between;
    size_t cap = 0;
    TRY(regex_compile(PYSTR(" |-"), 0, &between, e));
    int rc = regex_split(between, s, a, &tokens, e);
    regex_free(between);
    TRY(rc);
    out->v = ARENA_ARRAY(a, struct pystr, s.n + 2);
    cap = s.n + 2;
    out->n = 0;
    for (uint32_t i = 0; i < tokens->n; i++) {
        struct words w;
        double x;
        struct pystr t = bare(a, value_text(tokens->items[i]), true);
        if (!is_number(t))
            t = bare(a, t, false);
        if (pytext_to_float(t, &x))
            t = pystr_of(a, value_float(a, x));
        TRY(split_words(a, articles, t, &w, e));
        for (size_t k = 0; k < w.n && out->n < cap; k++)
            out->v[out->n++] = w.v[k];
    }
    return 0;
}

static bool has_word(const struct words *w, struct pystr s, size_t until)
{
    for (size_t i = 0; i < until; i++)
        if (same(w->v[i], s))
            return true;
    return false;
}

static void make_set(struct words *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        if (!has_word(w, w->v[i], n))
            w->v[n++] = w->v[i];
    w->n = n;
}

/* F1 of two sets of words, 0 where the gold has numbers and the prediction none of them. */
static double drop_f1(const struct words *pred, const struct words *gold)
{
    size_t both = 0;
    bool has_numbers = false, has_one = false;
    for (size_t i = 0; i < gold->n; i++) {
        bool in = has_word(pred, gold->v[i], pred->n), number = is_number(gold->v[i]);
        both += in;
        has_numbers |= number;
        has_one |= number && in;
    }
    if (has_numbers && !has_one)
        return 0;
    double precision = pred->n ? (double)both / (double)pred->n : 1;
    double recall = gold->n ? (double)both / (double)gold->n : 1;
    return precision == 0 && recall == 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

static struct pystr joined(struct arena *a, const struct words *w)
{
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < w->n; i++) {
        if (i)
            buf_addc(&b, ' ');
        buf_add(&b, w->v[i].s, w->v[i].n);
    }
    struct pystr s = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return s;
}

/* [exact match, F1] of one prediction against the spans of one answer.  There is one prediction: its
 * best alignment is with the span that it fits best, and F1 is the mean over the spans. */
static int drop_metrics(struct arena *a, struct pystr pred, const struct items *spans, double out[2],
                        struct assay_err *e)
{
    struct words p, g;
    struct regex *articles;
    TRY(words_articles(&articles, e));
    int rc = drop_words(a, articles, pred, &p, e);
    struct pystr text = rc == 0 ? joined(a, &p) : PYSTR("");
    double best = 0;
    bool exact = spans->n == 1;
    if (rc == 0)
        make_set(&p);
    for (uint32_t i = 0; i < spans->n && rc == 0; i++) {
        rc = drop_words(a, articles, value_text(spans->v[i]), &g, e);
        if (rc < 0)
            break;
        exact &= same(text, joined(a, &g));
        make_set(&g);
        best = fmax(best, drop_f1(&p, &g));
    }
    regex_free(articles);
    out[0] = exact;
    out[1] = rint(best / spans->n * 100) / 100; /* numpy's round */
    return rc;
}

static const struct value *do_drop_metrics(struct render *r, const struct filter_call_args *c)
{
    struct items spans;
    struct assay_err why;
    double m[2];
    if (c->subject->type != VALUE_STR || !render_items(r, c->arg[0], &spans))
        return render_fail(r, "drop_metrics takes a text and the spans of an answer");
    for (uint32_t i = 0; i < spans.n; i++)
        if (spans.v[i]->type != VALUE_STR)
            return render_fail(r, "a span of an answer is no text");
    if (spans.n == 0)
        return render_fail(r, "an answer has no spans");
    if (drop_metrics(r->a, value_text(c->subject), &spans, m, &why) < 0)
        return render_fail(r, "%s", why.msg);
    const struct value *v[2] = {value_float(r->a, m[0]), value_float(r->a, m[1])};
    return value_list(r->a, v, 2);
}

const struct filter_row port_drop_filters[] = {
    {"drop_metrics", "spans", 1, do_drop_metrics},
    {"squad_exact", "text", 1, do_squad_exact},
    {"squad_f1", "text", 1, do_squad_f1},
    {"words_f1", "text", 1, do_words_f1},
    {0},
};
