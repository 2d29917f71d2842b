/* paths.c - where things are looked for. */
#include "harness/run/paths.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "datasets/cache.h"
#include "harness/base/arena.h"
#include "harness/base/fs.h"

#ifndef ASSAY_PREFIX
#define ASSAY_PREFIX "/usr/local"
#endif
enum { MAX_PATHS = 64 };
struct paths {
    const char *v[MAX_PATHS + 1];
    size_t n;
};

static void add(struct paths *p, const char *dir, bool must_exist)
{
    if (p->n < MAX_PATHS && (!must_exist || fs_is_dir(dir)))
        p->v[p->n++] = dir;
}

static void add_said(struct paths *p, const char *const *said)
{
    for (; said && *said; said++)
        add(p, *said, false);
}

static void add_environment(struct paths *p, const char *name, struct arena *a)
{
    const char *list = getenv(name);
    while (list && *list) {
        size_t n = strcspn(list, ":");
        if (n)
            add(p, arena_strndup(a, list, n), true);
        list += n + (list[n] == ':');
    }
}

/* The first that is there: beside the program, its source tree (build/CONFIG/assay), or installed.
 * `holds` is something in it: a build folder has folders of the same names, for objects. */
static void add_own(struct paths *p, const char *in_tree, const char *installed, const char *holds,
                    struct arena *a)
{
    const char *self = fs_self_dir(a);
    const char *places[] = {
        fs_join(a, self, in_tree),
        fs_join(a, self, arena_printf(a, "../../%s", in_tree)),
        fs_join(a, self, arena_printf(a, "../share/assay/%s", installed)),
        arena_printf(a, ASSAY_PREFIX "/share/assay/%s", installed),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (fs_exists(fs_join(a, places[i], holds))) {
            add(p, places[i], false);
            return;
        }
}

static const char *const *finish(const struct paths *p, struct arena *a, size_t *n)
{
    const char **v = ARENA_ARRAY(a, const char *, p->n + 1);
    memcpy(v, p->v, p->n * sizeof *v);
    if (n)
        *n = p->n;
    return v;
}

const char *const *paths_tasks(struct arena *a, const char *const *said, size_t *n)
{
    struct paths p = {.n = 0};
    add_said(&p, said);
    add_environment(&p, "ASSAY_TASKS", a);
    add_own(&p, "tasks/library", "tasks", "mini", a);
    for (size_t i = 0; i < p.n / 2; i++) {
        const char *x = p.v[i];
        p.v[i] = p.v[p.n - 1 - i];
        p.v[p.n - 1 - i] = x;
    }
    return finish(&p, a, n);
}

const char *const *paths_recipes(struct arena *a, const char *const *said)
{
    struct paths p = {.n = 0};
    add_said(&p, said);
    add_own(&p, "datasets/recipes", "recipes", "mini.yaml", a);
    return finish(&p, a, NULL);
}

const char *const *paths_data(struct arena *a, const char *const *said)
{
    struct paths p = {.n = 0};
    add_said(&p, said);
    add_environment(&p, "ASSAY_DATA", a);
    add_own(&p, "datasets", "datasets", "mini/data", a);
    return finish(&p, a, NULL);
}

const char *const *paths_suites(struct arena *a)
{
    struct paths p = {.n = 0};
    add_own(&p, "tasks/suites", "suites", "quickstart.yaml", a);
    return finish(&p, a, NULL);
}

const char *const *paths_models(struct arena *a)
{
    struct paths p = {.n = 0};
    add_environment(&p, "ASSAY_MODELS", a);
    add_own(&p, "backends/native/models", "models", "ref.gguf", a);
    return finish(&p, a, NULL);
}

const char *paths_beside(struct arena *a, const char *suite, const char *text)
{
    if (!suite || text[0] == '/')
        return text;
    const char *path = fs_join(a, fs_dirname(a, suite), text);
    return fs_exists(path) ? path : text;
}

/* `text`, or with that ending, in one of the folders; NULL: in none. */
static const char *among(struct arena *a, const char *const *dirs, const char *text,
                         const char *ending)
{
    for (; *dirs; dirs++) {
        const char *plain = fs_join(a, *dirs, text);
        const char *ended = arena_printf(a, "%s%s", plain, ending);
        if (fs_exists(plain) && !fs_is_dir(plain))
            return plain;
        if (fs_exists(ended))
            return ended;
    }
    return NULL;
}

const char *paths_file(struct arena *a, const char *text)
{
    if (text[0] == '/' || fs_exists(text))
        return text;
    const char *found = among(a, paths_models(a), text, ".gguf");
    if (!found)
        found = among(a, paths_data(a, NULL), text, "");
    return found ? found : text;
}

const char *paths_suite(struct arena *a, const char *text)
{
    if (fs_exists(text) && !fs_is_dir(text))
        return text;
    const char *found = among(a, paths_suites(a), text, ".yaml");
    return found ? found : text;
}

const char *paths_cache(struct arena *a)
{
    return cache_root(a);
}
