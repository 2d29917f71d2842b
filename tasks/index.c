/* index.c - remembers what the task files below some folders define.
 *
 * The files are read by index_tree.c; what only the full loader can decide is loaded here.  A file
 * that can't be read is no error (one broken file must not hide the others); it is counted, and said
 * when a name is not found. */
#include "tasks/index.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/log.h"
#include "harness/base/pool.h"
#include "tasks/index_tree.h"

struct build { /* one root */
    struct task_index *index;
    struct index_entry *entries;
    size_t n, cap;
    struct task_names names;
    struct arena scratch;
};

enum index_shape index_shape(const struct value *config)
{
    if (value_get(config, "class"))
        return INDEX_TASK;
    if (value_get(config, "group"))
        return INDEX_GROUP;
    return value_get(config, "task") ? INDEX_TASK : INDEX_NEITHER;
}

static void *index_grow(struct arena *a, const void *old, size_t n, size_t cap, size_t size)
{
    void *wide = arena_calloc(a, cap, size);
    if (n)
        memcpy(wide, old, n * size);
    return wide;
}

static struct index_entry *entry_new(struct build *b, const char *name, uint8_t kind)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 128;
        b->entries = index_grow(&b->index->arena, b->entries, b->n, cap, sizeof *b->entries);
        b->cap = cap;
    }
    struct index_entry *at = &b->entries[b->n];
    at->pub.name = name;
    at->pub.kind = kind;
    at->pub.n_fewshot = -1;
    task_names_set(&b->names, at->pub.name, (uint32_t)b->n++);
    return at;
}

static void tag_add(struct build *b, const char *tag, const char *task)
{
    uint32_t at = task_names_get(&b->names, tag);
    struct index_entry *t =
        at == TASK_NAMES_NONE ? entry_new(b, tag, TASK_ENTRY_TAG) : &b->entries[at];
    if (t->n_members && t->members[t->n_members - 1] == task)
        return; /* one file that writes a tag twice */
    if (t->n_members == t->cap_members) {
        size_t cap = t->cap_members ? 2 * t->cap_members : 8;
        t->members =
            index_grow(&b->index->arena, t->members, t->n_members, cap, sizeof *t->members);
        t->cap_members = cap;
    }
    t->members[t->n_members++] = task;
}

static void file_broken(struct task_index *x, const char *text)
{
    log_debug("skipped task file: %s", text);
    if (x->n_broken++ == 0)
        x->broken = arena_strdup(&x->arena, text);
}

/* What the loader makes of a file that index_tree could not decide; false: it is broken. */
static bool file_load(struct build *b, const char *path, struct tree_facts *facts)
{
    struct task_index *x = b->index;
    struct assay_err why;
    const struct value *config;
    struct scan s;
    if (task_files_load(&x->files, path, true, &b->scratch, &config, &why) < 0) {
        file_broken(x, why.msg);
        return false;
    }
    scan_value(config, &s);
    if (tree_facts_of(&s, &x->arena, facts))
        return true;
    bool is_group = index_shape(config) == INDEX_GROUP;
    const struct value *name = value_get(config, is_group ? "group" : "task");
    char where[TASK_WHERE], text[TASK_WHERE + 80];
    snprintf(text, sizeof text, "%s: the name of a %s must be text",
             task_files_where(&x->files, name ? name : config, where), is_group ? "group" : "task");
    file_broken(x, text);
    return false;
}

static void file_register(struct build *b, const char *path, const struct tree_facts *f)
{
    uint32_t before = task_names_get(&b->names, f->name);
    if (before != TASK_NAMES_NONE) {
        const char *first = b->entries[before].pub.path;
        log_debug("%s: '%s' is skipped, %s%s has that name already", path, f->name,
                  first ? "" : "a tag", first ? first : "");
        return;
    }
    bool is_group = f->shape == TREE_GROUP;
    struct index_entry *at = entry_new(b, f->name, is_group ? TASK_ENTRY_GROUP : TASK_ENTRY_TASK);
    at->pub.path = path;
    at->pub.output = f->output;
    at->pub.dataset = f->dataset;
    at->pub.dataset_name = f->dataset_name;
    at->pub.n_fewshot = f->n_fewshot;
    at->pub.is_class = f->is_class;
    const char *task = at->pub.name; /* `at` moves when entries grow */
    for (uint32_t i = 0; i < f->n_tags; i++)
        tag_add(b, f->tags[i], task);
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int entry_order(const void *a, const void *b)
{
    return strcmp(((const struct task_entry *)a)->name, ((const struct task_entry *)b)->name);
}

/* A root over those before it. */
static void index_merge(struct task_index *x, struct build *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct index_entry *from = &b->entries[i];
        if (from->n_members)
            qsort(from->members, from->n_members, sizeof *from->members, name_order);
    }
    x->sorted = NULL;
    if (x->n == 0) {
        x->entries = b->entries;
        x->n = b->n;
        x->cap = b->cap;
        x->names = b->names;
        return;
    }
    if (x->n + b->n > x->cap) {
        x->cap = x->n + b->n;
        x->entries = index_grow(&x->arena, x->entries, x->n, x->cap, sizeof *x->entries);
    }
    task_names_room(&x->names, x->n + b->n);
    for (size_t i = 0; i < b->n; i++) {
        uint32_t at = task_names_get(&x->names, b->entries[i].pub.name);
        if (at == TASK_NAMES_NONE) {
            at = (uint32_t)x->n++;
            task_names_set(&x->names, b->entries[i].pub.name, at);
        }
        x->entries[at] = b->entries[i];
    }
}

static bool path_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == 0 || path[n] == '/' || dir[n - 1] == '/');
}

static bool index_covers(const struct task_index *x, const char *real, bool flat)
{
    for (size_t i = 0; i < x->n_roots; i++)
        if (path_below(real, x->roots[i].real) &&
            (!x->roots[i].is_flat || (flat && strcmp(real, x->roots[i].real) == 0)))
            return true;
    return false;
}

/* The folder's own *.yaml, sorted by path. */
static int list_flat(const char *root, struct arena *a, const char *const **paths, size_t *n,
                     struct assay_err *e)
{
    struct dirent **found;
    int k = scandir(root, &found, NULL, NULL);
    if (k < 0)
        return err_errno(e, ASSAY_EIO, "cannot read directory '%s'", root);
    const char **list = ARENA_ARRAY(a, const char *, (size_t)k + 1);
    *n = 0;
    for (int i = 0; i < k; i++) {
        const char *path = fs_join(a, root, found[i]->d_name);
        if (fnmatch("*.yaml", found[i]->d_name, 0) == 0 && !fs_is_dir(path))
            list[(*n)++] = path;
        free(found[i]);
    }
    free(found);
    if (*n)
        qsort(list, *n, sizeof *list, name_order);
    *paths = list;
    return 0;
}

static void root_new(struct task_index *x, const char *root, const char *real, bool flat)
{
    x->roots = index_grow(&x->arena, x->roots, x->n_roots, x->n_roots + 1, sizeof *x->roots);
    x->roots[x->n_roots].path = arena_strdup(&x->arena, root);
    x->roots[x->n_roots].real = arena_strdup(&x->arena, real);
    x->roots[x->n_roots++].is_flat = flat;
}

int index_add(struct task_index *x, const char *root, bool flat, struct assay_err *e)
{
    char real[PATH_MAX];
    if (!realpath(root, real))
        return err_errno(e, ASSAY_EIO, "cannot read task folder '%s'", root);
    if (index_covers(x, real, flat))
        return 0;
    struct build b = {.index = x, .names = {.arena = &x->arena}};
    struct tree_ask ask = {.root = root, .cache = x->cache, .n_threads = pool_cpus()};
    struct tree tree;
    int rc = flat ? list_flat(root, &b.scratch, &ask.names, &ask.n_names, e) : 0;
    if (rc == 0)
        rc = index_tree_read(&ask, &x->arena, &tree, e);
    if (rc == 0)
        task_names_room(&b.names, tree.n + tree.n / 16);
    for (size_t i = 0; rc == 0 && i < tree.n; i++) {
        struct tree_facts *facts = &tree.files[i].facts;
        const char *path = facts->shape == TREE_NEITHER ? NULL : fs_join(&x->arena, root, tree.files[i].path);
        struct arena_mark mark = arena_mark(&b.scratch);
        if (path && (facts->shape != TREE_ASK || file_load(&b, path, facts)) &&
            facts->shape != TREE_NEITHER)
            file_register(&b, path, facts);
        arena_rewind(&b.scratch, mark);
    }
    if (rc == 0) {
        index_merge(x, &b);
        x->has_links |= tree.has_links;
        root_new(x, root, real, flat);
    }
    arena_release(&b.scratch);
    return rc;
}

int task_index_open(const char *const *roots, size_t n_roots, const char *cache,
                    struct task_index **out, struct assay_err *e)
{
    *out = NULL;
    struct task_index *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, ASSAY_ENOMEM, "no memory for an index of tasks");
    task_files_init(&x->files);
    x->names.arena = &x->arena;
    x->cache = cache ? arena_strdup(&x->arena, cache) : NULL;
    for (size_t i = 0; i < n_roots; i++) {
        int rc = index_add(x, roots[i], false, e);
        if (rc < 0) {
            task_index_close(x);
            return rc;
        }
    }
    *out = x;
    return 0;
}

/* Sorted when somebody asks: looking up names does not need it. */
const struct task_entry *task_index_entries(struct task_index *x, size_t *n)
{
    *n = x->n;
    if (x->sorted)
        return x->sorted;
    x->sorted = ARENA_ARRAY(&x->arena, struct task_entry, x->n ? x->n : 1);
    for (size_t i = 0; i < x->n; i++)
        x->sorted[i] = x->entries[i].pub;
    if (x->n)
        qsort(x->sorted, x->n, sizeof *x->sorted, entry_order);
    return x->sorted;
}

const char *task_index_broken(const struct task_index *x, size_t *n)
{
    *n = x->n_broken;
    return x->broken;
}

const struct index_entry *index_find(const struct task_index *x, const char *name)
{
    uint32_t at = task_names_get(&x->names, name);
    return at == TASK_NAMES_NONE ? NULL : &x->entries[at];
}

/* The folder `dir` as the paths of a root's files begin, were there no links; NULL: not below it. */
static const char *dir_in_root(const struct index_root *root, const char *dir, struct arena *a)
{
    size_t n = strlen(root->real);
    if (root->is_flat ? strcmp(dir, root->real) != 0 : !path_below(dir, root->real))
        return NULL;
    dir += n;
    return *dir ? fs_join(a, root->path, dir + (*dir == '/')) : root->path;
}

const struct task_entry **index_below(struct task_index *x, const char *dir, struct arena *a,
                                      size_t *n)
{
    char real[PATH_MAX], at[PATH_MAX];
    size_t n_all, n_roots = 0;
    const struct task_entry *all = task_index_entries(x, &n_all);
    const struct task_entry **found = ARENA_ARRAY(a, const struct task_entry *, n_all ? n_all : 1);
    const char **roots = ARENA_ARRAY(a, const char *, x->n_roots + 1);
    *n = 0;
    if (!realpath(dir, real))
        return found;
    for (size_t i = 0; i < x->n_roots; i++)
        if ((roots[n_roots] = dir_in_root(&x->roots[i], real, a)))
            n_roots++;
    for (size_t i = 0; i < n_all; i++) {
        bool below = false;
        for (size_t r = 0; all[i].path && r < n_roots && !below; r++)
            below = path_below(all[i].path, roots[r]);
        if (!below && all[i].path && x->has_links)
            below = realpath(all[i].path, at) && path_below(at, real);
        if (below)
            found[(*n)++] = &all[i];
    }
    return found;
}

void task_index_close(struct task_index *x)
{
    if (!x)
        return;
    task_files_release(&x->files);
    arena_release(&x->arena);
    free(x);
}
