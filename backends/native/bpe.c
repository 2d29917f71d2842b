/* bpe.c - byte-level BPE as llama.cpp runs it: each word of the pre-tokenizer is a row of byte
 * pieces, in which the adjacent pair with the lowest rank is merged, leftmost first among equals,
 * until no pair has one.
 *
 * Merging looks pairs of ids up and touches no text.  Words of up to SHORT bytes, nearly all of
 * them, are searched for the lowest rank after every merge; longer ones keep a heap, whose entries
 * are stale when the pair at that place no longer has that rank. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/bpe.h"
#include "backends/native/gguf.h"
#include "backends/native/pretoken.h"
#include "backends/native/vocab_table.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

enum { SHORT = 32, MAX_MERGES = 1 << 22 };
#define NO_RANK UINT32_MAX

struct bpe_pair { /* open addressing; rank == NO_RANK: free */
    int32_t left, right;
    uint32_t rank;
    int32_t id; /* of the two together */
};
struct bpe_symbol {
    int32_t id, prev, next; /* -1: none; id -1: merged away */
};
struct bpe {
    struct pretoken *pre;
    struct bpe_pair *pairs;
    unsigned shift;       /* 64 - log2 of their number */
    char *text, *subject; /* of a damaged text: repaired, and without surrogates */
    struct bpe_symbol *symbols;
    uint64_t *heap; /* rank above place: the smallest is the next to merge */
    size_t cap_text, cap_subject, cap_symbols, cap_heap;
};
struct run { /* one call of bpe_encode */
    struct vocab *v;
    const char *text;
    struct vocab_out *out;
};

/* -- the byte map ------------------------------------------------------------------------------ */

static uint32_t character_of(unsigned char b)
{
    if (b < 33)
        return 256u + b;
    if (b >= 127 && b < 161)
        return 256u + 33 + (b - 127u);
    return b == 173 ? 256u + 67 : b;
}

static int byte_of(uint32_t c)
{
    if (c >= 256)
        return c < 256 + 33    ? (int)c - 256
               : c < 256 + 67  ? (int)c - 256 - 33 + 127
               : c == 256 + 67 ? 173
                               : -1;
    return character_of((unsigned char)c) == c ? (int)c : -1;
}

size_t bpe_spell(const char *bytes, size_t n, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += (size_t)text_encode(character_of((unsigned char)bytes[i]), out + len);
    return len;
}

size_t bpe_unspell(const char *text, size_t n, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        int size = text_decode(text + i, n - i, &c), byte = size ? byte_of(c) : -1;
        if (byte < 0)
            return SIZE_MAX;
        out[len++] = (char)byte;
        i += (size_t)size;
    }
    return len;
}

/* -- loading ----------------------------------------------------------------------------------- */

static struct bpe_pair *slot_of(const struct bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = ((size_t)1 << (64 - b->shift)) - 1;
    size_t i = (size_t)((key ^ key >> 29) * 0x9E3779B97F4A7C15u >> b->shift);
    while (b->pairs[i].rank != NO_RANK && (b->pairs[i].left != left || b->pairs[i].right != right))
        i = (i + 1) & mask;
    return &b->pairs[i];
}

int bpe_open(const struct gguf *g, struct bpe **out, struct assay_err *e)
{
    struct gguf_str pre = {"", 0};
    TRY(gguf_string(g, "tokenizer.ggml.pre", &pre, e));
    struct bpe *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, ASSAY_ENOMEM, "no memory for a tokenizer");
    int rc = pretoken_open(pre.v, pre.n, &b->pre, e);
    if (rc < 0) {
        free(b);
        return err_prefix(e, rc, "%s", g->path);
    }
    *out = b;
    return 0;
}

void bpe_close(struct bpe *b)
{
    if (!b)
        return;
    pretoken_close(b->pre);
    free(b->pairs);
    free(b->text);
    free(b->subject);
    free(b->symbols);
    free(b->heap);
    free(b);
}

const struct pretoken_traits *bpe_traits(const struct bpe *b)
{
    return pretoken_traits(b->pre);
}

static int find_bytes(struct vocab *v, const struct gguf *g, size_t offset, struct assay_err *e)
{
    for (int i = 0; i < 256; i++) {
        char spelled[4], raw = (char)i;
        size_t n = bpe_spell(&raw, 1, spelled);
        v->byte_ids[i] = vocab_lookup(v, spelled, n);
        if (v->byte_ids[i] < 0 && ((i >= ' ' && i < 127) || i == '\n'))
            return err_set(
                e, ASSAY_EFORMAT,
                "%s: offset %zu: the tokenizer has no piece for the byte 0x%02X ('%.*s'), "
                "which every text needs",
                g->path, offset, (unsigned)i, (int)n, spelled);
    }
    return 0;
}

/* The merge "left right" of that rank. */
static int add_merge(struct vocab *v, const struct gguf_kv *kv, struct gguf_str s, uint32_t rank,
                     struct assay_err *e)
{
    char show[GGUF_SHOW];
    struct vocab_scratch *joined = &v->scratch;
    const char *space = s.n > 1 ? memchr(s.v + 1, ' ', s.n - 1) : NULL;
    size_t n_left = space ? (size_t)(space - s.v) : 0, n_right = space ? s.n - n_left - 1 : 0;
    if (!n_right)
        return err_set(e, ASSAY_EFORMAT,
                       "offset %zu: merge %u is '%s', expected two tokens with a space between",
                       kv->offset, rank, gguf_show(s, show));
    TRY(vocab_room(&joined->text, &joined->cap_text, s.n, 1, e));
    memcpy(joined->text, s.v, n_left);
    memcpy(joined->text + n_left, space + 1, n_right);
    int32_t left = vocab_lookup(v, s.v, n_left), right = vocab_lookup(v, space + 1, n_right);
    int32_t id = vocab_lookup(v, joined->text, n_left + n_right);
    if (left < 0 || right < 0 || id < 0)
        return err_set(e, ASSAY_EFORMAT,
                       "offset %zu: merge %u is '%s', but %s is not a token of the vocabulary",
                       kv->offset, rank, gguf_show(s, show),
                       left < 0    ? "its first part"
                       : right < 0 ? "its second part"
                                   : "what it makes");
    struct bpe_pair *p = slot_of(v->bpe, left, right);
    if (p->rank != NO_RANK)
        return err_set(e, ASSAY_EFORMAT, "offset %zu: merge %u, '%s', is merge %u again",
                       kv->offset, rank, gguf_show(s, show), p->rank);
    *p = (struct bpe_pair){left, right, rank, id};
    return 0;
}

static int load_merges(struct vocab *v, const struct gguf_kv *kv, struct assay_err *e)
{
    struct bpe *b = v->bpe;
    size_t size = 16;
    for (b->shift = 60; size < 2 * kv->n; b->shift--)
        size *= 2;
    b->pairs = malloc(size * sizeof *b->pairs);
    struct gguf_str *merges = malloc((kv->n + 1) * sizeof *merges);
    int rc = 0;
    if (!b->pairs || !merges)
        rc = err_set(e, ASSAY_ENOMEM, "no memory for %llu merges", (unsigned long long)kv->n);
    for (size_t i = 0; i < size && !rc; i++)
        b->pairs[i].rank = NO_RANK;
    if (!rc)
        gguf_strings(kv, merges);
    for (uint32_t i = 0; i < kv->n && !rc; i++)
        rc = add_merge(v, kv, merges[i], i, e);
    free(merges);
    return rc;
}

int bpe_load(struct vocab *v, const struct gguf *g, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.merges");
    if (!kv || kv->type != GGUF_ARRAY || kv->elem != GGUF_STR)
        return err_set(e, ASSAY_EFORMAT, "%s: 'tokenizer.ggml.merges' is %s", g->path,
                       kv ? "not an array of strings" : "missing");
    if (kv->n > MAX_MERGES)
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: %llu merges, expected at most %d",
                       g->path, kv->offset, (unsigned long long)kv->n, MAX_MERGES);
    TRY(find_bytes(v, g, gguf_find(g, "tokenizer.ggml.tokens")->offset, e));
    int rc = load_merges(v, kv, e);
    return rc < 0 ? err_prefix(e, rc, "%s", g->path) : 0;
}

/* -- merging ----------------------------------------------------------------------------------- */

static int emit(const struct run *r, int32_t id, const char *at, struct assay_err *e)
{
    if (id < 0)
        return err_set(e, ASSAY_EUNSUPPORTED, "the tokenizer has no piece for the byte 0x%02X",
                       (unsigned char)*at);
    vocab_emit(r->out, id);
    return 0;
}

static int merge_short(const struct run *r, const char *word, size_t n, struct assay_err *e)
{
    const struct bpe *b = r->v->bpe;
    const struct bpe_pair *pair[SHORT];
    int32_t ids[SHORT];
    const char *at[SHORT];
    for (size_t i = 0; i < n; i++) {
        ids[i] = r->v->byte_ids[(unsigned char)word[i]];
        at[i] = word + i;
    }
    for (size_t i = 0; i + 1 < n; i++)
        pair[i] = slot_of(b, ids[i], ids[i + 1]);
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (pair[i]->rank < pair[best]->rank)
                best = i;
        if (n < 2 || pair[best]->rank == NO_RANK)
            break;
        ids[best] = pair[best]->id;
        memmove(&ids[best + 1], &ids[best + 2], (n - best - 2) * sizeof *ids);
        memmove(&at[best + 1], &at[best + 2], (n - best - 2) * sizeof *at);
        memmove(&pair[best], &pair[best + 1], (n - best - 2) * sizeof *pair);
        n--;
        if (best + 1 < n)
            pair[best] = slot_of(b, ids[best], ids[best + 1]);
        if (best > 0)
            pair[best - 1] = slot_of(b, ids[best - 1], ids[best]);
    }
    for (size_t i = 0; i < n; i++)
        TRY(emit(r, ids[i], at[i], e));
    return 0;
}

static void heap_push(uint64_t *h, size_t *n, uint64_t x)
{
    size_t i = (*n)++;
    for (; i > 0 && h[(i - 1) / 2] > x; i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = x;
}

static uint64_t heap_pop(uint64_t *h, size_t *n)
{
    uint64_t top = h[0], x = h[--*n];
    size_t i = 0;
    for (size_t kid; (kid = 2 * i + 1) < *n; i = kid) {
        kid += kid + 1 < *n && h[kid + 1] < h[kid];
        if (h[kid] >= x)
            break;
        h[i] = h[kid];
    }
    h[i] = x;
    return top;
}

/* Of the symbol at `left` and the one behind it; without a rank when there is none. */
static const struct bpe_pair *pair_at(const struct bpe *b, int32_t left)
{
    static const struct bpe_pair none = {-1, -1, NO_RANK, -1};
    const struct bpe_symbol *s = b->symbols;
    if (left < 0 || s[left].id < 0 || s[left].next < 0)
        return &none;
    return slot_of(b, s[left].id, s[s[left].next].id);
}

static void push_pair(struct bpe *b, size_t *n_heap, int32_t left)
{
    const struct bpe_pair *p = pair_at(b, left);
    if (p->rank != NO_RANK)
        heap_push(b->heap, n_heap, (uint64_t)p->rank << 32 | (uint32_t)left);
}

static int merge_long(const struct run *r, const char *word, size_t n, struct assay_err *e)
{
    struct bpe *b = r->v->bpe;
    size_t n_heap = 0;
    /* Each of fewer than n merges takes one entry out and puts at most two in. */
    TRY(vocab_room(&b->symbols, &b->cap_symbols, n, sizeof *b->symbols, e));
    TRY(vocab_room(&b->heap, &b->cap_heap, 2 * n, sizeof *b->heap, e));
    struct bpe_symbol *s = b->symbols;
    for (size_t i = 0; i < n; i++)
        s[i] = (struct bpe_symbol){r->v->byte_ids[(unsigned char)word[i]], (int32_t)i - 1,
                                   (int32_t)i + 1};
    s[n - 1].next = -1;
    for (size_t i = 0; i + 1 < n; i++)
        push_pair(b, &n_heap, (int32_t)i);
    while (n_heap) {
        uint64_t top = heap_pop(b->heap, &n_heap);
        int32_t left = (int32_t)(uint32_t)top;
        const struct bpe_pair *p = pair_at(b, left);
        if (p->rank != (uint32_t)(top >> 32))
            continue;
        int32_t right = s[left].next;
        s[left].id = p->id;
        s[left].next = s[right].next;
        s[right].id = -1;
        if (s[left].next >= 0)
            s[s[left].next].prev = left;
        push_pair(b, &n_heap, s[left].prev);
        push_pair(b, &n_heap, left);
    }
    for (int32_t i = 0; i >= 0; i = s[i].next)
        TRY(emit(r, s[i].id, word + i, e));
    return 0;
}

/* The token that is the word as it stands, or -1. */
static int whole_word(struct vocab *v, const char *word, size_t n, int32_t *id, struct assay_err *e)
{
    struct vocab_scratch *s = &v->scratch;
    *id = -1;
    if (n > v->max_len)
        return 0;
    TRY(vocab_room(&s->text, &s->cap_text, 2 * n, 1, e));
    *id = vocab_lookup(v, s->text, bpe_spell(word, n, s->text));
    return 0;
}

static int encode_word(void *user, size_t at, size_t n, struct assay_err *e)
{
    const struct run *r = user;
    const char *word = r->text + at;
    if (bpe_traits(r->v->bpe)->ignore_merges) {
        int32_t id;
        TRY(whole_word(r->v, word, n, &id, e));
        if (id >= 0)
            return emit(r, id, word, e);
    }
    return n <= SHORT ? merge_short(r, word, n, e) : merge_long(r, word, n, e);
}

/* -- text -------------------------------------------------------------------------------------- */

/* Length of the character at s and its number, overlong forms and surrogates included; 0 for a byte
 * that starts none. */
static size_t lenient(const unsigned char *s, size_t n, uint32_t *c)
{
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xC0 ? 0
                 : s[0] < 0xE0 ? 2
                 : s[0] < 0xF0 ? 3
                 : s[0] < 0xF8 ? 4
                               : 0;
    if (!len || len > n)
        return 0;
    uint32_t x = len == 1 ? s[0] : s[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        x = x << 6 | (s[i] & 0x3F);
    }
    if (x > 0x10FFFF)
        return 0;
    *c = x;
    return len;
}

/* A text that is not valid UTF-8 as llama.cpp reads it, in b->text; the same in b->subject with
 * U+FFFD for surrogates, which are as long and cut alike, but which PCRE2 must not see. */
static int repair(struct bpe *b, const char *text, size_t n, size_t *len, struct assay_err *e)
{
    TRY(vocab_room(&b->text, &b->cap_text, 3 * n, 1, e));
    TRY(vocab_room(&b->subject, &b->cap_subject, 3 * n, 1, e));
    *len = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0xFFFD;
        size_t size = lenient((const unsigned char *)text + i, n - i, &c);
        bool surrogate = c >= 0xD800 && c < 0xE000;
        int wide = text_encode(c, b->subject + *len);
        memcpy(b->text + *len, b->subject + *len, (size_t)wide);
        if (surrogate) {
            b->text[*len] = '\xED';
            b->text[*len + 1] = (char)(0x80 | (c >> 6 & 0x3F));
            b->text[*len + 2] = (char)(0x80 | (c & 0x3F));
        }
        *len += (size_t)wide;
        i += size ? size : 1;
    }
    return 0;
}

int bpe_encode(struct vocab *v, const char *text, size_t n, struct vocab_out *out,
               struct assay_err *e)
{
    struct bpe *b = v->bpe;
    struct run r = {v, text, out};
    const char *subject = text;
    if (!text_valid(text, n, NULL)) {
        TRY(repair(b, text, n, &n, e));
        r.text = b->text;
        subject = b->subject;
    }
    return pretoken_each(b->pre, subject, n, encode_word, &r, e);
}
