/* index.c - walks folders of YAML files and remembers what each one defines.
 *
 * A file is parsed, its name, kind and tags are kept and the rest is forgotten: a tree of 14,000
 * files costs its names.  A file that can't be read is no error here (one broken file must not hide
 * the others); it is counted, and said when a name is not found. */
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
    at->pub.name = arena_strdup(&b->index->arena, name);
    at->pub.kind = kind;
    task_names_set(&b->names, at->pub.name, (uint32_t)b->n++);
    return at;
}

static void tag_add(struct build *b, const struct value *tag, const char *task)
{
    if (tag->type != VALUE_STR)
        return;
    uint32_t at = task_names_get(&b->names, tag->s);
    struct index_entry *t =
        at == TASK_NAMES_NONE ? entry_new(b, tag->s, TASK_ENTRY_TAG) : &b->entries[at];
    for (size_t i = 0; i < t->n_members; i++)
        if (strcmp(t->members[i], task) == 0)
            return;
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

static void file_register(struct build *b, const char *path, const struct value *config)
{
    enum index_shape shape = index_shape(config);
    if (shape == INDEX_NEITHER)
        return;
    const struct value *name = value_get(config, shape == INDEX_GROUP ? "group" : "task");
    if (!name || name->type != VALUE_STR) {
        char where[TASK_WHERE], text[TASK_WHERE + 80];
        snprintf(text, sizeof text, "%s: the name of a %s must be text",
                 task_files_where(&b->index->files, name ? name : config, where),
                 shape == INDEX_GROUP ? "group" : "task");
        file_broken(b->index, text);
        return;
    }
    uint32_t before = task_names_get(&b->names, name->s);
    if (before != TASK_NAMES_NONE) {
        const char *first = b->entries[before].pub.path;
        log_debug("%s: '%s' is skipped, %s%s has that name already", path, name->s,
                  first ? "" : "a tag", first ? first : "");
        return;
    }
    struct index_entry *at =
        entry_new(b, name->s, shape == INDEX_GROUP ? TASK_ENTRY_GROUP : TASK_ENTRY_TASK);
    at->pub.path = arena_strdup(&b->index->arena, path);
    const char *task = at->pub.name;
    const struct value *tag = value_get(config, "tag");
    if (shape == INDEX_GROUP || !tag)
        return;
    if (tag->type == VALUE_LIST) {
        for (uint32_t i = 0; i < tag->n; i++)
            tag_add(b, tag->items[i], task);
    } else {
        tag_add(b, tag, task);
    }
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int entry_order(const void *a, const void *b)
{
    return strcmp(((const struct task_entry *)a)->name, ((const struct task_entry *)b)->name);
}

static void index_merge(struct task_index *x, struct build *b)
{
    if (x->n + b->n > x->cap) {
        x->cap = x->n + b->n;
        x->entries = index_grow(&x->arena, x->entries, x->n, x->cap, sizeof *x->entries);
    }
    for (size_t i = 0; i < b->n; i++) {
        struct index_entry *from = &b->entries[i];
        if (from->n_members)
            qsort(from->members, from->n_members, sizeof *from->members, name_order);
        uint32_t at = task_names_get(&x->names, from->pub.name);
        if (at == TASK_NAMES_NONE) {
            at = (uint32_t)x->n++;
            task_names_set(&x->names, from->pub.name, at);
        }
        x->entries[at] = *from;
    }
    x->sorted = ARENA_ARRAY(&x->arena, struct task_entry, x->n ? x->n : 1);
    for (size_t i = 0; i < x->n; i++)
        x->sorted[i] = x->entries[i].pub;
    if (x->n)
        qsort(x->sorted, x->n, sizeof *x->sorted, entry_order);
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

int index_add(struct task_index *x, const char *root, bool flat, struct assay_err *e)
{
    static const char *const skip[] = {"__pycache__", ".ipynb_checkpoints", NULL};
    char real[PATH_MAX];
    if (!realpath(root, real))
        return err_errno(e, ASSAY_EIO, "cannot read task folder '%s'", root);
    if (index_covers(x, real, flat))
        return 0;
    struct build b = {.index = x, .names = {.arena = &x->arena}};
    const char *const *paths;
    size_t n;
    int rc = flat ? list_flat(root, &b.scratch, &paths, &n, e)
                  : fs_walk(root, "*.yaml", skip, &b.scratch, &paths, &n, e);
    if (rc < 0)
        goto out;
    for (size_t i = 0; i < n; i++) {
        struct arena_mark mark = arena_mark(&b.scratch);
        struct assay_err why;
        const struct value *config;
        if (task_files_load(&x->files, paths[i], true, &b.scratch, &config, &why) < 0)
            file_broken(x, why.msg);
        else
            file_register(&b, paths[i], config);
        arena_rewind(&b.scratch, mark);
    }
    index_merge(x, &b);
    x->roots = index_grow(&x->arena, x->roots, x->n_roots, x->n_roots + 1, sizeof *x->roots);
    x->roots[x->n_roots].path = arena_strdup(&x->arena, root);
    x->roots[x->n_roots].real = arena_strdup(&x->arena, real);
    x->roots[x->n_roots++].is_flat = flat;
out:
    arena_release(&b.scratch);
    return rc;
}

int task_index_open(const char *const *roots, size_t n_roots, struct task_index **out,
                    struct assay_err *e)
{
    *out = NULL;
    struct task_index *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, ASSAY_ENOMEM, "no memory for an index of tasks");
    task_files_init(&x->files);
    x->names.arena = &x->arena;
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

const struct task_entry *task_index_entries(const struct task_index *x, size_t *n)
{
    *n = x->n;
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

const struct task_entry **index_below(struct task_index *x, const char *dir, struct arena *a,
                                      size_t *n)
{
    char real[PATH_MAX], at[PATH_MAX];
    const struct task_entry **found = ARENA_ARRAY(a, const struct task_entry *, x->n ? x->n : 1);
    *n = 0;
    if (!realpath(dir, real))
        return found;
    for (size_t i = 0; i < x->n; i++)
        if (x->sorted[i].path && realpath(x->sorted[i].path, at) && path_below(at, real))
            found[(*n)++] = &x->sorted[i];
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
