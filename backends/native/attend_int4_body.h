/* attend_int4_body.h - the part of attend_body.h that is for keys and values of 4 bits.
 *
 * Dimensions of a head form groups of KV_GROUP, the last one what is left; each has a scale per
 * position, s = absmax / 7, and codes RNE(x / s) in -7..7.  A group of n takes h = (n + 1) / 2 bytes:
 * byte j holds dimension j in its low nibble and j + h in its high one, each plus 8. */

struct group4 {                   /* one group: dimensions from..from+n-1, bytes at..at+half-1 */
    size_t g, from, n, at, half;
};

INLINE struct group4 group4_at(size_t hd, size_t g)
{
    const size_t from = g * KV_GROUP, n = hd - from < KV_GROUP ? hd - from : KV_GROUP;
    return (struct group4){g, from, n, from / 2, (n + 1) / 2};
}

/* LANES bytes: their low nibbles, and their high ones, as codes. */
INLINE void nibbles(const uint8_t *p, vf *low, vf *high)
{
#if LANES == 16
    const vu b = (vu)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
#elif LANES == 8
    const vu b = (vu)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
#else
    const vu b = {p[0], p[1], p[2], p[3]};
#endif
    *low = __builtin_convertvector((vi)(b & 15u) - 8, vf);
    *high = __builtin_convertvector((vi)(b >> 4) - 8, vf);
}

static int code4(float x, float s)
{
    const float q = s > 0 ? rintf(x / s) : 0;
    return q > 7 ? 7 : q >= -7 ? (int)q : -7;
}

/* Puts one row of `hd` values, bytes `step` apart and scales `cap` apart. */
static void put4(uint8_t *codes, size_t step, float *scale, size_t cap, const float *x, size_t hd)
{
    for (size_t g = 0; g * KV_GROUP < hd; g++) {
        const struct group4 u = group4_at(hd, g);
        const float s = absmax(x + u.from, u.n) / 7.0f;
        scale[g * cap] = s;
        for (size_t j = 0; j < u.half; j++) {
            const int low = code4(x[u.from + j], s) + 8;
            const int high = j + u.half < u.n ? code4(x[u.from + u.half + j], s) + 8 : 8;
            codes[(u.at + j) * step] = (uint8_t)(low | high << 4);
        }
    }
}

/* Scores of one or two (s1 not NULL) query heads against blocks of 16 positions: per group a sum of
 * codes, times the scale, groups ascending. */
INLINE void scores4(const struct kv_view *kv, const float *q, size_t hd, size_t n_blocks, float *s0,
                    float *s1)
{
    const size_t bytes = (hd + 1) / 2;
    for (size_t b = 0; b < n_blocks; b++) {
        struct lane16 t0 = {0}, t1 = {0};
        for (size_t g = 0; g * KV_GROUP < hd; g++) {
            const struct group4 u = group4_at(hd, g);
            const uint8_t *codes = (const uint8_t *)kv->k + (b * bytes + u.at) * 16;
            const float *ql = q + u.from, *qh = ql + u.half;
            struct lane16 a0 = {0}, a1 = {0};
            for (size_t j = 0; j < u.half; j++)
                for (int v = 0; v < NV; v++) {
                    const bool pair = j + u.half < u.n;
                    vf low, high;
                    nibbles(codes + j * 16 + v * LANES, &low, &high);
                    a0.v[v] += low * splat(ql[j]);
                    a0.v[v] += high * splat(pair ? qh[j] : 0.0f);
                    if (s1) {
                        a1.v[v] += low * splat(ql[hd + j]);
                        a1.v[v] += high * splat(pair ? qh[hd + j] : 0.0f);
                    }
                }
            for (int v = 0; v < NV; v++) {
                const vf scale = load(kv->ks + g * kv->cap + b * 16 + v * LANES);
                t0.v[v] += a0.v[v] * scale;
                t1.v[v] += a1.v[v] * scale;
            }
        }
        for (int v = 0; v < NV; v++) {
            store(s0 + b * 16 + v * LANES, t0.v[v]);
            if (s1)
                store(s1 + b * 16 + v * LANES, t1.v[v]);
        }
    }
}

/* Dimensions j..j+LANES-1 and as many from half on, of one group. */
INLINE void mix4_vector(const struct kv_view *kv, const struct group4 *u, size_t bytes, size_t n,
                        size_t j, const float *p, float inv, float *out)
{
    const float *scale = kv->vs + u->g * kv->cap;
    vf a = {0}, b = {0};
    for (size_t i = 0; i < n; i++) {
        const vf w = splat(p[i] * scale[i]);
        vf low, high;
        nibbles((const uint8_t *)kv->v + i * bytes + u->at + j, &low, &high);
        a += low * w;
        b += high * w;
    }
    store(out + u->from + j, a * splat(inv));
    store(out + u->from + u->half + j, b * splat(inv));
}

static void mix4_one(const struct kv_view *kv, const struct group4 *u, size_t bytes, size_t n,
                     size_t d, const float *p, float inv, float *out)
{
    const float *scale = kv->vs + u->g * kv->cap;
    const size_t j = d % u->half, shift = d / u->half * 4;
    float a = 0;
    for (size_t i = 0; i < n; i++) {
        const int byte = ((const uint8_t *)kv->v)[i * bytes + u->at + j];
        a += (float)((byte >> shift & 15) - 8) * (p[i] * scale[i]);
    }
    out[u->from + d] = a * inv;
}

/* out = inv * sum over positions of (p scale) code, positions ascending, for one head. */
INLINE void mix4(const struct kv_view *kv, size_t hd, size_t n, const float *p, float inv,
                 float *out)
{
    for (size_t g = 0; g * KV_GROUP < hd; g++) {
        const struct group4 u = group4_at(hd, g);
        size_t j = 0;
        if (u.n % 2 == 0)
            for (; j + LANES <= u.half; j += LANES)
                mix4_vector(kv, &u, (hd + 1) / 2, n, j, p, inv, out);
        for (; j < u.half; j++) {
            mix4_one(kv, &u, (hd + 1) / 2, n, j, p, inv, out);
            if (j + u.half < u.n)
                mix4_one(kv, &u, (hd + 1) / 2, n, j + u.half, p, inv, out);
        }
    }
}
