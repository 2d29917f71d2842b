/* resolve.c - see resolve.h for the order in which places are looked at. */
#include "datasets/resolve.h"

#include <glob.h>
#include <string.h>

#include "datasets/cache.h"
#include "datasets/stream.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"

static const struct rows_format *const rows_formats[] = {&rows_jsonl, &rows_ndjson, &rows_json,
                                                         &rows_csv,   &rows_tsv,    &rows_text};
enum { N_FORMATS = sizeof rows_formats / sizeof *rows_formats };

const struct rows_format *resolve_format(const char *path)
{
    const char *name = fs_basename(path);
    size_t n = stream_stem(name);
    for (size_t i = 0; i < N_FORMATS; i++) {
        size_t k = strlen(rows_formats[i]->ext);
        if (n > k && memcmp(name + n - k, rows_formats[i]->ext, k) == 0)
            return rows_formats[i];
    }
    return NULL;
}

void path_list_add(struct path_list *l, const char *path)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        const char **v = ARENA_ARRAY(l->arena, const char *, cap);
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = path;
}

size_t path_list_glob(struct path_list *l, const char *pattern)
{
    if (!strpbrk(pattern, "*?[")) {
        if (!fs_exists(pattern) || fs_is_dir(pattern))
            return 0;
        path_list_add(l, arena_strdup(l->arena, pattern));
        return 1;
    }
    glob_t g;
    size_t added = 0;
    if (glob(pattern, 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++)
            if (!fs_is_dir(g.gl_pathv[i])) {
                path_list_add(l, arena_strdup(l->arena, g.gl_pathv[i]));
                added++;
            }
        globfree(&g);
    }
    return added;
}

/* -- what a task file may name ------------------------------------------------------------------- */

static bool climbs(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == 0))
            return true;
    return false;
}

/* A task file comes from anywhere; what it names must not lead to any file of this machine.  Where
 * the file really is must be below the task's folder or a data directory.  A name below a data
 * directory that does not climb may be a symbolic link: whoever named the directory made it. */
static bool is_allowed(const struct data_source *src, const char *name, const char *file)
{
    if (!src->base_dir || fs_inside(file, src->base_dir))
        return true;
    for (const char *const *dir = src->data_dirs; dir && *dir; dir++) {
        size_t n = strlen(*dir);
        if (fs_inside(file, *dir) || (!climbs(name) && name[0] != '/' && strncmp(file, *dir, n) == 0 &&
                                        (file[n] == '/' || (n && (*dir)[n - 1] == '/'))))
            return true;
    }
    return false;
}

static int refuse_outside(const char *name, const char *file, struct assay_err *e)
{
    return err_set(e, ASSAY_EUNSUPPORTED,
                   "'%s' leads to '%s', outside the task's folder and every --data DIR: name its "
                   "folder with --data to allow it", name, file);
}

/* -- looking ----------------------------------------------------------------------------------- */

struct search {
    const struct data_source *src;
    struct arena *arena;
    struct path_list found, tried;
    const char *name; /* what was found under, for is_allowed */
};

/* Tries a pattern below every data directory and below the task's folder; true when it hit. */
static bool search_pattern(struct search *s, const char *pattern)
{
    for (const char *const *dir = s->src->data_dirs; dir && *dir; dir++) {
        const char *path = fs_join(s->arena, *dir, pattern);
        s->name = pattern;
        if (path_list_glob(&s->found, path))
            return true;
        path_list_add(&s->tried, path);
    }
    if (!s->src->base_dir)
        return false;
    const char *path = fs_join(s->arena, s->src->base_dir, pattern);
    if (path_list_glob(&s->found, path))
        return true;
    path_list_add(&s->tried, path);
    return false;
}

static bool search_extensions(struct search *s, const char *stem)
{
    static const char *const packed[] = {"", ".gz", ".zst"};
    for (size_t i = 0; i < N_FORMATS; i++)
        for (int k = 0; k < 3; k++)
            if (search_pattern(
                    s, arena_printf(s->arena, "%s%s%s", stem, rows_formats[i]->ext, packed[k])))
                return true;
    return false;
}

/* DIR/<path>/<name>/<split>, DIR/<path>/<split>.<name>, DIR/<path>/<name>, DIR/<path>/<split>, and
 * the same with only the last part of a path such as "owner/set". */
static bool search_convention(struct search *s)
{
    const char *name = s->src->name, *split = s->src->split;
    const char *paths[] = {s->src->path, fs_basename(s->src->path)};
    for (int i = 0; i < 2; i++) {
        const char *p = paths[i];
        if (i && strcmp(paths[0], paths[1]) == 0)
            break;
        if (name && (search_extensions(s, arena_printf(s->arena, "%s/%s/%s", p, name, split)) ||
                     search_extensions(s, arena_printf(s->arena, "%s/%s.%s", p, split, name)) ||
                     search_extensions(s, arena_printf(s->arena, "%s/%s_%s", p, name, split))))
            return true;
        if ((!name || strcmp(name, "default") == 0 || strcmp(name, "main") == 0) &&
            search_extensions(s, arena_printf(s->arena, "%s/%s", p, split)))
            return true;
    }
    return false;
}

/* Names a few of the places, shortest way: the first of each directory's. */
static int search_failed(const struct search *s, struct assay_err *e)
{
    const struct data_source *src = s->src;
    struct buf b;
    buf_init(&b, 300);
    size_t shown = 0;
    for (; shown < s->tried.n && shown < 3; shown++)
        buf_printf(&b, "%s'%s'", shown ? ", " : "", s->tried.v[shown]);
    if (s->tried.n > shown)
        buf_printf(&b, " and %zu more", s->tried.n - shown);
    int rc;
    if (!s->tried.n)
        rc = err_set(e, ASSAY_ENOTFOUND, "no data for '%s': name a folder with --data DIR or ASSAY_DATA",
                     src->path);
    else
        rc = err_set(e, ASSAY_ENOTFOUND, "no file for split '%s' of dataset '%s'%s%s%s; looked for %s",
                     src->split, src->path, src->name ? " (" : "", src->name ? src->name : "",
                     src->name ? ")" : "", b.v);
    buf_release(&b);
    return rc;
}

/* -- the file loaders: dataset_path json, csv, text -------------------------------------------- */

static const struct rows_format *loader_format(const char *path)
{
    return strcmp(path, "json") == 0   ? &rows_jsonl
           : strcmp(path, "csv") == 0  ? &rows_csv
           : strcmp(path, "text") == 0 ? &rows_text
                                       : NULL;
}

static bool is_address(const char *s)
{
    return strstr(s, "://") != NULL;
}

static int loader_missing(const struct value *file, const char *path, const char *near,
                          struct assay_err *e)
{
    if (is_address(file->s))
        return err_set(e, ASSAY_ENOTFOUND,
                       "'%s' is on the network and was not fetched, nor is '%s' below --data DIR",
                       file->s, path);
    return err_set(e, ASSAY_EIO, "data_files: cannot find '%s' (looked for '%s')", file->s, near);
}

static int loader_add(struct search *s, const struct value *file, struct assay_err *e)
{
    if (file->type != VALUE_STR || file->n == 0)
        return err_set(e, ASSAY_EUSAGE, "dataset_kwargs: 'data_files' must hold file names");
    const char *path = is_address(file->s) ? fs_basename(file->s) : file->s;
    struct search one = {.src = s->src,
                         .arena = s->arena,
                         .found = {.arena = s->arena},
                         .tried = {.arena = s->arena}};
    /* The task's folder first: that is where a relative name was written. */
    const char *near = s->src->base_dir ? fs_join(s->arena, s->src->base_dir, path) : path;
    if (!path_list_glob(&one.found, near) && !search_pattern(&one, path))
        return loader_missing(file, path, near, e);
    for (size_t i = 0; i < one.found.n; i++) {
        if (!is_allowed(s->src, path, one.found.v[i]))
            return refuse_outside(file->s, one.found.v[i], e);
        path_list_add(&s->found, one.found.v[i]);
    }
    return 0;
}

/* data_files: a name, a list, or a mapping from split to either; without one all is "train". */
static int loader_files(struct search *s, struct assay_err *e)
{
    const struct data_source *src = s->src;
    const struct value *files = value_get(src->kwargs, "data_files");
    if (!files)
        return err_set(e, ASSAY_EUSAGE, "dataset_path '%s' needs dataset_kwargs with 'data_files'",
                       src->path);
    const struct value *mine = files->type == VALUE_DICT          ? value_get(files, src->split)
                               : strcmp(src->split, "train") == 0 ? files
                                                                  : NULL;
    if (!mine)
        return err_set(e, ASSAY_EUSAGE, "data_files has no split '%s'%s", src->split,
                       files->type == VALUE_DICT ? ""
                                                 : "; without a mapping everything is 'train'");
    if (mine->type != VALUE_LIST)
        return loader_add(s, mine, e);
    for (uint32_t i = 0; i < mine->n; i++)
        TRY(loader_add(s, mine->items[i], e));
    return s->found.n ? 0
                      : err_set(e, ASSAY_EUSAGE, "data_files of split '%s' is empty", src->split);
}

/* -- all places -------------------------------------------------------------------------------- */

/* What was fetched for exactly this dataset, configuration, revision and dataset_kwargs. */
static bool search_cache(struct search *s, struct resolved *out)
{
    const struct data_source *src = s->src;
    struct cache_key key = {
        .root = src->cache, .path = src->path, .name = src->name, .kwargs = src->kwargs};
    struct cache_manifest m;
    const char *file = src->cache ? cache_find(&key, src->split, s->arena, &m) : NULL;
    if (!file)
        return false;
    const char **one = ARENA_ARRAY(s->arena, const char *, 1);
    one[0] = file;
    *out = (struct resolved){one, 1, &rows_jsonl, m.sha256};
    return true;
}

static int resolve_loader(struct search *s, const struct rows_format *loader, struct resolved *out,
                          struct assay_err *e)
{
    struct assay_err why = {0};
    int rc = loader_files(s, &why);
    if (rc == ASSAY_ENOTFOUND && search_cache(s, out))
        return 0;
    if (rc < 0)
        return err_set(e, rc, "%s", why.msg);
    /* json takes both kinds: the extension decides, or the loader for a foreign one. */
    bool ours = resolve_format(s->found.v[0]) != NULL;
    out->format = loader == &rows_jsonl && ours ? NULL : loader;
    return 0;
}

static int resolve_named(struct search *s, struct resolved *out, struct assay_err *e)
{
    struct path_list patterns = {.arena = s->arena};
    bool known = false, hit = false;
    TRY(recipe_patterns(s->src, &patterns, &known, e));
    for (size_t i = 0; i < patterns.n && !hit; i++)
        hit = search_pattern(s, patterns.v[i]);
    if (hit)
        return 0;
    if (search_convention(s)) {
        for (size_t i = 0; i < s->found.n; i++)
            if (!is_allowed(s->src, s->name, s->found.v[i]))
                return refuse_outside(s->src->path, s->found.v[i], e);
        return 0;
    }
    return search_cache(s, out) ? 0 : search_failed(s, e);
}

int resolve_files(const struct data_source *src, struct arena *a, struct resolved *out,
                  struct assay_err *e)
{
    struct search s = {
        .src = src, .arena = a, .found = {.arena = a}, .tried = {.arena = a}, .name = ""};
    const struct rows_format *loader = loader_format(src->path);
    *out = (struct resolved){0};
    TRY(loader ? resolve_loader(&s, loader, out, e) : resolve_named(&s, out, e));
    if (out->cached_sha256)
        return 0;
    out->files = s.found.v;
    out->n = s.found.n;
    for (size_t i = 0; i < out->n && !out->format; i++)
        if (!resolve_format(out->files[i]))
            return err_set(e, ASSAY_EUNSUPPORTED,
                           "'%s': unknown kind of file; .jsonl .ndjson .json .csv .tsv .txt can be "
                           "read, also with .gz or .zst",
                           out->files[i]);
    return 0;
}
