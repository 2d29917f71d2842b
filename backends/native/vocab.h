/* vocab.h - tokenizer as stored in GGUF: SentencePiece (tokenizer.ggml.model = "llama"), identical to
 * llama.cpp's.  More models come as further files behind the same calls. */
#ifndef VOCAB_H
#define VOCAB_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct gguf;
struct vocab;

int vocab_open(const struct gguf *, struct vocab **, struct assay_err *);
void vocab_close(struct vocab *);
uint32_t vocab_size(const struct vocab *);
int32_t vocab_bos(const struct vocab *);       /* -1: none */
int32_t vocab_eos(const struct vocab *);
int vocab_add_bos(const struct vocab *);
/* special: prepend bos as the vocabulary asks, match special-token texts.  *n: tokens needed; at
 * most cap are written. */
int vocab_encode(struct vocab *, const char *text, size_t len, int special, int32_t *out, size_t cap,
                 size_t *n, struct assay_err *);
/* Bytes of one token as it appears inside a text (U+2581 -> ' ', <0xXX> -> the byte). */
const char *vocab_piece(const struct vocab *, int32_t token, size_t *n);
/* 1 for control tokens: they end or structure a text and print nothing. */
int vocab_is_control(const struct vocab *, int32_t token);
#endif
