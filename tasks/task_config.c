/* task_config.c - a task's configuration as lm-eval writes it into its results.
 *
 * Keys come in the order of upstream's dataclass, nulls are left out, defaults are filled in.  A function is
 * its source text when the module stands beside its YAML file and defines it by `def`; else its name.
 * Not here: reading configurations (task_load.c). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "tasks/index.h"
#include "tasks/task_impl.h"

enum { MODULE_BYTES = 4 << 20 };

static const struct value *get(const struct value *d, const char *key)
{
    const struct value *v = value_get(d, key);
    return v && v->type != VALUE_NULL ? v : NULL;
}

/* -- functions --------------------------------------------------------------------------------- */

/* The line after the one that begins at s. */
static const char *next_line(const char *s)
{
    const char *end = strchr(s, '\n');
    return end ? end + 1 : s + strlen(s);
}

/* The block of `def name(` at the margin, decorators before it included, as inspect.getsource cuts it. */
static const struct value *function_text(const char *text, const char *name, struct arena *a)
{
    size_t n = strlen(name);
    const char *decorators = NULL, *s = text;
    for (; *s; s = next_line(s)) {
        bool found = strncmp(s, "def ", 4) == 0 && strncmp(s + 4, name, n) == 0 && s[4 + n] == '(';
        if (found)
            break;
        decorators = *s != '@' ? NULL : decorators ? decorators : s;
    }
    if (!*s)
        return NULL;
    const char *from = decorators ? decorators : s, *end = next_line(s);
    bool is_open = !strstr(arena_strndup(a, s, (size_t)(end - s)), "):");
    for (const char *p = end; *p; p = next_line(p)) {
        bool is_blank = *p == '\n' || *p == '\r';
        if (!is_blank && *p != ' ' && *p != '\t' && !(is_open && *p == ')'))
            break;
        is_open = is_open && *p != ')';
        if (!is_blank)
            end = next_line(p);
    }
    return value_strn(a, from, (size_t)(end - from));
}

/* `name = partial(f, key="x")` at the margin, as Python prints it; NULL: there is none. */
static const char *partial_text(const char *text, const char *name, struct arena *a)
{
    const char *start = arena_printf(a, "%s = partial(", name), *s = text;
    while (*s && strncmp(s, start, strlen(start)) != 0)
        s = next_line(s);
    if (!*s)
        return NULL;
    s += strlen(start);
    size_t n = strcspn(s, ",)\n"), rest = strcspn(s + n, ")\n");
    if (s[n] != ',' || s[n + rest] != ')')
        return NULL;
    char *kwargs = arena_strndup(a, s + n, rest);
    for (char *p = kwargs; *p; p++)
        *p = *p == '"' ? '\'' : *p;
    return arena_printf(a, "functools.partial(<function %.*s>%s)", (int)n, s, kwargs);
}

/* "lm_eval.tasks.x.utils" of a module below such a tree, by which upstream imports it; else its path. */
static const char *module_name(const char *path, struct arena *a)
{
    static const char tree[] = "/lm_eval/tasks/";
    const char *at = strstr(path, tree);
    size_t n = strlen(path) - strlen(".py");
    char *name = arena_strndup(a, at ? at + 1 : path, at ? n - (size_t)(at + 1 - path) : n);
    for (char *p = name; *p; p++)
        *p = at && *p == '/' ? '.' : *p;
    return name;
}

/* The module beside the YAML file; NULL: there is none. */
static const char *module_text(const struct task_files *files, const struct value *f, struct arena *a,
                               const char **module)
{
    const char *dot = strrchr(f->s, '.'), *text;
    size_t n;
    if (!dot)
        return NULL;
    char *path = arena_printf(a, "%.*s.py", (int)(dot - f->s), f->s);
    for (char *p = path; p < path + (dot - f->s); p++)
        if (*p == '.')
            *p = '/';
    struct assay_err none = {0};
    const char *full = fs_join(a, fs_dirname(a, task_files_path(files, f)), path);
    *module = module_name(full, a);
    return fs_exists(full) && fs_read(full, MODULE_BYTES, a, &text, &n, &none) == 0 ? text : NULL;
}

static const struct value *function_value(const struct task_files *files, const struct value *f, bool is_source,
                                          struct arena *a)
{
    const char *dot = strrchr(f->s, '.'), *name = dot ? dot + 1 : f->s, *module = NULL;
    const char *text = module_text(files, f, a, &module);
    if (text && strstr(text, arena_printf(a, "\nclass %s(", name)))
        return value_str(a, arena_printf(a, "<class '%s.%s'>", module, name));
    const struct value *v = text && is_source ? function_text(text, name, a) : NULL;
    const char *partial = text && !v ? partial_text(text, name, a) : NULL;
    return v ? v : value_str(a, partial ? partial : arena_printf(a, "<function %s>", name));
}

/* A value with its functions as text, lists and dicts included.  Upstream has source for a key's own value and
 * in metric_list; functions deeper inside it prints, with an address that is left out here. */
static const struct value *plain(const struct task_files *files, const struct value *v, bool is_source,
                                 struct arena *a)
{
    if (v->type == VALUE_FUNC)
        return function_value(files, v, is_source, a);
    if (v->type == VALUE_LIST) {
        const struct value **items = ARENA_ARRAY(a, const struct value *, v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            items[i] = plain(files, v->items[i], is_source, a);
        return value_list(a, items, v->n);
    }
    if (v->type == VALUE_DICT) {
        struct value_entry *entries = ARENA_ARRAY(a, struct value_entry, v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            entries[i] = (struct value_entry){v->entries[i].key, plain(files, v->entries[i].value, is_source, a)};
        return value_dict(a, entries, v->n);
    }
    return v;
}

const struct value *task_generation_defaults(const struct value *config, struct arena *a)
{
    const struct value *between = get(config, "fewshot_delimiter");
    const struct value *stop = between ? value_strn(a, between->s, between->n) : value_str(a, "\n\n");
    const struct value_entry all[] = {
        {value_str(a, "temperature"), value_float(a, 0)},
        {value_str(a, "do_sample"), &value_false},
        {value_str(a, "max_gen_toks"), value_int(a, 256)},
        {value_str(a, "until"), value_list(a, &stop, 1)},
    };
    return value_dict(a, all, 4);
}

/* -- the dataclass ----------------------------------------------------------------------------- */

/* What upstream knows of the configuration: of a class its name and version. */
static const struct value *logged(const struct task *t, struct arena *a)
{
    const struct value *d = value_dict(a, NULL, 0), *v;
    static const char *const known[] = {"task", "metadata"};
    if (!t->impl->is_class)
        return t->config;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((v = value_get(t->config, known[i])))
            d = value_with(a, d, known[i], v);
    return d;
}

static const struct value *few_value(const struct task *t, struct arena *a)
{
    /* name, and the task's key that is inherited when fewshot_config does not say */
    static const char *const fields[][2] = {
        {"sampler", NULL},
        {"split", "fewshot_split"},
        {"process_docs", "process_docs"},
        {"fewshot_indices", NULL},
        {"samples", NULL},
        {"doc_to_text", "doc_to_text"},
        {"doc_to_choice", "doc_to_choice"},
        {"doc_to_target", "doc_to_target"},
        {"gen_prefix", "gen_prefix"},
        {"fewshot_delimiter", "fewshot_delimiter"},
        {"target_delimiter", "target_delimiter"},
    };
    enum { N = sizeof fields / sizeof *fields };
    const struct value *config = logged(t, a), *few = get(config, "fewshot_config");
    struct value_entry all[N];
    for (size_t i = 0; i < N; i++) {
        const struct value *v = few ? value_get(few, fields[i][0]) : NULL;
        if (!v && fields[i][1])
            v = value_get(config, fields[i][1]);
        if (!v && strcmp(fields[i][0], "sampler") == 0)
            v = value_str(a, "default");
        if (!v && strcmp(fields[i][0], "fewshot_delimiter") == 0)
            v = value_str(a, "\n\n");
        if (!v && strcmp(fields[i][0], "target_delimiter") == 0)
            v = value_str(a, " ");
        all[i] = (struct value_entry){value_str(a, fields[i][0]), v ? v : &value_null};
    }
    return value_dict(a, all, N);
}

static const struct value *metadata_value(const struct task *t, const struct value *extra, struct arena *a)
{
    const struct value *v = value_get(t->config, "metadata");
    const struct value *d = v && v->type == VALUE_DICT ? v : value_dict(a, NULL, 0);
    char real[PATH_MAX];
    if (t->impl->is_class)
        return d;
    if (v && v->type != VALUE_DICT)
        d = value_with(a, d, "_metadata", v);
    for (uint32_t i = 0; extra && i < extra->n; i++)
        d = value_with(a, d, extra->entries[i].key->s, extra->entries[i].value);
    return value_with(a, d, "config_source", value_str(a, realpath(t->path, real) ? real : t->path));
}

static const struct value *data_kwargs(const struct task *t, struct arena *a)
{
    const struct value *v = get(t->config, "dataset_kwargs");
    if (!v || !value_get(v, "trust_remote_code"))
        return v;
    struct value_entry *kept = ARENA_ARRAY(a, struct value_entry, v->n);
    size_t n = 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (!value_is_str(v->entries[i].key, "trust_remote_code"))
            kept[n++] = v->entries[i];
    return value_dict(a, kept, n);
}

/* What upstream makes of a key; NULL: it is null there. */
static const struct value *key_value(const struct task *t, const char *key, const struct value *extra,
                                     struct arena *a)
{
    static const char *const texts[][2] = {{"description", ""},
                                           {"target_delimiter", " "},
                                           {"fewshot_delimiter", "\n\n"},
                                           {"output_type", "generate_until"}};
    const struct value *v = value_get(logged(t, a), key);
    if (strcmp(key, "dataset_kwargs") == 0)
        return data_kwargs(t, a);
    if (strcmp(key, "fewshot_config") == 0)
        return few_value(t, a);
    if (strcmp(key, "num_fewshot") == 0)
        return value_int(a, t->n_fewshot);
    if (strcmp(key, "generation_kwargs") == 0)
        return t->impl->is_class ? task_generation_defaults(t->config, a) : t->impl->generation_kwargs;
    if (strcmp(key, "metadata") == 0)
        return metadata_value(t, extra, a);
    if (v)
        return v->type == VALUE_NULL ? NULL : v;
    if (strcmp(key, "repeats") == 0)
        return value_int(a, 1);
    if (strcmp(key, "unsafe_code") == 0 || strcmp(key, "should_decontaminate") == 0)
        return &value_false;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i][0]) == 0)
            return value_str(a, texts[i][1]);
    return NULL;
}

const struct value *task_logged_config(struct task_index *x, const struct task *t, const struct value *extra,
                                       struct arena *a)
{
    static const char *const keys[] = {
        "task", "task_alias", "custom_dataset", "dataset_path", "dataset_name", "dataset_kwargs",
        "training_split", "validation_split", "test_split", "fewshot_split", "process_docs", "doc_to_text",
        "doc_to_target", "doc_to_image", "doc_to_audio", "unsafe_code", "doc_to_choice", "process_results",
        "use_prompt", "description", "target_delimiter", "fewshot_delimiter", "fewshot_config", "num_fewshot",
        "metric_list", "output_type", "generation_kwargs", "repeats", "filter_list", "should_decontaminate",
        "doc_to_decontamination_query", "gen_prefix", "metadata",
    };
    enum { N = sizeof keys / sizeof *keys };
    struct value_entry all[N];
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        const struct value *v = key_value(t, keys[i], extra, a);
        bool is_source = v && (v->type == VALUE_FUNC || strcmp(keys[i], "metric_list") == 0);
        if (v)
            all[n++] = (struct value_entry){value_str(a, keys[i]), plain(&x->files, v, is_source, a)};
    }
    return value_dict(a, all, n);
}
