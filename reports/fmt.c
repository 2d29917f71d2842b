/* fmt.c - numbers as people read them; see the header. */
#include "reports/fmt.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct fmt none = {"-"};

/* printf with a double, "-" for NAN, and no negative zero. */
static struct fmt number(const char *how, int digits, double v)
{
    struct fmt f;
    if (isnan(v))
        return none;
    snprintf(f.s, sizeof f.s, how, digits, v);
    if (f.s[0] == '-' && strspn(f.s + 1, "0.") == strlen(f.s + 1))
        memmove(f.s, f.s + 1, strlen(f.s));
    return f;
}

/* Nearly all is not all, and hardly any is not none: as many digits as it takes to see it. */
static struct fmt percent(double share, int digits)
{
    struct fmt f = number("%.*f", digits, 100 * share);
    while (digits++ < 12 && ((share < 1 && strtod(f.s, NULL) == 100) ||
                             (share > 0 && strtod(f.s, NULL) == 0)))
        f = number("%.*f", digits, 100 * share);
    return f;
}

struct fmt fmt_pct(double share)
{
    return percent(share, 2);
}

struct fmt fmt_part(int64_t n, int64_t of)
{
    return of > 0 ? percent((double)n / (double)of, 0) : none;
}

struct fmt fmt_pp(double difference)
{
    struct fmt f = number("%+.*f", 2, 100 * difference);
    if (f.s[0] == '0' || strcmp(f.s, "+0.00") == 0)
        snprintf(f.s, sizeof f.s, "0.00");
    return f;
}

struct fmt fmt_rel(double ln_ratio)
{
    return fmt_pp(expm1(ln_ratio));
}

struct fmt fmt_sig(double v, int digits)
{
    double size = fabs(v);
    if (isnan(v) || size == 0 || isinf(v) || size < 1e-4 || size >= 1e7)
        return number("%.*g", digits, v);
    int whole = (int)floor(log10(size)) + 1;
    return number("%.*f", whole < digits ? digits - whole : 0, v);
}

struct fmt fmt_short(double v, int digits)
{
    struct fmt f = fmt_sig(v, digits);
    if (!strchr(f.s, '.') || strchr(f.s, 'e'))
        return f;
    size_t n = strlen(f.s);
    while (f.s[n - 1] == '0')
        f.s[--n] = '\0';
    if (f.s[n - 1] == '.')
        f.s[n - 1] = '\0';
    return f;
}

struct fmt fmt_signed(double v, int digits)
{
    struct fmt f = fmt_sig(v, digits), g = f;
    if (v > 0)
        snprintf(f.s, sizeof f.s, "+%.46s", g.s);
    return f;
}

struct fmt fmt_tau(double tau)
{
    struct fmt f = number("%+.*f", 2, tau);
    return f.s[0] == '+' && fabs(tau) < 0.005 ? number("%.*f", 2, 0) : f;
}

struct fmt fmt_p(double p)
{
    struct fmt f;
    if (p < 1e-16) {
        snprintf(f.s, sizeof f.s, "<1e-16");
        return f;
    }
    return p < 1e-3 ? number("%.*e", 0, p) : number("%.*f", p < 0.1 ? 3 : 2, p);
}

struct fmt fmt_level(double alpha)
{
    return fmt_short(100 * (1 - alpha), 6);
}

struct fmt fmt_rate(double r)
{
    return number("%.*f", fabs(r) < 100 ? 2 : fabs(r) < 1000 ? 1 : 0, r);
}

struct fmt fmt_ratio(double r)
{
    return number("%.*f", fabs(r) < 10 ? 2 : 1, r);
}

struct fmt fmt_count(int64_t n)
{
    struct fmt f, digits;
    if (n < 0)
        return none;
    int len = snprintf(digits.s, sizeof digits.s, "%" PRId64, n), k = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            f.s[k++] = ',';
        f.s[k++] = digits.s[i];
    }
    f.s[k] = '\0';
    return f;
}

struct fmt fmt_things(size_t n, const char *one)
{
    struct fmt f;
    snprintf(f.s, sizeof f.s, "%.20s %.24s%s", fmt_count((int64_t)n).s, one, n == 1 ? "" : "s");
    return f;
}

struct fmt fmt_mib(int64_t bytes)
{
    return fmt_sig(bytes < 0 ? NAN : (double)bytes / 1048576, 3);
}

struct fmt fmt_bytes(int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct fmt f;
    double v = (double)bytes;
    int u = 0;
    if (bytes < 0)
        return none;
    while (v >= 1000 && u < 4) {
        v /= 1024;
        u++;
    }
    snprintf(f.s, sizeof f.s, "%.36s %s", u ? fmt_sig(v, 3).s : fmt_count(bytes).s, units[u]);
    return f;
}

struct fmt fmt_ms(double ms)
{
    return fmt_sig(ms, 3);
}

struct fmt fmt_time(int64_t unix_ns)
{
    struct fmt f;
    struct tm tm;
    time_t t = (time_t)(unix_ns / 1000000000);
    if (unix_ns < 0 || !gmtime_r(&t, &tm))
        return none;
    strftime(f.s, sizeof f.s, "%Y-%m-%d %H:%M UTC", &tm);
    return f;
}
