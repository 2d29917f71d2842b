/* attend.c - picks the table of attend.h; masks (ASSAY_CPU) are in the features already. */
#include "backends/native/attend.h"
#include "backends/native/cpu.h"

const struct attend *attend_pick(uint32_t features)
{
#if defined(__x86_64__)
    if (features & CPU_AVX512)
        return &attend_avx512;
    if (features & CPU_AVX2)
        return &attend_avx2;
#endif
    (void)features;
    return &attend_ref;
}
