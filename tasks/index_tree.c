/* index_tree.c - lists a folder, finds what changed, reads that in parallel, applies includes. */
#include "tasks/index_tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"
#include "tasks/task_files.h"
#include "tasks/task_names.h"

enum { TREE_PARTS = 64, TREE_SEEN = 256, TREE_BYTES = 16 << 20, TREE_ALONE = 200 };

struct tree_build {
    const struct tree_ask *ask;
    struct tree *t;
    struct arena *arena; /* of the tree */
    struct arena scratch;
    struct arena parts[TREE_PARTS]; /* what the readers of each part made */
    int fd;                         /* the folder */
    bool is_changed; /* the cache would say something else */
    uint32_t *stale; /* files to be read */
    size_t n_stale;
    struct scan *own; /* [n_stale] */
    bool *is_bad;     /* [n_stale] */
    bool dirs_differ[TREE_PARTS];
    struct task_names joined, real; /* paths -> target */
    struct fs_text text;
};

/* -- what changed ------------------------------------------------------------------------------ */

static size_t part_from(size_t n, size_t part, size_t n_parts)
{
    return n * part / n_parts;
}

/* Compares every kept stamp with the file system. */
static void check_part(void *user, size_t part, size_t n_parts)
{
    struct tree_build *b = user;
    struct tree *t = b->t;
    struct fs_stamp now;
    for (size_t i = part_from(t->n_dirs, part, n_parts); i < part_from(t->n_dirs, part + 1, n_parts); i++)
        if (!fs_stamp_at(b->fd, t->dirs[i].path, &now) || !fs_stamp_same(&now, &t->dirs[i].stamp))
            b->dirs_differ[part] = true;
    for (size_t i = part_from(t->n_targets, part, n_parts); i < part_from(t->n_targets, part + 1, n_parts);
         i++)
        t->targets[i].is_same = fs_stamp_at(b->fd, t->targets[i].real, &now) &&
                                fs_stamp_same(&now, &t->targets[i].stamp);
    for (size_t i = part_from(t->n, part, n_parts); i < part_from(t->n, part + 1, n_parts); i++)
        t->files[i].is_known = t->files[i].is_known && fs_stamp_at(b->fd, t->files[i].path, &now) &&
                               fs_stamp_same(&now, &t->files[i].stamp);
}

static void run_parts(struct tree_build *b, size_t n, pool_fn *fn)
{
    struct pool *pool = n > TREE_ALONE && b->ask->n_threads > 1 ? pool_new(b->ask->n_threads) : NULL;
    pool_run(pool, TREE_PARTS, fn, b);
    pool_free(pool);
}

static bool dirs_same(const struct tree_build *b)
{
    for (size_t i = 0; i < TREE_PARTS; i++)
        if (b->dirs_differ[i])
            return false;
    return b->t->n_dirs > 0;
}

static const char *below_root(const char *path, const char *root)
{
    path += strlen(root);
    while (*path == '/')
        path++;
    return *path ? path : ".";
}

/* The folder's files, each with what is still known of it. */
static void take_list(struct tree_build *b, const char *const *paths, size_t n)
{
    struct tree *t = b->t;
    struct tree_file *files = ARENA_ARRAY(b->arena, struct tree_file, n);
    for (size_t i = 0, k = 0; i < n; i++) {
        const char *path = below_root(paths[i], b->ask->root);
        while (k < t->n && strcmp(t->files[k].path, path) < 0)
            k++;
        if (k < t->n && strcmp(t->files[k].path, path) == 0)
            files[i] = t->files[k];
        else
            files[i].path = arena_strdup(b->arena, path);
        if (b->t->has_links)
            files[i].is_known = false;
    }
    t->files = files;
    t->n = n;
}

static int list_folder(struct tree_build *b, struct assay_err *e)
{
    static const char *const skip[] = {"__pycache__", ".ipynb_checkpoints", NULL};
    const struct tree_ask *ask = b->ask;
    struct fs_tree found = {.paths = ask->names, .n = ask->n_names};
    b->is_changed = true;
    if (!ask->names)
        TRY(fs_walk_tree(ask->root, "*.yaml", skip, &b->scratch, &found, e));
    b->t->has_links = found.has_links;
    take_list(b, found.paths, found.n);
    b->t->dirs = ARENA_ARRAY(b->arena, struct tree_dir, found.n_dirs);
    b->t->n_dirs = found.n_dirs;
    for (size_t i = 0; i < found.n_dirs; i++) {
        const char *path = below_root(found.dirs[i].path, ask->root);
        b->t->dirs[i] = (struct tree_dir){arena_strdup(b->arena, path), found.dirs[i].stamp};
    }
    return 0;
}

static void find_stale(struct tree_build *b)
{
    struct tree *t = b->t;
    b->stale = ARENA_ARRAY(&b->scratch, uint32_t, t->n);
    for (size_t i = 0; i < t->n; i++) {
        struct tree_file *f = &t->files[i];
        for (uint32_t k = 0; f->is_known && k < f->n_deps; k++)
            f->is_known = t->targets[f->deps[k]].is_same;
        if (!f->is_known)
            b->stale[b->n_stale++] = (uint32_t)i;
    }
}

/* -- reading ----------------------------------------------------------------------------------- */

/* What a text says itself; false: no YAML, or no mapping. */
static bool read_own(const struct fs_text *text, struct arena *a, struct scan *own)
{
    const struct value *v;
    struct assay_err e;
    if (scan_text(text->v, text->n, a, own))
        return true;
    if (yaml_parse(text->v, text->n, "", a, &v, &e) < 0 || v->type != VALUE_DICT)
        return false;
    scan_value(v, own);
    return true;
}

static void read_part(void *user, size_t part, size_t n_parts)
{
    struct tree_build *b = user;
    struct fs_text text = {0};
    for (size_t i = part_from(b->n_stale, part, n_parts); i < part_from(b->n_stale, part + 1, n_parts); i++) {
        struct tree_file *f = &b->t->files[b->stale[i]];
        b->is_bad[i] = !fs_read_at(b->fd, f->path, TREE_BYTES, &text, &f->stamp) ||
                       !read_own(&text, &b->parts[part], &b->own[i]);
    }
    free(text.v);
}

/* -- includes ---------------------------------------------------------------------------------- */

/* The absolute path `p` without ".", ".." and doubled slashes, were there no links. */
static void path_straight(const char *p, char out[PATH_MAX])
{
    size_t n = 0;
    while (*p) {
        p += strspn(p, "/");
        size_t k = strcspn(p, "/");
        if (k == 2 && p[0] == '.' && p[1] == '.') {
            while (n && out[--n] != '/')
                ;
        } else if (k && !(k == 1 && *p == '.') && n + k + 2 < PATH_MAX) {
            out[n++] = '/';
            memcpy(out + n, p, k);
            n += k;
        }
        p += k;
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = 0;
}

static uint32_t target_new(struct tree_build *b, const char *real)
{
    struct tree *t = b->t;
    if (t->n_targets == t->cap_targets) {
        size_t cap = t->cap_targets ? 2 * t->cap_targets : 64;
        struct tree_target *wide = ARENA_ARRAY(b->arena, struct tree_target, cap);
        if (t->n_targets)
            memcpy(wide, t->targets, t->n_targets * sizeof *wide);
        t->targets = wide;
        t->cap_targets = cap;
    }
    t->targets[t->n_targets].real = arena_strdup(b->arena, real);
    task_names_set(&b->real, t->targets[t->n_targets].real, (uint32_t)t->n_targets);
    return (uint32_t)t->n_targets++;
}

/* The target at an absolute path; TASK_NAMES_NONE: there is no file. */
static uint32_t target_find(struct tree_build *b, const char *joined)
{
    char real[PATH_MAX], straight[PATH_MAX];
    uint32_t at = task_names_get(&b->joined, joined);
    if (at != TASK_NAMES_NONE)
        return at;
    if (!realpath(joined, real))
        return TASK_NAMES_NONE;
    at = task_names_get(&b->real, real);
    if (at == TASK_NAMES_NONE)
        at = target_new(b, real);
    path_straight(joined, straight);
    b->t->targets[at].is_bent |= strcmp(straight, real) != 0;
    task_names_set(&b->joined, arena_strdup(&b->scratch, joined), at);
    return at;
}

static void target_read(struct tree_build *b, struct tree_target *x)
{
    struct fs_stamp now;
    if (x->is_read)
        return;
    x->is_read = true;
    x->is_bad = !fs_read_at(b->fd, x->real, TREE_BYTES, &b->text, &now) ||
                !read_own(&b->text, &b->scratch, &x->own);
    if (x->is_same && !fs_stamp_same(&now, &x->stamp))
        now = (struct fs_stamp){0}; /* changed under our eyes: what was known of it is doubtful */
    x->stamp = now;
}

struct seen { /* of one file, never popped, as the loader */
    const char *self;
    uint32_t targets[TREE_SEEN];
    uint32_t n;
};

static bool seen_add(const struct tree_build *b, struct seen *seen, uint32_t target)
{
    for (uint32_t i = 0; i < seen->n; i++)
        if (seen->targets[i] == target)
            return false;
    if (seen->n == TREE_SEEN - 1 || strcmp(b->t->targets[target].real, seen->self) == 0)
        return false;
    seen->targets[seen->n++] = target;
    return true;
}

static void scan_over(struct scan *lo, const struct scan *hi)
{
    for (size_t i = 0; i < SCAN_KEYS; i++)
        if (hi->v[i])
            lo->v[i] = hi->v[i];
}

/* The keys of the file at `path` (absolute) over those of what it includes. */
static bool resolve(struct tree_build *b, const struct scan *own, const char *path, struct seen *seen,
                    struct scan *all)
{
    const struct value *inc = own->v[SCAN_INCLUDE];
    const struct value *const *items = inc && inc->type == VALUE_LIST ? inc->items : &inc;
    size_t n = !inc ? 0 : inc->type == VALUE_LIST ? inc->n : 1;
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < n; i++) {
        struct scan below = {{NULL}};
        char joined[PATH_MAX];
        if (items[i]->type != VALUE_STR || strlen(items[i]->s) != items[i]->n)
            return false;
        bool is_absolute = items[i]->s[0] == '/';
        int k = snprintf(joined, sizeof joined, "%.*s%s", is_absolute ? 0 : (int)(slash + 1 - path), path,
                         items[i]->s);
        uint32_t at = k > 0 && k < PATH_MAX ? target_find(b, joined) : TASK_NAMES_NONE;
        if (at == TASK_NAMES_NONE || !seen_add(b, seen, at))
            return false;
        const struct tree_target *x = &b->t->targets[at];
        if ((is_absolute || x->is_bent) && !task_files_may_include(path, items[i]->s, x->real))
            return false; /* the loader says why */
        target_read(b, &b->t->targets[at]);
        struct scan target_own = b->t->targets[at].own;
        if (b->t->targets[at].is_bad || !resolve(b, &target_own, joined, seen, &below))
            return false;
        scan_over(all, &below);
    }
    scan_over(all, own);
    return true;
}

static const char *text_of(const struct value *v, struct arena *a)
{
    if (v && v->type == VALUE_INT)
        return arena_printf(a, "%lld", (long long)v->i);
    return v && v->type == VALUE_STR ? arena_strdup(a, v->s) : NULL;
}

static void take_tags(const struct value *v, struct arena *a, struct tree_facts *out)
{
    const struct value *const *items = v->type == VALUE_LIST ? v->items : &v;
    size_t n = v->type == VALUE_LIST ? v->n : 1;
    const char **tags = ARENA_ARRAY(a, const char *, n);
    for (size_t i = 0; i < n; i++)
        if (items[i]->type == VALUE_STR)
            tags[out->n_tags++] = arena_strdup(a, items[i]->s);
    out->tags = tags;
}

bool tree_facts_of(const struct scan *s, struct arena *a, struct tree_facts *out)
{
    const struct value *few = s->v[SCAN_FEWSHOT];
    *out = (struct tree_facts){.shape = TREE_ASK, .n_fewshot = -1};
    out->is_class = s->v[SCAN_CLASS] != NULL;
    bool is_group = !out->is_class && s->v[SCAN_GROUP];
    if (!out->is_class && !is_group && !s->v[SCAN_TASK]) {
        out->shape = TREE_NEITHER;
        return true;
    }
    const struct value *name = s->v[is_group ? SCAN_GROUP : SCAN_TASK];
    if (!name || name->type != VALUE_STR)
        return false;
    out->shape = is_group ? TREE_GROUP : TREE_TASK;
    out->name = arena_strdup(a, name->s);
    if (is_group)
        return true;
    if (s->v[SCAN_TAG])
        take_tags(s->v[SCAN_TAG], a, out);
    out->output = text_of(s->v[SCAN_OUTPUT], a);
    out->dataset = text_of(s->v[SCAN_DATASET], a);
    out->dataset_name = text_of(s->v[SCAN_DATASET_NAME], a);
    if (few && few->type == VALUE_INT && few->i >= 0 && few->i <= INT32_MAX)
        out->n_fewshot = (int32_t)few->i;
    return true;
}

static void resolve_file(struct tree_build *b, struct tree_file *f, const struct scan *own)
{
    struct scan all = {{NULL}};
    char path[PATH_MAX], real[PATH_MAX];
    struct seen seen = {.self = path};
    int k = snprintf(path, sizeof path, "%s/%s", strcmp(b->t->real, "/") ? b->t->real : "", f->path);
    if (k < 0 || k >= PATH_MAX)
        return;
    if (b->t->has_links && realpath(path, real))
        seen.self = real;
    if (!resolve(b, own, path, &seen, &all) || !tree_facts_of(&all, b->arena, &f->facts)) {
        f->facts.shape = TREE_ASK;
        return;
    }
    f->is_known = true;
    f->n_deps = seen.n;
    f->deps = ARENA_ARRAY(b->arena, uint32_t, seen.n);
    if (seen.n)
        memcpy(f->deps, seen.targets, seen.n * sizeof *f->deps);
}

static void resolve_all(struct tree_build *b)
{
    b->joined.arena = b->real.arena = &b->scratch;
    for (size_t i = 0; b->n_stale && i < b->t->n_targets; i++)
        task_names_set(&b->real, b->t->targets[i].real, (uint32_t)i);
    for (size_t i = 0; i < b->n_stale; i++) {
        struct tree_file *f = &b->t->files[b->stale[i]];
        f->facts = (struct tree_facts){.shape = TREE_ASK};
        f->n_deps = 0;
        if (!b->is_bad[i])
            resolve_file(b, f, &b->own[i]);
        b->is_changed |= f->is_known;
    }
}

/* -- the whole --------------------------------------------------------------------------------- */

/* Takes away what could have changed since without its stamp saying so, then keeps the rest. */
static void keep(struct tree_build *b, int64_t began_ns)
{
    struct tree *t = b->t;
    for (size_t i = 0; i < t->n_dirs; i++)
        if (!fs_stamp_settled(&t->dirs[i].stamp, began_ns))
            t->dirs[i].stamp = (struct fs_stamp){0};
    for (size_t i = 0; i < t->n; i++) {
        struct tree_file *f = &t->files[i];
        f->is_known = f->is_known && fs_stamp_settled(&f->stamp, began_ns);
        for (uint32_t k = 0; f->is_known && k < f->n_deps; k++) {
            const struct tree_target *x = &t->targets[f->deps[k]];
            f->is_known = !x->is_bent && x->stamp.ino && fs_stamp_settled(&x->stamp, began_ns);
        }
    }
    index_cache_store(b->ask->cache, t);
}

static int build(struct tree_build *b, struct assay_err *e)
{
    struct tree *t = b->t;
    int64_t began_ns = clock_wall_ns();
    if (b->ask->cache && !b->ask->names)
        index_cache_load(b->ask->cache, b->arena, t);
    if (t->n_dirs)
        run_parts(b, t->n, check_part);
    if (!dirs_same(b))
        TRY(list_folder(b, e));
    find_stale(b);
    b->own = ARENA_ARRAY(&b->scratch, struct scan, b->n_stale);
    b->is_bad = ARENA_ARRAY(&b->scratch, bool, b->n_stale);
    run_parts(b, b->n_stale, read_part);
    resolve_all(b);
    /* A small folder is read faster than its cache is found. */
    if (b->ask->cache && !b->ask->names && !b->t->has_links && b->is_changed && t->n > TREE_ALONE)
        keep(b, began_ns);
    return 0;
}

int index_tree_read(const struct tree_ask *ask, struct arena *a, struct tree *t, struct assay_err *e)
{
    char real[PATH_MAX];
    *t = (struct tree){0};
    if (!realpath(ask->root, real))
        return err_errno(e, ASSAY_EIO, "cannot read task folder '%s'", ask->root);
    t->real = arena_strdup(a, real);
    struct tree_build *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, ASSAY_ENOMEM, "no memory for an index of tasks");
    b->ask = ask;
    b->t = t;
    b->arena = a;
    b->fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = b->fd < 0 ? err_errno(e, ASSAY_EIO, "cannot read directory '%s'", ask->root) : build(b, e);
    if (b->fd >= 0)
        close(b->fd);
    for (size_t i = 0; i < TREE_PARTS; i++)
        arena_release(&b->parts[i]);
    arena_release(&b->scratch);
    free(b->text.v);
    free(b);
    return rc;
}
