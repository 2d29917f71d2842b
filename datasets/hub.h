/* hub.h - fetches data sets from a hub into the cache (cache.h), as local JSON lines.
 *
 * Two ways: a repository's own files, where they are of a format that can be read; else the rows of
 * the hub's data set viewer, 100 at a time, for what is there as parquet only.  Both end in the same
 * files with the same manifest; a fetch that is killed or fails goes on from there when asked again.
 * What a server says is not believed: sizes are bounded, files are checked against the digests in
 * the list of files, rows against their count; cut cells and partial data sets are refused, because
 * scores over them would be wrong.
 *
 * Environment: HF_ENDPOINT, HF_TOKEN (or the file $HF_HOME/token), HF_HUB_OFFLINE,
 * ASSAY_ROWS_ENDPOINT (else "datasets-server." in front of the endpoint's host), ASSAY_CACHE, and the
 * proxies libcurl knows. */
#ifndef HUB_H
#define HUB_H
#include <pthread.h>
#include "datasets/http.h"
#include "harness/base/arena.h"

struct assay_err;
struct hub_repo;
struct value;

enum hub_event_kind {
    HUB_FETCH,                       /* a split is about to be fetched; total: bytes or rows */
    HUB_PROGRESS,                    /* done of total */
    HUB_HERE,                        /* a split is here; total: rows; is_new: was fetched now */
    HUB_WOULD,                       /* dry run: would be fetched; total as in HUB_FETCH, -1: unknown */
    HUB_WAIT,                        /* text: why; done: milliseconds */
    HUB_MOVED                        /* text: "main moved from ... to ..." */
};
struct hub_event {
    enum hub_event_kind kind;
    const char *dataset, *config, *split, *text;
    int64_t done, total;
    bool is_rows;                    /* done and total count rows, else bytes */
    bool is_new;
};
struct hub {
    struct http http;
    struct arena arena;
    const char *endpoint, *rows_endpoint;
    const char *root;                /* of the cache */
    bool offline, dry_run, refresh;  /* refresh: fetch again what is here */
    int connections;
    int64_t max_bytes;               /* of one split, packed and unpacked */
    void (*on_event)(void *user, const struct hub_event *);    /* one at a time; may be NULL */
    void *user;
    pthread_mutex_t lock;            /* of on_event */
    const char *now_dataset, *now_config, *now_split;
    struct hub_repo *repos;          /* those asked about, newest first */
};
/* From the environment.  Errors: ASSAY_EUSAGE for an endpoint that is none. */
int hub_init(struct hub *, struct assay_err *);
void hub_release(struct hub *);

struct hub_want {                    /* strings borrowed */
    const char *path, *name;         /* name NULL: the default configuration */
    const char *revision;            /* NULL: the kwargs', or main */
    const struct value *kwargs;      /* dataset_kwargs or NULL */
    const char *const *splits;
    size_t n_splits;                 /* 0: all */
};
struct hub_got {
    size_t n_new, n_here;            /* splits */
};
/* Whether a dataset_path can name something to fetch: OWNER/NAME or NAME, or a loader (json, csv,
 * text) whose data_files are addresses. */
bool hub_can_have(const char *path, const struct value *kwargs);
int hub_get(struct hub *, const struct hub_want *, struct hub_got *, struct assay_err *);
#endif
