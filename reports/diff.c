/* diff.c - longest common subsequence of words by dynamic programming; see the header. */
#include "reports/diff.h"

#include <stdint.h>
#include <string.h>
#include "harness/base/arena.h"

struct words {
    const char **s;
    size_t *len, n;
    bool *is_own;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct words split(const char *s, size_t n, struct arena *a)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += is_blank(s[i]) && i + 1 < n && !is_blank(s[i + 1]);
    struct words w = {ARENA_ARRAY(a, const char *, count + 2), ARENA_ARRAY(a, size_t, count + 2), 0,
                      ARENA_ARRAY(a, bool, count + 2)};
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && is_blank(s[i]))
            i++;
        while (i < n && !is_blank(s[i]))
            i++;
        w.s[w.n] = s + from;
        w.len[w.n++] = i - from;
    }
    return w;
}

/* Blanks are not compared: a line break instead of a space is no difference. */
static bool is_same(const struct words *a, size_t i, const struct words *b, size_t j)
{
    const char *x = a->s[i], *y = b->s[j];
    size_t n = a->len[i], m = b->len[j];
    while (n && is_blank(*x))
        x++, n--;
    while (m && is_blank(*y))
        y++, m--;
    return n == m && memcmp(x, y, n) == 0;
}

/* Marks what is no part of a longest common subsequence of a[lo..ha) and b[lo..hb). */
static void mark(struct words *a, size_t ha, struct words *b, size_t hb, size_t lo,
                 struct arena *ar)
{
    size_t n = ha - lo, m = hb - lo, i = 0, j = 0;
    memset(a->is_own + lo, 1, n);
    memset(b->is_own + lo, 1, m);
    if (n == 0 || m == 0 || n > DIFF_MOST_WORDS || m > DIFF_MOST_WORDS)
        return;
    uint16_t *len = ARENA_ARRAY(ar, uint16_t, (n + 1) * (m + 1)); /* of the rests from (i, j) */
    for (size_t r = n; r-- > 0;)
        for (size_t c = m; c-- > 0;) {
            uint16_t down = len[(r + 1) * (m + 1) + c], right = len[r * (m + 1) + c + 1];
            len[r * (m + 1) + c] = is_same(a, lo + r, b, lo + c)
                                       ? (uint16_t)(len[(r + 1) * (m + 1) + c + 1] + 1)
                                   : down > right ? down
                                                  : right;
        }
    while (i < n && j < m) {
        if (is_same(a, lo + i, b, lo + j)) {
            a->is_own[lo + i++] = false;
            b->is_own[lo + j++] = false;
        } else if (len[(i + 1) * (m + 1) + j] >= len[i * (m + 1) + j + 1]) {
            i++;
        } else {
            j++;
        }
    }
}

static struct diff_side spans(const struct words *w, struct arena *a)
{
    struct diff_span *out = ARENA_ARRAY(a, struct diff_span, w->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (n == 0 || out[n - 1].is_own != w->is_own[i])
            out[n++] = (struct diff_span){w->s[i], 0, w->is_own[i]};
        out[n - 1].n += w->len[i];
    }
    return (struct diff_side){out, n};
}

void diff_words(const char *a, size_t na, const char *b, size_t nb, struct arena *ar,
                struct diff_side out[2])
{
    struct words x = split(a, na, ar), y = split(b, nb, ar);
    size_t lo = 0, hx = x.n, hy = y.n;
    while (lo < hx && lo < hy && is_same(&x, lo, &y, lo))
        lo++;
    while (hx > lo && hy > lo && is_same(&x, hx - 1, &y, hy - 1))
        hx--, hy--;
    mark(&x, hx, &y, hy, lo, ar);
    out[0] = spans(&x, ar);
    out[1] = spans(&y, ar);
}
