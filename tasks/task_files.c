/* task_files.c - reading task files and the files they include. */
#include "tasks/task_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/yaml.h"

enum { FILES_MOST = UINT16_MAX, FILES_SEEN = 256, FILES_BYTES = 16 << 20 };

struct seen { /* real paths of one load; never popped, as upstream */
    const char *paths[FILES_SEEN];
    size_t n;
};
struct load {
    struct task_files *files;
    struct arena *arena;
    struct seen seen;
    bool remember;
    struct assay_err *e;
};

void task_files_init(struct task_files *f)
{
    *f = (struct task_files){0};
}

/* The maps point at the arena: tied on first use, so that the struct may be copied before. */
static void files_tie(struct task_files *f)
{
    if (f->cap)
        return;
    f->numbers.arena = f->includes.arena = &f->arena;
    f->cap = 64;
    f->paths = ARENA_ARRAY(&f->arena, const char *, f->cap);
    f->paths[0] = "";
    f->n = 1;
}

void task_files_release(struct task_files *f)
{
    if (!f)
        return;
    arena_release(&f->arena);
    *f = (struct task_files){0};
}

static const void *files_widen(struct arena *a, const void *old, size_t n, size_t cap)
{
    void *wide = arena_calloc(a, cap, sizeof(void *));
    memcpy(wide, old, n * sizeof(void *));
    return wide;
}

/* Number of a path; 0 once the table is full: messages then lack the file, nothing else. */
static uint16_t files_number(struct task_files *f, const char *path)
{
    uint32_t at = task_names_get(&f->numbers, path);
    if (at != TASK_NAMES_NONE)
        return (uint16_t)at;
    if (f->n >= FILES_MOST)
        return 0;
    if (f->n == f->cap) {
        f->paths = (const char **)files_widen(&f->arena, f->paths, f->n, 2 * (size_t)f->cap);
        f->cap *= 2;
    }
    f->paths[f->n] = arena_strdup(&f->arena, path);
    task_names_set(&f->numbers, f->paths[f->n], f->n);
    return (uint16_t)f->n++;
}

/* Values come from the YAML reader with line and column only.  A value met again through an alias
 * has its number already, so the walk is linear in what was written. */
static void files_stamp(const struct value *v, uint16_t file)
{
    if (v->line == 0 || v->file == file)
        return;
    ((struct value *)(uintptr_t)v)->file = file;
    if (v->type == VALUE_LIST || v->type == VALUE_TUPLE) {
        for (uint32_t i = 0; i < v->n; i++)
            files_stamp(v->items[i], file);
    } else if (v->type == VALUE_DICT) {
        for (uint32_t i = 0; i < v->n; i++) {
            files_stamp(v->entries[i].key, file);
            files_stamp(v->entries[i].value, file);
        }
    }
}

/* -- loading ----------------------------------------------------------------------------------- */

static int load_file(struct load *, const char *path, const struct value **out);

static int load_seen(struct load *l, const char *path, const char *real)
{
    for (size_t i = 0; i < l->seen.n; i++)
        if (strcmp(l->seen.paths[i], real) == 0)
            return err_set(l->e, ASSAY_EFORMAT,
                           "%s: included twice, directly or through another "
                           "include: an include cycle",
                           path);
    if (l->seen.n == FILES_SEEN)
        return err_set(l->e, ASSAY_ELIMIT, "%s: more than %d included files", path, FILES_SEEN);
    l->seen.paths[l->seen.n++] = arena_strdup(l->arena, real);
    return 0;
}

static int load_parse(struct load *l, const char *path, struct arena *a, const struct value **out)
{
    TRY(yaml_load(path, a, out, l->e));
    if ((*out)->type != VALUE_DICT)
        return err_set(l->e, ASSAY_EFORMAT, "%s:1:1: a task file must be a mapping, this is %s",
                       path, value_type_name(*out));
    files_stamp(*out, files_number(l->files, path));
    return 0;
}

/* One included file, from memory if it was met before. */
static int load_included(struct load *l, const char *path, const char *real,
                         const struct value **out)
{
    struct task_files *f = l->files;
    if (!l->remember)
        return load_parse(l, path, l->arena, out);
    uint32_t at = task_names_get(&f->includes, real);
    if (at != TASK_NAMES_NONE) {
        *out = f->remembered[at];
        return 0;
    }
    TRY(load_parse(l, path, &f->arena, out));
    if (f->n_remembered == f->cap_remembered) {
        uint32_t cap = f->cap_remembered ? 2 * f->cap_remembered : 64;
        if (f->cap_remembered)
            f->remembered =
                (const struct value **)files_widen(&f->arena, f->remembered, f->n_remembered, cap);
        else
            f->remembered = ARENA_ARRAY(&f->arena, const struct value *, cap);
        f->cap_remembered = cap;
    }
    f->remembered[f->n_remembered] = *out;
    task_names_set(&f->includes, arena_strdup(&f->arena, real), f->n_remembered++);
    return 0;
}

static size_t merge_entries(struct value_entry *into, size_t n, const struct value *from,
                            const char *skip)
{
    for (uint32_t i = 0; i < from->n; i++)
        if (!value_is_str(from->entries[i].key, skip))
            into[n++] = from->entries[i];
    return n;
}

/* {**a, **b} without the "include" of either: value_dict keeps the last value. */
static const struct value *merge(struct load *l, const struct value *a, const struct value *b)
{
    size_t cap = (a ? a->n : 0) + b->n, n = 0;
    struct value_entry *all = ARENA_ARRAY(l->arena, struct value_entry, cap ? cap : 1);
    if (a)
        n = merge_entries(all, n, a, "include");
    n = merge_entries(all, n, b, "include");
    struct value *v = value_dict(l->arena, all, n);
    v->file = b->file;
    v->line = b->line;
    v->col = b->col;
    return v;
}

static const struct value *without(struct load *l, const struct value *d, const char *key)
{
    if (!value_get(d, key))
        return d;
    struct value_entry *all = ARENA_ARRAY(l->arena, struct value_entry, d->n);
    size_t n = merge_entries(all, 0, d, key);
    return value_dict(l->arena, all, n);
}

/* How many folders a relative path climbs above where it starts. */
static int path_climbs(const char *p)
{
    int depth = 0, least = 0;
    while (*p) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            depth--;
        else if (n && !(n == 1 && *p == '.'))
            depth++;
        least = depth < least ? depth : least;
        p += n + strspn(p + n, "/");
    }
    return -least;
}

bool task_files_may_include(const char *path, const char *name, const char *real)
{
    char own[PATH_MAX], dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof own)
        return false;
    memcpy(own, path, n);
    own[n] = 0;
    if (!realpath(n ? own : ".", dir))
        return false;
    for (int up = name[0] == '/' ? 0 : path_climbs(name); up > 0 && *dir; up--)
        *strrchr(dir, '/') = 0;
    const size_t k = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    return strncmp(real, dir, k) == 0 && real[k] == '/';
}

/* Refuses what would make a folder of tasks read files that it does not hold. */
static int load_refuse(struct load *l, const struct value *name, const char *path, const char *target)
{
    char where[TASK_WHERE], real[PATH_MAX];
    if (!realpath(target, real) || task_files_may_include(path, name->s, real))
        return 0;
    task_files_where(l->files, name, where);
    if (name->s[0] == '/')
        return err_set(l->e, ASSAY_EUNSUPPORTED, "%s: 'include' names '%s', outside this file's folder: expected a "
                       "path that begins there", where, name->s);
    return err_set(l->e, ASSAY_EUNSUPPORTED, "%s: 'include' names '%s', a link that leads out of its folder, to '%s'",
                   where, name->s, real);
}

/* Replaces the `include` of `own`, which stands in file `path`, by what it names. */
static int load_resolve(struct load *l, const struct value *own, const char *path,
                        const struct value **out)
{
    const struct value *inc = value_get(own, "include");
    *out = own;
    if (!inc)
        return 0;
    const struct value *const *items = inc->type == VALUE_LIST ? inc->items : &inc;
    size_t n = inc->type == VALUE_LIST ? inc->n : 1;
    const struct value *all = NULL;
    for (size_t i = 0; i < n; i++) {
        char where[TASK_WHERE];
        if (items[i]->type != VALUE_STR)
            return err_set(l->e, ASSAY_EFORMAT,
                           "%s: 'include' must be a path or a list of paths, "
                           "not %s",
                           task_files_where(l->files, items[i], where), value_type_name(items[i]));
        const char *dir = fs_dirname(l->arena, path);
        const char *target = fs_join(l->arena, dir, items[i]->s);
        TRY(load_refuse(l, items[i], path, target));
        if (!fs_is_file(target))
            return err_set(l->e, ASSAY_EIO, "%s: included file '%s' %s (looked for '%s')",
                           task_files_where(l->files, items[i], where), items[i]->s,
                           fs_exists(target) ? "is no regular file" : "does not exist", target);
        const struct value *one;
        TRY(load_file(l, target, &one));
        all = merge(l, all, without(l, one, "task_list"));
    }
    *out = merge(l, all, own);
    return 0;
}

static int load_file(struct load *l, const char *path, const struct value **out)
{
    char real[PATH_MAX];
    if (!realpath(path, real))
        return err_errno(l->e, ASSAY_EIO, "cannot read '%s'", path);
    bool is_first = l->seen.n == 0;
    TRY(load_seen(l, path, real));
    const struct value *own;
    TRY(is_first ? load_parse(l, path, l->arena, &own) : load_included(l, path, real, &own));
    return load_resolve(l, own, path, out);
}

int task_files_load(struct task_files *f, const char *path, bool remember, struct arena *a,
                    const struct value **out, struct assay_err *e)
{
    files_tie(f);
    struct load l = {.files = f, .arena = a, .remember = remember, .e = e};
    return load_file(&l, path, out);
}

int task_files_include(struct task_files *f, const struct value *dict, const char *path,
                       struct arena *a, const struct value **out, struct assay_err *e)
{
    files_tie(f);
    struct load l = {.files = f, .arena = a, .e = e};
    char real[PATH_MAX];
    if (!realpath(path, real))
        return err_errno(e, ASSAY_EIO, "cannot read '%s'", path);
    TRY(load_seen(&l, path, real));
    return load_resolve(&l, dict, path, out);
}

/* -- places ------------------------------------------------------------------------------------ */

const char *task_files_path(const struct task_files *f, const struct value *v)
{
    return v && v->file < f->n ? f->paths[v->file] : "";
}

const char *task_files_where(const struct task_files *f, const struct value *v,
                             char out[TASK_WHERE])
{
    const char *path = task_files_path(f, v);
    if (v && v->line)
        snprintf(out, TASK_WHERE, "%s:%u:%u", *path ? path : "inline", v->line, v->col);
    else
        snprintf(out, TASK_WHERE, "%s", *path ? path : "inline");
    return out;
}

void task_files_text_place(const struct task_files *f, const struct value *v, struct arena *a,
                           uint32_t *line, uint32_t *col)
{
    *line = v->line;
    *col = v->col;
    const char *path = task_files_path(f, v), *text;
    size_t n;
    if (v->plain || v->line == 0 || !*path)
        return;
    struct arena_mark mark = arena_mark(a);
    if (fs_read(path, FILES_BYTES, a, &text, &n, NULL) < 0)
        return;
    const char *p = text, *end = text + n;
    for (uint32_t at = 1; p && at < v->line; at++) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (p && v->col <= (size_t)(end - p)) {
        /* Columns count code points; the mark is found by walking, not by adding. */
        const char *c = p;
        for (uint32_t at = 1; at < v->col && c < end; at++)
            do
                c++;
            while (c < end && (*c & 0xC0) == 0x80);
        if (c < end && (*c == '"' || *c == '\'')) {
            ++*col;
        } else if (c < end && (*c == '|' || *c == '>')) {
            const char *below = memchr(c, '\n', (size_t)(end - c));
            size_t indent = below ? strspn(below + 1, " ") : 0;
            ++*line;
            *col = (uint32_t)indent + 1;
        }
    }
    arena_rewind(a, mark);
}
