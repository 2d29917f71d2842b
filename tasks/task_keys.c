/* task_keys.c - one row per key.  To add a key: add its row, read it where its part is built. */
#include "tasks/task_keys.h"

#include <string.h>

#include "harness/base/err.h"
#include "harness/base/field.h"

enum {
    T_BOOL = 1 << VALUE_BOOL,
    T_INT = 1 << VALUE_INT,
    T_FLOAT = 1 << VALUE_FLOAT,
    T_STR = 1 << VALUE_STR,
    T_LIST = 1 << VALUE_LIST,
    T_DICT = 1 << VALUE_DICT,
    T_NUMBER = T_INT | T_FLOAT,
    T_ANY = T_BOOL | T_NUMBER | T_STR | T_LIST | T_DICT,
    T_FUNC = 1 << VALUE_FUNC /* a function may be one that is built in: port.h decides */
};
struct key {
    const char *name;
    unsigned types;      /* null is allowed for every key and means absent */
    const char *refused; /* why a value other than null can't be used, or NULL */
};

static const char no_function[] = "this key takes no function";
static const char needs_media[] = "it needs a model that takes images or sound";

static const struct key task_table[] = {
    {"task", T_STR, NULL},
    {"task_alias", T_STR, NULL},
    {"task_list", T_ANY, NULL},
    {"tag", T_STR | T_LIST, NULL},
    {"group", T_STR | T_LIST, NULL},
    {"class", T_ANY, "the task is a Python class, and this program runs no Python"},
    {"custom_dataset", T_FUNC, NULL},
    {"dataset_path", T_STR, NULL},
    {"dataset_name", T_STR | T_INT, NULL},
    {"dataset_kwargs", T_DICT, NULL},
    {"training_split", T_STR, NULL},
    {"validation_split", T_STR, NULL},
    {"test_split", T_STR, NULL},
    {"fewshot_split", T_STR, NULL},
    {"process_docs", T_FUNC, NULL},
    {"doc_to_text", T_STR | T_INT | T_FUNC, NULL},
    {"doc_to_target", T_STR | T_INT | T_BOOL | T_LIST | T_FUNC, NULL},
    {"doc_to_choice", T_STR | T_LIST | T_DICT | T_FUNC, NULL},
    {"doc_to_image", T_ANY, needs_media},
    {"doc_to_audio", T_ANY, needs_media},
    {"unsafe_code", T_BOOL, NULL},
    {"process_results", T_FUNC, NULL},
    {"use_prompt", T_STR, "prompts of other collections are not read; write doc_to_text instead"},
    {"description", T_STR, NULL},
    {"target_delimiter", T_STR, NULL},
    {"fewshot_delimiter", T_STR, NULL},
    {"fewshot_config", T_DICT, NULL},
    {"num_fewshot", T_INT, NULL},
    {"metric_list", T_LIST, NULL},
    {"output_type", T_STR, NULL},
    {"generation_kwargs", T_DICT, NULL},
    {"repeats", T_INT, NULL},
    {"filter_list", T_LIST, NULL},
    {"should_decontaminate", T_BOOL, NULL},
    {"doc_to_decontamination_query", T_STR | T_FUNC, NULL}, /* never called: it has no effect */
    {"gen_prefix", T_STR, NULL},
    {"metadata", T_ANY, NULL},
    {NULL, 0, NULL},
};

static const struct key fewshot_table[] = {
    {"sampler", T_STR, NULL},
    {"split", T_STR, NULL},
    {"process_docs", T_FUNC, NULL},
    {"fewshot_indices", T_LIST, NULL},
    {"samples", T_LIST | T_FUNC, NULL},
    {"doc_to_text", T_STR | T_INT | T_FUNC, NULL},
    {"doc_to_choice", T_STR | T_LIST | T_DICT | T_FUNC, NULL},
    {"doc_to_target", T_STR | T_INT | T_BOOL | T_LIST | T_FUNC, NULL},
    {"gen_prefix", T_STR, NULL},
    {"fewshot_delimiter", T_STR, NULL},
    {"target_delimiter", T_STR, NULL},
    {NULL, 0, NULL},
};

/* Every other key of a group is an override for its members and is checked there. */
static const struct key group_table[] = {
    {"group", T_STR, NULL},    {"group_alias", T_STR, NULL},
    {"task", T_LIST, NULL},    {"aggregate_metric_list", T_LIST | T_DICT, NULL},
    {"metadata", T_ANY, NULL}, {NULL, 0, NULL},
};

static const struct key aggregate_table[] = {
    {"metric", T_STR, NULL},
    {"filter_list", T_STR | T_LIST, NULL},
    {"aggregation", T_STR, NULL},
    {"weight_by_size", T_BOOL | T_STR, NULL},
    {NULL, 0, NULL},
};

static const struct key generation_table[] = {
    {"until", T_STR | T_LIST, NULL},
    {"do_sample", T_BOOL, NULL},
    {"temperature", T_NUMBER | T_STR, NULL},
    {"top_p", T_NUMBER, NULL},
    {"top_k", T_INT, NULL},
    {"max_gen_toks", T_INT, NULL},
    {"max_new_tokens", T_INT, NULL},
    {"max_tokens", T_INT, NULL},
    {"max_completion_tokens", T_INT, NULL},
    {"num_beams", T_INT, NULL},
    {NULL, 0, NULL},
};

static const struct {
    const struct key *rows;
    const char *what;
} tables[] = {
    [TASK_KEYS_TASK] = {task_table, "a task"},
    [TASK_KEYS_FEWSHOT] = {fewshot_table, "'fewshot_config'"},
    [TASK_KEYS_GROUP] = {group_table, "a group"},
    [TASK_KEYS_AGGREGATE] = {aggregate_table, "'aggregate_metric_list'"},
    [TASK_KEYS_GENERATION] = {generation_table, "'generation_kwargs'"},
};

static const struct key *key_find(const struct key *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static const char *key_nearest(const struct key *table, const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; table->name && n < sizeof names / sizeof *names; table++)
        names[n++] = table->name;
    return field_nearest(name, names, n);
}

static const char *types_said(unsigned types)
{
    static const struct {
        unsigned types;
        const char *said;
    } known[] = {
        {T_STR, "text"},
        {T_INT, "an integer"},
        {T_BOOL, "true or false"},
        {T_LIST, "a list"},
        {T_DICT, "a mapping"},
        {T_NUMBER, "a number"},
        {T_STR | T_INT, "text or an integer"},
        {T_STR | T_BOOL, "true or false"},
        {T_STR | T_LIST, "text or a list"},
        {T_LIST | T_DICT, "a list or a mapping"},
        {T_STR | T_LIST | T_DICT, "text, a list or a mapping"},
        {T_NUMBER | T_STR, "a number"},
        {T_FUNC, "a function"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].types == (types == T_FUNC ? types : types & ~(unsigned)T_FUNC))
            return known[i].said;
    return "text, an integer or a list";
}

static int value_check(const struct task_files *f, const struct value *v, const struct key *key,
                       struct assay_err *e)
{
    char where[TASK_WHERE];
    if (v->type == VALUE_NULL)
        return 0;
    if (v->type == VALUE_FUNC && !(key->types & T_FUNC))
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: '%s' can't be used: !function %s: %s",
                       task_files_where(f, v, where), key->name, v->s,
                       key->refused ? key->refused : no_function);
    if (key->refused)
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: '%s' can't be used: %s",
                       task_files_where(f, v, where), key->name, key->refused);
    if (!(key->types >> v->type & 1))
        return err_set(e, ASSAY_EFORMAT, "%s: '%s' is %s, expected %s",
                       task_files_where(f, v, where), key->name, value_type_name(v),
                       types_said(key->types));
    return 0;
}

int task_keys_check_value(const struct task_files *f, const struct value *v, const char *key,
                          enum task_keys_kind kind, struct assay_err *e)
{
    return value_check(f, v, key_find(tables[kind].rows, key), e);
}

int task_keys_check(const struct task_files *f, const struct value *dict, enum task_keys_kind kind,
                    struct assay_err *e)
{
    const struct key *rows = tables[kind].rows;
    const char *what = tables[kind].what;
    char where[TASK_WHERE];
    /* Unknown keys before wrong values: the first is the likelier mistake. */
    for (uint32_t i = 0; i < dict->n; i++) {
        const struct value *k = dict->entries[i].key;
        if (k->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "%s: a key of %s is %s, expected text",
                           task_files_where(f, k, where), what, value_type_name(k));
        if (key_find(rows, k->s) || kind == TASK_KEYS_GROUP)
            continue;
        const char *near = key_nearest(rows, k->s);
        if (near)
            return err_set(e, ASSAY_EFORMAT, "%s: unknown key '%s' in %s, did you mean '%s'?",
                           task_files_where(f, k, where), k->s, what, near);
        return err_set(e, ASSAY_EFORMAT, "%s: unknown key '%s' in %s",
                       task_files_where(f, k, where), k->s, what);
    }
    for (uint32_t i = 0; i < dict->n; i++) {
        const struct key *key = key_find(rows, dict->entries[i].key->s);
        if (key)
            TRY(value_check(f, dict->entries[i].value, key, e));
    }
    return 0;
}
