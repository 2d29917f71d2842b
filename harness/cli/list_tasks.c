/* list_tasks.c - names, kinds, types, examples and data of tasks, as their files say. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/cli/command.h"
#include "harness/cli/task_views.h"
#include "harness/run/paths.h"
#include "reports/csv.h"
#include "reports/term_table.h"
#include "tasks/task.h"

enum { NAME_LEAST = 16, DATA_LEAST = 10, DATA_ROOM = 20 };
struct row {
    const char *name, *kind, *type, *dataset, *subset, *path;
    int fewshot;                       /* -1: not said */
    size_t n_members;                  /* of a tag */
};
struct rows {
    struct row *v;
    size_t n, cap;
    struct arena *a;
    struct task_index *index;
};

static void rows_add(struct rows *r, struct row x)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 256;
        struct row *v = ARENA_ARRAY(r->a, struct row, cap);
        if (r->n)
            memcpy(v, r->v, r->n * sizeof *v);
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = x;
}

static void add_entry(struct rows *r, const struct task_entry *e)
{
    static const char *const kinds[] = {"task", "group", "tag"};
    struct row x = {.name = e->name, .kind = kinds[e->kind], .path = e->path, .fewshot = -1};
    if (e->kind == TASK_ENTRY_TAG)
        task_index_members(r->index, e->name, &x.n_members);
    if (e->kind == TASK_ENTRY_TASK) {
        x.type = e->is_class ? "python" : e->output ? e->output : "generate_until";
        x.fewshot = e->n_fewshot;
        x.dataset = e->dataset;
        x.subset = e->dataset_name;
    }
    rows_add(r, x);
}

static const char *text_of(const struct value *config, const char *key)
{
    const struct value *v = value_get(config, key);
    return v && v->type == VALUE_STR ? v->s : NULL;
}

/* A task that a group defines itself is in no index. */
static void add_node(struct rows *r, const struct task_node *node)
{
    const struct task_entry *known = task_index_find(r->index, node->name);
    if (known && known->kind != TASK_ENTRY_TAG) {
        add_entry(r, known);
        return;
    }
    struct row x = {.name = node->name, .kind = node->is_group ? "group" : "task", .path = node->path,
                    .fewshot = -1};
    const struct value *config;
    struct assay_err e;
    if (!node->is_group && task_config(r->index, node, r->a, &config, &e) == 0) {
        const struct value *few = value_get(config, "num_fewshot");
        x.type = text_of(config, "output_type");
        x.type = x.type ? x.type : "generate_until";
        x.dataset = text_of(config, "dataset_path");
        x.subset = text_of(config, "dataset_name");
        x.fewshot = few && few->type == VALUE_INT && few->i >= 0 && few->i <= 100000 ? (int)few->i : -1;
    }
    rows_add(r, x);
}

static int add_word(struct rows *r, const char *word, struct assay_err *e)
{
    const struct task_entry *exact = task_index_find(r->index, word);
    struct task_plan plan;
    if (exact && exact->kind == TASK_ENTRY_TASK) {
        add_entry(r, exact);
        return 0;
    }
    if (!exact && strpbrk(word, "*?[") && !strchr(word, '/')) {
        size_t n, before = r->n;
        const struct task_entry *all = task_index_entries(r->index, &n);
        for (size_t i = 0; i < n; i++)
            if (fnmatch(word, all[i].name, FNM_NOESCAPE) == 0)
                add_entry(r, &all[i]);
        return r->n > before ? 0 : err_set(e, ASSAY_EUSAGE, "no task, group or tag matches '%s'", word);
    }
    if (exact && exact->kind == TASK_ENTRY_TAG)
        add_entry(r, exact);
    TRY(task_select(r->index, word, r->a, &plan, e));
    for (size_t i = 0; i < plan.n; i++)
        add_node(r, &plan.nodes[i]);
    return 0;
}

static int choose(struct rows *r, const char *pattern, struct assay_err *e)
{
    size_t n;
    const struct task_entry *all = task_index_entries(r->index, &n);
    for (size_t i = 0; i < n && !pattern; i++)
        add_entry(r, &all[i]);
    for (const char *p = pattern; p && *p;) {
        p += strspn(p, ", ");
        size_t k = strcspn(p, ",");
        if (k)
            TRY(add_word(r, arena_strndup(r->a, p, k), e));
        p += k;
    }
    return 0;
}

/* -- printing ---------------------------------------------------------------------------------- */

static const char *short_type(const char *type)
{
    static const char *const names[][2] = {{"multiple_choice", "choice"},
                                           {"loglikelihood", "loglik"},
                                           {"loglikelihood_rolling", "rolling"},
                                           {"generate_until", "text"}};
    for (size_t i = 0; type && i < sizeof names / sizeof *names; i++)
        if (strcmp(type, names[i][0]) == 0)
            return names[i][1];
    return type ? type : "";
}

static const char *data_of(const struct row *x, struct arena *a)
{
    if (x->n_members)
        return arena_printf(a, "%zu tasks", x->n_members);
    if (!x->dataset)
        return "";
    return x->subset ? arena_printf(a, "%s %s", x->dataset, x->subset) : x->dataset;
}

static void put_spaces(struct buf *b, int n)
{
    while (n-- > 0)
        buf_addc(b, ' ');
}

/* At most so many columns, "..." at the end of what is cut. */
static void put_cut(struct buf *b, const char *s, int room)
{
    size_t n = strlen(s);
    if (text_width(s, n) <= room) {
        buf_add(b, s, n);
        return;
    }
    while (n && text_width(s, n) > room - 3)
        n = text_whole(s, n - 1);
    buf_add(b, s, n);
    buf_adds(b, "...");
}

/* Names are never cut: one that is too long takes the room of its data. */
static void put_table(struct buf *b, const struct rows *r)
{
    int total = say_columns(STDOUT_FILENO), longest = NAME_LEAST;
    int most = total - 23 - DATA_ROOM;
    for (size_t i = 0; i < r->n; i++) {
        int w = text_width(r->v[i].name, strlen(r->v[i].name));
        longest = w > longest && w <= most ? w : longest;
    }
    buf_printf(b, "%-5s %-7s %5s  %-*s  dataset\n", "kind", "type", "shots", longest, "name");
    for (size_t i = 0; i < r->n; i++) {
        const struct row *x = &r->v[i];
        const char *name = term_safe(r->a, x->name), *data = term_safe(r->a, data_of(x, r->a));
        int w = text_width(name, strlen(name)), room = total - 21 - (w > longest ? w : longest) - 2;
        char shots[16] = "";
        if (x->fewshot >= 0)
            snprintf(shots, sizeof shots, "%d", x->fewshot);
        buf_printf(b, "%-5s ", x->kind);
        put_cut(b, term_safe(r->a, short_type(x->type)), 7);
        put_spaces(b, 7 - text_width(short_type(x->type), strlen(short_type(x->type))));
        buf_printf(b, " %5s  %s", shots, name);
        if (*data && room >= DATA_LEAST) {
            put_spaces(b, longest - w + 2);
            put_cut(b, data, room);
        }
        buf_addc(b, '\n');
    }
}

static void put_csv(struct buf *b, const struct rows *r)
{
    buf_adds(b, "name,kind,type,num_fewshot,dataset,dataset_name,path\r\n");
    for (size_t i = 0; i < r->n; i++) {
        const struct row *x = &r->v[i];
        csv_text(b, x->name);
        csv_text(b, x->kind);
        csv_text(b, x->type);
        if (x->fewshot >= 0)
            csv_int(b, x->fewshot);
        else
            csv_text(b, NULL);
        csv_text(b, x->dataset);
        csv_text(b, x->subset);
        csv_text(b, x->path);
        csv_end(b);
    }
}

static void put_json(struct buf *b, const struct rows *r)
{
    struct arena *a = r->a;
    buf_adds(b, "[");
    for (size_t i = 0; i < r->n; i++) {
        const struct row *x = &r->v[i];
        const char *const keys[] = {"name", "kind", "type", "dataset", "dataset_name", "path"};
        const char *const texts[] = {x->name, x->kind, x->type, x->dataset, x->subset, x->path};
        struct value_entry all[7];
        for (size_t k = 0; k < 6; k++)
            all[k] = (struct value_entry){value_str(a, keys[k]), texts[k] ? value_str(a, texts[k]) : &value_null};
        all[6] = (struct value_entry){value_str(a, "num_fewshot"),
                                      x->fewshot >= 0 ? value_int(a, x->fewshot) : &value_null};
        buf_adds(b, i ? ",\n " : "\n ");
        json_write(b, value_dict(a, all, 7), JSON_PYTHON);
    }
    buf_adds(b, r->n ? "\n]\n" : "]\n");
}

int list_tasks(struct options *o, const char *task_dir, const char *pattern, const char *format,
               struct assay_err *e)
{
    const char *said[] = {task_dir, NULL};
    size_t n, n_broken;
    struct rows r = {.a = &o->arena};
    const char *const *roots = paths_tasks(&o->arena, said, &n);
    TRY(task_index_open(roots, n, paths_cache(&o->arena), &r.index, e));
    int rc = choose(&r, pattern, e);
    if (rc == 0) {
        struct buf b;
        buf_init(&b, 0);
        strcmp(format, "csv") == 0 ? put_csv(&b, &r) : strcmp(format, "json") == 0 ? put_json(&b, &r)
                                                                                   : put_table(&b, &r);
        say_buf(&b);
        buf_release(&b);
    }
    const char *broken = task_index_broken(r.index, &n_broken);
    if (rc == 0 && n_broken)
        fprintf(stderr, "note: %zu file%s can't be read, first: %s\n", n_broken, n_broken == 1 ? "" : "s",
                term_safe(&o->arena, broken));
    task_index_close(r.index);
    return rc;
}
