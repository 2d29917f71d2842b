/* spm.c - SentencePiece BPE as llama.cpp runs it: the adjacent pair whose concatenation is a token
 * with the highest score is merged, leftmost first among equals, until no pair is left; what is
 * not a token then is spelled in bytes.
 *
 * A pair in the queue is stale once either side has changed, which its size tells: sides only grow
 * or vanish.  Merged symbols are tokens by construction, so only single characters can be left
 * over, and llama.cpp's way back through earlier merges has nothing to do. */
#include <string.h>
#include "backends/native/vocab_table.h"
#include "harness/base/err.h"

/* Order-preserving bits of a score above the complement of the place: one comparison ranks both. */
static uint64_t rank(float score, uint32_t left)
{
    union {
        float f;
        uint32_t u;
    } c = {.f = score + 0.0f}; /* -0 ties with 0 */
    uint32_t bits = c.u >> 31 ? ~c.u : c.u | 0x80000000u;
    return (uint64_t)bits << 32 | ~left;
}

static void sift_down(struct spm_bigram *h, size_t n, size_t i)
{
    struct spm_bigram x = h[i];
    for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
        if (kid + 1 < n && h[kid + 1].key > h[kid].key)
            kid++;
        if (h[kid].key <= x.key)
            break;
        h[i] = h[kid];
    }
    h[i] = x;
}

static void sift_up(struct spm_bigram *h, size_t i)
{
    struct spm_bigram x = h[i];
    while (i > 0 && h[(i - 1) / 2].key < x.key) {
        h[i] = h[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h[i] = x;
}

static bool pair(const struct vocab *v, int32_t left, struct spm_bigram *out)
{
    const struct spm_symbol *s = v->scratch.symbols;
    if (left < 0 || s[left].next < 0)
        return false;
    uint32_t size = s[left].n + s[s[left].next].n;
    int32_t id = size > v->max_len ? -1 : vocab_lookup(v, v->scratch.text + s[left].at, size);
    if (id < 0)
        return false;
    *out = (struct spm_bigram){rank(v->tokens[id].score, (uint32_t)left), size, (uint32_t)left};
    return true;
}

/* Characters by their first byte alone, as llama.cpp cuts them: damaged UTF-8 is text too. */
static int split(struct vocab *v, size_t n, size_t *n_symbols, struct assay_err *e)
{
    static const uint8_t length[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    struct vocab_scratch *s = &v->scratch;
    TRY(vocab_room(&s->symbols, &s->cap_symbols, n, sizeof *s->symbols, e));
    size_t count = 0;
    for (size_t at = 0; at < n;) {
        size_t len = length[(unsigned char)s->text[at] >> 4];
        if (len > n - at)
            len = n - at;
        s->symbols[count] = (struct spm_symbol){(int32_t)count - 1, (int32_t)count + 1,
                                                (uint32_t)at, (uint32_t)len};
        count++;
        at += len;
    }
    s->symbols[count - 1].next = -1;
    *n_symbols = count;
    return 0;
}

static void merge_all(struct vocab *v, size_t n_symbols)
{
    struct spm_symbol *s = v->scratch.symbols;
    struct spm_bigram *h = v->scratch.heap;
    size_t n = 0;
    for (size_t i = 0; i + 1 < n_symbols; i++)
        n += pair(v, (int32_t)i, &h[n]);
    for (size_t i = n / 2; i-- > 0;)
        sift_down(h, n, i);
    while (n > 0) {
        struct spm_bigram top = h[0];
        h[0] = h[--n];
        sift_down(h, n, 0);
        struct spm_symbol *l = &s[top.left];
        if (!l->n || l->next < 0 || l->n + s[l->next].n != top.size)
            continue;
        l->n = top.size;
        s[l->next].n = 0;
        l->next = s[l->next].next;
        if (l->next >= 0)
            s[l->next].prev = (int32_t)top.left;
        if (pair(v, l->prev, &h[n]))
            sift_up(h, n++);
        if (pair(v, (int32_t)top.left, &h[n]))
            sift_up(h, n++);
    }
}

static int spell(const struct vocab *v, const struct spm_symbol *s, struct vocab_out *out,
                 struct assay_err *e)
{
    for (uint32_t i = 0; i < s->n; i++) {
        unsigned char byte = (unsigned char)v->scratch.text[s->at + i];
        if (v->byte_ids[byte] < 0)
            return err_set(e, ASSAY_EUNSUPPORTED,
                           "the vocabulary has neither a token for this text nor the byte token "
                           "'<0x%02X>'",
                           byte);
        vocab_emit(out, v->byte_ids[byte]);
    }
    return 0;
}

int spm_encode(struct vocab *v, size_t n, struct vocab_out *out, struct assay_err *e)
{
    struct vocab_scratch *s = &v->scratch;
    size_t n_symbols = 0;
    if (!n)
        return 0;
    TRY(split(v, n, &n_symbols, e));
    /* Every merge takes one pair out and puts at most two in: 2 n_symbols entries are never passed.
     * */
    TRY(vocab_room(&s->heap, &s->cap_heap, 2 * n_symbols + 2, sizeof *s->heap, e));
    merge_all(v, n_symbols);
    for (int32_t i = 0; i >= 0; i = s->symbols[i].next) {
        int32_t id = vocab_lookup(v, s->text + s->symbols[i].at, s->symbols[i].n);
        if (id >= 0)
            vocab_emit(out, id);
        else
            TRY(spell(v, &s->symbols[i], out, e));
    }
    return 0;
}
