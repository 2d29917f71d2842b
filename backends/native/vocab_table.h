/* vocab_table.h - a vocabulary's tokens and their index, shared by the loader (vocab.c) and the
 * encoders (spm.c, bpe.c).  Private to them.
 *
 * Invariant: texts are unique and not empty; scores are never NaN; ids are below n. */
#ifndef VOCAB_TABLE_H
#define VOCAB_TABLE_H
#include <stdbool.h>
#include "backends/native/vocab.h"
#include "harness/base/arena.h"

enum vocab_kind {                  /* tokenizer.ggml.token_type */
    VOCAB_UNDEFINED, VOCAB_NORMAL, VOCAB_UNKNOWN, VOCAB_CONTROL, VOCAB_USER, VOCAB_UNUSED,
    VOCAB_BYTE
};
struct vocab_token {
    const char *text;              /* as stored: U+2581 for a space */
    const char *piece;             /* as it prints */
    uint32_t n, n_piece;
    float score;
    uint8_t kind;                  /* enum vocab_kind */
    bool eog;
};
struct vocab_slot {                /* open addressing; id < 0: free */
    uint32_t hash;
    int32_t id;
};
struct spm_symbol {
    int32_t prev, next;            /* -1: none */
    uint32_t at, n;                /* bytes of the escaped text; n == 0: merged away */
};
struct spm_bigram {
    uint64_t key;                  /* larger is better: score, then leftmost */
    uint32_t size, left;
};
struct vocab_fragment {            /* a stretch of the input, or one special token */
    size_t at, n;
    int32_t token;                 /* -1: text */
};
struct vocab_scratch {             /* grows, never shrinks: no allocation once warm */
    char *text;
    struct spm_symbol *symbols;
    struct spm_bigram *heap;
    struct vocab_fragment *parts[2];
    size_t cap_text, cap_symbols, cap_heap, cap_parts[2];
};
struct vocab {
    struct arena arena;
    struct bpe *bpe;               /* byte-level BPE; NULL: SentencePiece */
    struct vocab_token *tokens;
    uint32_t n, max_len;           /* longest text in bytes */
    struct vocab_slot *slots;
    uint32_t mask;                 /* slots - 1, a power of two less one */
    int32_t bos, eos;
    bool add_bos, add_space;
    int32_t byte_ids[256];         /* -1: no token for that byte */
    int32_t *special;              /* control, unknown and user-defined ids, longest text first */
    uint32_t n_special;
    struct vocab_scratch scratch;
};
struct vocab_out {                 /* where token ids go: counts all, writes what fits */
    int32_t *v;
    size_t cap, n;
};

static inline void vocab_emit(struct vocab_out *o, int32_t id)
{
    if (o->n < o->cap)
        o->v[o->n] = id;
    o->n++;
}
/* -1: no such token. */
int32_t vocab_lookup(const struct vocab *, const char *text, size_t n);
/* Makes room for `need` items of `size` bytes, keeping the contents. */
int vocab_room(void *array, size_t *cap, size_t need, size_t size, struct assay_err *);
/* SentencePiece: the escaped text scratch.text[0..n) -> out. */
int spm_encode(struct vocab *, size_t n, struct vocab_out *out, struct assay_err *);
#endif
