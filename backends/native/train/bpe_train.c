/* bpe_train.c - words with their counts, pairs with theirs, and joining the most frequent pair
 * until the vocabulary is full.
 *
 * Inside, ids are the 256 bytes and then the merges; specials come in front only when written.
 * Counts of pairs are kept up to date: a word in which a pair is joined gives back what it counted
 * and counts again. */
#include "backends/native/train/bpe_train.h"
#include "backends/native/bpe.h"
#include "backends/native/pretoken.h"
#include "backends/native/train/gguf_write.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { N_BYTES = 256, MAX_VOCAB = 65536, MAX_SPECIALS = 4096 };

struct word {
    const char *bytes;
    size_t n;
    uint64_t count;
    int32_t *ids; /* [n_ids], once training runs */
    size_t n_ids;
};
struct piece {
    const char *bytes;
    size_t n;
    int32_t left, right; /* what it was joined from; -1: a byte */
};
struct pair { /* open addressing; left -1: free */
    int32_t left, right;
    uint64_t count;
    bool allowed, script;
};
struct bpe_train {
    struct bpe_options o;
    struct arena arena;
    struct pretoken *pre;
    struct word *words; /* open addressing by bytes; count 0: free */
    size_t n_words, cap_words;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    struct piece *pieces;
    uint32_t n_pieces, script_merges;
    uint64_t script_words;
};
struct part { /* what pretoken_each cuts */
    struct bpe_train *t;
    const char *text;
};

static void *must(void *p, size_t n)
{
    if (!p)
        err_no_memory(n);
    return p;
}

/* -- which pieces may be ----------------------------------------------------------------------- */

static size_t length_of(unsigned char lead)
{
    return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* Bytes of valid UTF-8 that are whole characters or the beginning of one. */
static bool is_aligned(const char *s, size_t n)
{
    size_t i = 0, len = 0;
    if (((unsigned char)s[0] & 0xC0) == 0x80)
        return false;
    for (; i < n; i += len)
        len = length_of((unsigned char)s[i]);
    return i == n || len > n;
}

/* Whether all characters lie in lo..hi, but for one space in front; the beginning of a character
 * when one of those that begin so does. */
static bool is_script(const struct bpe_options *o, const char *s, size_t n)
{
    if (n > 1 && *s == ' ') {
        s++;
        n--;
    }
    for (size_t i = 0; i < n;) {
        size_t len = length_of((unsigned char)s[i]);
        uint32_t low = (unsigned char)s[i], high;
        if (len > 1)
            low &= 0x7Fu >> len;
        high = low;
        for (size_t k = 1; k < len; k++) {
            bool known = i + k < n;
            low = low << 6 | (known ? (unsigned char)s[i + k] & 0x3Fu : 0);
            high = high << 6 | (known ? (unsigned char)s[i + k] & 0x3Fu : 0x3F);
        }
        if (high < o->lo || low > o->hi)
            return false;
        i += len;
    }
    return n > 0;
}

static bool has_script(const struct bpe_options *o, const char *s, size_t n)
{
    uint32_t c;
    if (!(o->reserve > 0))
        return false;
    for (size_t i = 0; i < n; i += (size_t)text_decode(s + i, n - i, &c))
        if (text_decode(s + i, n - i, &c) && c >= o->lo && c <= o->hi)
            return true;
    return false;
}

/* -- words ------------------------------------------------------------------------------------- */

static size_t hash_of(const char *s, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
    return (size_t)(h ^ h >> 29);
}

static struct word *find_word(struct word *words, size_t cap, const char *s, size_t n)
{
    size_t i = hash_of(s, n) & (cap - 1);
    while (words[i].count && (words[i].n != n || memcmp(words[i].bytes, s, n) != 0))
        i = (i + 1) & (cap - 1);
    return &words[i];
}

static void grow_words(struct bpe_train *t)
{
    size_t cap = t->cap_words ? 2 * t->cap_words : 1024;
    struct word *words = must(calloc(cap, sizeof *words), cap * sizeof *words);
    for (size_t i = 0; i < t->cap_words; i++)
        if (t->words[i].count)
            *find_word(words, cap, t->words[i].bytes, t->words[i].n) = t->words[i];
    free(t->words);
    t->words = words;
    t->cap_words = cap;
}

void bpe_train_word(struct bpe_train *t, const char *word, size_t n)
{
    if (!n)
        return;
    if (2 * t->n_words >= t->cap_words)
        grow_words(t);
    struct word *w = find_word(t->words, t->cap_words, word, n);
    if (!w->count++) {
        w->bytes = arena_strndup(&t->arena, word, n);
        w->n = n;
        t->n_words++;
    }
}

static int take_word(void *user, size_t at, size_t n, struct assay_err *e)
{
    const struct part *p = user;
    (void)e;
    bpe_train_word(p->t, p->text + at, n);
    return 0;
}

/* Length of the longest special that begins at s, or 0. */
static size_t special_at(const struct bpe_options *o, const char *s, size_t n)
{
    size_t best = 0;
    for (uint32_t i = 0; i < o->n_specials; i++) {
        size_t len = strlen(o->specials[i].text);
        if (len > best && len <= n && memcmp(o->specials[i].text, s, len) == 0)
            best = len;
    }
    return best;
}

static void count_script_words(struct bpe_train *t, const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && !strchr(" \t\r\n", s[at + len] ? s[at + len] : 'x'))
            len++;
        t->script_words += len && has_script(&t->o, s + at, len);
        at += len + 1;
    }
}

static int take_part(struct bpe_train *t, const char *text, size_t n, struct assay_err *e)
{
    struct part p = {t, text};
    count_script_words(t, text, n);
    return pretoken_each(t->pre, text, n, take_word, &p, e);
}

int bpe_train_text(struct bpe_train *t, const char *text, size_t n, struct assay_err *e)
{
    bool first[256] = {false};
    size_t bad, from = 0;
    if (!text_valid(text, n, &bad))
        return err_set(e, ASSAY_EFORMAT, "offset %zu: not UTF-8", bad);
    for (uint32_t i = 0; i < t->o.n_specials; i++)
        first[(unsigned char)t->o.specials[i].text[0]] = true;
    for (size_t i = 0; i < n;) {
        size_t len = first[(unsigned char)text[i]] ? special_at(&t->o, text + i, n - i) : 0;
        if (len)
            TRY(take_part(t, text + from, i - from, e));
        i += len ? len : 1;
        from = len ? i : from;
    }
    return take_part(t, text + from, n - from, e);
}

/* -- pairs ------------------------------------------------------------------------------------- */

static struct pair *find_pair(struct pair *pairs, size_t cap, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t i = (size_t)((key ^ key >> 29) * 0x9E3779B97F4A7C15u >> 24) & (cap - 1);
    while (pairs[i].left >= 0 && (pairs[i].left != left || pairs[i].right != right))
        i = (i + 1) & (cap - 1);
    return &pairs[i];
}

static void grow_pairs(struct bpe_train *t)
{
    size_t cap = t->cap_pairs ? 2 * t->cap_pairs : 4096;
    struct pair *pairs = must(malloc(cap * sizeof *pairs), cap * sizeof *pairs);
    for (size_t i = 0; i < cap; i++)
        pairs[i].left = -1;
    for (size_t i = 0; i < t->cap_pairs; i++)
        if (t->pairs[i].left >= 0)
            *find_pair(pairs, cap, t->pairs[i].left, t->pairs[i].right) = t->pairs[i];
    free(t->pairs);
    t->pairs = pairs;
    t->cap_pairs = cap;
}

/* The bytes of two pieces in a row, in the arena. */
static char *joined(struct bpe_train *t, int32_t left, int32_t right, size_t *n)
{
    const struct piece *a = &t->pieces[left], *b = &t->pieces[right];
    char *bytes = arena_alloc(&t->arena, a->n + b->n + 1);
    memcpy(bytes, a->bytes, a->n);
    memcpy(bytes + a->n, b->bytes, b->n);
    *n = a->n + b->n;
    return bytes;
}

static void judge(struct bpe_train *t, struct pair *p)
{
    size_t n;
    struct arena_mark mark = arena_mark(&t->arena);
    const char *bytes = joined(t, p->left, p->right, &n);
    p->allowed = is_aligned(bytes, n);
    p->script = t->o.reserve > 0 && is_script(&t->o, bytes, n);
    arena_rewind(&t->arena, mark);
}

/* Adds (or takes back) what a word counts. */
static void count_pairs(struct bpe_train *t, const struct word *w, bool add)
{
    for (size_t i = 0; i + 1 < w->n_ids; i++) {
        if (2 * t->n_pairs >= t->cap_pairs)
            grow_pairs(t);
        struct pair *p = find_pair(t->pairs, t->cap_pairs, w->ids[i], w->ids[i + 1]);
        if (p->left < 0) {
            *p = (struct pair){.left = w->ids[i], .right = w->ids[i + 1]};
            judge(t, p);
            t->n_pairs++;
        }
        p->count = add ? p->count + w->count : p->count - w->count;
    }
}

static bool is_better(const struct pair *p, const struct pair *best)
{
    if (!best || p->count != best->count)
        return !best || p->count > best->count;
    return p->left != best->left ? p->left < best->left : p->right < best->right;
}

/* The next pair to join, NULL: none stands twice. */
static const struct pair *best_pair(const struct bpe_train *t, bool script)
{
    const struct pair *best = NULL;
    for (size_t i = 0; i < t->cap_pairs; i++) {
        const struct pair *p = &t->pairs[i];
        if (p->left >= 0 && p->count >= 2 && p->allowed && (!script || p->script) &&
            is_better(p, best))
            best = p;
    }
    return best;
}

/* -- joining ----------------------------------------------------------------------------------- */

static void join_in(struct bpe_train *t, struct word *w, struct pair p, int32_t id)
{
    size_t n = 0, i = 0;
    while (i + 1 < w->n_ids && (w->ids[i] != p.left || w->ids[i + 1] != p.right))
        i++;
    if (i + 1 >= w->n_ids)
        return;
    count_pairs(t, w, false);
    for (i = 0; i < w->n_ids; n++) {
        bool here = i + 1 < w->n_ids && w->ids[i] == p.left && w->ids[i + 1] == p.right;
        w->ids[n] = here ? id : w->ids[i];
        i += here ? 2 : 1;
    }
    w->n_ids = n;
    count_pairs(t, w, true);
}

/* Whether a token is stored under that text already: two ways of joining can make the same one. */
static bool is_taken(struct bpe_train *t, const char *bytes, size_t n)
{
    for (uint32_t i = 0; i < t->n_pieces; i++)
        if (t->pieces[i].n == n && memcmp(t->pieces[i].bytes, bytes, n) == 0)
            return true;
    struct arena_mark mark = arena_mark(&t->arena);
    char *text = arena_alloc(&t->arena, 2 * n);
    size_t len = bpe_spell(bytes, n, text);
    bool taken = false;
    for (uint32_t i = 0; i < t->o.n_specials; i++)
        taken |= strlen(t->o.specials[i].text) == len && !memcmp(t->o.specials[i].text, text, len);
    arena_rewind(&t->arena, mark);
    return taken;
}

static void spell_words(struct bpe_train *t)
{
    for (size_t i = 0; i < t->cap_words; i++) {
        struct word *w = &t->words[i];
        if (!w->count)
            continue;
        w->ids = ARENA_ARRAY(&t->arena, int32_t, w->n);
        w->n_ids = w->n;
        for (size_t k = 0; k < w->n; k++)
            w->ids[k] = (unsigned char)w->bytes[k];
        count_pairs(t, w, true);
    }
}

int bpe_train_run(struct bpe_train *t, struct assay_err *e)
{
    uint32_t n = t->o.n_vocab - t->o.n_specials;
    spell_words(t);
    while (t->n_pieces < n) {
        uint32_t made = t->n_pieces - N_BYTES;
        bool script = t->script_merges < (uint32_t)(t->o.reserve * (made + 1));
        const struct pair *best = best_pair(t, script);
        if (!best && script)
            best = best_pair(t, false);
        if (!best)
            return err_set(
                e, ASSAY_EUSAGE,
                "the text gives %u merges, but a vocabulary of %u needs %u: give more text or "
                "ask for at most %u tokens",
                made, t->o.n_vocab, n - N_BYTES, t->o.n_vocab - (n - t->n_pieces));
        struct pair p = *best;
        struct piece *piece = &t->pieces[t->n_pieces];
        piece->bytes = joined(t, p.left, p.right, &piece->n);
        if (is_taken(t, piece->bytes, piece->n)) {
            find_pair(t->pairs, t->cap_pairs, p.left, p.right)->allowed = false;
            continue;
        }
        piece->left = p.left;
        piece->right = p.right;
        t->script_merges += p.script;
        for (size_t i = 0; i < t->cap_words; i++)
            if (t->words[i].count)
                join_in(t, &t->words[i], p, (int32_t)t->n_pieces);
        t->n_pieces++;
    }
    return 0;
}

/* -- life cycle and results -------------------------------------------------------------------- */

static int check_special(const struct bpe_options *o, uint32_t i, struct assay_err *e)
{
    const char *text = o->specials[i].text;
    char spelled[4];
    if (!*text || strlen(text) > 255 || !text_valid(text, strlen(text), NULL))
        return err_set(e, ASSAY_EUSAGE, "special token %u, '%s': expected 1 to 255 bytes of UTF-8",
                       i, text);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(o->specials[k].text, text) == 0)
            return err_set(e, ASSAY_EUSAGE, "the special token '%s' is given twice", text);
    for (int b = 0; b < N_BYTES; b++) {
        char raw = (char)b;
        size_t n = bpe_spell(&raw, 1, spelled);
        if (strlen(text) == n && memcmp(text, spelled, n) == 0)
            return err_set(e, ASSAY_EUSAGE, "the special token '%s' is the token of a byte", text);
    }
    return 0;
}

static int check_options(const struct bpe_options *o, struct assay_err *e)
{
    if (o->n_specials > MAX_SPECIALS)
        return err_set(e, ASSAY_EUSAGE, "%u special tokens, expected at most %d", o->n_specials,
                       MAX_SPECIALS);
    if (o->n_vocab < N_BYTES + o->n_specials || o->n_vocab > MAX_VOCAB)
        return err_set(
            e, ASSAY_EUSAGE,
            "a vocabulary of %u tokens: expected at least %u (256 bytes and %u specials) "
            "and at most %d",
            o->n_vocab, N_BYTES + o->n_specials, o->n_specials, MAX_VOCAB);
    if (o->bos >= (int64_t)o->n_specials || o->eos >= (int64_t)o->n_specials)
        return err_set(e, ASSAY_EUSAGE, "bos or eos is not among the %u special tokens",
                       o->n_specials);
    if (!(o->reserve >= 0 && o->reserve <= 1) || o->lo > o->hi || o->hi > 0x10FFFF)
        return err_set(e, ASSAY_EUSAGE,
                       "a share of %g of the merges for U+%04X-U+%04X: expected 0 to 1 and an "
                       "ascending range",
                       o->reserve, o->lo, o->hi);
    for (uint32_t i = 0; i < o->n_specials; i++)
        TRY(check_special(o, i, e));
    return 0;
}

int bpe_train_open(const struct bpe_options *o, struct bpe_train **out, struct assay_err *e)
{
    TRY(check_options(o, e));
    struct bpe_train *t = must(calloc(1, sizeof *t), sizeof *t);
    t->o = *o;
    int rc = pretoken_open(o->pre, strlen(o->pre), &t->pre, e);
    if (rc < 0) {
        bpe_train_close(t);
        return rc;
    }
    t->pieces = ARENA_ARRAY(&t->arena, struct piece, o->n_vocab);
    for (int b = 0; b < N_BYTES; b++) {
        char raw = (char)b;
        t->pieces[b] = (struct piece){arena_strndup(&t->arena, &raw, 1), 1, -1, -1};
    }
    t->n_pieces = N_BYTES;
    grow_words(t);
    grow_pairs(t);
    *out = t;
    return 0;
}

void bpe_train_close(struct bpe_train *t)
{
    if (!t)
        return;
    pretoken_close(t->pre);
    free(t->words);
    free(t->pairs);
    arena_release(&t->arena);
    free(t);
}

void bpe_train_stats(const struct bpe_train *t, struct bpe_stats *s)
{
    *s = (struct bpe_stats){.script_words = t->script_words,
                            .n_merges = t->n_pieces - N_BYTES,
                            .script_merges = t->script_merges};
    for (size_t i = 0; i < t->cap_words; i++) {
        const struct word *w = &t->words[i];
        uint32_t c;
        if (!w->count)
            continue;
        s->n_bytes += w->count * w->n;
        s->n_tokens += w->count * w->n_ids;
        if (!has_script(&t->o, w->bytes, w->n))
            continue;
        s->script_tokens += w->count * w->n_ids;
        for (size_t k = 0; k < w->n; k += (size_t)text_decode(w->bytes + k, w->n - k, &c))
            s->script_chars +=
                has_script(&t->o, w->bytes + k, length_of((unsigned char)w->bytes[k])) * w->count;
    }
}

const char *bpe_train_piece(const struct bpe_train *t, uint32_t id, size_t *n)
{
    if (id < t->o.n_specials) {
        *n = strlen(t->o.specials[id].text);
        return t->o.specials[id].text;
    }
    *n = t->pieces[id - t->o.n_specials].n;
    return t->pieces[id - t->o.n_specials].bytes;
}

/* A piece as it is stored. */
static struct gguf_str spelled(struct arena *a, const struct piece *p)
{
    char *text = arena_alloc(a, 2 * p->n);
    return (struct gguf_str){text, bpe_spell(p->bytes, p->n, text)};
}

static void write_tokens(const struct bpe_train *t, struct arena *a, struct gguf_out *g)
{
    uint32_t first = t->o.n_specials, n = first + t->n_pieces;
    struct gguf_str *tokens = ARENA_ARRAY(a, struct gguf_str, n);
    int32_t *types = ARENA_ARRAY(a, int32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        const char *special = i < first ? t->o.specials[i].text : NULL;
        types[i] = special ? t->o.specials[i].type : 1;
        tokens[i] = special ? (struct gguf_str){special, strlen(special)}
                            : spelled(a, &t->pieces[i - first]);
    }
    gguf_out_strs(g, "tokenizer.ggml.tokens", tokens, n);
    gguf_out_i32s(g, "tokenizer.ggml.token_type", types, n);
}

static void write_merges(const struct bpe_train *t, struct arena *a, struct gguf_out *g)
{
    uint32_t n = t->n_pieces - N_BYTES;
    struct gguf_str *merges = ARENA_ARRAY(a, struct gguf_str, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct piece *p = &t->pieces[N_BYTES + i];
        struct gguf_str l = spelled(a, &t->pieces[p->left]), r = spelled(a, &t->pieces[p->right]);
        char *text = arena_printf(a, "%.*s %.*s", (int)l.n, l.v, (int)r.n, r.v);
        merges[i] = (struct gguf_str){text, l.n + 1 + r.n};
    }
    gguf_out_strs(g, "tokenizer.ggml.merges", merges, n);
}

void bpe_train_write(const struct bpe_train *t, struct gguf_out *g)
{
    struct arena a = {0};
    gguf_out_str(g, "tokenizer.ggml.model", "gpt2");
    gguf_out_str(g, "tokenizer.ggml.pre", t->o.pre);
    write_tokens(t, &a, g);
    write_merges(t, &a, g);
    if (t->o.bos >= 0)
        gguf_out_u32(g, "tokenizer.ggml.bos_token_id", (uint32_t)t->o.bos);
    if (t->o.eos >= 0)
        gguf_out_u32(g, "tokenizer.ggml.eos_token_id", (uint32_t)t->o.eos);
    gguf_out_bool(g, "tokenizer.ggml.add_bos_token", t->o.bos >= 0);
    arena_release(&a);
}
