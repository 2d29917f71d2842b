/* fetch.h - what `assay data get` and `assay run --download` share: fetching with its progress shown.
 *
 * On a terminal one line that is redrawn, elsewhere a plain line per split; all on stderr. */
#ifndef FETCH_H
#define FETCH_H
#include <stdbool.h>
#include <stddef.h>
#include "backends/backend.h"
#include "datasets/hub.h"

struct suite;

struct fetch_flags {
    int64_t connections, retries;
    const char *max_size;
    int32_t offline, dry_run, refresh, quiet;
};
struct fetch_count {
    size_t n_new, n_here, n_failed, n_wants;
    struct assay_err first;              /* failure */
};
struct fetch;
int fetch_begin(const struct fetch_flags *, struct fetch **, struct assay_err *);
/* A failure is counted and shown; the others go on. */
void fetch_one(struct fetch *, const struct hub_want *);
struct fetch_count fetch_end(struct fetch *);
/* What the tasks of the suite read.  only_missing: what is there already is not asked about. */
int fetch_suite(struct fetch *, const struct suite *, bool only_missing, struct assay_err *);
#endif
