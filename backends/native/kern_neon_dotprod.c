/* kern_neon_dotprod.c - arm64 with SDOT: four byte products per lane in one instruction. */
#include "backends/native/kern.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

INLINE void dot_pair(int32x4_t *sum, int8x16_t w[2][2], const int8_t *q, size_t n_k, const int mt)
{
    for (int i = 0; i < mt; i++) {
        int8x8_t x = vld1_s8(q + (size_t)i * n_k);
        for (int j = 0; j < 2; j++) {
            sum[2 * i + j] = vdotq_lane_s32(sum[2 * i + j], w[0][j], x, 0);
            sum[2 * i + j] = vdotq_lane_s32(sum[2 * i + j], w[1][j], x, 1);
        }
    }
}

INLINE void settle(int32x4_t *sum, const int mt)
{
    (void)sum;
    (void)mt;
}

#include "backends/native/kern_neon_int.h"

void kern_neon_dotprod(struct kern *k)
{
    k->name = "neon-dotprod";
    k->w8 = int_w8;
    k->q8 = int_q8;
    k->q4 = int_q4;
    k->q5 = int_q5;
}
#endif
