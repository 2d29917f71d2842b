/* cpu.c - CPUID with XGETBV on x86-64, the auxiliary vector on arm64. */
#include "backends/native/cpu.h"
#include "harness/base/err.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

static uint64_t os_saved_state(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* Tile registers are given to a process that asks. */
static int os_grants_tiles(void)
{
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static int has_all(uint32_t reg, uint32_t bits)
{
    return (reg & bits) == bits;
}

uint32_t cpu_detect(void)
{
    uint32_t a, b, c, d, a1, b1, c1, d1, out = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    uint32_t leaf1 = c;
    if (!(leaf1 >> 27 & 1) || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    uint64_t saved = os_saved_state();
    int ymm = (saved & 0x06) == 0x06;
    int zmm = (saved & 0xe6) == 0xe6;
    if (a < 1 || !__get_cpuid_count(7, 1, &a1, &b1, &c1, &d1))
        a1 = 0;
    if (ymm && has_all(leaf1, 1u << 12 | 1u << 28 | 1u << 29) && b >> 5 & 1)
        out |= CPU_AVX2;
    if (out && zmm && has_all(b, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31))
        out |= CPU_AVX512;
    if (out & CPU_AVX512 && c >> 11 & 1)
        out |= CPU_AVX512_VNNI;
    if (out & CPU_AVX512 && a1 >> 5 & 1)
        out |= CPU_AVX512_BF16;
    if (out & CPU_AVX512_VNNI && has_all(d, 1u << 24 | 1u << 25) && (saved & 0x60000) == 0x60000 &&
        os_grants_tiles())
        out |= CPU_AMX_INT8;
    return out;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

enum { HWCAP_BIT_ASIMD = 1, HWCAP_BIT_ASIMDDP = 20, HWCAP2_BIT_I8MM = 13 };

uint32_t cpu_detect(void)
{
    unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    uint32_t out = 0;
    if (cap >> HWCAP_BIT_ASIMD & 1)
        out |= CPU_NEON;
    if (out && cap >> HWCAP_BIT_ASIMDDP & 1)
        out |= CPU_NEON_DOTPROD;
    if (out & CPU_NEON_DOTPROD && cap2 >> HWCAP2_BIT_I8MM & 1)
        out |= CPU_NEON_I8MM;
    return out;
}
#else
uint32_t cpu_detect(void)
{
    return 0;
}
#endif

static const struct {
    const char *name;
    uint32_t mask;
} levels[] = {
    {"ref", 0},
    {"avx2", CPU_AVX2},
    {"avx512", CPU_AVX2 | CPU_AVX512},
    {"avx512-vnni", CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_BF16},
    {"amx", CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_BF16 | CPU_AMX_INT8},
    {"neon", CPU_NEON},
    {"neon-dotprod", CPU_NEON | CPU_NEON_DOTPROD},
    {"neon-i8mm", CPU_NEON | CPU_NEON_DOTPROD | CPU_NEON_I8MM},
};

int cpu_level(const char *name, uint32_t *mask, struct assay_err *e)
{
    *mask = UINT32_MAX;
    if (!name || !*name)
        return 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *mask = levels[i].mask;
            return 0;
        }
    }
    return err_set(e, ASSAY_EUSAGE,
                   "unknown processor level '%s', expected ref, avx2, avx512, avx512-vnni, amx, "
                   "neon, neon-dotprod or neon-i8mm",
                   name);
}
