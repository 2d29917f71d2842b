/* html_flips.c - what changed behind an accuracy: lost, gained, and answered otherwise for the same
 * score.
 *
 * The third needs the answers themselves.  Where two choices are scored right or wrong, the same
 * score is the same choice: nothing is read.  Otherwise a bounded number of items is read, and where
 * there are more, nothing is counted and the page says so. */
#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "reports/html_impl.h"
#include "reports/html_item.h"

enum { MOST_READS = 250000 }; /* answers of one item by one variant */

struct counting {
    struct page *p;
    struct arena a; /* of a few items */
    const struct compare_task *task;
    size_t *rows, n_rows; /* variants that have the task; the base first */
    struct view_scores *scores;
    size_t *at, n_reads;
    double *other; /* [c->n_rows] */
    bool is_complete;
};

static const struct view_job *job_of(const struct view_variant *v, const struct compare_task *t)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        if (v->jobs[i].task && strcmp(v->jobs[i].kind, "task") == 0 &&
            strcmp(v->jobs[i].task->uid, t->task->uid) == 0)
            return &v->jobs[i];
    return NULL;
}

/* Scores of everybody whose base is `base`, the base first. */
static int read_scores(struct counting *k, size_t base, struct arena *a, struct assay_err *e)
{
    const struct compare *c = k->p->c;
    k->n_rows = 0;
    for (size_t i = 0; i <= c->n_rows; i++) {
        size_t row = i == 0 ? base : i - 1;
        const struct view_job *job = job_of(c->rows[row].variant, k->task);
        if (!job || (i && (row == base || c->rows[row].base != base)))
            continue;
        TRY(view_scores_of(k->p->view, job, k->task->measure, a, &k->scores[k->n_rows], e));
        k->rows[k->n_rows] = row;
        k->at[k->n_rows] = 0;
        k->n_rows += k->scores[k->n_rows].n > 0;
        if (i == 0 && k->n_rows == 0)
            return 0;
    }
    return 0;
}

/* The variant's score of the item; NAN: none.  idx must not fall. */
static double score_at(struct counting *k, size_t v, int32_t idx)
{
    const struct view_scores *s = &k->scores[v];
    while (k->at[v] < s->n && s->idx[k->at[v]] < idx)
        k->at[v]++;
    return k->at[v] < s->n && s->idx[k->at[v]] == idx ? s->value[k->at[v]] : NAN;
}

static int count_item(struct counting *k, size_t i, bool is_choice, struct assay_err *e)
{
    const struct compare *c = k->p->c;
    int32_t idx = k->scores[0].idx[i];
    double mine = k->scores[0].value[i];
    struct view_item item;
    struct item_answer base, other;
    bool is_read = false;
    for (size_t v = 1; v < k->n_rows; v++) {
        if (score_at(k, v, idx) != mine || (is_choice && mine == 1))
            continue; /* right twice is the same choice twice */
        if (!is_read) {
            TRY(view_item(k->p->view, k->task->task, idx, &k->a, &item, e));
            if (!item.prompt)
                return 0;
            TRY(item_read(k->p->view, c->rows[k->rows[0]].variant, &item, -1, &k->a, &base, e));
            is_read = true;
        }
        TRY(item_read(k->p->view, c->rows[k->rows[v]].variant, &item, -1, &k->a, &other, e));
        k->other[k->rows[v]] += item_differs(&item, &base, &other);
        k->n_reads++;
    }
    return 0;
}

/* How many choices the items of the task have: 0 means that text is generated. */
static int n_choices_of(struct counting *k, size_t *n, struct assay_err *e)
{
    struct view_item item;
    *n = 2; /* an item that is not kept cannot have changed */
    if (k->scores[0].n == 0)
        return 0;
    TRY(view_item(k->p->view, k->task->task, k->scores[0].idx[0], &k->a, &item, e));
    if (item.prompt)
        *n = item.n_choices;
    return 0;
}

static int count_task(struct counting *k, size_t base, struct assay_err *e)
{
    struct arena a = {0};
    size_t n_choices = 2;
    int rc = read_scores(k, base, &a, e);
    if (rc >= 0 && k->n_rows > 1)
        rc = n_choices_of(k, &n_choices, e);
    bool is_worth = rc >= 0 && k->n_rows > 1 && n_choices != 2;
    if (is_worth && k->n_reads + k->scores[0].n * (k->n_rows - 1) > MOST_READS) {
        k->is_complete = false;
        is_worth = false;
    }
    for (size_t i = 0; is_worth && i < k->scores[0].n && rc >= 0; i++) {
        rc = count_item(k, i, n_choices > 0, e);
        if (i % 16 == 15)
            arena_reset(&k->a);
    }
    arena_reset(&k->a);
    arena_release(&a);
    return rc;
}

static int count_all(struct counting *k, struct assay_err *e)
{
    const struct compare *c = k->p->c;
    for (size_t base = 0; base < c->n_rows; base++) {
        bool is_base = false;
        for (size_t i = 0; i < c->n_rows; i++)
            is_base |= i != base && c->rows[i].base == base;
        for (size_t t = 0; is_base && t < c->n_tasks; t++) {
            k->task = &c->tasks[t];
            if (k->task->is_binary && k->task->task && k->task->measure)
                TRY(count_task(k, base, e));
        }
    }
    return 0;
}

static void write_section(struct page *p, const struct counting *k, const struct svg_bar *bars,
                          size_t n)
{
    bool has_other = false;
    for (size_t i = 0; i < n; i++)
        has_other |= bars[i].mark > 0;
    html_begin(p, "flips", "Flips",
               "Items whose answer changed. Gains do not undo losses: a variant with many of both "
               "answers differently, even when its accuracy is the same.");
    buf_adds(p->b, "<figure><div class=\"scroll\">");
    svg_flips(p->b, bars, n, "Items lost and gained per variant");
    buf_adds(p->b, "</div><figcaption>Left, red: right with the base and wrong with the variant. "
                   "Right, blue: the reverse.");
    if (has_other)
        buf_adds(p->b, " Grey: another answer, and the score is the same \xe2\x80\x93 no accuracy "
                       "sees these.");
    if (!k->is_complete)
        buf_adds(p->b, " Answers that changed without changing the score were not counted in every "
                       "task: there are too many to read.");
    buf_adds(p->b, "</figcaption></figure>\n");
    html_end(p);
}

int html_flips(struct page *p, struct assay_err *e)
{
    const struct compare *c = p->c;
    struct svg_bar *bars = ARENA_ARRAY(p->a, struct svg_bar, c->n_rows);
    struct counting k = {.p = p, .is_complete = true};
    size_t n = 0;
    k.rows = ARENA_ARRAY(p->a, size_t, c->n_rows + 1);
    k.at = ARENA_ARRAY(p->a, size_t, c->n_rows + 1);
    k.scores = ARENA_ARRAY(p->a, struct view_scores, c->n_rows + 1);
    k.other = ARENA_ARRAY(p->a, double, c->n_rows + 1);
    int rc = count_all(&k, e);
    arena_release(&k.a);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (!compare_is_base(c, i) && r->pool.kind == COMPARE_BINARY)
            bars[n++] = (struct svg_bar){r->variant->label, html_color(p, i),
                                         (double)r->pool.losses, (double)r->pool.gains, k.other[i]};
    }
    if (n && rc >= 0)
        write_section(p, &k, bars, n);
    return rc;
}
