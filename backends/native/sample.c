/* sample.c - draws tokens; a heap hands out ids from the likeliest down, as many as are needed. */
#include "backends/native/sample.h"
#include <math.h>
#include <stdbool.h>

struct heap { /* id[0] is the likeliest of id[0..n) */
    const float *logits;
    uint32_t *id;
    size_t n;
};

static bool before(const struct heap *h, uint32_t a, uint32_t b)
{
    return h->logits[a] > h->logits[b] || (h->logits[a] == h->logits[b] && a < b);
}

static void sift(struct heap *h, size_t i)
{
    const uint32_t moving = h->id[i];
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= h->n)
            break;
        if (c + 1 < h->n && before(h, h->id[c + 1], h->id[c]))
            c++;
        if (!before(h, h->id[c], moving))
            break;
        h->id[i] = h->id[c];
        i = c;
    }
    h->id[i] = moving;
}

/* Takes the likeliest id out and puts it behind the heap's end: popped ids lie there in reverse. */
static uint32_t pop(struct heap *h)
{
    const uint32_t top = h->id[0];
    h->id[0] = h->id[--h->n];
    h->id[h->n] = top;
    if (h->n)
        sift(h, 0);
    return top;
}

int32_t sample_greedy(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

struct draw {
    struct heap heap;
    size_t n;      /* vocabulary */
    size_t n_keep; /* candidates that may be drawn */
    double top, temperature;
};

/* Probability of the i-th likeliest, not normalised; pops it if nobody has yet. */
static double weight(struct draw *d, size_t i)
{
    while (d->n - d->heap.n <= i)
        pop(&d->heap);
    return exp(((double)d->heap.logits[d->heap.id[d->n - 1 - i]] - d->top) / d->temperature);
}

int32_t sample_token(struct sample *s, const float *logits, size_t n, uint32_t *work)
{
    if (!(s->temperature > 0))
        return sample_greedy(logits, n);
    struct draw d = {.heap = {logits, work, n}, .n = n, .n_keep = n, .temperature = s->temperature};
    for (size_t i = 0; i < n; i++)
        work[i] = (uint32_t)i;
    for (size_t i = n / 2; i-- > 0;)
        sift(&d.heap, i);
    d.top = (double)logits[work[0]];
    double total = 0;
    if (s->top_k && s->top_k < n) {
        d.n_keep = s->top_k;
        for (size_t i = 0; i < d.n_keep; i++)
            total += weight(&d, i);
    } else {
        for (size_t i = 0; i < n; i++)
            total += exp(((double)logits[i] - d.top) / s->temperature);
    }
    if (s->top_p > 0 && s->top_p < 1) {
        double head = 0;
        size_t i = 0;
        while (i < d.n_keep && head < s->top_p * total)
            head += weight(&d, i++);
        d.n_keep = i ? i : 1;
        total = head;
    }
    const double target = rng_double(&s->rng) * total;
    double sum = 0;
    size_t i = 0;
    while (i + 1 < d.n_keep && (sum += weight(&d, i)) <= target)
        i++;
    (void)weight(&d, i);
    return (int32_t)d.heap.id[n - 1 - i];
}
