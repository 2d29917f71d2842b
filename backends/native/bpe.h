/* bpe.h - byte-level byte-pair encoding as GPT-2 introduced it (tokenizer.ggml.model = "gpt2"), the
 * part behind vocab.h: ranked merges of pairs of token ids.  Private to the vocabulary, except for
 * the byte map.
 *
 * Byte map: tokens are stored as text in which every byte is one printable character; bytes 33-126,
 * 161-172 and 174-255 stand for the character of that number, the other 68 in order for U+0100 on.
 * (Radford et al. 2019, encoder.py.) */
#ifndef BPE_H
#define BPE_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct bpe;
struct gguf;
struct pretoken_traits;
struct vocab;
struct vocab_out;

/* out: room for 2 n bytes; returns how many were written. */
size_t bpe_spell(const char *bytes, size_t n, char *out);
/* The reverse; out: room for n bytes.  SIZE_MAX when a character stands for no byte. */
size_t bpe_unspell(const char *text, size_t n, char *out);

/* The splitting into words that tokenizer.ggml.pre names ("default" when absent).  No merges yet.
 * Errors: ASSAY_EUNSUPPORTED with the names there are. */
int bpe_open(const struct gguf *, struct bpe **, struct assay_err *);
void bpe_close(struct bpe *);
const struct pretoken_traits *bpe_traits(const struct bpe *);
/* Reads tokenizer.ggml.merges once the vocabulary's tokens are indexed, and finds the pieces of the
 * 256 bytes (vocab.byte_ids).  Errors: ASSAY_EFORMAT for a merge that is not two tokens that make a
 * third, or stands there twice, and for a vocabulary that cannot spell ASCII. */
int bpe_load(struct vocab *, const struct gguf *, struct assay_err *);
/* The text -> out.  Damaged UTF-8 reads as llama.cpp reads it: each byte that starts no character
 * as U+FFFD.  Errors: ASSAY_EUNSUPPORTED: a byte the vocabulary has no piece for. */
int bpe_encode(struct vocab *, const char *text, size_t n, struct vocab_out *, struct assay_err *);
#endif
