/* fmt.h - numbers as people read them: the same in the terminal and in HTML.
 *
 * Each returns a small struct by value, so that fmt_pp(x).s can stand among printf arguments.
 * Unknown (NAN, VIEW_NONE) is "-". */
#ifndef FMT_H
#define FMT_H
#include <stddef.h>
#include <stdint.h>

struct fmt {
    char s[48];
};
struct fmt fmt_pct(double share);           /* 0.7158 -> "71.58"; "100.00" is all, "0.00" none */
struct fmt fmt_part(int64_t n, int64_t of); /* whole per cent: 2 of 3 -> "67"; "100" is all, "0" none */
struct fmt fmt_pp(double difference);       /* -0.0651 -> "-6.51" (percentage points, signed) */
struct fmt fmt_rel(double ln_ratio);        /* ln ratio as signed per cent: 0.01 -> "+1.01" */
struct fmt fmt_sig(double v, int digits);   /* significant digits, no exponent from 1e-4 to 1e7 */
struct fmt fmt_short(double v, int digits); /* fmt_sig without trailing zeros: "1", "0.5" */
struct fmt fmt_signed(double v, int digits);
struct fmt fmt_tau(double tau);             /* "+0.43", "-1.00": a rank correlation */
struct fmt fmt_p(double p);                 /* "0.031", "<1e-16" */
struct fmt fmt_level(double alpha);         /* per cent that an interval holds: 0.05 -> "95" */
struct fmt fmt_rate(double per_second);     /* "1234", "210.3" */
struct fmt fmt_ratio(double ratio);         /* "1.45" */
struct fmt fmt_count(int64_t n);            /* "34,120" */
struct fmt fmt_things(size_t n, const char *one); /* "1 task", "1,204 tasks" */
struct fmt fmt_mib(int64_t bytes);          /* MiB: "4.20" */
struct fmt fmt_bytes(int64_t bytes);        /* "4.20 MiB", "640 B" */
struct fmt fmt_ms(double ms);               /* "0.812", "12.3", "1234" */
struct fmt fmt_time(int64_t unix_ns);       /* "2025-11-24 16:00 UTC" */
#endif
