/* sample.h - the next token from a row of logits: greedy, or drawn.
 *
 * A draw: softmax(logits / temperature), of which the top_k likeliest stay, of which the shortest
 * head whose share reaches top_p stays; then the inverse of its distribution function, tokens
 * sorted by probability (ties: lower id first), at one number of the request's own stream.  So a
 * request's tokens depend on its logits and seed alone. */
#ifndef SAMPLE_H
#define SAMPLE_H
#include "harness/base/rng.h"
#include <stddef.h>
#include <stdint.h>

struct sample {
    double temperature;           /* 0: greedy */
    double top_p;                 /* 0 or 1: off */
    uint32_t top_k;               /* 0: off */
    struct rng rng;
};
/* Lowest id of the largest logit. */
int32_t sample_greedy(const float *logits, size_t n);
/* work: [n], scratch. */
int32_t sample_token(struct sample *, const float *logits, size_t n, uint32_t *work);
#endif
