/* task_code.c - what of a task is Python: asked of whole splits, rehearsed, named for the record. */
#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"

enum { MAX_CODE = 256, MAX_SCORES = 1024 };

/* -- which functions --------------------------------------------------------------------------- */

size_t task_code_all(const struct task *t, const struct code **all, size_t most)
{
    const struct task_impl *m = t->impl;
    const struct port_use *uses[] = {m->dataset,        m->rows,             m->shot_rows,
                                     m->text.port,      m->target.port,      m->choice.port,
                                     m->shot_text.port, m->shot_target.port, m->shot_choice.port,
                                     m->results};
    size_t n = 0;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i] && uses[i]->code && n < most)
            all[n++] = uses[i]->code;
    for (size_t i = 0; i < m->n_metrics; i++) {
        const struct code *both[2] = {m->metrics[i].score_code, m->metrics[i].aggregate_code};
        for (size_t k = 0; k < 2; k++)
            if (both[k] && n < most)
                all[n++] = both[k];
    }
    for (size_t i = 0; i < m->n_filters; i++)
        filter_code(&m->filters[i], all, most, &n);
    return n;
}

const struct value *task_code_record(const struct task *t, struct arena *a)
{
    const struct code *code[MAX_CODE];
    size_t n = 0, n_code = task_code_all(t, code, MAX_CODE), most = 0;
    for (size_t i = 0; i < n_code; i++)
        most += code[i]->files->n;
    if (!n_code)
        return NULL;
    const struct value **v = ARENA_ARRAY(a, const struct value *, most + 1);
    for (size_t i = 0; i < n_code; i++)
        for (uint32_t k = 0; k < code[i]->files->n; k++) {
            bool is_new = true;
            for (size_t j = 0; j < n && is_new; j++)
                is_new = !value_equal(v[j], code[i]->files->items[k]);
            if (is_new)
                v[n++] = code[i]->files->items[k];
        }
    const struct value_entry record[2] = {{value_str(a, "python"), value_str(a, code[0]->python)},
                                          {value_str(a, "files"), value_list(a, v, n)}};
    return value_dict(a, record, 2);
}

/* -- rows and their fields --------------------------------------------------------------------- */

static void add_field(struct code_split *s, struct task_field *f, const struct code_memo *memo)
{
    if (!f->port || !f->port->code)
        return;
    f->port->memo = memo;
    f->port->slot = (uint32_t)s->n_fields;
    s->fields[s->n_fields++] = f->port->code;
}

static struct code_split split_of(const struct task *t, bool is_shot)
{
    struct task_impl *m = t->impl;
    struct code_split s = {.host = m->host,
                           .dataset = m->dataset ? m->dataset->code : NULL,
                           .split = is_shot ? t->fewshot_split : t->eval_split};
    const struct port_use *rows = is_shot ? m->shot_rows : m->rows;
    struct code_memo *memo = is_shot ? &m->shot_memo : &m->memo;
    s.rows = rows ? rows->code : NULL;
    add_field(&s, is_shot ? &m->shot_text : &m->text, memo);
    add_field(&s, is_shot ? &m->shot_target : &m->target, memo);
    add_field(&s, is_shot ? &m->shot_choice : &m->choice, memo);
    return s;
}

/* Upstream calls custom_dataset(**metadata, **dataset_kwargs). */
static const struct value *dataset_kwargs(const struct value *config, struct arena *a)
{
    const struct value *both[2] = {value_get(config, "metadata"), value_get(config, "dataset_kwargs")};
    const struct value *all = value_dict(a, NULL, 0);
    for (size_t i = 0; i < 2; i++)
        for (uint32_t k = 0; both[i] && both[i]->type == VALUE_DICT && k < both[i]->n; k++)
            if (both[i]->entries[k].key->type == VALUE_STR)
                all = value_with(a, all, both[i]->entries[k].key->s, both[i]->entries[k].value);
    return all;
}

int task_own_data(struct task *t, const struct value *config, struct assay_err *e)
{
    const struct port_use *u = t->impl->dataset;
    if (!u || u->code)
        return 0;
    t->dataset_kwargs = NULL; /* they are the function's */
    return port_data(u, dataset_kwargs(config, t->impl->arena), t->impl->arena, &t->dataset_path,
                     &t->dataset_name, e);
}

void task_code_begin(struct task *t)
{
    struct task_impl *m = t->impl;
    split_of(t, false);
    split_of(t, true);
    const struct value **exact = ARENA_ARRAY(m->arena, const struct value *, m->n_metrics + 1);
    size_t n = 0;
    for (size_t i = 0; i < m->n_metrics; i++)
        if (m->metrics[i].aggregate_code)
            exact[n++] = value_str(m->arena, m->metrics[i].name);
    m->exact = value_list(m->arena, exact, n);
}

bool task_wants_code(const struct task *t, bool is_shot)
{
    struct code_split s = split_of(t, is_shot);
    return s.dataset || s.rows || s.n_fields;
}

bool task_has_own_data(const struct task *t)
{
    return t->impl->dataset && t->impl->dataset->code;
}

int task_code_rows(const struct task *t, bool is_shot, const struct task_code_io *io,
                   struct assay_err *e)
{
    struct arena a = {0};
    struct code_split s = split_of(t, is_shot);
    s.kwargs = s.dataset ? dataset_kwargs(t->config, &a) : NULL;
    int rc = code_split_run(&s, io, e);
    arena_release(&a);
    return rc;
}

void task_code_row(struct task *t, const struct value *doc, const struct value *fields)
{
    t->impl->memo.doc = doc;
    t->impl->memo.fields = fields;
}

void task_code_pool(struct task *t, const struct value *const *fields, size_t n)
{
    t->impl->shot_memo.pool = fields;
    t->impl->shot_memo.n_pool = n;
}

/* -- rehearsal --------------------------------------------------------------------------------- */

static bool has_scoring_code(const struct task *t)
{
    const struct task_impl *m = t->impl;
    const struct code *code[1];
    size_t n = 0;
    for (size_t i = 0; i < m->n_metrics; i++)
        if (m->metrics[i].score_code)
            return true;
    for (size_t i = 0; i < m->n_filters; i++)
        filter_code(&m->filters[i], code, 1, &n);
    return n || (m->results && m->results->code);
}

struct learning {
    struct task *task;
    struct assay_err *e;
};

/* Scores beside those of metric_list: of process_results the mean, of a metric's function its own
 * aggregation, as upstream. */
static int learn_scores(void *user, const struct metric_use *from, const struct task_yields *y)
{
    struct learning *l = user;
    struct task_impl *m = l->task->impl;
    if (y->n > MAX_SCORES)
        return err_set(l->e, ASSAY_ELIMIT, "a function yields more than %d scores", MAX_SCORES);
    struct metric_use *all = ARENA_ARRAY(m->arena, struct metric_use, m->n_metrics + y->n + 1);
    if (m->n_metrics)
        memcpy(all, m->metrics, m->n_metrics * sizeof *all);
    size_t before = m->n_metrics;
    m->metrics = all;
    for (size_t i = 0; i < y->n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < m->n_metrics && !is_known; k++)
            is_known = strcmp(all[k].name, y->scores[i].name) == 0;
        if (is_known)
            continue;
        const char *name = arena_strdup(m->arena, y->scores[i].name);
        struct metric_use *u = &all[m->n_metrics];
        if (from) {
            *u = *from;
            u->name = name;
            u->score_code = NULL;
            u->is_yielded = true;
        } else {
            TRY(metric_use_result(NULL, l->task->path, name, m->arena, u, l->e));
        }
        m->n_metrics++;
    }
    if (m->n_metrics > before)
        task_make_measures(m, m->arena);
    return 0;
}

/* The answers a rehearsal makes up: some text, or likelihoods that fall from choice to choice. */
static struct task_response *made_up(const struct task_item *item, struct arena *a)
{
    struct task_response *r = ARENA_ARRAY(a, struct task_response, item->n_requests + 1);
    for (size_t i = 0; i < item->n_requests; i++)
        r[i] = (struct task_response){.logprob = -1.0 - (double)i,
                                      .is_greedy = i == 0,
                                      .text = "The answer is (A) 1.",
                                      .text_n = strlen("The answer is (A) 1.")};
    return r;
}

/* What a made-up answer can trip over is no reason to refuse; what code lacks or may not do is. */
static bool is_final(int rc, const struct assay_err *e)
{
    static const char *const pieces[] = {"PermissionError", "the Python process ended", "MemoryError",
                                         "has no '", "NameError", "AttributeError"};
    if (rc == ASSAY_EUNSUPPORTED || rc == ASSAY_ELIMIT)
        return true;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (strstr(e->msg, pieces[i]))
            return true;
    return false;
}

int task_rehearse(struct task *t, const struct task_item *item, struct arena *a, bool *more,
                  struct assay_err *e)
{
    struct assay_err said = {0};
    struct learning l = {t, &said};
    struct task_yields y = {.fn = learn_scores, .user = &l};
    *more = has_scoring_code(t);
    if (!*more)
        return 0;
    int rc = task_grade_code(t, item, made_up(item, a), a, &y, &said);
    if (rc < 0 && is_final(rc, &said))
        return err_set(e, rc, "task '%s': %.440s", t->name, said.msg);
    return 0;
}
