/* rng.c - SplitMix64 (Steele, Lea, Flood 2014) and MT19937 (Matsumoto, Nishimura 1998) with the
 * seeding and the derived draws of CPython's random module, which decide which examples a
 * few-shot prompt holds. */
#include "harness/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "harness/base/clock.h"
#include "harness/base/err.h"

uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* High and low half of a 64 x 64 bit product, in C11 without a 128-bit type. */
static uint64_t rng_mulhi(uint64_t a, uint64_t b)
{
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t mid = ah * bl + (al * bl >> 32);
    uint64_t mid2 = al * bh + (uint32_t)mid;
    return ah * bh + (mid >> 32) + (mid2 >> 32);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    return rng_mulhi(rng_next(r), n);
}

double rng_double(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

void rng_uuid7(char out[37])
{
    uint8_t u[16];
    if (getrandom(u, sizeof u, 0) != (ssize_t)sizeof u) {
        struct rng r = {(uint64_t)clock_wall_ns() ^ (uint64_t)clock_ns() << 20};
        for (size_t i = 0; i < sizeof u; i++)
            u[i] = (uint8_t)rng_next(&r);
    }
    uint64_t ms = (uint64_t)(clock_wall_ns() / 1000000);
    for (int i = 0; i < 6; i++)
        u[i] = (uint8_t)(ms >> (40 - 8 * i));
    u[6] = (uint8_t)(0x70 | (u[6] & 0x0f));
    u[8] = (uint8_t)(0x80 | (u[8] & 0x3f));
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += snprintf(p, 3, "%02x", u[i]);
    }
}

enum { MT_N = 624, MT_M = 397 };

static void mt_init(struct pyrandom *m, uint32_t x)
{
    m->s[0] = x;
    for (uint32_t i = 1; i < MT_N; i++)
        m->s[i] = UINT32_C(1812433253) * (m->s[i - 1] ^ m->s[i - 1] >> 30) + i;
    m->i = MT_N;
}

void pyrandom_seed(struct pyrandom *m, uint64_t seed)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t len = key[1] ? 2 : 1;
    mt_init(m, 19650218);
    uint32_t *s = m->s, i = 1, j = 0;
    for (int n = MT_N; n; n--) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * UINT32_C(1664525)) + key[j] + j;
        if (++i >= MT_N) {
            s[0] = s[MT_N - 1];
            i = 1;
        }
        if (++j >= len)
            j = 0;
    }
    for (int n = MT_N - 1; n; n--) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * UINT32_C(1566083941)) - i;
        if (++i >= MT_N) {
            s[0] = s[MT_N - 1];
            i = 1;
        }
    }
    s[0] = UINT32_C(0x80000000);
}

static uint32_t mt_twist(uint32_t from, uint32_t high, uint32_t low)
{
    const uint32_t y = (high & UINT32_C(0x80000000)) | (low & UINT32_C(0x7fffffff));
    return from ^ y >> 1 ^ (-(y & 1) & UINT32_C(0x9908b0df));
}

/* In two runs and a last one, so that no index is taken modulo the length. */
static void mt_refill(struct pyrandom *m)
{
    uint32_t *s = m->s;
    for (int k = 0; k < MT_N - MT_M; k++)
        s[k] = mt_twist(s[k + MT_M], s[k], s[k + 1]);
    for (int k = MT_N - MT_M; k < MT_N - 1; k++)
        s[k] = mt_twist(s[k - (MT_N - MT_M)], s[k], s[k + 1]);
    s[MT_N - 1] = mt_twist(s[MT_M - 1], s[MT_N - 1], s[0]);
    m->i = 0;
}

static inline uint32_t mt_temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= y << 7 & UINT32_C(0x9d2c5680);
    y ^= y << 15 & UINT32_C(0xefc60000);
    return y ^ y >> 18;
}

uint32_t pyrandom_u32(struct pyrandom *m)
{
    if (m->i >= MT_N)
        mt_refill(m);
    return mt_temper(m->s[m->i++]);
}

uint64_t pyrandom_bits(struct pyrandom *m, int k)
{
    if (k <= 0)
        return 0;
    if (k <= 32)
        return pyrandom_u32(m) >> (32 - k);
    uint64_t low = pyrandom_u32(m);
    uint64_t high = pyrandom_u32(m) >> (64 - k);
    return high << 32 | low;
}

uint64_t pyrandom_below(struct pyrandom *m, uint64_t n)
{
    if (n == 0)
        return 0;
    int k = 64 - __builtin_clzll(n);
    uint64_t r = pyrandom_bits(m, k);
    while (r >= n)
        r = pyrandom_bits(m, k);
    return r;
}

double pyrandom_random(struct pyrandom *m)
{
    uint32_t a = pyrandom_u32(m) >> 5, b = pyrandom_u32(m) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

static void *rng_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        err_no_memory(n * size);
    return p;
}

/* Partial Fisher-Yates over a copy of the range: CPython's way for small populations. */
static void sample_pool(struct pyrandom *m, size_t n, size_t k, size_t *out)
{
    size_t *pool = rng_calloc(n, sizeof *pool);
    for (size_t i = 0; i < n; i++)
        pool[i] = i;
    for (size_t i = 0; i < k; i++) {
        size_t j = (size_t)pyrandom_below(m, n - i);
        out[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
    free(pool);
}

/* Rejection of what was already drawn: CPython's way for large populations. */
static void sample_reject(struct pyrandom *m, size_t n, size_t k, size_t *out)
{
    uint64_t *seen = rng_calloc((n + 63) / 64, sizeof *seen);
    for (size_t i = 0; i < k; i++) {
        size_t j = (size_t)pyrandom_below(m, n);
        while (seen[j / 64] >> j % 64 & 1)
            j = (size_t)pyrandom_below(m, n);
        seen[j / 64] |= UINT64_C(1) << j % 64;
        out[i] = j;
    }
    free(seen);
}

void pyrandom_sample(struct pyrandom *m, size_t n, size_t k, size_t *out)
{
    size_t set_size = 21;
    if (k > 5) {
        size_t power = 1; /* 4 ** ceil(log4(3k)); 3k is never a power of 4 */
        while (power < 3 * k)
            power *= 4;
        set_size += power;
    }
    if (n <= set_size)
        sample_pool(m, n, k, out);
    else
        sample_reject(m, n, k, out);
}

void pyrandom_shuffle(struct pyrandom *m, size_t *x, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)pyrandom_below(m, i + 1);
        size_t t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}

size_t pyrandom_choice(struct pyrandom *m, size_t n)
{
    return (size_t)floor(pyrandom_random(m) * (double)n);
}

/* What is left of a block at a time, in loops that compilers make into vectors.  Division by 2^53 is
 * exact, and so is the multiplication that stands for it; numbers are positive: a cast is floor(). */
void pyrandom_choices(struct pyrandom *m, uint32_t n, uint32_t *out, size_t k)
{
    uint32_t y[MT_N];
    while (k) {
        if (m->i >= MT_N)
            mt_refill(m);
        size_t pairs = (size_t)(MT_N - m->i) / 2;
        pairs = pairs < k ? pairs : k;
        for (size_t j = 0; j < 2 * pairs; j++)
            y[j] = mt_temper(m->s[(size_t)m->i + j]);
        for (size_t j = 0; j < pairs; j++) {
            double x = (int32_t)(y[2 * j] >> 5) * 67108864.0 + (int32_t)(y[2 * j + 1] >> 6);
            out[j] = (uint32_t)(int32_t)(x * 0x1p-53 * n);
        }
        m->i += (int)(2 * pairs);
        out += pairs;
        k -= pairs;
        if (k && pairs == 0) { /* a draw of both blocks */
            *out++ = (uint32_t)pyrandom_choice(m, n);
            k--;
        }
    }
}
