/* hub_impl.h - what the hub's files share: hub.c (what to fetch), hub_files.c (a repository's files),
 * hub_rows.c (the viewer's rows). */
#ifndef HUB_IMPL_H
#define HUB_IMPL_H
#include "datasets/cache.h"
#include "datasets/card.h"
#include "datasets/hub.h"

struct hub_job {                     /* one split to fetch */
    struct hub *hub;
    const char *dir;                 /* folder of the configuration in the cache */
    const char *stage;               /* folder for what is not whole yet */
    struct cache_manifest m;         /* dataset, config, split, revision, sha; the rest is filled in */
    struct arena *arena;
};
void hub_say(struct hub *, enum hub_event_kind, int64_t done, int64_t total, bool is_rows);
/* "ENDPOINT/datasets/PATH/resolve/SHA/FILE" */
char *hub_file_url(const struct hub *, const char *path, const char *sha, const char *file,
                   struct arena *);

struct hub_file {                    /* what to download */
    const char *url, *name;          /* name: in the stage */
    int64_t size;                    /* -1: unknown */
    const char *sha256, *git;        /* NULL: unknown */
    char *got_sha256;                /* [HASH_HEX], filled in */
};
/* Downloads into the stage, several at once; what is there whole is kept. */
int hub_download(struct hub_job *, struct hub_file *, size_t n, struct assay_err *);
/* Turns downloaded files into the split, and commits it. */
int hub_convert(struct hub_job *, const struct hub_file *, size_t n, const struct value *options,
                const struct value *features, struct assay_err *);
/* Fetches all rows of the split, and commits it. */
int hub_rows(struct hub_job *, struct assay_err *);
/* The viewer serves the head of main only: whether that is the commit `sha`.
 * Errors: ASSAY_EUNSUPPORTED when it is another. */
int hub_check_head(struct hub *, const char *path, const char *revision, const char *sha,
                   struct assay_err *);
/* How many rows the viewer has. */
int hub_rows_count(struct hub_job *, int64_t *n, struct assay_err *);
/* The configurations and splits the viewer knows.  *config NULL asks for the default one. */
int hub_rows_splits(struct hub *, const char *path, const char **config, const char ***splits,
                    size_t *n, struct assay_err *);

struct hub_out;                      /* JSON lines being written: digest, count and limit at once */
int hub_out_open(struct hub_job *, struct hub_out **, struct assay_err *);
int hub_out_row(struct hub_out *, const struct value *row, struct assay_err *);
int hub_out_lines(struct hub_out *, const char *s, size_t n, int64_t rows, struct assay_err *);
int64_t hub_out_count(const struct hub_out *);   /* rows so far */
/* Syncs, renames into place, writes the manifest. */
int hub_out_commit(struct hub_out *, struct assay_err *);
void hub_out_close(struct hub_out *);            /* what was not committed is dropped */
#endif
