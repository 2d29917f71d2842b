/* energy.c - RAPL counters below /sys/class/powercap; see the header. */
#include "harness/machine/energy.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/clock.h"

/* More than any package or its memory draws: a kilowatt, which is a microjoule per nanosecond.  It
 * bounds how far a counter can have come, so a range in microjoules is also the time in nanoseconds
 * before which it can't have started again. */
static const double most_uj_per_ns = 1;
static const int64_t least_range_uj = 1000000000; /* a second of that: less can't be followed */
/* A counter that stood still for so long isn't counting: some virtual machines show such. */
static const int64_t still_ns = 1000000000;

const char *energy_source_name(enum energy_source s)
{
    static const char *const names[] = {"rapl-package", "rapl-dram"};
    return names[s];
}

static void __attribute__((format(printf, 2, 3))) set_reason(char reason[ENERGY_REASON],
                                                             const char *fmt, ...)
{
    va_list ap;
    if (reason[0]) /* the first one stays */
        return;
    va_start(ap, fmt);
    vsnprintf(reason, ENERGY_REASON, fmt, ap);
    va_end(ap);
}

/* -- files ------------------------------------------------------------------------------------- */

/* The whole of a small file without its newline; 0, or errno. */
static int read_text(const struct energy_meter *m, const char *zone, const char *file, char *text,
                     size_t cap)
{
    char path[sizeof m->root + 64];
    int n = snprintf(path, sizeof path, "%s/%s/%s", m->root, zone, file);
    if (n < 0 || (size_t)n >= sizeof path)
        return ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    ssize_t k = read(fd, text, cap - 1);
    int code = k < 0 ? errno : 0;
    close(fd);
    text[k < 0 ? 0 : k] = 0;
    text[strcspn(text, "\n")] = 0;
    return code;
}

/* Microjoules: digits and nothing else. */
static int read_uj(const struct energy_meter *m, const char *zone, const char *file, int64_t *uj,
                   char reason[ENERGY_REASON])
{
    char text[32], *end;
    int code = read_text(m, zone, file, text, sizeof text);
    if (code == EACCES || code == EPERM)
        set_reason(reason, "needs root or read permission on %s", file);
    else if (code)
        set_reason(reason, "cannot read %s of %s: %s", file, zone, strerror(code));
    if (code)
        return -1;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno) {
        set_reason(reason, "%s of %s holds no number", file, zone);
        return -1;
    }
    *uj = x;
    return 0;
}

/* -- zones ------------------------------------------------------------------------------------- */

/* "intel-rapl:0" has depth 1, "intel-rapl:0:2" 2; anything else 0. */
static int depth_of(const char *name)
{
    static const char prefix[] = "intel-rapl";
    int depth = 0;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    for (const char *p = name + sizeof prefix - 1; *p; depth++) {
        size_t digits = *p == ':' ? strspn(p + 1, "0123456789") : 0;
        if (!digits)
            return 0;
        p += 1 + digits;
    }
    return depth;
}

/* Which source a zone belongs to; ENERGY_SOURCES: none. */
static enum energy_source source_of(const struct energy_meter *m, const char *zone)
{
    char name[64];
    int depth = depth_of(zone);
    if (!depth || read_text(m, zone, "name", name, sizeof name))
        return ENERGY_SOURCES;
    if (depth == 1 && strncmp(name, "package-", 8) == 0)
        return ENERGY_PACKAGE;
    return depth == 2 && strcmp(name, "dram") == 0 ? ENERGY_DRAM : ENERGY_SOURCES;
}

static void add_zone(struct energy_meter *m, const char *name)
{
    enum energy_source s = source_of(m, name);
    if (s == ENERGY_SOURCES)
        return;
    char *reason = m->reason[s];
    struct energy_zone z = {.source = s};
    if (m->n_zones == ENERGY_ZONES || strlen(name) >= sizeof z.name) {
        set_reason(reason, "more than %d zones below %.80s", ENERGY_ZONES, m->root);
        return;
    }
    snprintf(z.name, sizeof z.name, "%s", name);
    if (read_uj(m, name, "max_energy_range_uj", &z.range_uj, reason) < 0 ||
        read_uj(m, name, "energy_uj", &z.last_uj, reason) < 0)
        return;
    if (z.range_uj < least_range_uj)
        set_reason(reason, "max_energy_range_uj of %s is %lld: too small to be followed", name,
                   (long long)z.range_uj);
    if (z.last_uj > z.range_uj)
        set_reason(reason, "energy_uj of %s is above max_energy_range_uj", name);
    m->zones[m->n_zones++] = z;
}

/* One zone that can't be read spoils the sum of its source, and its others are not needed. */
static void settle(struct energy_meter *m)
{
    size_t n = 0;
    m->due_ns = INT64_MAX;
    for (size_t i = 0; i < m->n_zones; i++) {
        if (m->reason[m->zones[i].source][0])
            continue;
        m->zones[n] = m->zones[i];
        if (m->zones[n].range_uj / 2 < m->due_ns)
            m->due_ns = m->zones[n].range_uj / 2;
        m->has[m->zones[n++].source] = true;
    }
    m->n_zones = n;
    if (!m->has[ENERGY_PACKAGE])
        set_reason(m->reason[ENERGY_PACKAGE], "this machine shows no RAPL counters of a processor "
                                              "package, as is usual in virtual machines");
    energy_reset(m);
}

void energy_open(struct energy_meter *m, const char *root)
{
    *m = (struct energy_meter){.is_on = false};
    energy_reset(m);
    if (!root)
        root = getenv(ENERGY_ROOT_VARIABLE);
    if (!root || !*root)
        root = ENERGY_ROOT;
    if ((size_t)snprintf(m->root, sizeof m->root, "%s", root) >= sizeof m->root) {
        set_reason(m->reason[ENERGY_PACKAGE], "the name in " ENERGY_ROOT_VARIABLE " is too long");
        return;
    }
    DIR *d = opendir(m->root);
    for (struct dirent *x; d && (x = readdir(d));)
        add_zone(m, x->d_name);
    if (d)
        closedir(d);
    settle(m);
}

bool energy_any(const struct energy_meter *m)
{
    return m->n_zones > 0;
}

/* -- blocks ------------------------------------------------------------------------------------ */

void energy_reset(struct energy_meter *m)
{
    m->is_on = false;
    for (int s = 0; s < ENERGY_SOURCES; s++)
        m->total[s] = (struct energy_total){.uj = m->has[s] ? 0 : -1};
}

static void spoil(struct energy_meter *m, enum energy_source s)
{
    m->total[s].uj = -1;
}

/* Adds what a zone counted since its last reading, `ns` ago. */
static void add_difference(struct energy_meter *m, struct energy_zone *z, int64_t now_uj,
                           int64_t ns)
{
    struct energy_total *t = &m->total[z->source];
    int64_t d = now_uj >= z->last_uj ? now_uj - z->last_uj : z->range_uj - z->last_uj + now_uj;
    double most = most_uj_per_ns * ((double)ns + 2 * ENERGY_EDGE_NS);
    z->last_uj = now_uj;
    if (most_uj_per_ns * (double)ns > (double)z->range_uj)
        set_reason(t->reason, "no reading for %.0f s: %s may have started again unseen",
                   (double)ns * 1e-9, z->name);
    else if ((double)d > most)
        set_reason(t->reason, "%s jumped by %.3g J in %.3g s", z->name, (double)d * 1e-6,
                   (double)ns * 1e-9);
    else if (d == 0 && ns >= still_ns)
        set_reason(t->reason, "%s did not move for %.3g s", z->name, (double)ns * 1e-9);
    if (t->reason[0] || t->uj > INT64_MAX - d)
        spoil(m, z->source);
    if (t->uj >= 0)
        t->uj += d;
}

static void read_zones(struct energy_meter *m, bool is_first)
{
    int64_t before = m->read_ns, now[ENERGY_ZONES];
    bool is_read[ENERGY_ZONES];
    for (size_t i = 0; i < m->n_zones; i++) {
        const struct energy_zone *z = &m->zones[i];
        char *reason = m->total[z->source].reason;
        is_read[i] = read_uj(m, z->name, "energy_uj", &now[i], reason) == 0;
        if (is_read[i] && now[i] > z->range_uj) {
            set_reason(reason, "energy_uj of %s is above max_energy_range_uj", z->name);
            is_read[i] = false;
        }
    }
    m->read_ns = clock_ns();
    for (size_t i = 0; i < m->n_zones; i++) {
        struct energy_zone *z = &m->zones[i];
        if (!is_read[i])
            spoil(m, z->source);
        else if (is_first)
            z->last_uj = now[i];
        else
            add_difference(m, z, now[i], m->read_ns - before);
    }
    for (int s = 0; s < ENERGY_SOURCES; s++)
        m->total[s].n_reads += m->has[s];
}

void energy_begin(struct energy_meter *m)
{
    if (!m->n_zones || m->is_on)
        return;
    m->is_on = true;
    read_zones(m, true);
    m->begun_ns = m->read_ns;
}

void energy_tick(struct energy_meter *m, int64_t now_ns)
{
    if (m->is_on && now_ns - m->read_ns > m->due_ns)
        read_zones(m, false);
}

void energy_end(struct energy_meter *m)
{
    if (!m->is_on)
        return;
    m->is_on = false;
    read_zones(m, false);
    for (int s = 0; s < ENERGY_SOURCES; s++) {
        struct energy_total *t = &m->total[s];
        if (!m->has[s])
            continue;
        t->ns += m->read_ns - m->begun_ns;
        t->n_blocks++;
    }
}

void energy_add(struct energy_total *sum, const struct energy_total *x)
{
    if (x->reason[0])
        set_reason(sum->reason, "%s", x->reason);
    sum->uj = sum->uj < 0 || x->uj < 0 || sum->uj > INT64_MAX - x->uj ? -1 : sum->uj + x->uj;
    sum->ns += x->ns;
    sum->n_reads += x->n_reads;
    sum->n_blocks += x->n_blocks;
}

struct energy_total energy_result(const struct energy_total *total)
{
    struct energy_total t = *total;
    if (t.uj != 0)
        return t;
    t.uj = -1;
    set_reason(t.reason, "the counter did not move in %.3g ms", (double)t.ns * 1e-6);
    return t;
}
