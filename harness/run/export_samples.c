/* export_samples.c - samples_<task>.jsonl: a line per filter and document. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/ask.h"
#include "harness/run/docs.h"
#include "harness/run/export_impl.h"
#include "tasks/pytext.h"

struct samples {
    struct export *x;
    struct export_task *t;
    struct docs *docs;
    struct ask ask;
    struct hash all;                   /* of doc, prompt and target hashes, line by line */
    struct arena arena;                /* of the document in hand */
    struct buf line;
    FILE *file;
    size_t n_lines;
};

/* -- pieces ------------------------------------------------------------------------------------ */

static const struct value *text_of(struct arena *a, const struct value *v)
{
    struct pystr s = pystr_of(a, v);
    return s.s ? value_strn(a, s.s, s.n) : value_str(a, "");
}

/* Every leaf as str(leaf). */
static const struct value *stringified(struct arena *a, const struct value *v)
{
    if (v->type != VALUE_LIST && v->type != VALUE_TUPLE)
        return text_of(a, v);
    const struct value **items = ARENA_ARRAY(a, const struct value *, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++)
        items[i] = stringified(a, v->items[i]);
    return value_list(a, items, v->n);
}

static const char *hash_text(struct arena *a, const char *s, size_t n)
{
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    char *hex = arena_alloc(a, HASH_HEX);
    hash_init(&h);
    hash_add(&h, s, n);
    hash_end(&h, digest);
    hash_release(&h);
    return hash_hex(digest, hex);
}

static const struct value *arguments(struct samples *s, const struct task_item *item)
{
    struct arena *a = &s->arena;
    const struct task *t = s->t->plan->task;
    size_t n = item->n_requests / (size_t)t->repeats;
    struct value_entry *all = ARENA_ARRAY(a, struct value_entry, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct task_request *r = &item->requests[i * (size_t)t->repeats];
        bool is_rolling = r->kind == TASK_REQ_ROLLING;
        const struct value *continuation =
            value_strn(a, r->continuation ? r->continuation : "", r->continuation_n);
        struct value_entry args[2] = {
            {value_str(a, "arg_0"), is_rolling ? continuation : value_strn(a, r->context, r->context_n)},
            {value_str(a, "arg_1"),
             r->kind == TASK_REQ_GENERATE ? task_generation_kwargs(t) : continuation}};
        all[i] = (struct value_entry){value_str(a, arena_printf(a, "gen_args_%zu", i)),
                                      value_dict(a, args, is_rolling ? 1 : 2)};
    }
    return value_dict(a, all, n);
}

static const struct value *names_of(struct arena *a, const struct value *dict)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, dict->n + 1);
    for (uint32_t i = 0; i < dict->n; i++)
        v[i] = dict->entries[i].key;
    return value_list(a, v, dict->n);
}

/* -- a line ------------------------------------------------------------------------------------ */

struct hashes {
    const char *doc, *prompt, *target;
};

static struct hashes hashes_of(struct samples *s, const struct task_item *item, const struct value *target)
{
    struct arena *a = &s->arena;
    const struct task_request *r = item->n_requests ? &item->requests[0] : NULL;
    bool is_rolling = r && r->kind == TASK_REQ_ROLLING;
    struct hashes h;
    buf_clear(&s->line);
    json_write(&s->line, item->doc, JSON_INDENT);
    h.doc = hash_text(a, s->line.v, s->line.n);
    h.prompt = !r           ? hash_text(a, "", 0)
               : is_rolling ? hash_text(a, r->continuation, r->continuation_n)
                            : hash_text(a, r->context, r->context_n);
    h.target = hash_text(a, target->s, target->n);
    hash_add(&s->all, h.doc, 64);
    hash_add(&s->all, h.prompt, 64);
    hash_add(&s->all, h.target, 64);
    return h;
}

static int write_line(struct samples *s, const struct task_item *item, const struct task_sample *x,
                      struct assay_err *e)
{
    struct arena *a = &s->arena;
    const struct value *target = text_of(a, x->target);
    struct hashes h = hashes_of(s, item, target);
    const struct value_entry fixed[] = {
        {value_str(a, "doc_id"), value_int(a, (int64_t)item->idx)},
        {value_str(a, "doc"), item->doc},
        {value_str(a, "target"), target},
        {value_str(a, "arguments"), arguments(s, item)},
        {value_str(a, "resps"), stringified(a, x->resps)},
        {value_str(a, "filtered_resps"), stringified(a, x->filtered)},
        {value_str(a, "filter"), value_str(a, x->filter)},
        {value_str(a, "metrics"), names_of(a, x->metrics)},
        {value_str(a, "doc_hash"), value_str(a, h.doc)},
        {value_str(a, "prompt_hash"), value_str(a, h.prompt)},
        {value_str(a, "target_hash"), value_str(a, h.target)},
    };
    const struct value *line = value_dict(a, fixed, sizeof fixed / sizeof *fixed);
    for (uint32_t i = 0; i < x->metrics->n; i++)
        line = value_with(a, line, x->metrics->entries[i].key->s, x->metrics->entries[i].value);
    buf_clear(&s->line);
    json_write(&s->line, line, JSON_PYTHON);
    buf_addc(&s->line, '\n');
    s->n_lines++;
    if (fwrite(s->line.v, 1, s->line.n, s->file) != s->line.n)
        return err_set(e, ASSAY_EIO, "can't write the samples of task '%s': %s",
                       s->t->plan->task->name, strerror(errno));
    return 0;
}

/* -- the file ---------------------------------------------------------------------------------- */

static int one_item(struct samples *s, const struct task_item *item, size_t filter, struct assay_err *e)
{
    struct ask_answers answers = {.n = 0};
    struct task_sample x;
    TRY(ask_items(&s->ask, item, 1, &s->arena, &answers, e));
    if (answers.n_missing && s->t->is_early)
        return 0;
    if (answers.n_missing)
        return err_set(e, ASSAY_ENOTFOUND,
                       "item %zu of task '%s' has no stored answer: the question changed since the run",
                       item->idx, s->t->plan->task->name);
    TRY(task_sample(s->t->plan->task, item, answers.responses, filter, &s->arena, &x, e));
    return write_line(s, item, &x, e);
}

static int all_items(struct samples *s, size_t filter, struct assay_err *e)
{
    TRY(docs_rewind(s->docs, e));
    for (;;) {
        struct task_item item;
        bool has;
        arena_reset(&s->arena);
        TRY(docs_next(s->docs, &s->arena, &item, &has, e));
        if (!has)
            return 0;
        TRY(one_item(s, &item, filter, e));
    }
}

/* Documents of the whole split, whatever the run's limit. */
static int count_rows(struct samples *s, struct assay_err *e)
{
    const struct plan *plan = s->x->stored.plan;
    struct suite all = *plan->suite;
    struct docs *docs;
    all.limit = 0;
    all.samples = NULL;
    TRY(docs_open(s->t->plan->task, &all, &plan->paths, &docs, e));
    int rc = docs_count(docs, &s->t->n_rows, e);
    docs_close(docs);
    return rc;
}

static int write_file(struct samples *s, const char *path, struct assay_err *e)
{
    uint8_t digest[HASH_BYTES];
    const struct plan_task *t = s->t->plan;
    int rc = count_rows(s, e);
    docs_expect(s->docs, t->n_rows, t->n_docs);
    s->file = rc < 0 ? NULL : fopen(path, "wb");
    if (rc >= 0 && !s->file)
        rc = err_set(e, ASSAY_EIO, "can't write '%s': %s", path, strerror(errno));
    for (size_t f = 0; f < task_n_filters(t->task) && rc >= 0; f++)
        rc = all_items(s, f, e);
    if (s->file && fclose(s->file) != 0 && rc >= 0)
        rc = err_set(e, ASSAY_EIO, "can't write '%s': %s", path, strerror(errno));
    hash_end(&s->all, digest);
    hash_hex(digest, s->t->hash);
    return rc;
}

int export_samples(struct export *x, struct export_task *t, const char *path, struct assay_err *e)
{
    struct samples s = {.x = x, .t = t};
    const struct plan *plan = x->stored.plan;
    const char *part = arena_printf(&x->arena, "%s.part", path);
    s.ask.store = x->store;
    s.ask.variant_id = x->variant->variant_id;
    s.ask.seed = (uint64_t)plan->suite->seed;
    ask_init(&s.ask);
    buf_init(&s.line, 0);
    hash_init(&s.all);
    int rc = docs_open(t->plan->task, plan->suite, &plan->paths, &s.docs, e);
    if (rc >= 0)
        rc = write_file(&s, part, e);
    if (rc >= 0 && rename(part, path) != 0)
        rc = err_set(e, ASSAY_EIO, "can't write '%s': %s", path, strerror(errno));
    if (rc < 0)
        unlink(part);
    else if (x->options->on_file)
        x->options->on_file(x->options->user, path, s.n_lines);
    x->summary->n_samples += s.n_lines;
    docs_close(s.docs);
    ask_release(&s.ask);
    hash_release(&s.all);
    buf_release(&s.line);
    arena_release(&s.arena);
    return rc;
}
