/* sensor.c - readings of the running process: memory, context switches, pressure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "harness/machine/machine.h"

static int64_t kilobytes(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

void machine_memory(struct machine_memory *m)
{
    char text[8192];
    *m = (struct machine_memory){-1, -1, -1};
    FILE *f = fopen("/proc/self/status", "r");
    if (!f)
        return;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    m->peak_rss = kilobytes(text, "\nVmHWM:");
    m->anon = kilobytes(text, "\nRssAnon:");
    int64_t file = kilobytes(text, "\nRssFile:"), shared = kilobytes(text, "\nRssShmem:");
    m->file = file < 0 ? -1 : file + (shared > 0 ? shared : 0);
}

int64_t machine_switches(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_nivcsw : -1;
}

int64_t machine_pressure_us(void)
{
    char line[256];
    int64_t total = -1;
    FILE *f = fopen("/proc/pressure/cpu", "r");
    if (!f)
        return -1;
    if (fgets(line, sizeof line, f)) {
        const char *at = strncmp(line, "some ", 5) == 0 ? strstr(line, "total=") : NULL;
        if (at)
            total = strtoll(at + 6, NULL, 10);
    }
    fclose(f);
    return total;
}
