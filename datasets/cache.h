/* cache.h - what was fetched: local JSON lines, and a manifest beside each that says what they are.
 *
 *   ROOT/datasets/HOST/OWNER--SET/CONFIG/ref-REVISION         {"sha": ...}: where a branch stood
 *   ROOT/datasets/HOST/OWNER--SET/CONFIG/SHA/SPLIT.jsonl
 *   ROOT/datasets/HOST/OWNER--SET/CONFIG/SHA/SPLIT.json       the manifest, written last
 *   ROOT/datasets/HOST/OWNER--SET/CONFIG/partial/SHA/         what a fetch has so far
 *
 * A split is there when its manifest is and the file has the size it says; a fetch that was killed
 * leaves neither.  Names are escaped, so no name of a dataset, config or split leaves the folder.
 * Not here: the network (hub.h). */
#ifndef CACHE_H
#define CACHE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;
struct buf;
struct value;

/* $ASSAY_CACHE, $XDG_CACHE_HOME/assay, ~/.cache/assay; NULL when none can be known. */
const char *cache_root(struct arena *);

struct cache_key {                   /* names one configuration of one dataset; strings borrowed */
    const char *root;                /* cache_root() */
    const char *endpoint;            /* "https://huggingface.co"; NULL: $HF_ENDPOINT or that */
    const char *path, *name;         /* name NULL: none was given */
    const char *revision;            /* NULL: kwargs' `revision`, or main */
    const struct value *kwargs;      /* dataset_kwargs (NULL): those that change rows count */
};
struct cache_manifest {              /* strings in the arena */
    const char *dataset, *config, *split, *revision, *sha;
    const char *source;              /* "files", "rows" or "url" */
    const char *fetched;             /* "2026-11-26T16:00:00Z" */
    const char *sha256;              /* of the JSON lines */
    int64_t rows, bytes;
    const struct value *from;        /* list of {url, bytes, sha256} */
    const struct value *features;    /* as the server gives them, or NULL */
};
const char *cache_revision(const struct cache_key *);
const char *cache_endpoint(void);    /* $HF_ENDPOINT without a slash at its end */
bool cache_is_commit(const char *s);  /* 40 or 64 hexadecimal digits */
/* Folder of the configuration. */
char *cache_dir(const struct cache_key *, struct arena *);
/* The commit the revision stood at when it was last fetched; NULL: never. */
const char *cache_ref(const char *dir, const char *revision, struct arena *);
int cache_set_ref(const char *dir, const char *revision, const char *sha, struct assay_err *);
char *cache_file(const char *dir, const char *sha, const char *split, const char *ext, struct arena *);
/* Makes the split count: writes its manifest.  The file must be there. */
int cache_commit(const char *dir, const struct cache_manifest *, struct assay_err *);
/* A manifest by its file, with the file it belongs to being whole; false when it is not. */
bool cache_read(const char *path, struct arena *, struct cache_manifest *);
/* The manifest of a split that is whole; false, and *m all NULL, when there is none. */
bool cache_look(const char *dir, const char *sha, const char *split, struct arena *,
                struct cache_manifest *m);
/* The file of a split as `revision` stood when it was fetched; NULL: not here. */
const char *cache_find(const struct cache_key *, const char *split, struct arena *,
                       struct cache_manifest *);

struct cache_entry {
    const char *dir, *file;          /* folder of the commit; the JSON lines */
    const char *endpoint;            /* host, as the folder says */
    bool is_current;                 /* a ref points to its commit */
    struct cache_manifest m;
};
/* Everything that is whole, sorted by folder. */
int cache_list(const char *root, struct arena *, const struct cache_entry **, size_t *n,
               struct assay_err *);
/* Whether the file still is what was fetched; *why says what differs. */
int cache_verify(const struct cache_entry *, bool *ok, struct buf *why, struct assay_err *);
/* Bytes that fetches which broke off have left.  Old: of commits that no branch stands at any more, so that
 * no fetch goes on there; `drop` removes those, but for datasets that are being fetched just now. */
struct cache_leftovers {
    int64_t bytes, old_bytes;
};
int cache_leftovers(const char *root, bool drop, struct cache_leftovers *, struct assay_err *);
/* Removes a folder and what is in it; a folder that is not there is fine. */
void cache_drop(const char *dir);
/* Removes one split, and folders that become empty. */
int cache_remove(const struct cache_entry *, struct assay_err *);
#endif
