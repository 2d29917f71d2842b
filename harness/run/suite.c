/* suite.c - the keys of a suite: from YAML and from flags into one struct. */
#include "harness/run/suite.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"
#include "harness/run/paths.h"
#include "harness/run/suite_impl.h"

#define AT(member) (uint32_t) offsetof(struct suite, member)
const struct assay_field suite_fields[] = {
    {"name", ASSAY_STR, AT(name), NULL, NULL, "what to call this suite"},
    {"model", ASSAY_STR, AT(models), NULL, NULL,
     "model file, or a name the backend knows (may be repeated)"},
    {"backend", ASSAY_STR, AT(backend), "native", NULL,
     "what opens the models; see assay list backends"},
    {"precision", ASSAY_STR, AT(precisions), NULL, NULL,
     "variants of each model: fp32,int8,int4 ..."},
    {"option", ASSAY_STR, AT(options), NULL, NULL, "KEY=VALUE for the backend (may be repeated)"},
    {"tasks", ASSAY_STR, AT(tasks), NULL, NULL, "names, globs, *.yaml files or folders of tasks"},
    {"task-dir", ASSAY_STR, AT(task_dirs), NULL, NULL,
     "folder where task names are looked up first"},
    {"data", ASSAY_STR, AT(data), NULL, NULL, "folder with datasets; also $ASSAY_DATA"},
    {"recipe-dir", ASSAY_STR, AT(recipe_dirs), NULL, NULL,
     "folder with dataset recipes, searched first"},
    {"scenario", ASSAY_STR, AT(scenario_texts), NULL, NULL,
     "speed to measure: prefill:256, decode:16+64, or none"},
    {"repetitions", ASSAY_INT, AT(repetitions), "6", "1..1000000",
     "counted repetitions of each scenario, shared by the rounds"},
    {"rounds", ASSAY_INT, AT(rounds), "6", "1..200",
     "times all variants take turns at the scenarios; an interval of speed needs 6"},
    {"idle", ASSAY_NUM, AT(idle_s), "10", "0..3600",
     "seconds the power of the idle machine is measured first, where there is a meter; 0: never"},
    {"reference", ASSAY_STR, AT(reference), NULL, NULL, "variant the others are compared with"},
    {"limit", ASSAY_NUM, AT(limit), "0", "0..",
     "documents per task; below 1 a share of them; 0: all"},
    {"samples", ASSAY_STR, AT(samples_text), NULL, NULL,
     "JSON {\"task\": [indices]}, or a file with it"},
    {"gen-kwargs", ASSAY_STR, AT(gen_kwargs_text), NULL, NULL,
     "generation_kwargs to put over every task's: KEY=VALUE,... or JSON"},
    {"fewshot", ASSAY_INT, AT(fewshot), "-1", "-1..1000",
     "examples in the prompt; -1: as the task says"},
    {"fewshot-seed", ASSAY_INT, AT(fewshot_seed), "1234", "0..", "seed that draws the examples"},
    {"apply-chat-template", ASSAY_STR, AT(apply_chat), NULL, "?true",
     "prompts are conversations: true, the name of one of the model's chat templates, or a file"},
    {"fewshot-as-multiturn", ASSAY_BOOL, AT(shots_as_turns), "true", NULL,
     "with a chat template each example is a turn of its own; off: all in one message"},
    {"chat-date", ASSAY_STR, AT(chat_date), "2024-07-26", NULL,
     "day that chat templates are told it is: fixed, so that nights compare; or today"},
    {"system-instruction", ASSAY_STR, AT(system_instruction), NULL, NULL,
     "text in front of every task's description; the system message of a conversation"},
    {"gen-prefix", ASSAY_STR, AT(gen_prefix), NULL, NULL,
     "beginning of every answer, in place of the tasks' own: text, template or column"},
    {"strict-fewshot", ASSAY_BOOL, AT(strict_fewshot), "false", NULL,
     "never show a document among its own examples, where lm-eval may"},
    {"seed", ASSAY_INT, AT(seed), "42", "0..",
     "seed of sampling, of scenarios' prompts, of what is compared; A,B,C,D as lm-eval: C, and D of fewshot"},
    {"bootstrap", ASSAY_INT, AT(bootstrap), "100000", "0..10000000",
     "resamples for standard errors without a formula; 0: none"},
    {"stop-when", ASSAY_STR, AT(stop_when), NULL, NULL,
     "decided: ask no more of a variant once its loss is shown to be below or above the margin"},
    {"margin", ASSAY_STR, AT(margin_text), "1pp", NULL,
     "with --stop-when: loss of accuracy against the reference that is still a pass"},
    {"alpha", ASSAY_NUM, AT(alpha), "0.05", "0.000001..0.5",
     "with --stop-when: chance that any variant is decided wrongly"},
    {"float-sum", ASSAY_ENUM, AT(float_sum), "compensated", "compensated|naive",
     "how scores are added: as Python's sum() does since 3.12, or before"},
    {"kl-docs", ASSAY_INT, AT(kl_docs), "8", "0..1000000",
     "documents per task whose distributions are compared with the reference's; 0: none"},
    {"keep-logits", ASSAY_BOOL, AT(keep_logits), "false", NULL,
     "keep the reference's logits beside the database"},
    {"logits-budget", ASSAY_STR, AT(logits_budget_text), "256M", NULL,
     "most disk the reference's logits may take"},
    {"threads", ASSAY_INT, AT(threads), "0", "0..4096",
     "threads of the backend; 0: its own choice"},
    {"timeout", ASSAY_INT, AT(timeout_s), "600", "0..",
     "seconds without progress before a variant is given up; 0: never"},
    {"memory-limit", ASSAY_STR, AT(memory_limit_text), NULL, NULL,
     "most address space of a variant: 8G"},
    {"allow-task-code", ASSAY_BOOL, AT(allow_task_code), "false", NULL,
     "run Python functions of task folders, in a process without network"},
    {"task-code-python", ASSAY_STR, AT(task_code_python), "python3", NULL,
     "the Python that runs them"},
    {"task-code-timeout", ASSAY_INT, AT(task_code_timeout_s), "120", "1..1000000",
     "seconds after which a function is given up"},
    {"task-code-memory", ASSAY_STR, AT(task_code_memory_text), "4G", NULL,
     "most address space of that Python"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

static const char *const list_keys[] = {"model",    "precision", "option",     "tasks",
                                        "task-dir", "data",      "recipe-dir", "scenario"};

bool suite_is_list(const char *key)
{
    for (size_t i = 0; i < sizeof list_keys / sizeof *list_keys; i++)
        if (strcmp(list_keys[i], key) == 0)
            return true;
    return false;
}

/* Lists whose texts may hold commas that separate; paths and options may not. */
static bool has_commas(const char *key)
{
    return strcmp(key, "precision") == 0 || strcmp(key, "tasks") == 0 ||
           strcmp(key, "scenario") == 0;
}

void suite_init(struct suite *s, struct arena *a)
{
    *s = (struct suite){.arena = a};
    for (const struct assay_field *f = suite_fields; f->name; f++)
        if (!suite_is_list(f->name)) {
            const struct assay_field one[] = {*f, {NULL, 0, 0, NULL, NULL, NULL}};
            field_defaults(one, s);
        }
}

static struct suite_list *list_at(struct suite *s, const struct assay_field *f)
{
    return (struct suite_list *)(void *)((char *)s + f->offset);
}

void suite_list_add(struct suite *s, struct suite_list *l, const char *text)
{
    const char **v = ARENA_ARRAY(s->arena, const char *, l->n + 2);
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    v[l->n++] = text;
    l->v = v;
}

static int add_text(struct suite *s, const struct assay_field *f, const char *text,
                    const char *where, struct assay_err *e)
{
    struct suite_list *l = list_at(s, f);
    const char *p = text;
    do {
        size_t n = has_commas(f->name) ? strcspn(p, ",") : strlen(p);
        const char *end = p + n;
        while (n && isspace((unsigned char)*p))
            p++, n--;
        while (n && isspace((unsigned char)p[n - 1]))
            n--;
        if (!n)
            return err_set(e, ASSAY_EUSAGE, "%s: empty text in '%s'", where, text);
        suite_list_add(s, l, arena_strndup(s->arena, p, n));
        p = *end ? end + 1 : NULL;
    } while (p);
    return 0;
}

/* lm-eval's four: of Python, numpy, torch (which samples) and the few-shot examples. */
static int set_seeds(struct suite *s, const struct assay_field *seed, const char *text,
                     struct assay_err *e)
{
    char a[21], b[21], c[21], d[21];
    int end = 0;
    if (sscanf(text, "%20[0-9],%20[0-9],%20[0-9],%20[0-9]%n", a, b, c, d, &end) != 4 || text[end])
        return err_set(e, ASSAY_EUSAGE, "--seed: expected a number or four, as in 0,1234,1234,1234; found '%s'",
                       text);
    TRY(field_set(seed, s, arena_strdup(s->arena, c), "--seed", s->arena, e));
    return field_set(field_find(suite_fields, "fewshot-seed"), s, arena_strdup(s->arena, d), "--seed", s->arena,
                     e);
}

int suite_set(struct suite *s, const char *key, const char *text, struct assay_err *e)
{
    const struct assay_field *f = field_find(suite_fields, key);
    const char *where = arena_printf(s->arena, "--%s", key);
    if (strcmp(key, "reference") == 0)
        s->reference_where = NULL;
    if (!f) {
        const char *near = field_nearest_row(suite_fields, key);
        return err_set(e, ASSAY_EUSAGE, "unknown setting '%s'%s%s%s", key,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (!suite_is_list(key)) {
        if (strcmp(key, "samples") == 0)
            s->samples = NULL;
        if (strcmp(key, "gen-kwargs") == 0)
            s->gen_kwargs = NULL;
        if (strcmp(key, "seed") == 0 && strchr(text, ','))
            return set_seeds(s, f, text, e);
        return field_set(f, s, text, where, s->arena, e);
    }
    struct suite_list *l = list_at(s, f);
    if (!l->is_flag)
        *l = (struct suite_list){.is_flag = true};
    if (strcmp(key, "model") == 0)
        s->models_value = NULL;
    if (strcmp(key, "scenario") == 0)
        s->scenarios_value = NULL;
    return add_text(s, f, text, where, e);
}

int suite_parse_size(const char *text, const char *where, int64_t *bytes, struct assay_err *e)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    const char *u = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    const char *rest = u ? end + 1 : end;
    if (u)
        for (const char *k = units; k <= u; k++)
            x *= 1024;
    if (*rest == 'i')
        rest++;
    if (*rest == 'B' || *rest == 'b')
        rest++;
    if (end == text || *rest || errno || !(x >= 0) || x > 9e18)
        return err_set(e, ASSAY_EUSAGE, "%s: expected a size like 512M or 8G, found '%s'", where,
                       text);
    *bytes = (int64_t)x;
    return 0;
}

/* -- YAML -------------------------------------------------------------------------------------- */

char *suite_where(struct suite *s, const struct value *v)
{
    return v->line && s->path ? arena_printf(s->arena, "%s:%u:%u", s->path, v->line, v->col)
                              : arena_printf(s->arena, "%s", s->path ? s->path : "suite");
}

static bool is_path_key(const char *key)
{
    return strcmp(key, "model") == 0 || strcmp(key, "task-dir") == 0 || strcmp(key, "data") == 0 ||
           strcmp(key, "recipe-dir") == 0;
}

static int load_text(struct suite *s, const struct assay_field *f, const struct value *v,
                     struct assay_err *e)
{
    const char *where = suite_where(s, v);
    if (v->type != VALUE_STR)
        return err_set(e, ASSAY_EUSAGE, "%s: '%s' takes texts, found %s", where, f->name,
                       value_type_name(v));
    if (memchr(v->s, 0, v->n))
        return err_set(e, ASSAY_EUSAGE, "%s: text with a NUL byte", where);
    bool is_path = is_path_key(f->name) || (strcmp(f->name, "tasks") == 0 && !strchr(v->s, ',') &&
                                            (strchr(v->s, '/') || strstr(v->s, ".yaml")));
    return add_text(s, f, is_path ? paths_beside(s->arena, s->path, v->s) : v->s, where, e);
}

static int load_key(struct suite *s, const struct value *key, const struct value *v,
                    struct assay_err *e)
{
    const char *where = suite_where(s, key);
    if (key->type != VALUE_STR)
        return err_set(e, ASSAY_EFORMAT, "%s: a key must be text", where);
    if (strcmp(key->s, "models") == 0 || strcmp(key->s, "scenarios") == 0) {
        if (v->type != VALUE_LIST)
            return err_set(e, ASSAY_EFORMAT, "%s: '%s' takes a list, found %s", where, key->s,
                           value_type_name(v));
        *(key->s[0] == 'm' ? &s->models_value : &s->scenarios_value) = v;
        return 0;
    }
    if (strcmp(key->s, "gate") == 0) {
        s->gate_value = v;
        return 0;
    }
    const struct assay_field *f = field_find(suite_fields, key->s);
    if (!f) {
        const char *near =
            strcmp(key->s, "variants") == 0 ? "models" : field_nearest_row(suite_fields, key->s);
        return err_set(e, ASSAY_EUSAGE, "%s: unknown key '%s' in a suite%s%s%s", where, key->s,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (v->type == VALUE_DICT && (strcmp(key->s, "samples") == 0 || strcmp(key->s, "gen-kwargs") == 0)) {
        *(key->s[0] == 's' ? &s->samples : &s->gen_kwargs) = v;
        return 0;
    }
    if (strcmp(key->s, "reference") == 0)
        s->reference_where = suite_where(s, v);
    if (strcmp(key->s, "apply-chat-template") == 0 && v->type == VALUE_BOOL)
        return field_set(f, s, v->b ? "true" : "false", suite_where(s, v), s->arena, e);
    if (!suite_is_list(key->s))
        return field_set_value(f, s, v, suite_where(s, v), s->arena, e);
    if (v->type != VALUE_LIST)
        return load_text(s, f, v, e);
    for (uint32_t i = 0; i < v->n; i++)
        TRY(load_text(s, f, v->items[i], e));
    return 0;
}

int suite_load(struct suite *s, const char *path, struct assay_err *e)
{
    const struct value *v;
    path = paths_suite(s->arena, path);
    s->path = arena_strdup(s->arena, path);
    TRY(yaml_load(path, s->arena, &v, e));
    if (v->type != VALUE_DICT)
        return err_set(e, ASSAY_EFORMAT, "%s:1:1: a suite is a map of keys, found %s", path,
                       value_type_name(v));
    for (uint32_t i = 0; i < v->n; i++)
        TRY(load_key(s, v->entries[i].key, v->entries[i].value, e));
    return 0;
}
