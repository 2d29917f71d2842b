/* mt_ter.c - translation edit rate's search: words of the hypothesis are shifted where that lowers
 * the edit distance most, until nothing does (sacrebleu's lib_ter, after Tercom).
 *
 * The distance looks only at a band around the diagonal.  A shift keeps the length, so the rows of the
 * matrix up to the first moved word are those of the unshifted hypothesis and are not computed again. */
#include "tasks/mt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"

enum {
    SHIFT_SIZE = 10,
    SHIFT_DISTANCE = 50,
    SHIFT_CANDIDATES = 1000,
    BEAM = 25,
    CELLS_MOST = 1 << 24,
    FAR = 1 << 28 /* beyond any distance */
};
enum op { OP_NONE, OP_KEEP, OP_SUB, OP_HYP, OP_REF }; /* HYP, REF: a word of that side alone */

struct cell {
    int32_t cost;
    uint8_t op;
};
struct ter {
    struct mt_words ref;
    uint32_t *hyp, *trial, *best;       /* [n] each */
    size_t n;
    struct cell *rows;                  /* [n + 1][ref.n + 1], of hyp */
    struct cell *pair[2];               /* [ref.n + 1], of trial */
    ptrdiff_t *align;                   /* [ref.n]: the word of hyp a word of ref stands at, or -1 */
    bool *hyp_wrong, *ref_wrong;
    size_t n_tried;
};

static struct cell *row_of(const struct ter *t, size_t i)
{
    return t->rows + i * (t->ref.n + 1);
}

/* Row i from the row above it. */
static void fill_row(const struct ter *t, const uint32_t *words, size_t i, const struct cell *up,
                     struct cell *row)
{
    size_t n = t->ref.n;
    double ratio = (double)n / (double)t->n;
    double beam = BEAM < ratio / 2 ? ceil(ratio / 2 + BEAM) : BEAM, middle = floor((double)i * ratio);
    size_t lo = middle > beam ? (size_t)(middle - beam) : 0;
    size_t hi = middle + beam < (double)n + 1 ? (size_t)(middle + beam) : n + 1;
    if (i == t->n)
        hi = n + 1;
    for (size_t j = 0; j <= n; j++)
        row[j] = (struct cell){FAR, OP_NONE};
    for (size_t j = lo; j < hi; j++) {
        if (j == 0) {
            row[0] = (struct cell){up[0].cost + 1, OP_HYP};
            continue;
        }
        bool same = words[i - 1] == t->ref.v[j - 1];
        struct cell best = {up[j - 1].cost + !same, same ? OP_KEEP : OP_SUB};
        if (best.cost > up[j].cost + 1)
            best = (struct cell){up[j].cost + 1, OP_HYP};
        if (best.cost > row[j - 1].cost + 1)
            best = (struct cell){row[j - 1].cost + 1, OP_REF};
        if (best.cost < FAR)
            row[j] = best;
    }
}

static void fill_matrix(struct ter *t)
{
    struct cell *first = row_of(t, 0);
    for (size_t j = 0; j <= t->ref.n; j++)
        first[j] = (struct cell){(int32_t)j, OP_REF};
    for (size_t i = 1; i <= t->n; i++)
        fill_row(t, t->hyp, i, row_of(t, i - 1), row_of(t, i));
}

/* Distance of t->trial, which differs from t->hyp from word `from` on. */
static int32_t trial_cost(struct ter *t, size_t from)
{
    const struct cell *up = row_of(t, from);
    for (size_t i = from + 1; i <= t->n; i++) {
        fill_row(t, t->trial, i, up, t->pair[i & 1]);
        up = t->pair[i & 1];
    }
    return up[t->ref.n].cost;
}

/* Where words of the reference stand in the hypothesis, and which words of either are wrong. */
static int align_words(struct ter *t, struct assay_err *e)
{
    size_t i = t->n, j = t->ref.n;
    while (i > 0 || j > 0) {
        uint8_t op = row_of(t, i)[j].op;
        if (op == OP_NONE)
            return err_set(e, ASSAY_ELIMIT, "ter: %zu words against %zu leave the search's band", t->n,
                           t->ref.n);
        bool wrong = op != OP_KEEP;
        if (op != OP_REF)
            t->hyp_wrong[--i] = wrong;
        if (op != OP_HYP)
            t->ref_wrong[--j] = wrong;
        if (op != OP_HYP)
            t->align[j] = (ptrdiff_t)(op == OP_REF ? i : i + 1) - 1;
    }
    return 0;
}

static void shift_words(struct ter *t, size_t start, size_t length, size_t target)
{
    const uint32_t *h = t->hyp;
    uint32_t *o = t->trial;
    size_t n = t->n - length, at = 0;
    size_t cut = target > start + length ? target - length : target;
    if (cut > n)
        cut = n;
    /* what is left without the words, with them put back before its place `cut` */
    for (size_t i = 0; i <= n; i++) {
        if (i == cut) {
            memcpy(o + at, h + start, length * sizeof *o);
            at += length;
        }
        if (i < n)
            o[at++] = h[i < start ? i : i + length];
    }
}

struct shift {
    int32_t gain;
    size_t length, start, target;
};

static bool shift_better(const struct shift *x, const struct shift *y)
{
    if (x->gain != y->gain)
        return x->gain > y->gain;
    if (x->length != y->length)
        return x->length > y->length;
    return x->start != y->start ? x->start < y->start : x->target < y->target;
}

static bool any(const bool *v, size_t n)
{
    return memchr(v, true, n) != NULL;
}

/* All targets for one run of words that hyp (from h) and ref (from r) share. */
static void try_run(struct ter *t, size_t h, size_t r, size_t length, struct shift *best)
{
    ptrdiff_t last = -1;
    if (!any(t->hyp_wrong + h, length) || !any(t->ref_wrong + r, length) ||
        (t->align[r] >= (ptrdiff_t)h && t->align[r] < (ptrdiff_t)(h + length)))
        return;
    for (size_t k = 0; k <= length; k++) { /* k - 1 is the offset into the run */
        if (r + k > t->ref.n)
            break;
        ptrdiff_t to = r + k == 0 ? 0 : t->align[r + k - 1] + 1;
        if (to == last)
            continue;
        last = to;
        size_t target = (size_t)to;
        shift_words(t, h, length, target);
        struct shift s = {row_of(t, t->n)[t->ref.n].cost - trial_cost(t, h < target ? h : target), length,
                          h, target};
        t->n_tried++;
        if (best->length == 0 || shift_better(&s, best)) {
            *best = s;
            memcpy(t->best, t->trial, t->n * sizeof *t->best);
        }
    }
}

static struct shift best_shift(struct ter *t)
{
    struct shift best = {0};
    for (size_t h = 0; h < t->n; h++)
        for (size_t r = 0; r < t->ref.n; r++) {
            if ((h > r ? h - r : r - h) > SHIFT_DISTANCE)
                continue;
            for (size_t k = 1; k <= SHIFT_SIZE && h + k <= t->n && r + k <= t->ref.n &&
                               t->hyp[h + k - 1] == t->ref.v[r + k - 1];
                 k++) {
                size_t before = t->n_tried;
                try_run(t, h, r, k, &best);
                if (t->n_tried != before && t->n_tried >= SHIFT_CANDIDATES)
                    return best;
            }
        }
    return best;
}

static int search(struct ter *t, size_t *out, struct assay_err *e)
{
    size_t shifts = 0;
    for (;;) {
        fill_matrix(t);
        TRY(align_words(t, e));
        struct shift s = best_shift(t);
        if (t->n_tried >= SHIFT_CANDIDATES || s.length == 0 || s.gain <= 0)
            break;
        shifts++;
        memcpy(t->hyp, t->best, t->n * sizeof *t->hyp);
    }
    *out = shifts + (size_t)row_of(t, t->n)[t->ref.n].cost;
    return 0;
}

int mt_edits(struct mt_words hyp, struct mt_words ref, size_t *out, struct assay_err *e)
{
    *out = ref.n ? ref.n : hyp.n;
    if (ref.n == 0 || hyp.n == 0)
        return 0;
    if (hyp.n >= CELLS_MOST / (ref.n + 1))
        return err_set(e, ASSAY_ELIMIT, "ter: %zu words against %zu are too many", hyp.n, ref.n);
    struct ter t = {.ref = ref, .n = hyp.n};
    t.rows = malloc((hyp.n + 3) * (ref.n + 1) * sizeof *t.rows);
    t.hyp = malloc(3 * hyp.n * sizeof *t.hyp);
    t.align = malloc(ref.n * sizeof *t.align);
    t.hyp_wrong = malloc(hyp.n + ref.n);
    int rc = t.rows && t.hyp && t.align && t.hyp_wrong ? 0 : err_set(e, ASSAY_ENOMEM, "ter: out of memory");
    if (rc == 0) {
        t.pair[0] = row_of(&t, hyp.n + 1);
        t.pair[1] = row_of(&t, hyp.n + 2);
        t.trial = t.hyp + hyp.n;
        t.best = t.trial + hyp.n;
        t.ref_wrong = t.hyp_wrong + hyp.n;
        memcpy(t.hyp, hyp.v, hyp.n * sizeof *t.hyp);
        rc = search(&t, out, e);
    }
    free(t.rows);
    free(t.hyp);
    free(t.align);
    free(t.hyp_wrong);
    return rc;
}
