/* isa.c - instruction sets that the processor has and the operating system saves registers for.
 *
 * A set counts only when both agree: CPUID and XGETBV on x86, the auxiliary vector on arm64. */
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/value.h"
#include "harness/machine/machine.h"
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { MAX_ISA = 48 };
struct isa_list {
    const char *v[MAX_ISA];
    size_t n;
};

static void add(struct isa_list *l, bool has, const char *name)
{
    if (has && l->n < MAX_ISA)
        l->v[l->n++] = name;
}

#if defined(__x86_64__)
static uint64_t xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static void find(struct isa_list *l)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return;
    uint64_t os = c >> 27 & 1 ? xcr0() : 0; /* OSXSAVE: the system manages extended state */
    bool ymm = (os & 0x6) == 0x6, zmm = ymm && (os & 0xe0) == 0xe0,
         tile = (os & 0x60000) == 0x60000;
    add(l, d >> 26 & 1, "sse2");
    add(l, c >> 9 & 1, "ssse3");
    add(l, c >> 20 & 1, "sse4.2");
    add(l, c >> 28 & 1 && ymm, "avx");
    add(l, c >> 12 & 1 && ymm, "fma");
    add(l, c >> 29 & 1 && ymm, "f16c");
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        uint32_t leaves = a;
        add(l, b >> 5 & 1 && ymm, "avx2");
        add(l, b >> 16 & 1 && zmm, "avx512f");
        add(l, b >> 17 & 1 && zmm, "avx512dq");
        add(l, b >> 30 & 1 && zmm, "avx512bw");
        add(l, b >> 31 & 1 && zmm, "avx512vl");
        add(l, c >> 1 & 1 && zmm, "avx512vbmi");
        add(l, c >> 11 & 1 && zmm, "avx512vnni");
        add(l, d >> 23 & 1 && zmm, "avx512fp16");
        add(l, d >> 22 & 1 && tile, "amx-bf16");
        add(l, d >> 24 & 1 && tile, "amx-tile");
        add(l, d >> 25 & 1 && tile, "amx-int8");
        if (leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
            add(l, a >> 4 & 1 && ymm, "avx-vnni");
            add(l, a >> 5 & 1 && zmm, "avx512bf16");
            add(l, a >> 21 & 1 && tile, "amx-fp16");
            add(l, d >> 4 & 1 && ymm, "avx-vnni-int8");
        }
    }
}
#elif defined(__aarch64__)
static void find(struct isa_list *l)
{
    unsigned long x = getauxval(AT_HWCAP), y = getauxval(AT_HWCAP2);
    add(l, x >> 1 & 1, "asimd");
    add(l, x >> 9 & 1, "fphp");
    add(l, x >> 10 & 1, "asimdhp");
    add(l, x >> 20 & 1, "asimddp");
    add(l, x >> 22 & 1, "sve");
    add(l, x >> 23 & 1, "asimdfhm");
    add(l, y >> 1 & 1, "sve2");
    add(l, y >> 13 & 1, "i8mm");
    add(l, y >> 14 & 1, "bf16");
    add(l, y >> 23 & 1, "sme");
}
#else
static void find(struct isa_list *l)
{
    (void)add;
    l->n = 0;
}
#endif

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

const struct value *machine_isa(struct arena *a)
{
    struct isa_list l = {.n = 0};
    const struct value *items[MAX_ISA];
    find(&l);
    qsort(l.v, l.n, sizeof *l.v, by_text);
    for (size_t i = 0; i < l.n; i++)
        items[i] = value_str(a, l.v[i]);
    return value_list(a, items, l.n);
}
