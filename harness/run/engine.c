/* engine.c - options for a plugin, and the open model: facts checked against methods. */
#include <stdlib.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/paths.h"
#include "harness/run/plugin.h"

/* -- options ----------------------------------------------------------------------------------- */

static int add_scalar(struct buf *b, const struct value *v, const char *where, struct assay_err *e)
{
    if (v->type == VALUE_STR)
        return buf_add(b, v->s, v->n);
    if (v->type == VALUE_INT || v->type == VALUE_FLOAT || v->type == VALUE_BOOL) {
        json_write(b, v, JSON_COMPACT);
        return 0;
    }
    return err_set(e, ASSAY_EUSAGE, "%s: expected a text or a number, found %s", where,
                   value_type_name(v));
}

static int add_list(struct buf *b, const struct value *v, const char *where, struct assay_err *e)
{
    if (v->type != VALUE_LIST)
        return add_scalar(b, v, where, e);
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_addc(b, ',');
        TRY(add_scalar(b, v->items[i], where, e));
    }
    return 0;
}

/* {fp16: [output, "blk.0.*"], q8_0: x} -> "fp16:output,blk.0.*;q8_0:x": a map for a text option. */
static int flatten(const struct value *v, const char *where, struct buf *b, struct assay_err *e)
{
    if (v->type != VALUE_DICT)
        return add_list(b, v, where, e);
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_addc(b, ';');
        TRY(add_scalar(b, v->entries[i].key, where, e));
        buf_addc(b, ':');
        TRY(add_list(b, v->entries[i].value, where, e));
    }
    return 0;
}

static int set_option(const struct assay_field *f, void *options, const struct value *v,
                      const char *where, struct arena *a, struct assay_err *e)
{
    if (v->type == VALUE_STR && !v->line) /* from a command line, where all is text */
        return field_set(f, options, v->s, where, a, e);
    bool is_text = f->kind == ASSAY_STR || f->kind == ASSAY_ENUM || f->kind == ASSAY_PATH;
    if (!is_text || (v->type != VALUE_LIST && v->type != VALUE_DICT && v->type != VALUE_INT &&
                     v->type != VALUE_FLOAT))
        return field_set_value(f, options, v, where, a, e);
    struct buf b;
    buf_init(&b, 65536);
    int rc = flatten(v, where, &b, e);
    if (rc >= 0)
        rc = field_set(f, options, b.v, where, a, e);
    buf_release(&b);
    return rc;
}

/* Options that have a flag of their own; the others come as --option KEY=VALUE. */
static bool is_flag(const char *key)
{
    return strcmp(key, "model") == 0 || strcmp(key, "precision") == 0 ||
           strcmp(key, "threads") == 0;
}

/* Names of files that come with assay become paths here, where a plugin opens them; records keep
 * what was said, which means the same on every machine. */
static void find_files(const struct plugin *p, void *options, struct arena *a)
{
    for (const struct assay_field *f = p->api.options; f->name; f++) {
        const char **at = (const char **)(void *)((char *)options + f->offset);
        if (f->kind == ASSAY_PATH && *at)
            *at = paths_file(a, *at);
    }
}

int plugin_options(const struct plugin *p, const struct value *settings, const char *source,
                   struct arena *a, void **options, const struct value **record,
                   struct assay_err *e)
{
    *options = arena_alloc(a, p->api.options_size);
    field_defaults(p->api.options, *options);
    for (uint32_t i = 0; settings && i < settings->n; i++) {
        const struct value *key = settings->entries[i].key, *v = settings->entries[i].value;
        const char *where = key->line && source
                                ? arena_printf(a, "%s:%u:%u", source, key->line, key->col)
                                : arena_printf(a, is_flag(key->s) ? "--%s" : "--option %s", key->s);
        const struct assay_field *f = field_find(p->api.options, key->s);
        if (!f) {
            const char *near = field_nearest_row(p->api.options, key->s);
            return err_set(e, ASSAY_EUSAGE, "%s: backend '%s' has no option '%s'%s%s%s", where,
                           p->name, key->s, near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "");
        }
        if (f->kind == ASSAY_PATH && v->type == VALUE_STR && v->line && source)
            v = value_str(a, paths_beside(a, source, v->s));
        TRY(set_option(f, *options, v, where, a, e));
    }
    *record = field_record(p->api.options, *options, a);
    find_files(p, *options, a);
    return 0;
}

/* -- the open model ---------------------------------------------------------------------------- */

static int check_caps(const struct engine *g, struct assay_err *e)
{
    const struct assay_backend *b = &g->plugin->api;
    uint32_t caps = g->info.caps;
    const char *method = (caps & ASSAY_CAN_TOKENIZE) && !b->tokenize   ? "tokenize"
                         : (caps & ASSAY_CAN_SCORE) && !b->score       ? "score"
                         : (caps & ASSAY_CAN_GENERATE) && !b->generate ? "generate"
                         : (caps & ASSAY_CAN_PROBE) && !b->probe       ? "probe"
                                                                       : NULL;
    if (method)
        return err_set(e, ASSAY_EFORMAT, "backend '%s' says it can %s but has no such method",
                       g->plugin->name, method);
    if ((caps & ASSAY_CAN_SCORE) && !(caps & ASSAY_CAN_TOKENIZE))
        return err_set(e, ASSAY_EFORMAT, "backend '%s' says it can score but not tokenize",
                       g->plugin->name);
    return 0;
}

static int check_info(struct engine *g, struct assay_err *e)
{
    struct assay_info *x = &g->info;
    const char *name = g->plugin->name;
    enum { MAX_VOCAB = 1 << 24, MAX_TENSORS = 1 << 20, MAX_TEMPLATES = 1000 };
    if (x->n_vocab > MAX_VOCAB)
        return err_set(e, ASSAY_EFORMAT, "backend '%s' reports a vocabulary of %u tokens", name,
                       x->n_vocab);
    if ((x->caps & (ASSAY_CAN_SCORE | ASSAY_CAN_PROBE)) && x->n_vocab == 0)
        return err_set(e, ASSAY_EFORMAT, "backend '%s' reports an empty vocabulary", name);
    if (x->n_tensors > MAX_TENSORS || (x->n_tensors && !x->tensors))
        return err_set(e, ASSAY_EFORMAT, "backend '%s' reports %u tensors it does not list", name,
                       x->n_tensors);
    if (x->n_chat_templates > MAX_TEMPLATES || (x->n_chat_templates && !x->chat_templates))
        return err_set(e, ASSAY_EFORMAT, "backend '%s' reports %u chat templates it does not list", name,
                       x->n_chat_templates);
    if (x->bos < -1 || x->eos < -1 ||
        (x->n_vocab && (x->bos >= (int64_t)x->n_vocab || x->eos >= (int64_t)x->n_vocab)))
        return err_set(e, ASSAY_EFORMAT,
                       "backend '%s' reports a begin or end token outside its vocabulary", name);
    x->arch = x->arch ? x->arch : "";
    x->precision = x->precision ? x->precision : "";
    x->kernel = x->kernel ? x->kernel : "";
    x->device = x->device ? x->device : "";
    return check_caps(g, e);
}

static int open_with(int (*open)(const void *, struct assay_model **, struct assay_err *),
                     const struct plugin *p, const void *options, struct engine *g,
                     struct assay_err *e)
{
    *g = (struct engine){.plugin = p};
    struct assay_err said = {0};
    int rc = open(options, &g->model, &said);
    said.msg[sizeof said.msg - 1] = 0; /* a plugin may forget the end */
    if (rc < 0)
        return err_set(e, rc, "%s", said.msg[0] ? said.msg : "the backend gave no reason");
    if (!g->model)
        return err_set(e, ASSAY_EFORMAT, "backend '%s' opened nothing and reported no error",
                       p->name);
    g->info.size = sizeof g->info;
    g->info.bos = g->info.eos = -1;
    rc = p->api.info(g->model, &g->info, &said);
    said.msg[sizeof said.msg - 1] = 0;
    if (rc < 0)
        rc = err_set(e, rc, "%s",
                     said.msg[0] ? said.msg : "the backend gave no facts about its model");
    else
        rc = check_info(g, e);
    if (rc < 0)
        engine_close(g);
    return rc;
}

int engine_open(const struct plugin *p, const void *options, struct engine *g, struct assay_err *e)
{
    return open_with(p->api.open, p, options, g, e);
}

int engine_open_facts(const struct plugin *p, const void *options, struct engine *g,
                      struct assay_err *e)
{
    return open_with(p->api.open_facts ? p->api.open_facts : p->api.open, p, options, g, e);
}

void engine_close(struct engine *g)
{
    if (g->model)
        g->plugin->api.close(g->model);
    g->model = NULL;
}

int engine_needs(const struct engine *g, uint32_t caps, struct assay_err *e)
{
    uint32_t missing = caps & ~g->info.caps;
    if (!missing)
        return 0;
    const char *what = missing & ASSAY_CAN_SCORE      ? "score texts"
                       : missing & ASSAY_CAN_GENERATE ? "generate text"
                       : missing & ASSAY_CAN_PROBE    ? "show logits"
                                                      : "tokenize";
    return err_set(e, ASSAY_EUNSUPPORTED, "backend '%s' cannot %s with this model", g->plugin->name,
                   what);
}
