/* port_rouge.c - filters of ports: ROUGE of two texts as rouge_score has it, and BLEU of one sentence.
 *
 * No stemming.  rougeLsum takes lines as sentences, and in TruthfulQA's way " . " ends a line. */
#include <string.h>

#include "tasks/mt.h"
#include "tasks/port_filters.h"
#include "tasks/regex.h"

struct tokens {
    struct pystr *v;
    size_t n;
};

static bool same(struct pystr a, struct pystr b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* Runs of a-z and 0-9 in the lower-cased text. */
static struct tokens tokenize(struct arena *a, struct pystr s)
{
    struct buf b;
    struct tokens t;
    buf_init(&b, 0);
    pytext_convert(&b, s, PYTEXT_TO_LOWER);
    char *text = arena_strndup(a, b.v ? b.v : "", b.n);
    for (size_t i = 0; i < b.n; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9')))
            text[i] = ' ';
    t.v = pytext_split(a, pystr(text, b.n), (struct pystr){0}, -1, &t.n);
    buf_release(&b);
    return t;
}

static double f_measure(double hits, size_t n_pred, size_t n_ref)
{
    double precision = hits / (double)(n_pred ? n_pred : 1), recall = hits / (double)(n_ref ? n_ref : 1);
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static bool same_window(const struct pystr *a, const struct pystr *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same(a[i], b[i]))
            return false;
    return true;
}

/* F of windows of n tokens. */
static double score_windows(struct arena *a, const struct tokens *ref, const struct tokens *pred, size_t n)
{
    size_t n_ref = ref->n >= n ? ref->n - n + 1 : 0, n_pred = pred->n >= n ? pred->n - n + 1 : 0, hits = 0;
    bool *taken = ARENA_ARRAY(a, bool, n_ref + 1);
    for (size_t i = 0; i < n_pred; i++)
        for (size_t k = 0; k < n_ref; k++)
            if (!taken[k] && same_window(&pred->v[i], &ref->v[k], n)) {
                taken[k] = true;
                hits++;
                break;
            }
    return f_measure((double)hits, n_pred, n_ref);
}

struct lines {
    struct tokens *v;
    size_t n, n_tokens;
};

static struct lines tokenize_lines(struct arena *a, struct pystr s)
{
    size_t n;
    struct pystr *part = pytext_split(a, s, PYSTR("\n"), -1, &n);
    struct lines l = {ARENA_ARRAY(a, struct tokens, n), 0, 0};
    for (size_t i = 0; i < n; i++)
        if (part[i].n) {
            l.v[l.n] = tokenize(a, part[i]);
            l.n_tokens += l.v[l.n++].n;
        }
    return l;
}

/* Marks the tokens of `ref` in one of its longest common subsequences with `pred`. */
static void mark_common(struct arena *a, const struct tokens *ref, const struct tokens *pred, bool *in)
{
    size_t w = pred->n + 1;
    uint32_t *t = ARENA_ARRAY(a, uint32_t, (ref->n + 1) * w);
    for (size_t i = 1; i <= ref->n; i++)
        for (size_t k = 1; k <= pred->n; k++) {
            uint32_t up = t[(i - 1) * w + k], left = t[i * w + k - 1];
            t[i * w + k] = same(ref->v[i - 1], pred->v[k - 1]) ? t[(i - 1) * w + k - 1] + 1
                           : up > left                         ? up
                                                               : left;
        }
    for (size_t i = ref->n, k = pred->n; i && k;) {
        if (same(ref->v[i - 1], pred->v[k - 1])) {
            in[--i] = true;
            k--;
        } else if (t[i * w + k - 1] > t[(i - 1) * w + k]) {
            k--;
        } else {
            i--;
        }
    }
}

/* Takes one token `s` out of the lines that has not been taken yet. */
static bool take(const struct lines *l, struct pystr s, bool *taken)
{
    size_t at = 0;
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->v[i].n; k++, at++)
            if (!taken[at] && same(l->v[i].v[k], s))
                return taken[at] = true;
    return false;
}

static double score_lines(struct arena *a, struct pystr ref_text, struct pystr pred_text)
{
    struct lines ref = tokenize_lines(a, ref_text), pred = tokenize_lines(a, pred_text);
    bool *taken = ARENA_ARRAY(a, bool, pred.n_tokens + 1);
    size_t hits = 0;
    if (!ref.n_tokens || !pred.n_tokens)
        return 0;
    for (size_t i = 0; i < ref.n; i++) {
        bool *in = ARENA_ARRAY(a, bool, ref.v[i].n + 1);
        for (size_t k = 0; k < pred.n; k++)
            mark_common(a, &ref.v[i], &pred.v[k], in);
        /* A token of the reference is in one line's union once: only the prediction can run out. */
        for (size_t k = 0; k < ref.v[i].n; k++)
            hits += in[k] && take(&pred, ref.v[i].v[k], taken);
    }
    return f_measure((double)hits, pred.n_tokens, ref.n_tokens);
}

static struct pystr with_lines(struct arena *a, const struct value *v)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_replace(&b, value_text(v), PYSTR(" . "), PYSTR(".\n"), -1);
    struct pystr s = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return s;
}

/* [rouge1, rouge2, rougeLsum] of a prediction against a reference, F in percent. */
static const struct value *do_rouge(struct render *r, const struct filter_call_args *c)
{
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "rouge takes two texts");
    struct pystr pred = with_lines(r->a, c->subject), ref = with_lines(r->a, c->arg[0]);
    if (!render_step(r, (uint64_t)(pred.n + 8) * (ref.n + 8) / (4 * TEMPLATE_STEP_BYTES)))
        return NULL;
    struct tokens p = tokenize(r->a, pred), q = tokenize(r->a, ref);
    const struct value *v[3] = {value_float(r->a, score_windows(r->a, &q, &p, 1) * 100),
                                value_float(r->a, score_windows(r->a, &q, &p, 2) * 100),
                                value_float(r->a, score_lines(r->a, ref, pred) * 100)};
    return value_list(r->a, v, 3);
}

/* -- BLEU with mteval-v14's international words -------------------------------------------------- */

static int international_words(struct arena *a, struct pystr *s, struct assay_err *e)
{
    static const struct {
        const char *pattern;
        struct regex_sub to;
    } passes[] = {{"(\\P{N})(\\p{P})", {{"\\1 \\2 ", 6}, 0}},
                  {"(\\p{P})(\\P{N})", {{" \\1 \\2", 6}, 0}},
                  {"(\\p{S})", {{" \\1 ", 4}, 0}}};
    *s = pytext_strip(*s, PYTEXT_RIGHT);
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        struct regex *re;
        struct buf b;
        TRY(regex_compile(pystr(passes[i].pattern, strlen(passes[i].pattern)), REGEX_PROPERTIES, &re, e));
        buf_init(&b, 0);
        int rc = regex_replace(re, &passes[i].to, *s, &b, e);
        *s = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
        buf_release(&b);
        regex_free(re);
        TRY(rc);
    }
    return 0;
}

static const struct value *do_bleu_intl(struct render *r, const struct filter_call_args *c)
{
    struct assay_err why;
    double stats[MT_MOST];
    if (c->subject->type != VALUE_STR || c->arg[0]->type != VALUE_STR)
        return render_fail(r, "bleu_intl takes two texts");
    struct pystr pred = value_text(c->subject), ref = value_text(c->arg[0]);
    if (!render_step(r, (pred.n + ref.n) / TEMPLATE_STEP_BYTES + 1))
        return NULL;
    if (international_words(r->a, &pred, &why) < 0 || international_words(r->a, &ref, &why) < 0 ||
        mt_stats(MT_BLEU_WORDS, pred, &ref, 1, stats, &why) < 0)
        return render_fail(r, "%s", why.msg);
    return value_float(r->a, mt_score(MT_BLEU_WORDS, stats, METRIC_SUM_COMPENSATED));
}

const struct filter_row port_rouge_filters[] = {
    {"bleu_intl", "reference", 1, do_bleu_intl},
    {"rouge", "reference", 1, do_rouge},
    {0},
};
