/* bpe_train.h - learning a byte-level BPE vocabulary (bpe.h) from text, and writing it as the
 * tokenizer keys of a GGUF file.
 *
 *   struct bpe_options o = {.n_vocab = 1024, .pre = "qwen2", .specials = s, .n_specials = 2,
 *                           .bos = 0, .eos = 1};
 *   rc = bpe_train_open(&o, &t, e);        then bpe_train_text(t, text, n, e) as often as needed
 *   rc = bpe_train_run(t, e);
 *   bpe_train_write(t, gguf_out);          bpe_train_close(t)
 *
 * Token ids: the specials in the order given, the 256 bytes, one per merge in the order learnt.
 * Every merge joins the pair that stands most often in the words of the text (the pre-tokenizer's
 * words, each counted as often as it occurs), among equals the one with the lower left id, then the
 * lower right id; so the result depends on the multiset of words alone, not on their order.  A
 * piece is whole characters or the beginning of one: no pair is joined that makes anything else.
 * What a pre-tokenizer cuts never merges: with qwen2 and qwen35 each digit stays a token of its own.
 *
 * A script that is rare in the text can be given a share of the merges, `reserve`: whenever fewer
 * than that share of those made so far are of the script, the next is the best pair within it.
 * Indic scripts: qwen2, gpt-2 and llama-bpe end a word at each vowel sign and virama (\p{M} is not
 * \p{L}), so that a syllable is two words or more and never one piece, however many merges are
 * reserved; qwen35 keeps them together.  struct bpe_stats says what it comes to. */
#ifndef BPE_TRAIN_H
#define BPE_TRAIN_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct bpe_train;
struct gguf_out;

enum { BPE_CONTROL = 3, BPE_TAG = 4 }; /* tokenizer.ggml.token_type */
struct bpe_special {
    const char *text;
    int32_t type;                  /* BPE_CONTROL: matched on request; BPE_TAG: anywhere */
};
struct bpe_options {               /* borrowed until bpe_train_close */
    uint32_t n_vocab;
    const char *pre;               /* a name of pretoken.h */
    const struct bpe_special *specials;
    uint32_t n_specials;
    int32_t bos, eos;              /* index of a special, -1: none; bos: add_bos_token */
    uint32_t lo, hi;               /* code points of the reserved script; */
    double reserve;                /* its share of the merges, 0..1; 0: none */
};
struct bpe_stats {                 /* of the training text under the vocabulary learnt */
    uint64_t n_bytes, n_tokens;    /* without specials */
    uint64_t script_chars;         /* characters of the reserved script */
    uint64_t script_words;         /* words between white space with at least one of them */
    uint64_t script_tokens;        /* tokens of the pre-tokenizer's words that have one */
    uint32_t n_merges, script_merges;
};

/* Errors: ASSAY_EUSAGE: impossible options, with the reason; ASSAY_EUNSUPPORTED: unknown `pre`. */
int bpe_train_open(const struct bpe_options *, struct bpe_train **, struct assay_err *);
void bpe_train_close(struct bpe_train *);
/* Counts the words of a text; special tokens in it are skipped and end a word.
 * Errors: ASSAY_EFORMAT: not UTF-8, with the offset. */
int bpe_train_text(struct bpe_train *, const char *text, size_t n, struct assay_err *);
/* Counts one word as it is, uncut (valid UTF-8). */
void bpe_train_word(struct bpe_train *, const char *word, size_t n);
/* Errors: ASSAY_EUSAGE when no pair stands twice any more before n_vocab is reached. */
int bpe_train_run(struct bpe_train *, struct assay_err *);
void bpe_train_stats(const struct bpe_train *, struct bpe_stats *);
/* Bytes of a token as it prints.  id < n_vocab. */
const char *bpe_train_piece(const struct bpe_train *, uint32_t id, size_t *n);
/* tokenizer.ggml.{model,pre,tokens,token_type,merges,bos_token_id,eos_token_id,add_bos_token}. */
void bpe_train_write(const struct bpe_train *, struct gguf_out *);
#endif
