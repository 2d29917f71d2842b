/* html_items.c - the item explorer: answers that flipped, with prompt, choices and log-likelihoods.
 *
 * Every variant gets the same share of the places, every task of a variant too, and within a task
 * the items whose margin moved furthest come first.  Only a bounded number is looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/html_impl.h"

enum {
    DEFAULT_FLIPS = 240,
    DEFAULT_BYTES = 2000000,
    LOOK_AT = 32,
    MAX_CHOICES = 64,
    TEXT_LIMIT = 1600,
    RESERVE = 40000
};

struct flip {
    int32_t idx;
    bool is_loss;
    double shift; /* of the margin, absolute; NAN: unknown */
};
struct side { /* one variant's answer to an item */
    double ll[MAX_CHOICES];
    const char *text;
    size_t text_n;
    double margin; /* target minus the best other; NAN: unknown */
};
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

static size_t list_flips(const struct view_scores *b, const struct view_scores *v, struct flip *out)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < b->n && j < v->n;) {
        if (b->idx[i] != v->idx[j]) {
            *(b->idx[i] < v->idx[j] ? &i : &j) += 1;
            continue;
        }
        if (b->value[i] != v->value[j])
            out[n++] = (struct flip){b->idx[i], b->value[i] > v->value[j], NAN};
        i++, j++;
    }
    return n;
}

/* The choice the target names; -1: it names none. */
static int target_of(const struct view_item *item, struct arena *a)
{
    const struct value *v;
    struct assay_err ignored;
    if (json_parse(item->target, strlen(item->target), "target", 1, a, &v, &ignored) < 0)
        return -1;
    if (v->type == VALUE_INT && v->i >= 0 && (size_t)v->i < item->n_choices)
        return (int)v->i;
    for (size_t i = 0; v->type == VALUE_STR && i < item->n_choices; i++)
        if (strcmp(item->choices[i], v->s) == 0)
            return (int)i;
    return -1;
}

static int read_side(struct explorer *x, const struct view_variant *v, const struct view_item *item,
                     int target, struct side *s, struct assay_err *e)
{
    double best = -INFINITY;
    *s = (struct side){.margin = NAN};
    size_t n = item->n_requests < MAX_CHOICES ? item->n_requests : MAX_CHOICES;
    for (size_t i = 0; i < n; i++) {
        struct view_response r;
        TRY(view_response(x->p->view, v, item->requests + i * VIEW_KEY_BYTES, &x->a, &r, e));
        s->ll[i] = r.logprob;
        if (i == 0 && r.text) {
            s->text = r.text;
            s->text_n = r.text_n;
        }
        if (i < item->n_choices && (int)i != target && r.logprob > best)
            best = r.logprob;
    }
    if (target >= 0 && (size_t)target < n)
        s->margin = s->ll[target] - best;
    return 0;
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
    size_t looked = *n < LOOK_AT ? *n : LOOK_AT;
    for (size_t k = 0; k < looked; k++) {
        struct view_item item;
        struct side b, v;
        f[k] = f[k * *n / looked];
        TRY(view_item(x->p->view, task, f[k].idx, &x->a, &item, e));
        if (!item.prompt)
            continue;
        int target = target_of(&item, &x->a);
        TRY(read_side(x, x->base, &item, target, &b, e));
        TRY(read_side(x, x->variant, &item, target, &v, e));
        f[k].shift = fabs(v.margin - b.margin);
    }
    qsort(f, looked, sizeof *f, by_shift);
    *n = looked < want ? looked : want;
    return 0;
}

/* -- writing ----------------------------------------------------------------------------------- */

static void clipped(struct buf *b, const char *s, size_t n)
{
    size_t keep = n > TEXT_LIMIT ? text_whole(s, TEXT_LIMIT) : n;
    html_textn(b, s, keep);
    if (keep < n)
        buf_printf(b, "\n\xe2\x80\xa6 %zu more bytes", n - keep);
}

static size_t best_choice(const struct side *s, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (s->ll[i] > s->ll[best])
            best = i;
    return best;
}

static void likelihood_cell(struct page *p, const struct side *s, size_t i, bool is_best)
{
    buf_printf(p->b, "<td class=\"n%s\">", is_best ? " best" : "");
    html_num(p, fmt_sig(s->ll[i], 5).s);
    buf_adds(p->b, is_best ? "<span class=\"hide\"> chosen</span></td>" : "</td>");
}

static void write_choices(struct explorer *x, const struct view_item *item, int target,
                          const struct side *b, const struct side *v)
{
    struct page *p = x->p;
    size_t n = item->n_choices < item->n_requests ? item->n_choices : item->n_requests;
    n = n < MAX_CHOICES ? n : MAX_CHOICES;
    size_t best_b = best_choice(b, n), best_v = best_choice(v, n);
    buf_adds(
        p->b,
        "<div class=\"scroll\"><table class=\"choices\"><caption class=\"hide\">Choices and their "
        "log-likelihoods</caption><thead><tr><th scope=\"col\">choice</th>"
        "<th scope=\"col\" class=\"n\">");
    html_text(p->b, x->base->label);
    buf_adds(p->b, "</th><th scope=\"col\" class=\"n\">");
    html_text(p->b, x->variant->label);
    buf_adds(p->b, "</th></tr></thead><tbody>");
    for (size_t i = 0; i < n; i++) {
        buf_adds(p->b, "<tr><td class=\"text\">");
        clipped(p->b, item->choices[i], strlen(item->choices[i]));
        if ((int)i == target)
            buf_adds(p->b, " <span class=\"v pass\">target</span>");
        buf_adds(p->b, "</td>");
        likelihood_cell(p, b, i, i == best_b);
        likelihood_cell(p, v, i, i == best_v);
        buf_adds(p->b, "</tr>");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

static void write_text(struct page *p, const char *head, const char *s, size_t n)
{
    buf_adds(p->b, "<div class=\"answer\"><h4>");
    html_text(p->b, head);
    buf_adds(p->b, "</h4><pre>");
    clipped(p->b, s, n);
    buf_adds(p->b, "</pre></div>");
}

/* A target that is a text is shown as that text, anything else as its JSON. */
static void write_target(struct explorer *x, const char *json)
{
    const struct value *v;
    struct assay_err ignored;
    bool is_text = json_parse(json, strlen(json), "target", 1, &x->a, &v, &ignored) >= 0 &&
                   v->type == VALUE_STR;
    write_text(x->p, "target", is_text ? v->s : json, is_text ? v->n : strlen(json));
}

static int write_item(struct explorer *x, const struct flip *f, struct assay_err *e)
{
    struct page *p = x->p;
    const struct compare_task *t = &p->c->tasks[x->task];
    struct view_item item;
    struct side b, v;
    TRY(view_item(p->view, t->task, f->idx, &x->a, &item, e));
    if (!item.prompt)
        return 0;
    int target = target_of(&item, &x->a);
    TRY(read_side(x, x->base, &item, target, &b, e));
    TRY(read_side(x, x->variant, &item, target, &v, e));
    buf_printf(p->b,
               "<details class=\"item\" data-variant=\"%zu\" data-kind=\"%s\"><summary>"
               "<span class=\"swatch c%d\"></span><span class=\"who\">",
               x->row, f->is_loss ? "lost" : "won", html_color(p->c, x->row));
    html_text(p->b, x->variant->label);
    buf_printf(p->b, "</span> <span class=\"v %s\">%s</span> <span class=\"where\">",
               f->is_loss ? "fail" : "pass", f->is_loss ? "lost" : "gained");
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
    if (*item.prompt)
        write_text(p, "prompt", item.prompt, strlen(item.prompt));
    if (item.n_choices) {
        write_choices(x, &item, target, &b, &v);
    } else {
        write_target(x, item.target);
        buf_adds(p->b, "<div class=\"pair\">");
        write_text(p, x->base->label, b.text ? b.text : "", b.text_n);
        write_text(p, x->variant->label, v.text ? v.text : "", v.text_n);
        buf_adds(p->b, "</div>");
    }
    buf_adds(p->b, "</details>\n");
    return 0;
}

/* -- walking ----------------------------------------------------------------------------------- */

static size_t limit_of(const struct page *p)
{
    size_t max = p->o->max_bytes ? p->o->max_bytes : DEFAULT_BYTES;
    return max > RESERVE ? max - RESERVE : 0;
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
    size_t n = list_flips(b, v, f);
    TRY(choose(x, f, &n, want, e));
    for (size_t i = 0; i < n && x->p->b->n < limit_of(x->p); i++) {
        TRY(write_item(x, &f[i], e));
        ++*shown;
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
    buf_adds(p->b, "<form class=\"filters\" hidden><label>variant <select name=\"variant\">"
                   "<option value=\"\">all</option>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        if (flipped_tasks(p->c, i) == 0 || compare_is_base(p->c, i))
            continue;
        buf_printf(p->b, "<option value=\"%zu\">", i);
        html_text(p->b, p->c->rows[i].variant->label);
        buf_adds(p->b, "</option>");
    }
    buf_adds(
        p->b,
        "</select></label><label>direction <select name=\"kind\"><option value=\"\">both</option>"
        "<option value=\"lost\">lost</option><option value=\"won\">gained</option></select></label>"
        "<label>text <input type=\"search\" name=\"q\" placeholder=\"task or words\"></label>"
        "<output aria-live=\"polite\"></output></form>\n");
}

static void write_row_head(struct page *p, size_t row, bool is_open)
{
    const struct compare_cell *x = &p->c->rows[row].pool;
    buf_printf(p->b, "<details class=\"flips\"%s><summary><span class=\"swatch c%d\"></span>",
               is_open ? " open" : "", html_color(p->c, row));
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
        html_end(p);
        return 0;
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
    html_end(p);
    return rc;
}
