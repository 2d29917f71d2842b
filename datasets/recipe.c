/* recipe.c - datasets/recipes/NAME.yaml: which files below a data directory hold which split.
 *
 *   dataset: nyu-mll/blimp            dataset_path of the tasks; or a list of such names
 *   about: where it comes from, its licence
 *   default-name: main                stands for {name} when a task gives none
 *   splits:
 *     train: [blimp/{name}.jsonl]     tried in order, the first that exists is taken; globs allowed
 *
 * {name} is the task's dataset_name.  It becomes part of a path, so it may not climb. */
#include <string.h>

#include "datasets/resolve.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/yaml.h"

static const char *const recipe_keys[] = {"dataset", "about", "default-name", "splits"};

static int recipe_fail(const char *file, const struct value *at, const char *msg,
                       struct assay_err *e)
{
    return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: %s", file, at->line, at->col, msg);
}

static int recipe_check(const char *file, const struct value *r, struct assay_err *e)
{
    if (r->type != VALUE_DICT)
        return err_set(e, ASSAY_EFORMAT, "%s:1:1: expected a mapping", file);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct value *k = r->entries[i].key;
        bool known = false;
        for (size_t j = 0; j < sizeof recipe_keys / sizeof *recipe_keys; j++)
            known = known || value_is_str(k, recipe_keys[j]);
        const char *near =
            k->type == VALUE_STR && !known ? field_nearest(k->s, recipe_keys, 4) : NULL;
        if (!known)
            return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: unknown key '%s'%s%s%s", file, k->line,
                           k->col, k->type == VALUE_STR ? k->s : "?",
                           near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    const struct value *splits = value_get(r, "splits"), *name = value_get(r, "dataset");
    if (!name || (name->type != VALUE_STR && name->type != VALUE_LIST))
        return recipe_fail(file, name ? name : r, "'dataset' must be a name or a list of names", e);
    if (!splits || splits->type != VALUE_DICT)
        return recipe_fail(file, splits ? splits : r, "'splits' must map splits to patterns", e);
    return 0;
}

static bool recipe_names(const struct data_recipe *r, const char *path)
{
    for (uint32_t i = 0; i < r->names->n; i++)
        if (value_is_str(r->names->items[i], path))
            return true;
    return false;
}

static int recipe_load(const char *file, struct arena *a, struct data_recipe *out,
                       struct assay_err *e)
{
    const struct value *r;
    TRY(yaml_load(file, a, &r, e));
    TRY(recipe_check(file, r, e));
    const struct value *name = value_get(r, "dataset"), *about = value_get(r, "about");
    const struct value *fallback = value_get(r, "default-name");
    *out = (struct data_recipe){
        .file = file,
        .about = about && about->type == VALUE_STR ? about->s : "",
        .names = name->type == VALUE_LIST ? name : value_list(a, &name, 1),
        .splits = value_get(r, "splits"),
        .default_name = fallback && fallback->type == VALUE_STR ? fallback->s : NULL,
    };
    return 0;
}

int data_recipes(const char *const *dirs, struct arena *a, const struct data_recipe **out,
                 size_t *n, struct assay_err *e)
{
    struct path_list files = {.arena = a};
    for (const char *const *dir = dirs; dir && *dir; dir++) {
        const char *const *found;
        size_t n_found;
        if (!fs_is_dir(*dir))
            continue;
        TRY(fs_walk(*dir, "*.yaml", NULL, a, &found, &n_found, e));
        for (size_t i = 0; i < n_found; i++)
            path_list_add(&files, found[i]);
    }
    struct data_recipe *r = ARENA_ARRAY(a, struct data_recipe, files.n);
    for (size_t i = 0; i < files.n; i++)
        TRY(recipe_load(files.v[i], a, &r[i], e));
    *out = r;
    *n = files.n;
    return 0;
}

/* The recipe for `path`, from the first folder that has one; NULL when there is none. */
static int recipe_find(const struct data_source *src, struct arena *a,
                       const struct data_recipe **recipe, struct assay_err *e)
{
    const struct data_recipe *all;
    size_t n;
    *recipe = NULL;
    TRY(data_recipes(src->recipe_dirs, a, &all, &n, e));
    for (size_t i = 0; i < n && !*recipe; i++)
        if (recipe_names(&all[i], src->path))
            *recipe = &all[i];
    return 0;
}

/* Whether `name` can stand in a path without leaving the folder it is put into. */
static bool recipe_name_safe(const char *name)
{
    return *name && name[0] != '.' && !strchr(name, '/') && !strpbrk(name, "*?[]\\");
}

static const char *recipe_expand(const char *pattern, const char *name, struct arena *a)
{
    struct buf b;
    buf_init(&b, 0);
    for (const char *p = pattern, *q; *p; p = q) {
        q = strstr(p, "{name}");
        if (!q) {
            buf_adds(&b, p);
            break;
        }
        buf_add(&b, p, (size_t)(q - p));
        buf_adds(&b, name);
        q += strlen("{name}");
    }
    char *out = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return out;
}

static int recipe_unknown_split(const struct data_source *src, const struct value *splits,
                                struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 0);
    for (uint32_t i = 0; i < splits->n; i++)
        if (splits->entries[i].key->type == VALUE_STR)
            buf_printf(&b, "%s%s", i ? ", " : "", splits->entries[i].key->s);
    int rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' has no split '%s'; it has %s", src->path,
                     src->split, b.v);
    buf_release(&b);
    return rc;
}

static int recipe_add(const char *file, const struct value *pattern, const char *name,
                      struct path_list *out, struct assay_err *e)
{
    if (pattern->type != VALUE_STR || pattern->n == 0)
        return recipe_fail(file, pattern, "expected a file pattern", e);
    if (strstr(pattern->s, "{name}") && (!name || !recipe_name_safe(name)))
        return err_set(e, ASSAY_EUSAGE,
                       "%s:%u:%u: needs a dataset_name that is a plain file name, got '%s'", file,
                       pattern->line, pattern->col, name ? name : "");
    path_list_add(out, recipe_expand(pattern->s, name ? name : "", out->arena));
    return 0;
}

int recipe_patterns(const struct data_source *src, struct path_list *out, bool *found,
                    struct assay_err *e)
{
    const struct data_recipe *recipe;
    TRY(recipe_find(src, out->arena, &recipe, e));
    *found = recipe != NULL;
    if (!recipe)
        return 0;
    const char *name = src->name ? src->name : recipe->default_name;
    const struct value *patterns = value_get(recipe->splits, src->split);
    if (!patterns)
        return recipe_unknown_split(src, recipe->splits, e);
    if (patterns->type != VALUE_LIST)
        return recipe_add(recipe->file, patterns, name, out, e);
    for (uint32_t i = 0; i < patterns->n; i++)
        TRY(recipe_add(recipe->file, patterns->items[i], name, out, e));
    return 0;
}
