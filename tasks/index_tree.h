/* index_tree.h - what the task files below a folder define: read in parallel, remembered between runs.
 *
 * Reading is by scan.h.  What it does not decide (an include that is missing, a name that is no text)
 * is marked for the full loader, whose messages are the ones a person sees.
 * With a cache folder the outcome is kept there, and a file is read again only when its stamp or that
 * of a file it includes differs.  A cache that is damaged, of another version or of another folder is
 * as good as none; it is written whole and renamed, so that runs beside each other do no harm. */
#ifndef INDEX_TREE_H
#define INDEX_TREE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/fs.h"
#include "tasks/scan.h"

struct arena;
struct assay_err;

enum tree_shape { TREE_TASK, TREE_GROUP, TREE_NEITHER, TREE_ASK };   /* ASK: the full loader decides */
struct tree_facts {                    /* of a file and what it includes */
    uint8_t shape;                     /* enum tree_shape */
    bool is_class;
    int32_t n_fewshot;                 /* -1: not said */
    const char *name, *output, *dataset, *dataset_name;   /* NULL: not said */
    const char *const *tags;
    uint32_t n_tags;
};
/* False: the full loader has to decide (facts->shape is TREE_ASK then). */
bool tree_facts_of(const struct scan *, struct arena *, struct tree_facts *);

struct tree_file {
    const char *path;                  /* below the folder, or as the walk gave it */
    struct tree_facts facts;
    struct fs_stamp stamp;
    bool is_known;                     /* facts and stamp belong together and may be kept */
    uint32_t *deps;                    /* included files: indices into targets */
    uint32_t n_deps;
};
struct tree_dir {
    const char *path;                  /* below the folder; "." itself */
    struct fs_stamp stamp;
};
struct tree_target {                   /* a file that others include */
    const char *real;                  /* resolved path */
    struct fs_stamp stamp;
    bool is_same;                      /* the stamp was found as it is kept */
    bool is_read, is_bad, is_bent;     /* own: tried; could not be read; its path leads over a link */
    struct scan own;
};
struct tree {
    const char *real;                  /* the folder, resolved */
    struct tree_file *files;           /* sorted by path */
    size_t n;
    struct tree_dir *dirs;
    size_t n_dirs;
    struct tree_target *targets;
    size_t n_targets, cap_targets;
    bool has_links;                    /* then nothing is kept of it */
};
struct tree_ask {
    const char *root;
    const char *const *names;          /* only these files of the folder, sorted; NULL: walk it */
    size_t n_names;
    const char *cache;                 /* folder, or NULL: none */
    int n_threads;
};
int index_tree_read(const struct tree_ask *, struct arena *, struct tree *, struct assay_err *);

/* -- the cache (index_cache.c) ------------------------------------------------------------------- */
/* Leaves *t empty when there is none that can be used. */
void index_cache_load(const char *cache, struct arena *, struct tree *t);
void index_cache_store(const char *cache, const struct tree *);
#endif
