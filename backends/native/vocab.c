/* vocab.c - a vocabulary from GGUF metadata: checked, copied, indexed; special tokens in a text.
 *
 * Same results as llama.cpp's llama_vocab for tokenizer.ggml.model = "llama" and "gpt2": defaults,
 * duplicate and empty texts, byte tokens, the texts that make a token control or
 * end-of-generation.  The merging itself is in spm.c and bpe.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/bpe.h"
#include "backends/native/gguf.h"
#include "backends/native/pretoken.h"
#include "backends/native/vocab_table.h"
#include "harness/base/err.h"
#include "harness/base/log.h"

enum { MAX_TOKENS = 1 << 21, MAX_TEXT = 1 << 30 };

#define SPACE "\xe2\x96\x81" /* U+2581 */

/* Texts that are control tokens whatever their stored type says: converters get these types wrong
 * often enough that llama.cpp goes by the text.  The first list ends a generation. */
static const char *const ending[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "[e~[",
    "<\xef\xbd\x9c\x65nd" SPACE "of" SPACE "sentence\xef\xbd\x9c>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};
static const char *const control[] = {
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<\xef\xbd\x9c\x66im" SPACE "begin\xef\xbd\x9c>",
    "<PRE>",
    SPACE "<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<\xef\xbd\x9c\x66im" SPACE "hole\xef\xbd\x9c>",
    "<SUF>",
    SPACE "<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<\xef\xbd\x9c\x66im" SPACE "end\xef\xbd\x9c>",
    "<MID>",
    SPACE "<MID>",
    "<|code_middle|>",
    "<|middle|>",
};

/* -- index ------------------------------------------------------------------------------------- */

static uint32_t hash(const char *p, size_t n)
{
    uint64_t h = n * 0x9E3779B97F4A7C15u, x = 0;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&x, p, 8);
        h = (h ^ x) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    x = 0;
    memcpy(&x, p, n);
    h = (h ^ x) * 0xD6E8FEB86659FD93u;
    return (uint32_t)(h >> 32);
}

int32_t vocab_lookup(const struct vocab *v, const char *text, size_t n)
{
    uint32_t h = hash(text, n);
    for (uint32_t i = h & v->mask; v->slots[i].id >= 0; i = (i + 1) & v->mask) {
        const struct vocab_token *t = &v->tokens[v->slots[i].id];
        if (v->slots[i].hash == h && t->n == n && !memcmp(t->text, text, n))
            return v->slots[i].id;
    }
    return -1;
}

static int index_tokens(struct vocab *v, const struct gguf *g, size_t offset, struct assay_err *e)
{
    uint32_t size = 16;
    while (size < 4 * (uint64_t)v->n)
        size *= 2;
    v->mask = size - 1;
    v->slots = ARENA_ARRAY(&v->arena, struct vocab_slot, size);
    for (uint32_t i = 0; i < size; i++)
        v->slots[i].id = -1;
    for (uint32_t id = 0; id < v->n; id++) {
        const struct vocab_token *t = &v->tokens[id];
        int32_t other = vocab_lookup(v, t->text, t->n);
        if (other >= 0)
            return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: tokens %d and %u have the same text",
                           g->path, offset, other, id);
        uint32_t h = hash(t->text, t->n), i = h & v->mask;
        while (v->slots[i].id >= 0)
            i = (i + 1) & v->mask;
        v->slots[i] = (struct vocab_slot){h, (int32_t)id};
    }
    return 0;
}

/* -- loading ----------------------------------------------------------------------------------- */

/* The array `key` with one item per token; *out NULL when absent. */
static int per_token(const struct gguf *g, const char *key, uint64_t n, bool floats,
                     const struct gguf_kv **out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    *out = kv;
    if (!kv)
        return 0;
    bool fits = gguf_is_int(kv->elem) || (floats && kv->elem == GGUF_F32);
    if (kv->type != GGUF_ARRAY || !fits)
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' is not an array of %s", g->path,
                       kv->offset, key, floats ? "floats" : "integers");
    if (kv->n != n)
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' has %llu items for %llu tokens",
                       g->path, kv->offset, key, (unsigned long long)kv->n, (unsigned long long)n);
    return 0;
}

static void copy_text(struct vocab *v, uint32_t id, struct gguf_str s)
{
    struct vocab_token *t = &v->tokens[id];
    t->text = s.n ? arena_strndup(&v->arena, s.v, s.n) : arena_printf(&v->arena, "[EMPTY_%u]", id);
    t->n = s.n ? (uint32_t)s.n : (uint32_t)strlen(t->text);
    if (t->n > v->max_len)
        v->max_len = t->n;
}

static int load_texts(struct vocab *v, const struct gguf *g, const struct gguf_kv *kv,
                      struct assay_err *e)
{
    struct gguf_str *texts = malloc(v->n * sizeof *texts);
    if (!texts)
        return err_set(e, ASSAY_ENOMEM, "no memory for %u tokens", v->n);
    gguf_strings(kv, texts);
    int rc = 0;
    for (uint32_t i = 0; i < v->n && !rc; i++) {
        if (texts[i].n > 65535)
            rc = err_set(e, ASSAY_EFORMAT,
                         "%s: offset %zu: token %u is %zu bytes long, expected at"
                         " most 65535",
                         g->path, kv->offset, i, texts[i].n);
        else
            copy_text(v, i, texts[i]);
    }
    free(texts);
    return rc;
}

static int load_scores(struct vocab *v, const struct gguf *g, struct assay_err *e)
{
    const struct gguf_kv *scores, *types;
    TRY(per_token(g, "tokenizer.ggml.scores", v->n, true, &scores, e));
    TRY(per_token(g, "tokenizer.ggml.token_type", v->n, false, &types, e));
    for (uint32_t i = 0; i < v->n; i++) {
        struct vocab_token *t = &v->tokens[i];
        t->score = scores ? gguf_float_at(scores, i) : 0;
        if (isnan(t->score))
            return err_set(e, ASSAY_EFORMAT,
                           "%s: offset %zu: the score of token %u is not a number", g->path,
                           scores->offset, i);
        int64_t kind = types ? gguf_int_at(types, i) : VOCAB_NORMAL;
        t->kind = kind >= VOCAB_NORMAL && kind <= VOCAB_BYTE ? (uint8_t)kind : VOCAB_UNDEFINED;
    }
    return 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The byte that "<0xXX>" names, or -1. */
static int byte_of(const struct vocab_token *t)
{
    if (t->n != 6 || memcmp(t->text, "<0x", 3) || t->text[5] != '>')
        return -1;
    int hi = hex(t->text[3]), lo = hex(t->text[4]);
    return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

static void unescape(struct vocab *v, struct vocab_token *t)
{
    if (v->bpe) {
        char *bytes = arena_alloc(&v->arena, t->n + 1);
        size_t len = bpe_unspell(t->text, t->n, bytes);
        if (len != SIZE_MAX) {
            t->piece = bytes;
            t->n_piece = (uint32_t)len;
        }
        return;
    }
    char *out = arena_alloc(&v->arena, t->n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n;) {
        bool space = t->n - i >= 3 && !memcmp(t->text + i, SPACE, 3);
        out[n++] = space ? ' ' : t->text[i];
        i += space ? 3 : 1;
    }
    t->piece = out;
    t->n_piece = n;
}

static int make_pieces(struct vocab *v, const struct gguf *g, size_t offset, struct assay_err *e)
{
    for (uint32_t i = 0; i < v->n; i++) {
        struct vocab_token *t = &v->tokens[i];
        int byte = byte_of(t);
        t->piece = t->text;
        t->n_piece = t->n;
        if (t->kind == VOCAB_NORMAL) {
            unescape(v, t);
        } else if (t->kind == VOCAB_UNUSED || t->kind == VOCAB_UNDEFINED) {
            t->n_piece = 0;
        } else if (t->kind == VOCAB_BYTE && byte >= 0) {
            char c = (char)byte;
            t->piece = arena_strndup(&v->arena, &c, 1);
            t->n_piece = 1;
        } else if (t->kind == VOCAB_BYTE) {
            return err_set(e, ASSAY_EFORMAT,
                           "%s: offset %zu: token %u is of type byte, but its "
                           "text is not '<0xXX>'",
                           g->path, offset, i);
        }
    }
    return 0;
}

static void find_bytes(struct vocab *v)
{
    for (int b = 0; b < 256; b++) {
        char name[7], raw = (char)b;
        snprintf(name, sizeof name, "<0x%02X>", b);
        v->byte_ids[b] = vocab_lookup(v, name, 6);
        if (v->byte_ids[b] < 0)
            v->byte_ids[b] = vocab_lookup(v, &raw, 1);
    }
}

static int longest_first(const void *a, const void *b, void *user)
{
    const struct vocab *v = user;
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    uint32_t nx = v->tokens[x].n, ny = v->tokens[y].n;
    return nx != ny ? (nx < ny) - (nx > ny) : (x > y) - (x < y);
}

static void mark_known(struct vocab *v, const char *const *texts, size_t n, bool eog)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = vocab_lookup(v, texts[i], strlen(texts[i]));
        if (id < 0)
            continue;
        v->tokens[id].kind = VOCAB_CONTROL;
        v->tokens[id].eog = eog;
    }
}

static void find_special(struct vocab *v)
{
    mark_known(v, ending, sizeof ending / sizeof *ending, true);
    mark_known(v, control, sizeof control / sizeof *control, false);
    if (v->eos >= 0)
        v->tokens[v->eos].eog = true;
    v->special = ARENA_ARRAY(&v->arena, int32_t, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        uint8_t kind = v->tokens[i].kind;
        if (kind == VOCAB_CONTROL || kind == VOCAB_UNKNOWN || kind == VOCAB_USER)
            v->special[v->n_special++] = (int32_t)i;
    }
    qsort_r(v->special, v->n_special, sizeof *v->special, longest_first, v);
}

/* An id beyond the vocabulary keeps the default: converters write -1 for "none". */
static int special_id(const struct vocab *v, const struct gguf *g, const char *key, int32_t def,
                      int32_t *out, struct assay_err *e)
{
    uint64_t id = 0;
    *out = (uint32_t)def < v->n ? def : -1;
    const struct gguf_kv *kv = gguf_find(g, key);
    if (kv && gguf_is_int(kv->type) && gguf_int_at(kv, 0) < 0)
        return 0;
    int found = gguf_uint(g, key, &id, e);
    if (found > 0 && id < v->n)
        *out = (int32_t)id;
    else if (found > 0)
        log_warn("%s: '%s' is %llu, beyond the %u tokens; using %d", g->path, key,
                 (unsigned long long)id, v->n, *out);
    return found < 0 ? found : 0;
}

static int load_special(struct vocab *v, const struct gguf *g, struct assay_err *e)
{
    const struct pretoken_traits *pre = v->bpe ? bpe_traits(v->bpe) : NULL;
    int32_t bos = !pre ? 1 : pre->no_bos ? -1 : 11, eos = pre ? 11 : 2;
    v->add_bos = !pre || pre->add_bos;
    v->add_space = !pre;
    TRY(special_id(v, g, "tokenizer.ggml.bos_token_id", bos, &v->bos, e));
    TRY(special_id(v, g, "tokenizer.ggml.eos_token_id", eos, &v->eos, e));
    TRY(gguf_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, e));
    TRY(gguf_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space, e));
    if (v->bos < 0)
        v->add_bos = false;
    return 0;
}

static int load(struct vocab *v, const struct gguf *g, struct assay_err *e)
{
    char show[GGUF_SHOW];
    struct gguf_str model = {"", 0};
    TRY(gguf_string(g, "tokenizer.ggml.model", &model, e));
    bool bpe = gguf_str_is(model, "gpt2");
    if (!bpe && !gguf_str_is(model, "llama"))
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%s: the tokenizer is '%s'; supported are 'llama' (SentencePiece) and "
                       "'gpt2' (byte-level BPE)",
                       g->path, gguf_show(model, show));
    if (bpe)
        TRY(bpe_open(g, &v->bpe, e));
    const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.tokens");
    if (!kv || kv->type != GGUF_ARRAY || kv->elem != GGUF_STR)
        return err_set(e, ASSAY_EFORMAT, "%s: 'tokenizer.ggml.tokens' is %s", g->path,
                       kv ? "not an array of strings" : "missing");
    if (!kv->n || kv->n > MAX_TOKENS)
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: %llu tokens, expected 1 to %d", g->path,
                       kv->offset, (unsigned long long)kv->n, MAX_TOKENS);
    v->n = (uint32_t)kv->n;
    v->tokens = ARENA_ARRAY(&v->arena, struct vocab_token, v->n);
    TRY(load_texts(v, g, kv, e));
    TRY(index_tokens(v, g, kv->offset, e));
    TRY(load_scores(v, g, e));
    TRY(load_special(v, g, e));
    find_special(v);
    TRY(make_pieces(v, g, kv->offset, e));
    if (bpe)
        return bpe_load(v, g, e);
    find_bytes(v);
    return 0;
}

int vocab_open(const struct gguf *g, struct vocab **out, struct assay_err *e)
{
    struct arena a = {0};
    struct vocab *v = ARENA_NEW(&a, struct vocab);
    v->arena = a;
    int rc = load(v, g, e);
    if (rc < 0)
        vocab_close(v);
    else
        *out = v;
    return rc;
}

void vocab_close(struct vocab *v)
{
    if (!v)
        return;
    free(v->scratch.text);
    free(v->scratch.symbols);
    free(v->scratch.heap);
    free(v->scratch.parts[0]);
    free(v->scratch.parts[1]);
    bpe_close(v->bpe);
    struct arena a = v->arena;
    arena_release(&a);
}

/* -- encoding ---------------------------------------------------------------------------------- */

int vocab_room(void *array, size_t *cap, size_t need, size_t size, struct assay_err *e)
{
    if (need <= *cap)
        return 0;
    size_t n = need + need / 2 + 64;
    void *p;
    memcpy(&p, array, sizeof p); /* the pointer's own type is the caller's */
    if (n > SIZE_MAX / size || !(p = realloc(p, n * size)))
        return err_set(e, ASSAY_ENOMEM, "no memory to tokenize a text of %zu characters", need);
    memcpy(array, &p, sizeof p);
    *cap = n;
    return 0;
}

/* Cuts every text fragment of `from` at each occurrence of token `id`; the result is in
 * parts[!from]. */
static int cut_at(struct vocab *v, const char *text, int32_t id, int from, size_t *n_parts,
                  struct assay_err *e)
{
    struct vocab_scratch *s = &v->scratch;
    const struct vocab_token *t = &v->tokens[id];
    size_t n = 0;
    for (size_t i = 0; i < *n_parts; i++) {
        struct vocab_fragment f = s->parts[from][i];
        const char *hit;
        while (f.token < 0 && (hit = memmem(text + f.at, f.n, t->text, t->n))) {
            size_t before = (size_t)(hit - (text + f.at));
            TRY(vocab_room(&s->parts[!from], &s->cap_parts[!from], n + 3, sizeof f, e));
            if (before)
                s->parts[!from][n++] = (struct vocab_fragment){f.at, before, -1};
            s->parts[!from][n++] = (struct vocab_fragment){f.at + before, t->n, id};
            f.at += before + t->n;
            f.n -= before + t->n;
        }
        TRY(vocab_room(&s->parts[!from], &s->cap_parts[!from], n + 1, sizeof f, e));
        if (f.n)
            s->parts[!from][n++] = f;
    }
    *n_parts = n;
    return 0;
}

/* Longest special text first, each one leftmost first.  *which: the array that holds the result. */
static int partition(struct vocab *v, const char *text, size_t len, int special, int *which,
                     size_t *n_parts, struct assay_err *e)
{
    struct vocab_scratch *s = &v->scratch;
    bool present[256] = {false};
    *which = 0;
    *n_parts = len > 0;
    TRY(vocab_room(&s->parts[0], &s->cap_parts[0], 1, sizeof *s->parts[0], e));
    s->parts[0][0] = (struct vocab_fragment){0, len, -1};
    for (size_t i = 0; i < len && v->n_special; i++)
        present[(unsigned char)text[i]] = true;
    for (uint32_t i = 0; i < v->n_special; i++) {
        const struct vocab_token *t = &v->tokens[v->special[i]];
        if ((!special && t->kind != VOCAB_USER) || !present[(unsigned char)t->text[0]])
            continue;
        if (!memmem(text, len, t->text, t->n))
            continue;
        TRY(cut_at(v, text, v->special[i], *which, n_parts, e));
        *which = !*which;
    }
    return 0;
}

static int encode_text(struct vocab *v, const char *text, size_t n, bool space,
                       struct vocab_out *out, struct assay_err *e)
{
    struct vocab_scratch *s = &v->scratch;
    if (v->bpe)
        return bpe_encode(v, text, n, out, e);
    TRY(vocab_room(&s->text, &s->cap_text, 3 * (n + 1), 1, e));
    size_t len = 0;
    for (size_t i = 0; i < n + space; i++) {
        char c = space && i == 0 ? ' ' : text[i - space];
        if (c != ' ') {
            s->text[len++] = c;
            continue;
        }
        memcpy(s->text + len, SPACE, 3);
        len += 3;
    }
    return spm_encode(v, len, out, e);
}

int vocab_encode(struct vocab *v, const char *text, size_t len, int special, int32_t *out,
                 size_t cap, size_t *n, struct assay_err *e)
{
    struct vocab_out o = {out, cap, 0};
    size_t n_parts = 0;
    int which = 0;
    *n = 0;
    if (len > MAX_TEXT / 3 - 1)
        return err_set(e, ASSAY_ELIMIT, "a text of %zu bytes, expected at most %d", len,
                       MAX_TEXT / 3 - 1);
    TRY(partition(v, text, len, special, &which, &n_parts, e));
    if (special && v->add_bos)
        vocab_emit(&o, v->bos);
    /* Every stretch of text stands first or behind a special token, so each gets the prefix. */
    for (size_t i = 0; i < n_parts; i++) {
        struct vocab_fragment f = v->scratch.parts[which][i];
        if (f.token >= 0)
            vocab_emit(&o, f.token);
        else
            TRY(encode_text(v, text + f.at, f.n, v->add_space, &o, e));
    }
    *n = o.n;
    return 0;
}

/* -- facts ------------------------------------------------------------------------------------- */

uint32_t vocab_size(const struct vocab *v)
{
    return v->n;
}
int32_t vocab_bos(const struct vocab *v)
{
    return v->bos;
}
int32_t vocab_eos(const struct vocab *v)
{
    return v->eos;
}
int vocab_add_bos(const struct vocab *v)
{
    return v->add_bos;
}

const char *vocab_piece(const struct vocab *v, int32_t token, size_t *n)
{
    *n = v->tokens[token].n_piece;
    return v->tokens[token].piece;
}

const char *vocab_special_text(const struct vocab *v, int32_t token)
{
    return token < 0 || strlen(v->tokens[token].text) != v->tokens[token].n ? NULL
                                                                          : v->tokens[token].text;
}

int vocab_is_control(const struct vocab *v, int32_t token)
{
    return v->tokens[token].kind == VOCAB_CONTROL || v->tokens[token].kind == VOCAB_UNKNOWN;
}

int vocab_is_eog(const struct vocab *v, int32_t token)
{
    return v->tokens[token].eog;
}
