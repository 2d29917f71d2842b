/* rng.h - two generators: SplitMix64 for our own draws, MT19937 exactly as CPython uses it for
 * few-shot sampling (identical 3.10-3.14).  Vectors: tests/base/test_rng.c. */
#ifndef RNG_H
#define RNG_H
#include <stddef.h>
#include <stdint.h>

struct rng { uint64_t s; };            /* SplitMix64; seed by setting s */
uint64_t rng_next(struct rng *);
uint64_t rng_below(struct rng *, uint64_t n);      /* high 64 bits of x*n; n >= 1 */
double rng_double(struct rng *);                   /* [0,1), 53 bits */
void rng_uuid7(char out[37]);                      /* fresh UUIDv7 text (getrandom + clock) */

struct pyrandom {                      /* random.Random */
    uint32_t s[624];
    int i;
};
void pyrandom_seed(struct pyrandom *, uint64_t seed);           /* Random(seed), seed >= 0 */
uint32_t pyrandom_u32(struct pyrandom *);
uint64_t pyrandom_bits(struct pyrandom *, int k);               /* getrandbits, k <= 64 */
uint64_t pyrandom_below(struct pyrandom *, uint64_t n);         /* _randbelow */
double pyrandom_random(struct pyrandom *);
/* random.sample(range(n), k) -> out[k]; k <= n. */
void pyrandom_sample(struct pyrandom *, size_t n, size_t k, size_t *out);
void pyrandom_shuffle(struct pyrandom *, size_t *x, size_t n);
size_t pyrandom_choice(struct pyrandom *, size_t n);            /* choices(): floor(random()*n) */
/* k such draws; 1 <= n <= INT32_MAX. */
void pyrandom_choices(struct pyrandom *, uint32_t n, uint32_t *out, size_t k);
#endif
