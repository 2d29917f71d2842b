/* answers.h - answers that are a checksum of the request: `answers: hash` of the mock.
 *
 * Any program can make the same ones from the text alone, so two harnesses can be compared without a
 * model: tests/interop/hash_model.py does it in Python.  Answers are rich enough to matter: ties between
 * choices, texts that repeat words of the prompt, numbers, letters, nothing at all.
 * Not here: the contract with the host (mock.c). */
#ifndef MOCK_ANSWERS_H
#define MOCK_ANSWERS_H
#include <stddef.h>
#include <stdint.h>

struct assay_generate_req;
struct assay_score_req;

/* The whole log-likelihood on the first token, 0 on the others; greedy all or none. */
void answers_score(const struct assay_score_req *);

enum { ANSWERS_TEXT = 16384 };
/* Text for the `repeat`-th time of the same prompt, at most max_tokens bytes; returns its length. */
size_t answers_text(const struct assay_generate_req *, uint32_t repeat, char out[ANSWERS_TEXT]);
/* CRC-32 of the tokens that are bytes. */
uint32_t answers_sum(const int32_t *tokens, size_t n);
#endif
