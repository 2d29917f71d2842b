/* kern_neon_i8mm.c - arm64 with SMMLA: 2 rows x 2 tokens x 8 k in one instruction.
 *
 * Two steps of a panel zip into rows of 8 k.  Sums of four tokens lie as [token pair][row pair],
 * lanes (row 0, token 0), (row 0, token 1), (row 1, token 0), (row 1, token 1), until settle. */
#include "backends/native/kern.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int8x16_t zip_rows(int8x16_t a, int8x16_t b, const int high)
{
    int32x4_t x = vreinterpretq_s32_s8(a), y = vreinterpretq_s32_s8(b);
    return vreinterpretq_s8_s32(high ? vzip2q_s32(x, y) : vzip1q_s32(x, y));
}

INLINE void dot_pair(int32x4_t *sum, int8x16_t w[2][2], const int8_t *q, size_t n_k, const int mt)
{
    if (mt == 1) {
        int8x8_t x = vld1_s8(q);
        for (int j = 0; j < 2; j++) {
            sum[j] = vdotq_lane_s32(sum[j], w[0][j], x, 0);
            sum[j] = vdotq_lane_s32(sum[j], w[1][j], x, 1);
        }
        return;
    }
    for (int i = 0; i < 2; i++) {
        const int8_t *at = q + (size_t)(2 * i) * n_k;
        int8x16_t x = vcombine_s8(vld1_s8(at), vld1_s8(at + n_k));
        for (int r = 0; r < 4; r++)
            sum[4 * i + r] =
                vmmlaq_s32(sum[4 * i + r], zip_rows(w[0][r / 2], w[1][r / 2], r % 2), x);
    }
}

INLINE void settle(int32x4_t *sum, const int mt)
{
    for (int i = 0; mt == 4 && i < 2; i++) {
        int32x4_t *s = sum + 4 * i, a = s[0], b = s[1], c = s[2], d = s[3];
        s[0] = vuzp1q_s32(a, b);
        s[1] = vuzp1q_s32(c, d);
        s[2] = vuzp2q_s32(a, b);
        s[3] = vuzp2q_s32(c, d);
    }
}

#include "backends/native/kern_neon_int.h"

void kern_neon_i8mm(struct kern *k)
{
    k->name = "neon-i8mm";
    k->w8 = int_w8;
    k->q8 = int_q8;
    k->q4 = int_q4;
    k->q5 = int_q5;
}
#endif
