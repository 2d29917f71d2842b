/* mt.c - words, n-grams and scores of BLEU and chrF; TER's search is in mt_ter.c.
 *
 * Words become numbers, so that n-grams of words and of characters are the same thing: windows of a
 * sequence of numbers.  All windows of a sequence are ordered once, by their longest form; the windows
 * of a lower order that are equal then stand together too. */
#include "tasks/mt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"

enum { BLEU_ORDER = 4, CHRF_ORDER = 6, CHRF_BETA = 2 };

static bool is_bleu(enum mt_kind kind)
{
    return kind == MT_BLEU || kind == MT_BLEU_WORDS;
}

size_t mt_n_stats(enum mt_kind kind)
{
    return is_bleu(kind) ? 2 + 2 * BLEU_ORDER : kind == MT_CHRF ? 3 * CHRF_ORDER : 2;
}

/* -- words ----------------------------------------------------------------------------------------- */

static bool is_split_off(char c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

static bool is_point(char c)
{
    return c == '.' || c == ',';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct pystr keep(struct arena *a, struct buf *b)
{
    struct pystr s = pystr(arena_strndup(a, b->v, b->n), b->n);
    buf_clear(b);
    return s;
}

/* The passes of mteval-v13a, each a regular expression over single characters: a part of a wider
 * character is no digit and no point, so bytes do. */
static struct pystr tokenize_points(struct arena *a, struct buf *b, struct pystr s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_split_off(s.s[i]))
            buf_printf(b, " %c ", s.s[i]);
        else
            buf_addc(b, s.s[i]);
    s = keep(a, b);
    for (size_t i = 0; i < s.n; i++)
        if (i + 1 < s.n && !is_digit(s.s[i]) && is_point(s.s[i + 1])) {
            buf_addc(b, s.s[i]);
            buf_printf(b, " %c ", s.s[++i]);
        } else {
            buf_addc(b, s.s[i]);
        }
    s = keep(a, b);
    for (size_t i = 0; i < s.n; i++)
        if (i + 1 < s.n && is_point(s.s[i]) && !is_digit(s.s[i + 1])) {
            buf_printf(b, " %c ", s.s[i]);
            buf_addc(b, s.s[++i]);
        } else {
            buf_addc(b, s.s[i]);
        }
    s = keep(a, b);
    for (size_t i = 0; i < s.n; i++)
        if (i + 1 < s.n && is_digit(s.s[i]) && s.s[i + 1] == '-') {
            buf_printf(b, "%c - ", s.s[i++]);
        } else {
            buf_addc(b, s.s[i]);
        }
    return keep(a, b);
}

static struct pystr tokenize_13a(struct arena *a, struct pystr s)
{
    static const struct pystr changes[][2] = {
        {{"<skipped>", 9}, {"", 0}}, {{"-\n", 2}, {"", 0}},       {{"\n", 1}, {" ", 1}},
        {{"&quot;", 6}, {"\"", 1}},  {{"&amp;", 5}, {"&", 1}},    {{"&lt;", 4}, {"<", 1}},
        {{"&gt;", 4}, {">", 1}}};
    struct buf b;
    buf_init(&b, 0);
    s = pytext_strip(s, PYTEXT_RIGHT);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (pytext_find_bytes(s, changes[i][0], 0) != (size_t)-1) {
            pytext_replace(&b, s, changes[i][0], changes[i][1], -1);
            s = keep(a, &b);
        }
    buf_addc(&b, ' ');
    buf_add(&b, s.s, s.n);
    buf_addc(&b, ' ');
    s = tokenize_points(a, &b, keep(a, &b));
    buf_release(&b);
    return s;
}

static struct pystr lowered(struct arena *a, struct pystr s)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_convert(&b, pytext_strip(s, PYTEXT_RIGHT), PYTEXT_TO_LOWER);
    s = keep(a, &b);
    buf_release(&b);
    return s;
}

struct word {
    struct pystr s;
    uint32_t *id;
};

static int word_order(const void *x, const void *y)
{
    const struct word *a = x, *b = y;
    size_t n = a->s.n < b->s.n ? a->s.n : b->s.n;
    int c = n ? memcmp(a->s.s, b->s.s, n) : 0;
    return c ? c : (a->s.n > b->s.n) - (a->s.n < b->s.n);
}

/* Words of all texts as numbers, equal words equal numbers. */
static void number_words(struct arena *a, const struct pystr *texts, size_t n, struct mt_words *out)
{
    struct pystr **split = ARENA_ARRAY(a, struct pystr *, n);
    size_t all = 0, k = 0;
    for (size_t i = 0; i < n; i++) {
        split[i] = pytext_split(a, texts[i], (struct pystr){0}, -1, &out[i].n);
        all += out[i].n;
    }
    struct word *words = ARENA_ARRAY(a, struct word, all + 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t *ids = ARENA_ARRAY(a, uint32_t, out[i].n + 1);
        for (size_t j = 0; j < out[i].n; j++)
            words[k++] = (struct word){split[i][j], &ids[j]};
        out[i].v = ids;
    }
    qsort(words, all, sizeof *words, word_order);
    uint32_t id = 0;
    for (size_t i = 0; i < all; i++) {
        id += i && word_order(&words[i - 1], &words[i]) != 0;
        *words[i].id = id;
    }
}

/* Code points without whitespace. */
static struct mt_words number_points(struct arena *a, struct pystr s)
{
    size_t n_pieces, n = 0;
    struct pystr *pieces = pytext_split(a, s, (struct pystr){0}, -1, &n_pieces);
    uint32_t *v = ARENA_ARRAY(a, uint32_t, s.n + 1);
    for (size_t i = 0; i < n_pieces; i++)
        for (size_t at = 0; at < pieces[i].n;) {
            size_t k = pytext_offset(pystr(pieces[i].s + at, pieces[i].n - at), 1);
            uint32_t point = 0;          /* its bytes: all that is asked is whether two are equal */
            for (size_t j = 0; j < k; j++)
                point = point << 8 | (unsigned char)pieces[i].s[at + j];
            v[n++] = point;
            at += k;
        }
    return (struct mt_words){v, n};
}

/* -- n-grams --------------------------------------------------------------------------------------- */

struct grams {
    struct mt_words w;
    const uint32_t **at;                   /* where windows begin, in order */
    size_t order;                          /* the longest */
};

static int window_order(const uint32_t *x, const uint32_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int gram_order(const void *x, const void *y, void *user)
{
    const struct grams *g = user;
    const uint32_t *a = *(const uint32_t *const *)x, *b = *(const uint32_t *const *)y;
    const uint32_t *end = g->w.v + g->w.n;
    size_t na = (size_t)(end - a), nb = (size_t)(end - b);
    na = na < g->order ? na : g->order;
    nb = nb < g->order ? nb : g->order;
    int c = window_order(a, b, na < nb ? na : nb);
    return c ? c : (na > nb) - (na < nb);
}

static struct grams grams_of(struct arena *a, struct mt_words w, size_t order)
{
    struct grams g = {w, ARENA_ARRAY(a, const uint32_t *, w.n + 1), order};
    for (size_t i = 0; i < w.n; i++)
        g.at[i] = w.v + i;
    qsort_r(g.at, w.n, sizeof *g.at, gram_order, &g);
    return g;
}

static size_t n_windows(const struct grams *g, size_t n)
{
    return g->w.n >= n ? g->w.n - n + 1 : 0;
}

/* The next run of equal windows of length n from place *i on: its length, 0 at the end. */
static size_t next_run(const struct grams *g, size_t n, size_t *i, const uint32_t **first)
{
    const uint32_t *end = g->w.v + g->w.n;
    size_t count = 0;
    for (; *i < g->w.n; ++*i) {
        const uint32_t *p = g->at[*i];
        if ((size_t)(end - p) < n)
            continue;
        if (count && window_order(*first, p, n) != 0)
            break;
        *first = p;
        count++;
    }
    return count;
}

/* Windows of length n in both, each counted as often as it is in `hyp` and in the richest of refs. */
static size_t n_matches(const struct grams *hyp, const struct grams *refs, size_t n_refs, size_t n,
                        size_t *most)
{
    size_t distinct = 0, matches = 0, i = 0, count;
    const uint32_t *p = NULL, *q = NULL;
    memset(most, 0, (hyp->w.n + 1) * sizeof *most);
    for (size_t r = 0; r < n_refs; r++) {
        size_t j = 0, other = next_run(&refs[r], n, &j, &q);
        for (i = distinct = 0; (count = next_run(hyp, n, &i, &p)) > 0; distinct++) {
            int c = 1;
            while (other && (c = window_order(q, p, n)) < 0)
                other = next_run(&refs[r], n, &j, &q);
            if (other && c == 0 && other > most[distinct])
                most[distinct] = other;
        }
    }
    for (i = distinct = 0; (count = next_run(hyp, n, &i, &p)) > 0; distinct++)
        matches += count < most[distinct] ? count : most[distinct];
    return matches;
}

/* -- BLEU ------------------------------------------------------------------------------------------ */

static void stats_bleu(struct arena *a, const struct mt_words *w, size_t n_refs, double *out)
{
    struct grams hyp = grams_of(a, w[0], BLEU_ORDER);
    struct grams *refs = ARENA_ARRAY(a, struct grams, n_refs);
    size_t *most = ARENA_ARRAY(a, size_t, w[0].n + 1), closest = w[1].n;
    for (size_t r = 0; r < n_refs; r++) {
        refs[r] = grams_of(a, w[1 + r], BLEU_ORDER);
        double d = fabs((double)w[0].n - (double)w[1 + r].n), best = fabs((double)w[0].n - (double)closest);
        if (d < best || (d == best && w[1 + r].n < closest))
            closest = w[1 + r].n;
    }
    out[0] = (double)w[0].n;
    out[1] = (double)closest;
    for (size_t n = 1; n <= BLEU_ORDER; n++) {
        out[1 + n] = (double)n_matches(&hyp, refs, n_refs, n, most);
        out[1 + BLEU_ORDER + n] = (double)n_windows(&hyp, n);
    }
}

static double score_bleu(const double *s, enum metric_sum sum)
{
    const double *match = s + 2, *total = s + 2 + BLEU_ORDER;
    double logs[BLEU_ORDER], any = 0, smooth = 1, brevity = 1;
    for (int n = 0; n < BLEU_ORDER; n++) {
        logs[n] = -9999999999.;            /* of a precision of zero, by sacrebleu's floor */
        any += match[n];
    }
    if (any == 0)
        return 0;
    if (s[0] < s[1])
        brevity = exp(1 - s[1] / s[0]);
    for (int n = 0; n < BLEU_ORDER && total[n] > 0; n++) {
        if (match[n] == 0)
            smooth *= 2;
        logs[n] = log(match[n] == 0 ? 100. / (smooth * total[n]) : 100. * match[n] / total[n]);
    }
    return brevity * exp(metric_sum(logs, BLEU_ORDER, sum) / BLEU_ORDER);
}

/* -- chrF ------------------------------------------------------------------------------------------ */

static double score_chrf(const double *s)
{
    double precision = 0, recall = 0, factor = CHRF_BETA * CHRF_BETA;
    int orders = 0;
    for (int n = 0; n < CHRF_ORDER; n++) {
        const double *t = s + 3 * n;
        if (t[0] > 0 && t[1] > 0) {
            precision += t[2] / t[0];
            recall += t[2] / t[1];
            orders++;
        }
    }
    if (orders == 0 || precision + recall == 0)
        return 0;
    precision /= orders;
    recall /= orders;
    double score = (1 + factor) * precision * recall;
    score /= factor * precision + recall;
    return 100 * score;
}

static void stats_chrf(struct arena *a, const struct mt_words *w, size_t n_refs, double *out)
{
    struct grams hyp = grams_of(a, w[0], CHRF_ORDER);
    size_t *most = ARENA_ARRAY(a, size_t, w[0].n + 1);
    double best = -1, one[3 * CHRF_ORDER];
    for (size_t r = 0; r < n_refs; r++) {
        struct grams ref = grams_of(a, w[1 + r], CHRF_ORDER);
        for (size_t n = 1; n <= CHRF_ORDER; n++) {
            double *t = one + 3 * (n - 1);
            t[1] = (double)n_windows(&ref, n);
            t[0] = t[1] > 0 ? (double)n_windows(&hyp, n) : 0;
            t[2] = (double)n_matches(&hyp, &ref, 1, n, most);
        }
        double f = score_chrf(one);
        if (f > best) {
            best = f;
            memcpy(out, one, sizeof one);
        }
    }
}

/* -- the whole ------------------------------------------------------------------------------------- */

static int stats_ter(const struct mt_words *w, size_t n_refs, double *out, struct assay_err *e)
{
    size_t length = 0;
    for (size_t r = 0; r < n_refs; r++) {
        size_t edits;
        TRY(mt_edits(w[0], w[1 + r], &edits, e));
        if (r == 0 || (double)edits < out[0])
            out[0] = (double)edits;
        length += w[1 + r].n;
    }
    out[1] = (double)length / (double)n_refs;
    return 0;
}

int mt_stats(enum mt_kind kind, struct pystr hyp, const struct pystr *refs, size_t n_refs, double *out,
             struct assay_err *e)
{
    struct arena a = {0};
    struct pystr *texts = ARENA_ARRAY(&a, struct pystr, n_refs + 1);
    struct mt_words *w = ARENA_ARRAY(&a, struct mt_words, n_refs + 1);
    int rc = 0;
    for (size_t i = 0; i <= n_refs; i++) {
        texts[i] = i ? refs[i - 1] : hyp;
        if (kind == MT_CHRF)
            w[i] = number_points(&a, texts[i]);
        else if (kind != MT_BLEU_WORDS)
            texts[i] = kind == MT_BLEU ? tokenize_13a(&a, texts[i]) : lowered(&a, texts[i]);
    }
    if (kind != MT_CHRF)
        number_words(&a, texts, n_refs + 1, w);
    if (is_bleu(kind))
        stats_bleu(&a, w, n_refs, out);
    else if (kind == MT_CHRF)
        stats_chrf(&a, w, n_refs, out);
    else
        rc = stats_ter(w, n_refs, out, e);
    arena_release(&a);
    return rc;
}

double mt_score(enum mt_kind kind, const double *s, enum metric_sum sum)
{
    if (is_bleu(kind))
        return score_bleu(s, sum);
    if (kind == MT_CHRF)
        return score_chrf(s);
    return 100 * (s[1] > 0 ? s[0] / s[1] : s[0] > 0 ? 1 : 0);
}
