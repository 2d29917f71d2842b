/* powercap.h - a tree of files like /sys/class/powercap, whose counters a process of its own moves at
 * a steady power, as the clock goes. */
#ifndef POWERCAP_H
#define POWERCAP_H
#include "tests/testing.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/clock.h"

#define POWERCAP_RANGE INT64_C(65532610987)

/* Renamed into place: nobody reads half a number. */
static inline void powercap_put(const char *root, const char *zone, const char *file,
                                const char *text)
{
    char path[512], part[540];
    snprintf(path, sizeof path, "%s/%s", root, zone);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", root, zone, file);
    snprintf(part, sizeof part, "%s.part", path);
    FILE *f = fopen(part, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) || rename(part, path) < 0)
        _exit(3);
}

static inline void powercap_uj(const char *root, const char *zone, int64_t uj)
{
    char text[32];
    snprintf(text, sizeof text, "%lld\n", (long long)(uj % POWERCAP_RANGE));
    powercap_put(root, zone, "energy_uj", text);
}

static inline void powercap_zone(const char *root, const char *zone, const char *name, int64_t uj)
{
    char text[32];
    snprintf(text, sizeof text, "%lld\n", (long long)POWERCAP_RANGE);
    powercap_put(root, zone, "name", name);
    powercap_put(root, zone, "max_energy_range_uj", text);
    powercap_uj(root, zone, uj);
}

/* One package that begins just before its counter starts again, its dram at a tenth of the power, and
 * a psys that must not be read.  The power is `idle` W, and above it `busy` W while `root`/busy is
 * there.  Ends with the caller, or by powercap_stop. */
static inline pid_t powercap_start(const char *root, double idle, double busy)
{
    enum { STEP_NS = 500000 };
    double uj = (double)(POWERCAP_RANGE - 1000000);
    mkdir(root, 0755);
    powercap_zone(root, "intel-rapl:0", "package-0\n", (int64_t)uj);
    powercap_zone(root, "intel-rapl:0:0", "dram\n", 1000);
    powercap_zone(root, "intel-rapl:1", "psys\n", 1);
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char flag[512];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(flag, sizeof flag, "%s/busy", root);
    double start = uj;
    for (int64_t last = clock_ns();;) {
        nanosleep(&(struct timespec){0, STEP_NS}, NULL);
        int64_t now = clock_ns();
        uj += (idle + (access(flag, F_OK) == 0 ? busy : 0)) * (double)(now - last) * 1e-3;
        last = now;
        powercap_uj(root, "intel-rapl:0", (int64_t)uj);
        powercap_uj(root, "intel-rapl:0:0", 1000 + (int64_t)((uj - start) / 10));
    }
}

static inline void powercap_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0)
        ;
}
#endif
