/* paths.c - where things are looked for. */
#include "harness/run/paths.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
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

/* The first that is there: beside the program, its source tree (build/CONFIG/assay), or
 * installed. */
static void add_own(struct paths *p, const char *in_tree, const char *installed, struct arena *a)
{
    const char *self = fs_self_dir(a);
    const char *places[] = {
        fs_join(a, self, in_tree),
        fs_join(a, self, arena_printf(a, "../../%s", in_tree)),
        fs_join(a, self, arena_printf(a, "../share/assay/%s", installed)),
        arena_printf(a, ASSAY_PREFIX "/share/assay/%s", installed),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (fs_is_dir(places[i])) {
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
    add_own(&p, "tasks/library", "tasks", a);
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
    add_own(&p, "datasets/recipes", "recipes", a);
    return finish(&p, a, NULL);
}

const char *const *paths_data(struct arena *a, const char *const *said)
{
    struct paths p = {.n = 0};
    add_said(&p, said);
    add_environment(&p, "ASSAY_DATA", a);
    add_own(&p, "datasets", "datasets", a);
    return finish(&p, a, NULL);
}
