/* vocab.h - tokenizer as stored in GGUF: SentencePiece (tokenizer.ggml.model = "llama") and
 * byte-level BPE ("gpt2", with the pre-tokenizers of pretoken.h), identical to llama.cpp's. */
#ifndef VOCAB_H
#define VOCAB_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct gguf;
struct vocab;

/* Copies what it needs: the file may be closed.  Errors: ASSAY_EFORMAT, ASSAY_EUNSUPPORTED (another
 * tokenizer or pre-tokenizer), with path and offset. */
int vocab_open(const struct gguf *, struct vocab **, struct assay_err *);
void vocab_close(struct vocab *);
uint32_t vocab_size(const struct vocab *);
int32_t vocab_bos(const struct vocab *);       /* -1: none */
int32_t vocab_eos(const struct vocab *);
int vocab_add_bos(const struct vocab *);
/* special: prepend bos as the vocabulary asks, match special-token texts (user-defined tokens are
 * matched always).  Nothing is appended.  *n: tokens needed; at most cap are written.  Any bytes
 * are text, valid UTF-8 or not.  Uses scratch memory of the vocabulary: one call at a time.
 * Errors: ASSAY_ELIMIT beyond 341 MiB, ASSAY_EUNSUPPORTED a byte the vocabulary cannot express. */
int vocab_encode(struct vocab *, const char *text, size_t len, int special, int32_t *out,
                 size_t cap, size_t *n, struct assay_err *);
/* Bytes of one token (0 <= token < vocab_size) as it appears inside a text (U+2581 -> ' ', <0xXX>
 * -> the byte; byte-level BPE: the bytes its characters stand for). */
const char *vocab_piece(const struct vocab *, int32_t token, size_t *n);
/* The token's text as the file has it: what vocab_encode(special) makes the token of again.  NULL for
 * -1, and for a text with a NUL byte. */
const char *vocab_special_text(const struct vocab *, int32_t token);
/* 1 for control and unknown tokens: they end or structure a text and print nothing. */
int vocab_is_control(const struct vocab *, int32_t token);
/* 1 for tokens that end a generation: eos and its kin ("<|eot_id|>", "<|im_end|>", ...). */
int vocab_is_eog(const struct vocab *, int32_t token);
#endif
