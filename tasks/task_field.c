/* task_field.c - a key like doc_to_text against a row, by lm-eval's rules of what text means.
 *
 * Text that is a column's name yields the column as it is; other text is a template.  What no row
 * can change is evaluated once, at task_field_begin. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "tasks/literal.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"
#include "tasks/template.h"

/* -- messages ---------------------------------------------------------------------------------- */

static void say_columns(struct buf *b, const struct value *doc)
{
    size_t n = doc && doc->type == VALUE_DICT ? doc->n : 0;
    for (size_t i = 0; i < n && b->n < 160; i++)
        if (doc->entries[i].key->type == VALUE_STR)
            buf_printf(b, "%s%s", i ? ", " : "", doc->entries[i].key->s);
    if (b->n >= 160)
        buf_adds(b, ", ...");
}

static const char *row_kind(const struct task_row *row)
{
    return row->is_shot ? "few-shot row" : "row";
}

int task_field_error(const struct task_field *f, const struct task_row *row, const char *fmt, ...)
{
    char text[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(row->e, ASSAY_EFORMAT, "%s: %s %zu: '%s' %s", f->where, row_kind(row), row->idx,
                   f->key, text);
}

/* A template's message has the place in front; the row and its columns go behind. */
static int render_error(const struct task_field *f, const struct task_row *row, int rc)
{
    if (!row->e)
        return rc;
    struct buf columns;
    buf_init(&columns, 4096);
    say_columns(&columns, row->doc);
    char said[sizeof row->e->msg];
    snprintf(said, sizeof said, "%s", row->e->msg);
    err_set(row->e, rc, "%s, in template '%s' for %s %zu, which has the columns %s", said, f->key,
            row_kind(row), row->idx, columns.n ? columns.v : "(none)");
    buf_release(&columns);
    return rc;
}

static int column_error(const struct task_field *f, const struct task_row *row)
{
    struct buf columns;
    buf_init(&columns, 4096);
    say_columns(&columns, row->doc);
    int rc = task_field_error(f, row, "names the column '%s', the row has the columns %s",
                              f->raw->s, columns.n ? columns.v : "(none)");
    buf_release(&columns);
    return rc;
}

/* -- compiling --------------------------------------------------------------------------------- */

int task_field_compile(const struct task_field_source *s, struct arena *a, struct task_field *f,
                       struct assay_err *e)
{
    char where[TASK_WHERE];
    *f = (struct task_field){.key = s->key, .use = (uint8_t)s->use, .has_choice = s->has_choice};
    if (!s->v || s->v->type == VALUE_NULL)
        return 0;
    f->raw = s->v;
    f->where = arena_strdup(a, task_files_where(s->files, s->v, where));
    if (s->v->type == VALUE_DICT) {
        const struct value **items = ARENA_ARRAY(a, const struct value *, s->v->n ? s->v->n : 1);
        for (uint32_t i = 0; i < s->v->n; i++)
            items[i] = s->v->entries[i].value;
        f->raw = value_list(a, items, s->v->n);
    }
    const char *path = task_files_path(s->files, s->v);
    if (f->raw->type == VALUE_FUNC) {
        struct port_ask ask = {PORT_VALUE, s->v, s->key, path, f->where, s->host};
        return port_open(&ask, a, &f->port, e);
    }
    if (f->raw->type != VALUE_STR)
        return 0;
    struct template_source src = {
        .text = f->raw->s, .n = f->raw->n, .where = arena_strdup(a, *path ? path : "inline")};
    task_files_text_place(s->files, s->v, a, &src.line, &src.col);
    int rc = template_compile(&src, a, &f->tpl, e);
    return rc < 0 ? err_prefix(e, rc, "template '%s'", s->key) : 0;
}

void task_field_release(struct task_field *f)
{
    template_release(f->tpl);
    port_release(f->port);
    f->tpl = NULL;
    f->port = NULL;
}

/* -- values ------------------------------------------------------------------------------------ */

static bool is_list(const struct value *v)
{
    return v->type == VALUE_LIST || v->type == VALUE_TUPLE;
}

static int choices_check(const struct task_field *f, const struct task_row *row,
                         const struct value *v)
{
    if (!is_list(v))
        return task_field_error(f, row, "yields %s, expected a list of texts", value_type_name(v));
    for (uint32_t i = 0; i < v->n; i++)
        if (v->items[i]->type != VALUE_STR)
            return task_field_error(f, row, "yields %s as choice %u, expected text%s",
                                    value_type_name(v->items[i]), i,
                                    v->items[i]->line ? " (put it in quotes)" : "");
    return 0;
}

static int text_to_choices(const struct task_field *f, const struct task_row *row,
                           const struct value *text, const struct value **out)
{
    struct assay_err why;
    int rc = literal_eval(text->s, text->n, row->arena, out, &why);
    if (rc < 0)
        return task_field_error(f, row, "yields text that is no Python list (%s): %.80s", why.msg,
                                text->s);
    return choices_check(f, row, *out);
}

/* What rendered text means for this field. */
static int text_to_value(const struct task_field *f, const struct task_row *row,
                         const struct value *text, const struct value **out)
{
    *out = text;
    const char *s = text->s;
    size_t n = text->n;
    if (f->use == TASK_FIELD_PLAIN || (n == 0 && f->use != TASK_FIELD_CHOICE))
        return 0;
    if (f->use == TASK_FIELD_CHOICE)
        return text_to_choices(f, row, text, out);
    unsigned char c = (unsigned char)s[0];
    if (f->has_choice && ((c >= '0' && c <= '9') || c >= 0x80) &&
        pytext_is(pystr(s, n), PYTEXT_DIGIT)) {
        struct assay_err why;
        int rc = literal_eval(s, n, row->arena, out, &why);
        return rc < 0 ? task_field_error(f, row, "yields '%.40s', which is no Python number", s)
                      : 0;
    }
    if (f->use == TASK_FIELD_TARGET && n >= 2 && s[0] == '[' && s[n - 1] == ']' &&
        literal_eval(s, n, row->arena, out, NULL) < 0)
        *out = text;
    return 0;
}

static const struct value *column_get(struct task_field *f, const struct value *doc)
{
    if (doc->type != VALUE_DICT)
        return NULL;
    if (f->slot < doc->n) {
        const struct value *key = doc->entries[f->slot].key;
        if (key->type == VALUE_STR && key->n == f->raw->n && memcmp(key->s, f->raw->s, key->n) == 0)
            return doc->entries[f->slot].value;
    }
    for (uint32_t i = 0; i < doc->n; i++) {
        const struct value *key = doc->entries[i].key;
        if (key->type == VALUE_STR && key->n == f->raw->n &&
            memcmp(key->s, f->raw->s, key->n) == 0) {
            f->slot = i;
            return doc->entries[i].value;
        }
    }
    return NULL;
}

int task_field_get(struct task_field *f, const struct task_row *row, const struct value **out)
{
    if (f->fixed) {
        *out = f->fixed;
        return 0;
    }
    if (!f->raw) {
        *out = &value_null;
        return 0;
    }
    if (f->is_column) {
        *out = column_get(f, row->doc);
        if (!*out)
            return column_error(f, row);
        return f->use == TASK_FIELD_CHOICE ? choices_check(f, row, *out) : 0;
    }
    if (f->port) {
        struct port_row asked = {row->doc, row->idx, row->is_shot};
        int rc = port_field(f->port, &asked, row->arena, out, row->e);
        if (rc < 0)
            return f->port->code ? rc : render_error(f, row, rc);
        return f->use == TASK_FIELD_CHOICE ? choices_check(f, row, *out) : 0;
    }
    const struct value *text;
    int rc = template_render(f->tpl, row->doc, row->arena, &text, row->e);
    if (rc < 0)
        return render_error(f, row, rc);
    return text_to_value(f, row, text, out);
}

int task_field_text(struct task_field *f, const struct task_row *row, struct pystr *out)
{
    *out = PYSTR("");
    if (!f->raw || (f->raw->type == VALUE_STR && f->raw->n == 0))
        return 0;
    const struct value *v = f->port ? NULL : column_get(f, row->doc);
    if (!v)
        TRY(task_field_get(f, row, &v));
    if (v->type == VALUE_NULL)
        return 0;
    if (v->type != VALUE_STR)
        return task_field_error(f, row, "yields %s, expected text", value_type_name(v));
    *out = pystr(v->s, v->n);
    return 0;
}

int task_field_begin(struct task_field *f, const struct task_columns *columns, struct arena *a,
                     struct assay_err *e)
{
    f->fixed = NULL;
    f->is_column = false;
    f->slot = 0;
    if (!f->raw || f->port)
        return 0;
    struct task_row row = {.doc = &value_null, .arena = a, .e = e};
    if (f->raw->type != VALUE_STR) {
        f->fixed = f->raw;
        return f->use == TASK_FIELD_CHOICE ? choices_check(f, &row, f->raw) : 0;
    }
    for (size_t i = 0; i < columns->n && !f->is_column; i++)
        f->is_column = value_is_str(f->raw, columns->names[i]);
    if (f->is_column)
        return 0;
    const struct value *text = template_constant(f->tpl), *v;
    if (text) {
        TRY(text_to_value(f, &row, text, &v));
        f->fixed = v;
    }
    return 0;
}
