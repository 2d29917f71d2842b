/* yaml.c - libyaml's events -> struct value.  What a plain scalar means is in yaml_scalar.c.
 *
 * Aliases share their anchor's value, so memory does not grow; `cost` counts what a walk over the
 * result would visit and is bounded, which refuses "billion laughs".  An alias inside its own
 * anchor is unknown at that point and refused. */
#include "harness/base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/text.h"
#include "harness/base/yaml_scalar.h"

enum { YAML_DEPTH = 100, YAML_COST = 4000000, YAML_BYTES = 64 << 20 };

struct yaml_anchor {
    const char *name;
    const struct value *v;
    size_t cost;
    struct yaml_anchor *next;
};
struct yaml_load {
    yaml_parser_t parser;
    yaml_event_t event; /* the event in hand */
    const char *text, *where;
    size_t n, cost;
    int depth;
    struct arena *arena;
    struct yaml_anchor *anchors;
    struct value_entry *stack; /* children of the collections that are still open */
    size_t n_stack, cap_stack;
    struct assay_err *e;
};

static int yaml_node(struct yaml_load *y, const struct value **out);

static int yaml_fail(struct yaml_load *y, yaml_mark_t at, const char *msg)
{
    return err_set(y->e, ASSAY_EFORMAT, "%s:%zu:%zu: %s", y->where, at.line + 1, at.column + 1,
                   msg);
}

static yaml_mark_t yaml_mark_of(const struct yaml_load *y, size_t offset)
{
    yaml_mark_t m = {.index = offset};
    size_t bol = 0;
    for (size_t i = 0; i < offset && i < y->n; i++)
        if (y->text[i] == '\n') {
            m.line++;
            bol = i + 1;
        }
    m.column = text_points(y->text + bol, (offset < y->n ? offset : y->n) - bol);
    return m;
}

static int yaml_syntax(struct yaml_load *y)
{
    const yaml_parser_t *p = &y->parser;
    const char *what = p->problem ? p->problem : "malformed YAML";
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(y->e, ASSAY_ENOMEM, "%s: out of memory", y->where);
    if (p->error == YAML_READER_ERROR)
        return yaml_fail(y, yaml_mark_of(y, p->problem_offset), what);
    if (p->context && p->context_mark.line != p->problem_mark.line)
        return err_set(y->e, ASSAY_EFORMAT, "%s:%zu:%zu: %s (%s that began on line %zu)", y->where,
                       p->problem_mark.line + 1, p->problem_mark.column + 1, what, p->context,
                       p->context_mark.line + 1);
    return yaml_fail(y, p->problem_mark, what);
}

/* Moves to the next event; the one in hand is freed. */
static int yaml_next(struct yaml_load *y)
{
    yaml_event_delete(&y->event);
    if (!yaml_parser_parse(&y->parser, &y->event))
        return yaml_syntax(y);
    return 0;
}

static int yaml_push(struct yaml_load *y, const struct value *key, const struct value *v)
{
    if (y->n_stack == y->cap_stack) {
        size_t cap = y->cap_stack ? 2 * y->cap_stack : 64;
        struct value_entry *stack = realloc(y->stack, cap * sizeof *stack);
        if (!stack)
            return err_set(y->e, ASSAY_ENOMEM, "%s: out of memory", y->where);
        y->stack = stack;
        y->cap_stack = cap;
    }
    y->stack[y->n_stack++] = (struct value_entry){key, v};
    return 0;
}

static struct value *yaml_new(struct yaml_load *y, int type, yaml_mark_t at)
{
    struct value *v = ARENA_NEW(y->arena, struct value);
    v->type = (uint8_t)type;
    v->line = (uint32_t)at.line + 1;
    v->col = (uint32_t)at.column + 1;
    return v;
}

/* -- nodes ------------------------------------------------------------------------------------- */

static int yaml_alias(struct yaml_load *y, const struct value **out)
{
    const char *name = (const char *)y->event.data.alias.anchor;
    for (struct yaml_anchor *a = y->anchors; a; a = a->next)
        if (strcmp(a->name, name) == 0) {
            y->cost += a->cost;
            *out = a->v;
            return 0;
        }
    return yaml_fail(y, y->event.start_mark, arena_printf(y->arena, "unknown alias '%s'", name));
}

static int yaml_scalar_node(struct yaml_load *y, const struct value **out)
{
    const yaml_event_t *ev = &y->event;
    struct value *v = yaml_new(y, VALUE_STR, ev->start_mark);
    size_t n = ev->data.scalar.length;
    const char *text = arena_strndup(y->arena, (const char *)ev->data.scalar.value, n);
    const char *tag = (const char *)ev->data.scalar.tag;
    v->s = text;
    v->n = (uint32_t)n;
    v->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *out = v;
    if (!tag && !ev->data.scalar.plain_implicit)
        return 0;
    struct assay_err why = {0};
    if (yaml_scalar_resolve(v, tag, &why) < 0)
        return yaml_fail(y, ev->start_mark, why.msg);
    return 0;
}

static int yaml_collection_tag(struct yaml_load *y, const char *tag, const char *want)
{
    if (!tag || strcmp(tag, want) == 0 || strcmp(tag, "!") == 0)
        return 0;
    return yaml_fail(y, y->event.start_mark, arena_printf(y->arena, "unknown tag '%s'", tag));
}

static int yaml_sequence(struct yaml_load *y, const struct value **out)
{
    TRY(yaml_collection_tag(y, (const char *)y->event.data.sequence_start.tag, YAML_SEQ_TAG));
    struct value *v = yaml_new(y, VALUE_LIST, y->event.start_mark);
    size_t base = y->n_stack;
    TRY(yaml_next(y));
    while (y->event.type != YAML_SEQUENCE_END_EVENT) {
        const struct value *item;
        TRY(yaml_node(y, &item));
        TRY(yaml_push(y, NULL, item));
        TRY(yaml_next(y));
    }
    size_t n = y->n_stack - base;
    const struct value **items = ARENA_ARRAY(y->arena, const struct value *, n);
    for (size_t i = 0; i < n; i++)
        items[i] = y->stack[base + i].value;
    v->items = items;
    v->n = (uint32_t)n;
    y->n_stack = base;
    *out = v;
    return 0;
}

static int yaml_merge_from(struct yaml_load *y, yaml_mark_t at, const struct value *from)
{
    if (from->type != VALUE_DICT)
        return yaml_fail(y, at, "expected a mapping or a list of mappings to merge");
    for (uint32_t i = 0; i < from->n; i++)
        TRY(yaml_push(y, from->entries[i].key, from->entries[i].value));
    return 0;
}

/* `<<: x` puts x's entries before the mapping's own, which override them; of several merged
 * mappings an earlier one wins, so the last goes in first. */
static int yaml_merge(struct yaml_load *y, yaml_mark_t at, const struct value *from, size_t base)
{
    size_t own = y->n_stack - base;
    if (from->type == VALUE_LIST)
        for (uint32_t i = from->n; i-- > 0;)
            TRY(yaml_merge_from(y, at, from->items[i]));
    else
        TRY(yaml_merge_from(y, at, from));
    size_t added = y->n_stack - base - own;
    if (!added)
        return 0;
    struct value_entry *tmp = ARENA_ARRAY(y->arena, struct value_entry, own);
    if (own)
        memcpy(tmp, y->stack + base, own * sizeof *tmp);
    memmove(y->stack + base, y->stack + base + own, added * sizeof *tmp);
    if (own)
        memcpy(y->stack + base + added, tmp, own * sizeof *tmp);
    return 0;
}

static int yaml_pair(struct yaml_load *y, size_t base)
{
    const struct value *key, *v;
    yaml_mark_t at = y->event.start_mark;
    TRY(yaml_node(y, &key));
    if (key->type >= VALUE_LIST)
        return yaml_fail(y, at, "a mapping's key must be a scalar");
    TRY(yaml_next(y));
    TRY(yaml_node(y, &v));
    if (key->plain && value_is_str(key, "<<"))
        TRY(yaml_merge(y, at, v, base));
    else
        TRY(yaml_push(y, key, v));
    return yaml_next(y);
}

static int yaml_mapping(struct yaml_load *y, const struct value **out)
{
    TRY(yaml_collection_tag(y, (const char *)y->event.data.mapping_start.tag, YAML_MAP_TAG));
    yaml_mark_t at = y->event.start_mark;
    size_t base = y->n_stack;
    TRY(yaml_next(y));
    while (y->event.type != YAML_MAPPING_END_EVENT)
        TRY(yaml_pair(y, base));
    size_t n = y->n_stack - base;
    struct value *v = value_dict(y->arena, n ? y->stack + base : NULL, n);
    v->line = (uint32_t)at.line + 1;
    v->col = (uint32_t)at.column + 1;
    y->n_stack = base;
    *out = v;
    return 0;
}

static const char *yaml_anchor_of(const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return (const char *)ev->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)ev->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return (const char *)ev->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

/* Reads the node that begins with the event in hand; its last event is in hand afterwards. */
static int yaml_node(struct yaml_load *y, const struct value **out)
{
    size_t before = y->cost++;
    yaml_mark_t at = y->event.start_mark;
    const char *name = yaml_anchor_of(&y->event);
    struct yaml_anchor *anchor = NULL;
    if (name) {
        anchor = ARENA_NEW(y->arena, struct yaml_anchor);
        anchor->name = arena_strdup(y->arena, name);
    }
    if (++y->depth > YAML_DEPTH)
        return yaml_fail(y, at, "nested too deeply");
    if (y->event.type == YAML_ALIAS_EVENT)
        TRY(yaml_alias(y, out));
    else if (y->event.type == YAML_SCALAR_EVENT)
        TRY(yaml_scalar_node(y, out));
    else if (y->event.type == YAML_SEQUENCE_START_EVENT)
        TRY(yaml_sequence(y, out));
    else
        TRY(yaml_mapping(y, out));
    y->depth--;
    if (y->cost > YAML_COST)
        return yaml_fail(y, at, "aliases expand to too many values");
    if (anchor) {
        anchor->v = *out;
        anchor->cost = y->cost - before;
        anchor->next = y->anchors;
        y->anchors = anchor;
    }
    return 0;
}

static int yaml_stream(struct yaml_load *y, const struct value **out)
{
    *out = &value_null;
    TRY(yaml_next(y)); /* stream start */
    TRY(yaml_next(y));
    if (y->event.type == YAML_STREAM_END_EVENT)
        return 0;
    TRY(yaml_next(y)); /* after document start */
    TRY(yaml_node(y, out));
    TRY(yaml_next(y)); /* document end */
    TRY(yaml_next(y));
    if (y->event.type != YAML_STREAM_END_EVENT)
        return yaml_fail(y, y->event.start_mark, "expected one document, found a second");
    return 0;
}

int yaml_parse(const char *text, size_t n, const char *where, struct arena *a,
               const struct value **out, struct assay_err *e)
{
    struct yaml_load y = {.text = text, .n = n, .where = where, .arena = a, .e = e};
    if (!yaml_parser_initialize(&y.parser))
        return err_set(e, ASSAY_ENOMEM, "%s: out of memory", where);
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, n);
    int rc = yaml_stream(&y, out);
    yaml_event_delete(&y.event);
    yaml_parser_delete(&y.parser);
    free(y.stack);
    return rc;
}

int yaml_load(const char *path, struct arena *a, const struct value **out, struct assay_err *e)
{
    const char *text;
    size_t n;
    TRY(fs_read(path, YAML_BYTES, a, &text, &n, e));
    return yaml_parse(text, n, path, a, out, e);
}
