/* pool.c - parts are claimed from one counter; the calling thread works too and returns when the
 * last part is done, not when every thread has woken.
 *
 * `ticket` holds (generation << 32 | next part).  A part is claimed by compare-and-swap, so a
 * thread that wakes late, with the ticket of a finished job, cannot take a part of the next one:
 * between jobs the ticket reads CLOSED, and the job's members change only then.  They are stored
 * with release and read with acquire: who sees a member of the next job also sees that the ticket
 * was closed. */
#include "harness/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_CLOSED UINT32_MAX
enum { POOL_SPINS = 4000, POOL_MOST = 4096 };

struct pool {
    _Atomic uint64_t ticket;
    _Atomic size_t n_parts, n_done;
    _Atomic(pool_fn *) fn;
    _Atomic(void *) user;
    _Atomic int n_parked; /* workers that wait for `work` */
    _Atomic bool caller_parked, stop;
    int size, n_threads, spins;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    pthread_t threads[];
};

static inline void pool_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Runs parts of the job of `ticket`'s generation until none is left to claim. */
static void pool_work(struct pool *p, uint64_t ticket)
{
    const uint64_t generation = ticket >> 32;
    while (ticket >> 32 == generation && (uint32_t)ticket != POOL_CLOSED) {
        pool_fn *fn = atomic_load_explicit(&p->fn, memory_order_acquire);
        void *user = atomic_load_explicit(&p->user, memory_order_acquire);
        size_t n = atomic_load_explicit(&p->n_parts, memory_order_acquire);
        size_t part = (uint32_t)ticket;
        if (part >= n)
            return;
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket + 1))
            continue;
        fn(user, part, n);
        if (atomic_fetch_add(&p->n_done, 1) + 1 == n && atomic_load(&p->caller_parked)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
        ticket = atomic_load(&p->ticket);
    }
}

/* Waits for a generation other than `seen`; false when the pool ends. */
static bool pool_await(struct pool *p, uint64_t seen, uint64_t *ticket)
{
    for (int i = 0; i < p->spins; i++) {
        *ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
        if (*ticket >> 32 != seen || atomic_load_explicit(&p->stop, memory_order_relaxed))
            return !atomic_load(&p->stop);
        pool_relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->n_parked, 1);
    while ((*ticket = atomic_load(&p->ticket)) >> 32 == seen && !atomic_load(&p->stop))
        pthread_cond_wait(&p->work, &p->lock);
    atomic_fetch_sub(&p->n_parked, 1);
    pthread_mutex_unlock(&p->lock);
    return !atomic_load(&p->stop);
}

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    uint64_t seen = 0, ticket;
    while (pool_await(p, seen, &ticket)) {
        seen = ticket >> 32;
        pool_work(p, ticket);
    }
    return NULL;
}

struct pool *pool_new(int n_threads)
{
    if (n_threads < 1 || n_threads > POOL_MOST)
        return NULL;
    struct pool *p = calloc(1, sizeof *p + (size_t)n_threads * sizeof p->threads[0]);
    if (!p)
        return NULL;
    p->size = n_threads;
    /* Spinning beside more threads than processors only takes time from whoever works. */
    p->spins = n_threads <= pool_cpus() ? POOL_SPINS : 1;
    atomic_init(&p->ticket, POOL_CLOSED);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    for (; p->n_threads < n_threads - 1; p->n_threads++) {
        if (pthread_create(&p->threads[p->n_threads], NULL, pool_thread, p)) {
            pool_free(p);
            return NULL;
        }
    }
    return p;
}

int pool_size(const struct pool *p)
{
    return p ? p->size : 1;
}

static void pool_finish(struct pool *p, size_t n_parts)
{
    for (int i = 0; i < p->spins; i++) {
        if (atomic_load(&p->n_done) == n_parts)
            return;
        pool_relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_parked, true);
    while (atomic_load(&p->n_done) != n_parts)
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_parked, false);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, size_t n_parts, pool_fn *fn, void *user)
{
    if (!p || p->n_threads == 0 || n_parts <= 1 || n_parts >= POOL_CLOSED) {
        for (size_t i = 0; i < n_parts; i++)
            fn(user, i, n_parts);
        return;
    }
    uint64_t generation = (atomic_load(&p->ticket) >> 32) + 1;
    atomic_store_explicit(&p->fn, fn, memory_order_release);
    atomic_store_explicit(&p->user, user, memory_order_release);
    atomic_store_explicit(&p->n_parts, n_parts, memory_order_release);
    atomic_store_explicit(&p->n_done, 0, memory_order_relaxed);
    uint64_t ticket = generation << 32;
    atomic_store(&p->ticket, ticket);
    if (atomic_load(&p->n_parked) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    pool_work(p, ticket);
    pool_finish(p, n_parts);
    atomic_store(&p->ticket, ticket | POOL_CLOSED);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Processors a cgroup-v2 quota allows, rounded up; POOL_MOST when there is none. */
static int pool_quota(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    double quota, period;
    int cpus = POOL_MOST;
    if (f && fscanf(f, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0 &&
        quota / period < POOL_MOST)
        cpus = (int)(quota / period + 0.999);
    if (f)
        fclose(f);
    return cpus < 1 ? 1 : cpus;
}

int pool_cpus(void)
{
    cpu_set_t set;
    int n = 1, quota = pool_quota();
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
    return n < 1 ? 1 : n < quota ? n : quota;
}
