/* pool.h - a fixed pool of threads that run one function over numbered parts.
 *
 * Work is split statically by the caller over output rows, so results do not depend on the number
 * of threads.  The calling thread works too.  Waiting threads spin briefly, then park. */
#ifndef POOL_H
#define POOL_H
#include <stddef.h>

struct pool;
typedef void pool_fn(void *user, size_t part, size_t n_parts);

struct pool *pool_new(int n_threads);          /* >= 1; counts the caller; NULL when threads can't be had */
int pool_size(const struct pool *);            /* NULL: 1 */
/* Calls fn(user, p, n) for p in 0..n-1, each part once, and returns when all are done. */
void pool_run(struct pool *, size_t n_parts, pool_fn *fn, void *user);   /* pool NULL: in place */
void pool_free(struct pool *);
int pool_cpus(void);                           /* processors this process may run on */
#endif
