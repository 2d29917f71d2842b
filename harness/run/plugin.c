/* plugin.c - finding shared objects, refusing what is no backend, and opening models through them.
 *
 * Everything a plugin hands over is copied and checked before use: sizes, tables, texts, counts. */
#include "harness/run/plugin.h"
#include <ctype.h>
#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/native/native.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/log.h"
#include "harness/base/value.h"

#ifndef ASSAY_PREFIX
#define ASSAY_PREFIX "/usr/local"
#endif
enum {
    MAX_OPTIONS_SIZE = 65536,
    MAX_OPTIONS = 256,
    REQUIRED_SIZE = offsetof(struct assay_backend, info) + sizeof(void (*)(void))
};

/* -- what a plugin says about itself ----------------------------------------------------------- */

static void host_log(int level, const char *msg)
{
    log_msg(level < LOG_ERROR   ? LOG_ERROR
            : level > LOG_DEBUG ? LOG_DEBUG
                                : level,
            "%s", msg ? msg : "");
}

static const struct assay_host host = {.size = sizeof host, .minor = 0, .log = host_log};

static bool is_name(const char *s)
{
    if (!s || !islower((unsigned char)*s))
        return false;
    for (size_t i = 0; s[i]; i++)
        if (i == 64 || !(islower((unsigned char)s[i]) || isdigit((unsigned char)s[i]) ||
                         s[i] == '-' || s[i] == '_'))
            return false;
    return true;
}

static size_t kind_size(uint32_t kind)
{
    static const size_t sizes[] = {sizeof(char *), sizeof(int64_t), sizeof(double), sizeof(int32_t),
                                   sizeof(char *),   sizeof(char *)};
    return kind < sizeof sizes / sizeof *sizes ? sizes[kind] : 0;
}

static int check_row(const struct assay_backend *b, size_t i, struct assay_err *e)
{
    const struct assay_field *f = &b->options[i];
    size_t size = kind_size(f->kind);
    if (!is_name(f->name))
        return err_set(e, ASSAY_EFORMAT, "row %zu of its option table has no proper name", i);
    if (!size)
        return err_set(e, ASSAY_EFORMAT, "its option '%s' is of unknown kind %u", f->name, f->kind);
    if (f->offset % size || f->offset > b->options_size || size > b->options_size - f->offset)
        return err_set(e, ASSAY_EFORMAT, "its option '%s' lies outside its options struct",
                       f->name);
    if (f->kind == ASSAY_ENUM && !f->values)
        return err_set(e, ASSAY_EFORMAT, "its option '%s' names no values", f->name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(b->options[k].name, f->name) == 0)
            return err_set(e, ASSAY_EFORMAT, "its option '%s' is there twice", f->name);
    return 0;
}

static int check_options(const struct assay_backend *b, struct assay_err *e)
{
    if (!b->options)
        return err_set(e, ASSAY_EFORMAT, "its option table is missing");
    if (b->options_size == 0 || b->options_size > MAX_OPTIONS_SIZE)
        return err_set(e, ASSAY_EFORMAT, "its options struct has %u bytes, expected 1 to %d",
                       b->options_size, MAX_OPTIONS_SIZE);
    size_t n = 0;
    for (; b->options[n].name; n++) {
        if (n == MAX_OPTIONS)
            return err_set(e, ASSAY_EFORMAT, "its option table has no end");
        TRY(check_row(b, n, e));
    }
    const struct assay_field *model = field_find(b->options, "model");
    if (!model || (model->kind != ASSAY_STR && model->kind != ASSAY_PATH))
        return err_set(e, ASSAY_EFORMAT, "its option table lacks the text option 'model'");
    return 0;
}

/* Copies what both sides know of, so that a member the plugin lacks is NULL. */
static int take(const struct assay_backend *b, struct assay_backend *out, struct assay_err *e)
{
    *out = (struct assay_backend){.size = 0};
    if (!b)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "it refuses to work here (assay_backend_1 returned NULL)");
    if (b->size < REQUIRED_SIZE)
        return err_set(e, ASSAY_EFORMAT,
                       "its struct assay_backend has %u bytes, at least %d are required", b->size,
                       (int)REQUIRED_SIZE);
    memcpy(out, b, b->size < sizeof *out ? b->size : sizeof *out);
    if (!is_name(out->name))
        return err_set(e, ASSAY_EFORMAT,
                       "its name is missing or not made of a-z, 0-9, '-' and '_'");
    const char *missing = !out->open ? "open" : !out->close ? "close" : !out->info ? "info" : NULL;
    if (missing)
        return err_set(e, ASSAY_EFORMAT, "its required method '%s' is missing", missing);
    return check_options(out, e);
}

static struct plugin *make_plugin(const struct assay_backend *api, const char *path,
                                  struct arena *a)
{
    struct plugin *p = ARENA_NEW(a, struct plugin);
    p->api = *api;
    p->name = arena_strdup(a, api->name);
    p->version = arena_strdup(a, api->version ? api->version : "");
    p->help = arena_strdup(a, api->help ? api->help : "");
    p->path = path ? arena_strdup(a, path) : NULL;
    return p;
}

static int load_native(struct arena *a, const struct plugin **out, struct assay_err *e)
{
    struct assay_backend api;
    TRY(take(native_backend(), &api, e));
    *out = make_plugin(&api, NULL, a);
    return 0;
}

/* -- shared objects ---------------------------------------------------------------------------- */

static bool is_elf(const char *path)
{
    char magic[4] = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n = fread(magic, 1, sizeof magic, f);
    fclose(f);
    return n == sizeof magic && memcmp(magic, "\177ELF", 4) == 0;
}

static int no_symbol(void *lib, struct assay_err *e)
{
    for (int major = 2; major < 10; major++) {
        char name[32];
        snprintf(name, sizeof name, "assay_backend_%d", major);
        if (dlsym(lib, name))
            return err_set(e, ASSAY_EUNSUPPORTED,
                           "it speaks version %d of the backend contract, this assay speaks 1",
                           major);
    }
    return err_set(e, ASSAY_EFORMAT, "it is no backend: it does not export assay_backend_1");
}

/* The reason alone, without the path. */
static int load(const char *path, struct arena *a, const struct plugin **out, struct assay_err *e)
{
    typedef const struct assay_backend *entry_fn(const struct assay_host *);
    struct assay_backend api;
    if (access(path, R_OK) < 0)
        return err_errno(e, ASSAY_EIO, "it cannot be read");
    if (!is_elf(path))
        return err_set(e, ASSAY_EFORMAT, "it is not a shared object");
    /* Never closed: options tables and strings stay in use, threads may run in it. */
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        const char *why = dlerror();
        return err_set(e, ASSAY_EFORMAT, "it cannot be loaded: %s", why ? why : "unknown cause");
    }
    union {
        void *p;
        entry_fn *fn;
    } entry = {.p = dlsym(lib, "assay_backend_1")};
    if (!entry.p)
        return no_symbol(lib, e);
    TRY(take(entry.fn(&host), &api, e));
    const char *file = fs_basename(path);
    size_t n = strlen(api.name);
    if (strncmp(file, api.name, n) != 0 || strcmp(file + n, ".so") != 0)
        return err_set(e, ASSAY_EFORMAT, "it calls itself '%s', so its file must be named '%s.so'",
                       api.name, api.name);
    *out = make_plugin(&api, path, a);
    return 0;
}

int plugin_load(const char *path, struct arena *a, const struct plugin **out, struct assay_err *e)
{
    int rc = load(path, a, out, e);
    return rc < 0 ? err_prefix(e, rc, "backend '%s' is refused", path) : 0;
}

/* -- places ------------------------------------------------------------------------------------ */

struct places {
    const char *v[34];
    size_t n;
};

static void add_place(struct places *p, const char *dir, struct arena *a)
{
    char *real = realpath(dir, NULL);
    const char *path = arena_strdup(a, real ? real : dir);
    free(real);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i], path) == 0)
            return;
    if (p->n < sizeof p->v / sizeof *p->v)
        p->v[p->n++] = path;
}

static void find_places(struct places *p, struct arena *a)
{
    const char *self = fs_self_dir(a);
    p->n = 0;
    add_place(p, fs_join(a, self, "backends"), a);
    add_place(p, fs_join(a, self, "../lib/assay/backends"),
              a); /* an installed tree that was moved */
    add_place(p, ASSAY_PREFIX "/lib/assay/backends", a);
    const char *list = getenv("ASSAY_BACKEND_PATH");
    while (list && *list) {
        size_t n = strcspn(list, ":");
        if (n)
            add_place(p, arena_strndup(a, list, n), a);
        list += n + (list[n] == ':');
    }
}

static int by_name(const void *x, const void *y)
{
    const struct plugin *const *p = x, *const *q = y;
    return strcmp((*p)->name, (*q)->name);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The *.so of one folder, sorted; a folder that is not there is empty. */
static size_t list_dir(const char *dir, struct arena *a, const char **out, size_t cap)
{
    DIR *d = opendir(dir);
    size_t n = 0;
    for (struct dirent *x; d && (x = readdir(d)) && n < cap;) {
        size_t len = strlen(x->d_name);
        if (len > 3 && strcmp(x->d_name + len - 3, ".so") == 0)
            out[n++] = fs_join(a, dir, x->d_name);
    }
    if (d)
        closedir(d);
    qsort(out, n, sizeof *out, by_text);
    return n;
}

enum { MAX_PLUGINS = 256 };

static void scan_one(const char *path, struct plugin_list *list, struct arena *a)
{
    const struct plugin **found = (const struct plugin **)list->found;
    struct plugin_refusal *refused = (struct plugin_refusal *)list->refused;
    const struct plugin *p = NULL;
    struct assay_err e = {0};
    int rc = load(path, a, &p, &e);
    for (size_t i = 0; rc >= 0 && i < list->n_found; i++)
        if (strcmp(found[i]->name, p->name) == 0)
            rc = err_set(&e, ASSAY_EUSAGE, "backend '%s' was found before in '%s'", p->name,
                         found[i]->path ? found[i]->path : "assay itself");
    if (rc >= 0 && list->n_found < MAX_PLUGINS)
        found[list->n_found++] = p;
    else if (rc < 0 && list->n_refused < MAX_PLUGINS)
        refused[list->n_refused++] = (struct plugin_refusal){path, arena_strdup(a, e.msg)};
}

int plugin_scan(struct arena *a, struct plugin_list *list, struct assay_err *e)
{
    struct places places;
    const struct plugin **found = ARENA_ARRAY(a, const struct plugin *, MAX_PLUGINS);
    struct plugin_refusal *refused = ARENA_ARRAY(a, struct plugin_refusal, MAX_PLUGINS);
    const char **paths = ARENA_ARRAY(a, const char *, MAX_PLUGINS);
    *list = (struct plugin_list){.found = found, .refused = refused};
    TRY(load_native(a, &found[0], e));
    list->n_found = 1;
    find_places(&places, a);
    for (size_t i = 0; i < places.n; i++) {
        size_t n = list_dir(places.v[i], a, paths, MAX_PLUGINS);
        for (size_t k = 0; k < n; k++)
            scan_one(paths[k], list, a);
    }
    qsort(found, list->n_found, sizeof *found, by_name);
    return 0;
}

static int unknown(const char *name, const struct places *places, struct arena *a,
                   struct assay_err *e)
{
    struct plugin_list list;
    struct buf b;
    TRY(plugin_scan(a, &list, e));
    const char **names = ARENA_ARRAY(a, const char *, list.n_found);
    for (size_t i = 0; i < list.n_found; i++)
        names[i] = list.found[i]->name;
    const char *near = field_nearest(name, names, list.n_found);
    buf_init(&b, 0);
    for (size_t i = 0; i < places->n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", places->v[i]);
    int rc = near ? err_set(e, ASSAY_EUSAGE, "unknown backend '%s'; did you mean '%s'?", name, near)
                  : err_set(e, ASSAY_EUSAGE, "unknown backend '%s'; searched %s", name, b.v);
    buf_release(&b);
    return rc;
}

int plugin_find(const char *name, struct arena *a, const struct plugin **out, struct assay_err *e)
{
    struct places places;
    if (strcmp(name, "native") == 0)
        return load_native(a, out, e);
    find_places(&places, a);
    if (is_name(name)) {
        const char *file = arena_printf(a, "%s.so", name);
        for (size_t i = 0; i < places.n; i++) {
            const char *path = fs_join(a, places.v[i], file);
            if (fs_exists(path))
                return plugin_load(path, a, out, e);
        }
    }
    return unknown(name, &places, a, e);
}
