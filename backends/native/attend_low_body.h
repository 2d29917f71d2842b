/* attend_low_body.h - the part of attend_body.h that is for keys and values of 4, 3 and 2 bits.
 *
 * Dimensions of a head form groups of KV_GROUP, the last one what is left; each has a scale s per
 * position.  All in fp32, RNE: round to the nearest, ties to even; a group of zeros has s = 0.
 *   KV_INT4  s = absmax / 7, q = clamp(RNE(x / s), -7, 7)
 *   KV_INT3, KV_INT2  the full range, as weights of their names (linear.h): s = m / -2^(b-1), m the
 *            first value of the largest magnitude, q = clamp(RNE(x / s), -2^(b-1), 2^(b-1) - 1);
 *            s may be negative
 * Every code stands for q s and is stored as q + 2^(b-1).
 *   KV_INT4  a group of n takes h = (n + 1) / 2 bytes: byte j holds dimension j of the group in its
 *            low nibble and j + h in its high one
 *   KV_INT2  dimension d of the head in bits 2 (d % 4) and up of byte d / 4
 *   KV_INT3  as KV_INT2, and behind all those bytes the third bit: bit d % 8 of byte d / 8 */

struct group4 {                   /* one group: dimensions from..from+n-1, bytes at..at+half-1 */
    size_t g, from, n, at, half;
};

INLINE struct group4 group4_at(size_t hd, size_t g)
{
    const size_t from = g * KV_GROUP, n = hd - from < KV_GROUP ? hd - from : KV_GROUP;
    return (struct group4){g, from, n, from / 2, (n + 1) / 2};
}

INLINE int low_zero(enum kv_type t)
{
    return t == KV_INT4 ? 8 : t == KV_INT3 ? 4 : 2;
}

/* Where the third bits of a KV_INT3 row begin. */
INLINE size_t low_third(size_t hd)
{
    return (hd + 3) / 4;
}

/* -- one code ---------------------------------------------------------------------------------- */
struct low_place {
    size_t byte, shift;
};

INLINE struct low_place low_place(enum kv_type t, size_t hd, size_t d)
{
    if (t != KV_INT4)
        return (struct low_place){d / 4, d % 4 * 2};
    const struct group4 u = group4_at(hd, d / KV_GROUP);
    const size_t j = d - u.from;
    return j < u.half ? (struct low_place){u.at + j, 0} : (struct low_place){u.at + j - u.half, 4};
}

/* Code of dimension d of one position's row. */
INLINE int low_get(enum kv_type t, const uint8_t *row, size_t hd, size_t d)
{
    const struct low_place at = low_place(t, hd, d);
    int q = row[at.byte] >> at.shift & (t == KV_INT4 ? 15 : 3);
    if (t == KV_INT3)
        q |= (row[low_third(hd) + d / 8] >> (d % 8) & 1) << 2;
    return q - low_zero(t);
}

/* -- putting ----------------------------------------------------------------------------------- */
INLINE float low_scale(enum kv_type t, const float *x, size_t n)
{
    if (t == KV_INT4)
        return absmax(x, n) / 7.0f;
    float top = 0;
    for (size_t i = 0; i < n; i++)
        top = fabsf(x[i]) > fabsf(top) ? x[i] : top;
    return top / (float)-low_zero(t);
}

INLINE int low_code(enum kv_type t, float x, float s)
{
    const int high = low_zero(t) - 1, low = t == KV_INT4 ? -high : -low_zero(t);
    const float q = s != 0 ? rintf(x / s) : 0;
    return q > (float)high ? high : q >= (float)low ? (int)q : low;
}

/* Puts one row of `hd` values, bytes `step` apart and scales `cap` apart. */
INLINE void low_put(enum kv_type t, uint8_t *codes, size_t step, float *scale, size_t cap,
                    const float *x, size_t hd)
{
    for (size_t j = 0; j < kv_row_bytes(t, hd); j++)
        codes[j * step] = 0;
    for (size_t g = 0; g * KV_GROUP < hd; g++) {
        const struct group4 u = group4_at(hd, g);
        const float s = low_scale(t, x + u.from, u.n);
        scale[g * cap] = s;
        for (size_t d = u.from; d < u.from + u.n; d++) {
            const struct low_place at = low_place(t, hd, d);
            const int q = low_code(t, x[d], s) + low_zero(t);
            codes[at.byte * step] |= (uint8_t)((q & (t == KV_INT4 ? 15 : 3)) << at.shift);
            if (t == KV_INT3)
                codes[(low_third(hd) + d / 8) * step] |= (uint8_t)(q >> 2 << d % 8);
        }
    }
}

/* -- scores ------------------------------------------------------------------------------------ */
/* LANES bytes. */
INLINE vu low_bytes(const uint8_t *p)
{
#if LANES == 16
    return (vu)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
#elif LANES == 8
    return (vu)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
#else
    return (vu){p[0], p[1], p[2], p[3]};
#endif
}

INLINE vf low_value(enum kv_type t, vu code)
{
    return __builtin_convertvector((vi)code - low_zero(t), vf);
}

/* LANES bytes of KV_INT4: their low nibbles, and their high ones, as codes. */
INLINE void nibbles(const uint8_t *p, vf *low, vf *high)
{
    const vu b = low_bytes(p);
    *low = low_value(KV_INT4, b & 15u);
    *high = low_value(KV_INT4, b >> 4);
}

struct low_query {                /* one query head or two: q1 NULL */
    const float *q0, *q1;
    struct lane16 a0, a1;         /* sums of one group */
};

/* One group of KV_INT4, one block of 16 positions at k. */
INLINE void dot_group4(struct low_query *s, const uint8_t *k, const struct group4 *u)
{
    const uint8_t *codes = k + u->at * 16;
    const float *q0 = s->q0 + u->from, *q1 = s->q1 ? s->q1 + u->from : NULL;
    for (size_t j = 0; j < u->half; j++)
        for (int v = 0; v < NV; v++) {
            const bool pair = j + u->half < u->n;
            vf low, high;
            nibbles(codes + j * 16 + v * LANES, &low, &high);
            s->a0.v[v] += low * splat(q0[j]);
            s->a0.v[v] += high * splat(pair ? q0[j + u->half] : 0.0f);
            if (q1) {
                s->a1.v[v] += low * splat(q1[j]);
                s->a1.v[v] += high * splat(pair ? q1[j + u->half] : 0.0f);
            }
        }
}

/* Dimensions d..d+n-1 of KV_INT3 or KV_INT2, d a multiple of 8 and n at most 8. */
INLINE void dot_dims(enum kv_type t, struct low_query *s, const uint8_t *k, size_t hd, size_t d,
                     size_t n)
{
    const uint8_t *low = k + d / 4 * 16, *high = k + (low_third(hd) + d / 8) * 16;
    for (int v = 0; v < NV; v++) {
        vu third = {0};
        if (t == KV_INT3)
            third = low_bytes(high + v * LANES) << 2;
        for (size_t i = 0; i < n; i++) {
            vu q = low_bytes(low + i / 4 * 16 + v * LANES) >> (uint32_t)(i % 4 * 2) & 3u;
            if (t == KV_INT3)
                q |= third >> (uint32_t)i & 4u;
            const vf code = low_value(t, q);
            s->a0.v[v] += code * splat(s->q0[d + i]);
            if (s->q1)
                s->a1.v[v] += code * splat(s->q1[d + i]);
        }
    }
}

INLINE void dot_group(enum kv_type t, struct low_query *s, const uint8_t *k, size_t hd,
                      const struct group4 *u)
{
    if (t == KV_INT4) {
        dot_group4(s, k, u);
        return;
    }
    size_t d = u->from, end = u->from + u->n;
    for (; d + 8 <= end; d += 8)
        dot_dims(t, s, k, hd, d, 8);
    if (d < end)
        dot_dims(t, s, k, hd, d, end - d);
}

/* Scores of one or two (s1 not NULL) query heads against blocks of 16 positions: per group a sum of
 * codes, times the scale, groups ascending. */
INLINE void low_scores(enum kv_type t, const struct kv_view *kv, const float *q, size_t hd,
                       size_t n_blocks, float *s0, float *s1)
{
    const size_t bytes = kv_row_bytes(t, hd);
    for (size_t b = 0; b < n_blocks; b++) {
        struct lane16 t0 = {0}, t1 = {0};
        for (size_t g = 0; g * KV_GROUP < hd; g++) {
            const struct group4 u = group4_at(hd, g);
            struct low_query s = {.q0 = q, .q1 = s1 ? q + hd : NULL};
            dot_group(t, &s, (const uint8_t *)kv->k + b * bytes * 16, hd, &u);
            for (int v = 0; v < NV; v++) {
                const vf scale = load(kv->ks + g * kv->cap + b * 16 + v * LANES);
                t0.v[v] += s.a0.v[v] * scale;
                t1.v[v] += s.a1.v[v] * scale;
            }
        }
        for (int v = 0; v < NV; v++) {
            store(s0 + b * 16 + v * LANES, t0.v[v]);
            if (s1)
                store(s1 + b * 16 + v * LANES, t1.v[v]);
        }
    }
}

/* -- mixing ------------------------------------------------------------------------------------ */
struct low_mix {                  /* one head's weights over n positions */
    const struct kv_view *kv;
    size_t hd, bytes, n;
    const float *p;
    float inv, *out;
};

/* KV_INT4: dimensions j..j+LANES-1 and as many from half on, of one group. */
INLINE void mix_nibbles(const struct low_mix *m, const struct group4 *u, size_t j)
{
    const float *scale = m->kv->vs + u->g * m->kv->cap;
    vf a = {0}, b = {0};
    for (size_t i = 0; i < m->n; i++) {
        const vf w = splat(m->p[i] * scale[i]);
        vf low, high;
        nibbles((const uint8_t *)m->kv->v + i * m->bytes + u->at + j, &low, &high);
        a += low * w;
        b += high * w;
    }
    store(m->out + u->from + j, a * splat(m->inv));
    store(m->out + u->from + u->half + j, b * splat(m->inv));
}

/* Codes of KV_INT3 or KV_INT2: dimensions d..d+LANES-1, d a multiple of LANES. */
INLINE vf low_row(enum kv_type t, const uint8_t *row, size_t hd, size_t d)
{
    static const uint32_t bit[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const uint8_t *low = row + d / 4, *high = row + low_third(hd) + d / 8;
    uint32_t word = 0, third = 0;
    for (int j = 0; j < LANES / 4; j++)
        word |= (uint32_t)low[j] << 8 * j;
    for (int j = 0; t == KV_INT3 && j < (LANES + 7) / 8; j++)
        third |= (uint32_t)high[j] << 8 * j;
    vu at;
    memcpy(&at, bit, sizeof at);
    vu q = (word - (vu){0}) >> at * 2u & 3u;
    if (t == KV_INT3)
        q |= ((third >> d % 8) - (vu){0}) >> at << 2 & 4u;
    return low_value(t, q);
}

INLINE void mix_row(enum kv_type t, const struct low_mix *m, size_t d)
{
    const float *scale = m->kv->vs + d / KV_GROUP * m->kv->cap;
    vf a = {0};
    for (size_t i = 0; i < m->n; i++)
        a += low_row(t, (const uint8_t *)m->kv->v + i * m->bytes, m->hd, d) *
             splat(m->p[i] * scale[i]);
    store(m->out + d, a * splat(m->inv));
}

INLINE void mix_one(enum kv_type t, const struct low_mix *m, size_t d)
{
    const float *scale = m->kv->vs + d / KV_GROUP * m->kv->cap;
    float a = 0;
    for (size_t i = 0; i < m->n; i++)
        a += (float)low_get(t, (const uint8_t *)m->kv->v + i * m->bytes, m->hd, d) *
             (m->p[i] * scale[i]);
    m->out[d] = a * m->inv;
}

INLINE void mix_group4(const struct low_mix *m, const struct group4 *u)
{
    size_t j = 0;
    if (u->n % 2 == 0)
        for (; j + LANES <= u->half; j += LANES)
            mix_nibbles(m, u, j);
    for (; j < u->half; j++) {
        mix_one(KV_INT4, m, u->from + j);
        if (j + u->half < u->n)
            mix_one(KV_INT4, m, u->from + j + u->half);
    }
}

/* out = inv * sum over positions of (p scale) code, positions ascending, for one head. */
INLINE void low_mix(enum kv_type t, const struct low_mix *m)
{
    if (t == KV_INT4) {
        for (size_t g = 0; g * KV_GROUP < m->hd; g++) {
            const struct group4 u = group4_at(m->hd, g);
            mix_group4(m, &u);
        }
        return;
    }
    size_t d = 0;
    for (; d + LANES <= m->hd; d += LANES)
        mix_row(t, m, d);
    for (; d < m->hd; d++)
        mix_one(t, m, d);
}
