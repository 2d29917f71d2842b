/* clock.h - the one clock: spans come from the monotonic clock, stamps for people from realtime. */
#ifndef CLOCK_H
#define CLOCK_H
#include <stdint.h>
#include <time.h>

static inline int64_t clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static inline int64_t clock_ns(void) { return clock_of(CLOCK_MONOTONIC); }
static inline int64_t clock_wall_ns(void) { return clock_of(CLOCK_REALTIME); }
static inline int64_t clock_cpu_ns(void) { return clock_of(CLOCK_PROCESS_CPUTIME_ID); }
#endif
