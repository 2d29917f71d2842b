/* machine.h - what this computer is, and how a process on it is doing.
 *
 * The class key holds what matters for comparing measurements (processor, instruction sets the
 * system lets us use, cores, caches, memory) and is stable; the environment holds what changes
 * under it (kernel, governor, microcode, libraries).  Unknown is null, never 0. */
#ifndef MACHINE_H
#define MACHINE_H
#include <stdbool.h>
#include <stdint.h>
struct arena;
struct assay_err;
struct value;

struct machine {
    const char *name;                  /* host name */
    const struct value *class_key;     /* dict; canonical JSON of it is hashed */
    const struct value *environment;   /* dict */
    char class_uid[65], uid[65];       /* sha256 of class_key; of class_key and environment */
};
int machine_describe(struct arena *, struct machine *, struct assay_err *);

/* Instruction sets, by name, sorted; only what processor AND operating system allow. */
const struct value *machine_isa(struct arena *);

struct machine_memory {                /* bytes; -1: unknown */
    int64_t peak_rss;                  /* VmHWM */
    int64_t anon, file;                /* RssAnon; RssFile + RssShmem */
};
/* Of the calling process, from /proc/self/status. */
void machine_memory(struct machine_memory *);
/* Involuntary context switches of the calling process so far. */
int64_t machine_switches(void);
/* Total microseconds in which some task waited for a processor (/proc/pressure/cpu); -1:
 * unknown. */
int64_t machine_pressure_us(void);
#endif
