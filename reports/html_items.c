/* html_items.c - the item explorer: answers that flipped, with prompt, choices and log-likelihoods.
 *
 * Every variant gets the same share of the places, every task of a variant too, and within a task
 * the items whose margin moved furthest come first.  Only a bounded number is looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "reports/html_impl.h"
#include "reports/html_item.h"
#include "reports/pack.h"

enum {
    DEFAULT_FLIPS = 240,
    DEFAULT_BYTES = 2000000,
    LOOK_AT = 32,
    RESERVE = 60000, /* what follows: failures, runs, provenance, script */
    PER_CHUNK = 200  /* items of one packed piece */
};

enum flip_kind { FLIP_LOST, FLIP_WON, FLIP_SAME };
struct flip {
    int32_t idx;
    enum flip_kind kind;
    double shift; /* of the margin, absolute; NAN: unknown */
};
static const char *const kind_names[] = {"lost", "won", "same"};
static const char *const kind_words[] = {"lost", "gained", "changed, same score"};
static const char *const kind_colors[] = {"fail", "pass", "base"};
struct explorer {
    struct page *p;
    struct arena a; /* of one task */
    size_t row, task;
    const struct view_variant *base, *variant;
};

/* -- choosing ---------------------------------------------------------------------------------- */

static const struct view_scores *scores_of(struct explorer *x, const struct view_variant *v,
                                           struct assay_err *e, int *rc)
{
    const struct compare_task *t = &x->p->c->tasks[x->task];
    const struct view_scores *s;
    size_t n;
    for (size_t i = 0; i < v->n_jobs; i++) {
        if (strcmp(v->jobs[i].kind, "task") != 0 || strcmp(v->jobs[i].name, t->name) != 0)
            continue;
        *rc = view_scores(x->p->view, &v->jobs[i], &x->a, &s, &n, e);
        for (size_t k = 0; k < n && *rc >= 0; k++)
            if (s[k].measure == t->measure)
                return &s[k];
    }
    return NULL;
}

/* Items whose score differs, or (is_same) does not. */
static size_t list_flips(const struct view_scores *b, const struct view_scores *v, bool is_same,
                         struct flip *out)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < b->n && j < v->n;) {
        if (b->idx[i] != v->idx[j]) {
            *(b->idx[i] < v->idx[j] ? &i : &j) += 1;
            continue;
        }
        if ((b->value[i] != v->value[j]) != is_same)
            out[n++] = (struct flip){b->idx[i],
                                     is_same                     ? FLIP_SAME
                                     : b->value[i] > v->value[j] ? FLIP_LOST
                                                                 : FLIP_WON,
                                     NAN};
        i++, j++;
    }
    return n;
}

static int by_shift(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    double dx = isnan(x->shift) ? -1 : x->shift, dy = isnan(y->shift) ? -1 : y->shift;
    if (dx != dy)
        return dx > dy ? -1 : 1;
    return (x->idx > y->idx) - (x->idx < y->idx);
}

/* Keeps the `want` flips that moved furthest among at most LOOK_AT evenly spaced ones. */
static int choose(struct explorer *x, struct flip *f, size_t *n, size_t want, struct assay_err *e)
{
    const struct view_task *task = x->p->c->tasks[x->task].task;
    size_t looked = *n < LOOK_AT ? *n : LOOK_AT, kept = 0;
    for (size_t k = 0; k < looked; k++) {
        struct view_item item;
        struct item_answer b, v;
        struct flip flip = f[k * *n / looked];
        TRY(view_item(x->p->view, task, flip.idx, &x->a, &item, e));
        if (!item.prompt)
            continue;
        int target = item_target(&item, &x->a);
        TRY(item_read(x->p->view, x->base, &item, target, &x->a, &b, e));
        TRY(item_read(x->p->view, x->variant, &item, target, &x->a, &v, e));
        if (flip.kind == FLIP_SAME && !item_differs(&item, &b, &v))
            continue;
        flip.shift = fabs(v.margin - b.margin);
        f[kept++] = flip;
    }
    qsort(f, kept, sizeof *f, by_shift);
    *n = kept < want ? kept : want;
    return 0;
}

/* -- writing ---------------------------------------------------------------------------------- */

static int write_item(struct explorer *x, const struct flip *f, struct assay_err *e)
{
    struct page *p = x->p;
    const struct compare_task *t = &p->c->tasks[x->task];
    struct view_item item;
    struct item_answer b, v;
    TRY(view_item(p->view, t->task, f->idx, &x->a, &item, e));
    if (!item.prompt)
        return 0;
    int target = item_target(&item, &x->a);
    TRY(item_read(p->view, x->base, &item, target, &x->a, &b, e));
    TRY(item_read(p->view, x->variant, &item, target, &x->a, &v, e));
    buf_printf(p->b,
               "<details class=\"item\" data-variant=\"%zu\" data-task=\"%zu\" data-kind=\"%s\"",
               x->row, x->task, kind_names[f->kind]);
    if (isfinite(f->shift))
        buf_printf(p->b, " data-shift=\"%.3g\"", f->shift);
    buf_printf(p->b, "><summary><span class=\"swatch c%d\"></span><span class=\"who\">",
               html_color(p, x->row));
    html_text(p->b, x->variant->label);
    buf_printf(p->b, "</span> <span class=\"v %s\">%s</span> <span class=\"where\">",
               kind_colors[f->kind], kind_words[f->kind]);
    html_text(p->b, t->name);
    buf_printf(p->b, " #%d</span>", (int)f->idx);
    if (!isnan(b.margin) && !isnan(v.margin)) {
        buf_adds(p->b, "<span class=\"margin\">margin ");
        html_num(p, fmt_signed(b.margin, 3).s);
        buf_adds(p->b, " \xe2\x86\x92 ");
        html_num(p, fmt_signed(v.margin, 3).s);
        buf_adds(p->b, "</span>");
    }
    buf_adds(p->b, "</summary>");
    const struct item_view all = {&item,
                                  target,
                                  2,
                                  (const struct item_answer[]){b, v},
                                  (const char *const[]){x->base->label, x->variant->label},
                                  NULL};
    item_write(p, &all, &x->a);
    buf_adds(p->b, "</details>\n");
    return 0;
}

/* -- walking ----------------------------------------------------------------------------------- */

static size_t limit_of(const struct page *p)
{
    size_t max = p->o->max_bytes ? p->o->max_bytes : DEFAULT_BYTES;
    size_t reserve = RESERVE + p->n_reserved;
    return max > reserve ? max - reserve : 0;
}

/* Writes up to `want` flips of one task; *shown counts them. */
static int explore_task(struct explorer *x, size_t want, size_t *shown, struct assay_err *e)
{
    int rc = 0;
    const struct view_scores *b = scores_of(x, x->base, e, &rc), *v = NULL;
    if (rc >= 0 && b)
        v = scores_of(x, x->variant, e, &rc);
    if (rc < 0 || !b || !v)
        return rc;
    struct flip *f = ARENA_ARRAY(&x->a, struct flip, (b->n < v->n ? b->n : v->n) + 1);
    for (int is_same = 0; is_same < 2; is_same++) { /* a few whose answer changed unpunished */
        size_t n = list_flips(b, v, is_same != 0, f), room = is_same ? (want + 5) / 6 : want;
        TRY(choose(x, f, &n, room, e));
        for (size_t i = 0; i < n && x->p->b->n < limit_of(x->p); i++) {
            TRY(write_item(x, &f[i], e));
            *shown += !is_same;
        }
    }
    return 0;
}

static size_t flipped_tasks(const struct compare *c, size_t row)
{
    size_t n = 0;
    for (size_t t = 0; t < c->n_tasks; t++)
        n += c->rows[row].tasks[t].losses + c->rows[row].tasks[t].gains > 0;
    return n;
}

static int explore_row(struct explorer *x, size_t quota, size_t *shown, struct assay_err *e)
{
    const struct compare *c = x->p->c;
    size_t left = quota, tasks = flipped_tasks(c, x->row);
    int rc = 0;
    for (x->task = 0; x->task < c->n_tasks && left > 0 && rc >= 0; x->task++) {
        const struct compare_cell *cell = &c->rows[x->row].tasks[x->task];
        if (cell->losses + cell->gains == 0)
            continue;
        size_t before = *shown, want = (left + tasks - 1) / tasks;
        rc = explore_task(x, want, shown, e);
        arena_reset(&x->a);
        left -= *shown - before;
        tasks--;
    }
    return rc;
}

static void write_filters(struct page *p)
{
    buf_adds(p->b, "<form class=\"filters item-filters\" hidden><label>variant <select "
                   "name=\"variant\"><option value=\"\">all</option>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        if (flipped_tasks(p->c, i) == 0 || compare_is_base(p->c, i))
            continue;
        buf_printf(p->b, "<option value=\"%zu\">", i);
        html_text(p->b, p->c->rows[i].variant->label);
        buf_adds(p->b, "</option>");
    }
    buf_adds(p->b, "</select></label><label>task <select name=\"task\"><option value=\"\">all"
                   "</option>");
    for (size_t t = 0; t < p->c->n_tasks; t++) {
        if (!p->c->tasks[t].is_binary)
            continue;
        buf_printf(p->b, "<option value=\"%zu\">", t);
        html_text(p->b, p->c->tasks[t].name);
        buf_adds(p->b, "</option>");
    }
    buf_adds(
        p->b,
        "</select></label><label>change <select name=\"kind\"><option value=\"\">all</option>"
        "<option value=\"lost\">lost</option><option value=\"won\">gained</option>"
        "<option value=\"same\">same score, other answer</option></select></label><label>margin "
        "moved by <input type=\"number\" name=\"shift\" min=\"0\" step=\"0.1\" "
        "placeholder=\"nats\"></label><label>text "
        "<input type=\"search\" name=\"q\" placeholder=\"task or words, key /\"></label>"
        "<output aria-live=\"polite\"></output></form>\n");
}

static void write_row_head(struct page *p, size_t row, bool is_open)
{
    const struct compare_cell *x = &p->c->rows[row].pool;
    buf_printf(p->b, "<details class=\"flips\"%s><summary><span class=\"swatch c%d\"></span>",
               is_open ? " open" : "", html_color(p, row));
    html_text(p->b, p->c->rows[row].variant->label);
    buf_printf(p->b, " <span class=\"sum\">%s lost, %s gained</span></summary>\n",
               fmt_count((int64_t)x->losses).s, fmt_count((int64_t)x->gains).s);
}

static size_t most_flips(const struct compare *c)
{
    size_t best = c->base_row;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].pool.losses + c->rows[i].pool.gains >
            c->rows[best].pool.losses + c->rows[best].pool.gains)
            best = i;
    return best;
}

/* -- every item, packed ------------------------------------------------------------------------ */

struct whole { /* one task with everybody's scores */
    struct page *p;
    struct arena a; /* of one chunk */
    size_t task, n_rows;
    const size_t *rows;               /* variants that have it */
    const struct view_scores *scores; /* [n_rows] */
    size_t *at;                       /* [n_rows]: where each is */
};

/* Scores of the item, NAN where there is none; idx must not fall. */
static void scores_at(struct whole *w, int32_t idx, double *out)
{
    for (size_t k = 0; k < w->n_rows; k++) {
        const struct view_scores *s = &w->scores[k];
        while (w->at[k] < s->n && s->idx[w->at[k]] < idx)
            w->at[k]++;
        out[k] = w->at[k] < s->n && s->idx[w->at[k]] == idx ? s->value[w->at[k]] : NAN;
    }
}

static int write_whole_item(struct whole *w, int32_t idx, struct buf *b, struct assay_err *e)
{
    struct page page = *w->p;
    const struct compare *c = w->p->c;
    struct view_item item;
    struct item_answer *answers = ARENA_ARRAY(&w->a, struct item_answer, w->n_rows);
    const char **names = ARENA_ARRAY(&w->a, const char *, w->n_rows);
    double *scores = ARENA_ARRAY(&w->a, double, w->n_rows);
    page.b = b;
    TRY(view_item(page.view, c->tasks[w->task].task, idx, &w->a, &item, e));
    if (!item.prompt)
        return 0;
    int target = item_target(&item, &w->a);
    scores_at(w, idx, scores);
    bool is_changed = false;
    for (size_t k = 0; k < w->n_rows; k++) {
        const struct view_variant *v = c->rows[w->rows[k]].variant;
        names[k] = v->label;
        is_changed |= scores[k] != scores[0];
        TRY(item_read(page.view, v, &item, target, &w->a, &answers[k], e));
    }
    buf_printf(b,
               "<details class=\"item\" data-kind=\"%s\"><summary><span class=\"where\">#%d</span>",
               is_changed ? "changed" : "same", (int)idx);
    if (is_changed)
        buf_adds(b, " <span class=\"v inconclusive\">scores differ</span>");
    buf_adds(b, "</summary>");
    const struct item_view all = {&item, target, w->n_rows, answers, names, scores};
    item_write(&page, &all, &w->a);
    buf_adds(b, "</details>");
    return 0;
}

static int write_chunk(struct whole *w, size_t from, size_t to, struct buf *b, struct assay_err *e)
{
    const struct view_scores *s = &w->scores[0];
    int rc = 0;
    buf_clear(b);
    memset(w->at, 0, w->n_rows * sizeof *w->at);
    for (size_t i = from; i < to && rc >= 0; i++) {
        rc = write_whole_item(w, s->idx[i], b, e);
        if (i % 16 == 15)
            arena_reset(&w->a);
    }
    arena_reset(&w->a);
    if (rc < 0)
        return rc;
    buf_printf(w->p->b,
               "<template class=\"packed\" data-task=\"%zu\" data-from=\"%zu\" data-to=\"%zu\">",
               w->task, from, to - 1);
    rc = pack_text(w->p->b, b->v, b->n, e);
    buf_adds(w->p->b, "</template>\n");
    return rc;
}

static int write_task(struct page *p, size_t task, struct assay_err *e)
{
    const struct compare *c = p->c;
    const struct compare_task *t = &c->tasks[task];
    struct arena a = {0};
    struct whole w = {.p = p, .task = task};
    size_t *rows = ARENA_ARRAY(&a, size_t, c->n_rows + 1);
    struct view_scores *scores = ARENA_ARRAY(&a, struct view_scores, c->n_rows + 1);
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    for (size_t k = 0; k < c->n_rows && t->measure && rc >= 0; k++) {
        size_t row = k == 0 ? c->base_row : k <= c->base_row ? k - 1 : k; /* the base comes first */
        const struct view_variant *v = c->rows[row].variant;
        for (size_t j = 0; j < v->n_jobs && rc >= 0; j++)
            if (v->jobs[j].task == t->task && strcmp(v->jobs[j].kind, "task") == 0) {
                rc = view_scores_of(p->view, &v->jobs[j], t->measure, &a, &scores[w.n_rows], e);
                rows[w.n_rows] = row;
                w.n_rows += scores[w.n_rows].n > 0;
            }
    }
    w.rows = rows;
    w.scores = scores;
    w.at = ARENA_ARRAY(&a, size_t, w.n_rows + 1);
    for (size_t from = 0; rc >= 0 && w.n_rows && from < scores[0].n; from += PER_CHUNK)
        rc = write_chunk(&w, from, from + PER_CHUNK < scores[0].n ? from + PER_CHUNK : scores[0].n,
                         &b, e);
    buf_release(&b);
    arena_release(&w.a);
    arena_release(&a);
    return rc;
}

static int write_all(struct page *p, struct assay_err *e)
{
    buf_adds(p->b,
             "<h3>Every item</h3><p class=\"needs-script\">All items are in this file, packed; "
             "showing them needs script and a browser of 2023 or later.</p><form "
             "class=\"filters whole\" hidden><label>task <select name=\"wtask\"></select></label>"
             "<label>items <select name=\"wfrom\"></select></label><label>change <select "
             "name=\"wkind\"><option value=\"\">all</option><option value=\"changed\">scores "
             "differ</option></select></label><label>text <input type=\"search\" name=\"wq\">"
             "</label><output aria-live=\"polite\"></output></form><div class=\"all-items\">"
             "</div>\n");
    for (size_t t = 0; t < p->c->n_tasks; t++) {
        buf_printf(p->b, "<template class=\"task-name\" data-task=\"%zu\">", t);
        html_text(p->b, p->c->tasks[t].name);
        buf_adds(p->b, "</template>");
        TRY(write_task(p, t, e));
    }
    return 0;
}

int html_items(struct page *p, struct assay_err *e)
{
    const struct compare *c = p->c;
    size_t rows = 0, total = 0, shown = 0,
           places = p->o->max_flips ? p->o->max_flips : DEFAULT_FLIPS;
    for (size_t i = 0; i < c->n_rows; i++) {
        rows += !compare_is_base(c, i) && flipped_tasks(c, i) > 0;
        total += !compare_is_base(c, i) ? c->rows[i].pool.losses + c->rows[i].pool.gains : 0;
    }
    html_begin(p, "items", "Items that flipped", NULL);
    if (rows == 0) {
        buf_adds(p->b, "<p>No scored item changed.</p>");
        int rc_all = p->o->full ? write_all(p, e) : 0;
        html_end(p);
        return rc_all;
    }
    write_filters(p);
    struct explorer x = {.p = p};
    size_t worst = most_flips(c);
    int rc = 0;
    for (x.row = 0; x.row < c->n_rows && rc >= 0; x.row++) {
        if (compare_is_base(c, x.row) || flipped_tasks(c, x.row) == 0)
            continue;
        x.variant = c->rows[x.row].variant;
        x.base = c->rows[c->rows[x.row].base].variant;
        write_row_head(p, x.row, x.row == worst);
        rc = explore_row(&x, places / rows ? places / rows : 1, &shown, e);
        buf_adds(p->b, "</details>\n");
    }
    arena_release(&x.a);
    buf_printf(
        p->b,
        "<p class=\"note\">%s of %s flips are shown: per task those whose margin, the target\xe2"
        "\x80\x99s log-likelihood minus the best other choice\xe2\x80\x99s, moved furthest. All of "
        "them "
        "are in the items file of the CSV export.</p>",
        fmt_count((int64_t)shown).s, fmt_count((int64_t)total).s);
    if (rc >= 0 && p->o->full)
        rc = write_all(p, e);
    html_end(p);
    return rc;
}
