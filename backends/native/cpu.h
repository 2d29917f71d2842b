/* cpu.h - what this processor and its operating system let a program use.
 *
 * A bit is set only when the processor has the instructions AND the system saves the registers.
 * Levels are names for sets of bits, each including what stands before it on its architecture; they
 * are what ASSAY_CPU may say.  Not here: topology, caches, frequencies. */
#ifndef CPU_H
#define CPU_H
#include <stdint.h>

struct assay_err;

enum cpu_feature {
    CPU_AVX2 = 1 << 0,             /* AVX2, FMA, F16C */
    CPU_AVX512 = 1 << 1,           /* F, BW, VL, DQ */
    CPU_AVX512_VNNI = 1 << 2,
    CPU_AVX512_BF16 = 1 << 3,
    CPU_AMX_INT8 = 1 << 4,         /* tiles, int8; Linux granted the state */
    CPU_NEON = 1 << 8,
    CPU_NEON_DOTPROD = 1 << 9,
    CPU_NEON_I8MM = 1 << 10
};

uint32_t cpu_detect(void);         /* bits of enum cpu_feature; 0: the reference only */

/* The bits that level `name` allows ("ref", "avx2", "avx512", "avx512-vnni", "amx", "neon",
 * "neon-dotprod", "neon-i8mm"); NULL or "" allows everything.  ASSAY_EUSAGE: unknown name. */
int cpu_level(const char *name, uint32_t *mask, struct assay_err *);
#endif
