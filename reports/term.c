/* term.c - the comparison as text. */
#include "reports/term.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "reports/agree.h"
#include "reports/cell.h"
#include "reports/clusters.h"
#include "reports/fmt.h"
#include "reports/notice.h"
#include "reports/runs.h"
#include "reports/term_table.h"

enum { FEW_TASKS = 3 };

static const char *verdict_color(enum compare_verdict v)
{
    static const char *const colors[] = {"32", "31", "33", "35", "2"};
    return colors[v];
}

/* The margin that variants of a run that stops were decided by; 0: none was. */
static double stops_early(const struct compare *c)
{
    double margin = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].variant->decision)
            margin = c->rows[i].variant->decision->margin;
    return margin;
}

/* -- the table of variants --------------------------------------------------------------------- */

static const char *interval(struct arena *a, struct compare_value v)
{
    if (isnan(v.v))
        return "-";
    return arena_printf(a, "%s [%s,%s]", fmt_pp(v.v).s, fmt_pp(v.lo).s, fmt_pp(v.hi).s);
}

static bool is_failed(const struct compare_row *r)
{
    return !r->variant->is_done && r->pool.n == 0;
}

static bool has_decode(const struct compare *c)
{
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].decode)
            return true;
    return false;
}

/* One column, one meaning: decode where anything was decoded, else prefill. */
static const struct compare_speed *headline_speed(const struct compare *c,
                                                  const struct compare_row *r)
{
    return has_decode(c) ? r->decode : r->prefill;
}

static const char *speed_name(const struct compare *c)
{
    return has_decode(c) ? "decode/s" : "prefill/s";
}

static bool is_alone(const struct compare *c)
{
    return c->n_rows < 2;
}

static void variant_row(struct term_table *t, const struct compare *c, size_t i)
{
    const struct compare_row *r = &c->rows[i];
    const struct compare_speed *s = headline_speed(c, r);
    bool is_base = compare_is_base(c, i);
    size_t k = 0;
    term_put(t, i, k++, "%s", term_safe(t->a, r->variant->label));
    if (is_failed(r)) {
        t->note[i] = arena_printf(t->a, "%s: %s", r->variant->status, term_safe(t->a, r->reason));
        return;
    }
    term_put(t, i, k++, "%s", r->pool.n ? fmt_pct(r->pool.variant.v).s : "-");
    if (!is_alone(c)) {
        term_put(t, i, k++, "%s", is_base ? "" : r->pool.n ? interval(t->a, r->pool.delta) : "-");
        term_put(t, i, k++, "%s",
                 is_base     ? ""
                 : r->pool.n ? arena_printf(t->a, "%zu/%zu", r->pool.losses, r->pool.gains)
                             : "-");
        term_put(t, i, k++, "%s", is_base ? "" : r->kl.n ? fmt_sig(r->kl.mean, 3).s : "-");
    }
    term_put(t, i, k++, "%s", s ? fmt_rate(s->rate.v).s : "-");
    term_put(t, i, k++, "%s", fmt_mib(r->variant->peak_rss_bytes).s);
    if (is_alone(c))
        return;
    t->cells[i * TERM_COLS + k].color = verdict_color(r->verdict);
    term_put(t, i, k, "%s", compare_verdict_name(r->verdict));
}

static void print_variants(const struct compare *c, const struct term_options *o, struct arena *a,
                           struct buf *out)
{
    struct term_table t = term_table_new(a, c->n_rows);
    term_column(&t, "variant", true);
    term_column(&t, "acc %", false);
    if (!is_alone(c)) {
        term_column(&t, arena_printf(a, "delta pp [%s %%]", fmt_level(c->options.alpha).s), false);
        term_column(&t, "-/+", false);
        term_column(&t, "KL", false);
    }
    term_column(&t, speed_name(c), false);
    term_column(&t, "MiB", false);
    if (!is_alone(c))
        term_column(&t, "verdict", true);
    for (size_t i = 0; i < c->n_rows; i++)
        variant_row(&t, c, i);
    term_print_table(&t, o, out);
}

/* Distributions are kept against the run's reference, whichever variant is the base now. */
static void print_kl_note(const struct compare *c, struct arena *a, struct buf *out)
{
    for (size_t i = 0; i < c->n_rows && c->base && !is_alone(c); i++) {
        const struct view_variant *v = c->rows[i].variant;
        if (!v->is_reference || strcmp(v->name, c->base->name) == 0)
            continue;
        term_wrap(out,
                  arena_printf(a, "KL: against %s, the suite's reference", term_safe(a, v->label)),
                  0, 0);
        return;
    }
}

/* Speeds that a busy machine spoiled are numbers with a warning. */
static void print_disturbed(const struct compare *c, struct arena *a, struct buf *out)
{
    const char *names = "";
    size_t n = 0, n_measured = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        const struct compare_speed *s = headline_speed(c, r);
        n_measured += s != NULL;
        n += s && s->is_disturbed;
        if (s && s->is_disturbed)
            names = arena_printf(a, "%s%s%s", names, *names ? ", " : "",
                                 term_safe(a, r->variant->label));
    }
    if (*names)
        term_wrap(out,
                  arena_printf(a, "%s: the machine was disturbed while measuring %s", speed_name(c),
                               n == n_measured && n > 3 ? "all of them" : names),
                  0, 0);
}

/* Statistics that hold under stopping must not be taken for the usual ones. */
static void print_stopped(const struct compare *c, struct arena *a, struct buf *out)
{
    bool is_early = false;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct view_decision *d = c->rows[i].variant->decision;
        is_early |= d && d->n_seen < d->n_items;
    }
    if (stops_early(c) > 0)
        term_wrap(
            out,
            arena_printf(a,
                         "this run stops early: intervals are confidence sequences and p-values "
                         "of betting tests, valid whenever one stops%s",
                         is_early ? "; acc % is of the items asked" : ""),
            0, 0);
}

/* Where a variant answered less than its base did, the shares of the two are of different items. */
static void print_parts(const struct compare *c, struct arena *a, struct buf *out)
{
    const char *text = "";
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (r->pool.n == 0 || r->variant->decision || r->pool.n >= c->rows[r->base].pool.n)
            continue;
        text = arena_printf(a, "%s%s%s %s", text, *text ? ", " : "",
                            term_safe(a, r->variant->label), fmt_count((int64_t)r->pool.n).s);
    }
    if (*text)
        term_wrap(out, arena_printf(a, "acc %% is of the items that both answered: %s", text), 0,
                  0);
}

/* What makes the scores doubtful, one line each. */
static void print_notices(const struct compare *c, struct arena *a, struct buf *out)
{
    const struct view_variant **v = ARENA_ARRAY(a, const struct view_variant *, c->n_rows + 1);
    size_t n;
    for (size_t i = 0; i < c->n_rows; i++)
        v[i] = c->rows[i].variant;
    const char *const *lines = notice_lines(v, c->n_rows, a, &n);
    for (size_t i = 0; i < n; i++)
        term_wrap(out, arena_printf(a, "note: %s", term_safe(a, lines[i])), 0, 2);
    const char *shared = clusters_note(c, a);
    if (shared)
        term_wrap(out, arena_printf(a, "note: %s", term_safe(a, shared)), 0, 2);
}

/* -- what --wide adds -------------------------------------------------------------------------- */

static void print_evidence(const struct compare *c, const struct term_options *o, struct arena *a,
                           struct buf *out)
{
    static const char *const heads[] = {"variant", "items",      "unpaired",     "p exact",
                                        "p mid",   "margin pp",  "p margin",     "passes from pp",
                                        "MDE pp",  "same top %", "KL se",        "KL median",
                                        "KL p99",  "KL max",     "ln ppl ratio", "se"};
    struct term_table t = term_table_new(a, c->n_rows);
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        term_column(&t, heads[k], k == 0);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        const struct compare_cell *p = &r->pool;
        term_put(&t, i, 0, "%s", term_safe(a, r->variant->label));
        if (is_failed(r))
            continue;
        term_put(&t, i, 1, "%s", fmt_count((int64_t)p->n).s);
        term_put(&t, i, 2, "%zu+%zu", p->only_base, p->only_variant);
        term_put(&t, i, 3, "%s", fmt_p(p->p_exact).s);
        term_put(&t, i, 4, "%s", fmt_p(p->p_mid).s);
        term_put(&t, i, 5, "%s", fmt_sig(100 * p->margin, 2).s);
        term_put(&t, i, 6, "%s", fmt_p(p->p_margin).s);
        term_put(&t, i, 7, "%s", fmt_sig(100 * p->smallest_margin, 2).s);
        term_put(&t, i, 8, "%s", fmt_sig(100 * p->mde, 2).s);
        if (r->kl.n == 0)
            continue;
        term_put(&t, i, 9, "%s", fmt_pct(r->kl.same_top).s);
        term_put(&t, i, 10, "%s", fmt_sig(r->kl.se, 2).s);
        term_put(&t, i, 11, "%s", fmt_sig(r->kl.median, 3).s);
        term_put(&t, i, 12, "%s", fmt_sig(r->kl.p99, 3).s);
        term_put(&t, i, 13, "%s", fmt_sig(r->kl.max, 3).s);
        term_put(&t, i, 14, "%s", fmt_signed(r->kl.ln_ppl_ratio, 3).s);
        term_put(&t, i, 15, "%s", fmt_sig(r->kl.ln_ppl_se, 2).s);
    }
    term_print_table(&t, o, out);
}

static void print_machine_side(const struct compare *c, const struct term_options *o,
                               struct arena *a, struct buf *out)
{
    static const char *const heads[] = {
        "variant",     "prefill t/s", "x base",   "decode t/s", "x base",      "reps",
        "dirty",       "TTFT ms",     "ITL ms",   "p90",        "p99",         "load ms",
        "weights MiB", "KV MiB",      "peak MiB", "file MiB",   "private MiB", "kernel"};
    struct term_table t = term_table_new(a, c->n_rows);
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        term_column(&t, heads[k], k == 0 || k == 17);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        const struct view_variant *v = r->variant;
        const struct compare_speed *p = r->prefill, *d = r->decode;
        term_put(&t, i, 0, "%s", term_safe(a, v->label));
        if (is_failed(r))
            continue;
        term_put(&t, i, 1, "%s", fmt_rate(p ? p->rate.v : NAN).s);
        term_put(&t, i, 2, "%s", fmt_ratio(p ? p->ratio.v : NAN).s);
        term_put(&t, i, 3, "%s", fmt_rate(d ? d->rate.v : NAN).s);
        term_put(&t, i, 4, "%s", fmt_ratio(d ? d->ratio.v : NAN).s);
        term_put(&t, i, 5, "%zu", d ? d->n : p ? p->n : 0);
        term_put(&t, i, 6, "%zu", (d ? d->n_dirty : 0) + (p ? p->n_dirty : 0));
        term_put(&t, i, 7, "%s", fmt_ms(d ? d->ttft_ms.v : NAN).s);
        term_put(&t, i, 8, "%s", fmt_ms(d ? d->itl_median_ms : NAN).s);
        term_put(&t, i, 9, "%s", fmt_ms(d ? d->itl_p90_ms : NAN).s);
        term_put(&t, i, 10, "%s", fmt_ms(d ? d->itl_p99_ms : NAN).s);
        term_put(&t, i, 11, "%s", fmt_ms(v->load_ns < 0 ? NAN : (double)v->load_ns * 1e-6).s);
        term_put(&t, i, 12, "%s", fmt_mib(v->weight_bytes).s);
        term_put(&t, i, 13, "%s", fmt_mib(v->kv_bytes).s);
        term_put(&t, i, 14, "%s", fmt_mib(v->peak_rss_bytes).s);
        term_put(&t, i, 15, "%s", fmt_mib(v->file_rss_bytes).s);
        term_put(&t, i, 16, "%s", fmt_mib(v->anon_bytes).s);
        term_put(&t, i, 17, "%s", term_safe(a, v->kernel));
    }
    term_print_table(&t, o, out);
}

static size_t subjects(const struct compare *c, const struct compare_row **rows, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows && n < cap; i++)
        if (!compare_is_base(c, i) && !is_failed(&c->rows[i]))
            rows[n++] = &c->rows[i];
    return n;
}

/* Every 0/1 task: the base's accuracy, then each variant's change; "*": shown after Holm. */
static void print_tasks(const struct compare *c, const struct term_options *o, struct arena *a,
                        struct buf *out)
{
    const struct compare_row *rows[TERM_COLS - 2];
    size_t n = subjects(c, rows, TERM_COLS - 2), line = 0;
    struct term_table t = term_table_new(a, c->n_tasks);
    term_column(&t, "task", true);
    term_column(&t, term_fit(a, term_safe(a, c->base->label), 12), false);
    for (size_t k = 0; k < n; k++)
        term_column(&t, term_fit(a, term_safe(a, rows[k]->variant->label), 12), false);
    for (size_t i = 0; i < c->n_tasks; i++) {
        const struct compare_cell *base = &c->rows[c->base_row].tasks[i];
        if (!c->tasks[i].is_binary)
            continue;
        term_put(&t, line, 0, "%s", term_safe(a, c->tasks[i].name));
        term_put(&t, line, 1, "%s", fmt_pct(base->base.v).s);
        for (size_t k = 0; k < n; k++) {
            const struct compare_cell *x = &rows[k]->tasks[i];
            bool is_shown = x->p_adjusted < c->options.alpha;
            term_put(&t, line, 2 + k, "%s%s", x->n ? fmt_pp(x->delta.v).s : "-",
                     is_shown ? "*" : " ");
            if (is_shown)
                t.cells[line * TERM_COLS + 2 + k].color = x->delta.v < 0 ? "31" : "32";
        }
        line++;
    }
    t.n_rows = line;
    if (line) {
        buf_adds(out, "\nchange of accuracy per task, pp (* p < alpha after Holm)\n");
        term_print_table(&t, o, out);
    }
}

/* -- do the tasks agree? ---------------------------------------------------------------------- */

/* Names of up to three tasks that say so. */
static const char *voters(const struct compare *c, const struct compare_row *r, int vote,
                          struct arena *a)
{
    const char *text = "";
    size_t n = 0;
    for (size_t t = 0; t < c->n_tasks; t++)
        if (compare_vote(c, &r->tasks[t]) == vote && n++ < 3)
            text =
                arena_printf(a, "%s%s%s", text, *text ? ", " : "", term_safe(a, c->tasks[t].name));
    return n > 3 ? arena_printf(a, "%s and %zu more", text, n - 3) : text;
}

/* Tasks that contradict or part about a variant are said in every form of the table. */
static void print_conflicts(const struct compare *c, struct arena *a, struct buf *out)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (r->n_better && r->n_worse)
            term_wrap(out,
                      arena_printf(a, "tasks disagree about %s: better by %s; worse by %s",
                                   term_safe(a, r->variant->label), voters(c, r, 1, a),
                                   voters(c, r, -1, a)),
                      0, 2);
        const char *parting = agree_parting(c, r, a);
        if (parting && !(r->n_better && r->n_worse))
            term_wrap(out,
                      arena_printf(a, "tasks part about %s: %s", term_safe(a, r->variant->label),
                                   term_safe(a, parting)),
                      0, 2);
    }
}

static void print_votes(const struct compare *c, const struct term_options *o, struct arena *a,
                        struct buf *out)
{
    const struct compare_row *rows[TERM_COLS];
    size_t n = subjects(c, rows, TERM_COLS);
    struct term_table t = term_table_new(a, n);
    term_column(&t, "variant", true);
    term_column(&t, "better", false);
    term_column(&t, "cannot tell", false);
    term_column(&t, "worse", false);
    term_column(&t, "which", true);
    for (size_t i = 0; i < n; i++) {
        const struct compare_row *r = rows[i];
        term_put(&t, i, 0, "%s", term_safe(a, r->variant->label));
        term_put(&t, i, 1, "%zu", r->n_better);
        term_put(&t, i, 2, "%zu", r->n_unclear);
        term_put(&t, i, 3, "%zu", r->n_worse);
        term_put(&t, i, 4, "%s%s%s%s", r->n_better ? "better: " : "", voters(c, r, 1, a),
                 r->n_worse ? (r->n_better ? "; worse: " : "worse: ") : "", voters(c, r, -1, a));
    }
    if (n == 0)
        return;
    buf_printf(out, "\nwhat the tasks say (p < %s after Holm)\n", fmt_short(c->options.alpha, 2).s);
    term_print_table(&t, o, out);
}

static const char *tau_text(struct arena *a, struct compare_value v)
{
    if (isnan(v.v))
        return "-";
    return isnan(v.lo)
               ? arena_strdup(a, fmt_tau(v.v).s)
               : arena_printf(a, "%s [%s,%s]", fmt_tau(v.v).s, fmt_tau(v.lo).s, fmt_tau(v.hi).s);
}

static void print_agreement(const struct compare *c, const struct term_options *o, struct arena *a,
                            struct buf *out)
{
    const struct agree *g = c->agree;
    if (!g)
        return;
    struct term_table t = term_table_new(a, g->n_tasks);
    term_column(&t, "task", true);
    term_column(&t, "tau other tasks", false);
    term_column(&t, "tau KL", false);
    term_column(&t, "best to worst", true);
    for (size_t i = 0; i < g->n_tasks; i++) {
        const char *order = "";
        for (size_t k = 0; k < g->n_rows; k++)
            order = arena_printf(a, "%s%s%s", order,
                                 k == 0                        ? ""
                                 : agree_ties(&g->tasks[i], k) ? " = "
                                                               : " > ",
                                 term_safe(a, c->rows[g->tasks[i].order[k]].variant->label));
        term_put(&t, i, 0, "%s", term_safe(a, c->tasks[g->tasks[i].task].name));
        term_put(&t, i, 1, "%s", tau_text(a, g->tasks[i].others));
        term_put(&t, i, 2, "%s", tau_text(a, g->tasks[i].kl));
        term_put(&t, i, 3, "%s", order);
    }
    buf_addc(out, '\n');
    term_wrap(
        out,
        arena_printf(a,
                     "how %zu tasks rank %zu variants: mean Kendall tau-b %s between tasks, %s "
                     "with the order by KL",
                     g->n_tasks, g->n_rows, tau_text(a, g->mean), tau_text(a, g->mean_kl)),
        0, 0);
    term_print_table(&t, o, out);
}

/* -- tasks that are not right or wrong --------------------------------------------------------- */

static const char *other_delta(struct arena *a, const struct compare_cell *x,
                               const char *aggregation)
{
    const struct compare_value *d = &x->delta;
    if (isnan(d->v))
        return x->reason && x->kind != COMPARE_NONE ? term_safe(a, x->reason) : "";
    if (x->kind == COMPARE_LIKELIHOOD && strcmp(aggregation, "bits_per_byte") != 0)
        return arena_printf(a, "%s %% [%s,%s]", fmt_rel(d->v).s, fmt_rel(d->lo).s,
                            fmt_rel(d->hi).s);
    return arena_printf(a, "%s [%s,%s]", fmt_signed(d->v, 3).s, fmt_signed(d->lo, 3).s,
                        fmt_signed(d->hi, 3).s);
}

static void print_other(const struct compare *c, size_t task, const struct term_options *o,
                        struct arena *a, struct buf *out)
{
    const struct compare_task *k = &c->tasks[task];
    struct term_table t = term_table_new(a, c->n_rows);
    term_column(&t, "variant", true);
    term_column(&t, "value", false);
    if (!is_alone(c)) {
        term_column(&t, arena_printf(a, "change [%s %%]", fmt_level(c->options.alpha).s), true);
        term_column(&t, "verdict", true);
    }
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_cell *x = &c->rows[i].tasks[task];
        term_put(&t, i, 0, "%s", term_safe(a, c->rows[i].variant->label));
        term_put(&t, i, 1, "%s", fmt_sig(x->variant.v, 5).s);
        term_put(&t, i, 2, "%s", compare_is_base(c, i) ? "" : other_delta(a, x, k->aggregation));
        term_put(&t, i, 3, "%s", compare_verdict_name(x->verdict));
        t.cells[i * TERM_COLS + 3].color = verdict_color(x->verdict);
        if (x->kind == COMPARE_NONE)
            t.note[i] = term_safe(a, x->reason ? x->reason : "");
    }
    const char *margin =
        !is_alone(c) && cell_is_likelihood(k->aggregation)
            ? arena_printf(a, ", margin %s", cell_margin(k->aggregation, c->options.ppl_margin, a))
            : "";
    buf_printf(out, "\n%s, %s (%s is better)%s\n", term_safe(a, k->name),
               k->measure ? term_safe(a, k->measure->metric) : "no metric",
               k->higher_is_better ? "higher" : "lower", margin);
    term_print_table(&t, o, out);
}

static void print_others(const struct compare *c, const struct term_options *o, struct arena *a,
                         struct buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_tasks; i++)
        if (!c->tasks[i].is_binary && (++n <= FEW_TASKS || o->wide))
            print_other(c, i, o, a, out);
    if (n > FEW_TASKS && !o->wide)
        buf_printf(out, "\nand %zu more %s not right or wrong; --wide shows %s\n", n - FEW_TASKS,
                   n - FEW_TASKS == 1 ? "task that is" : "tasks that are",
                   n - FEW_TASKS == 1 ? "it" : "them");
}

/* -- one variant alone ------------------------------------------------------------------------- */

/* What a run of one variant knows: its accuracy on every task. */
static void print_alone(const struct compare *c, const struct term_options *o, struct arena *a,
                        struct buf *out)
{
    struct term_table t = term_table_new(a, c->n_tasks + c->n_groups);
    size_t line = 0;
    term_column(&t, "task", true);
    term_column(&t, "acc %", false);
    term_column(&t, arena_printf(a, "[%s %%]", fmt_level(c->options.alpha).s), false);
    term_column(&t, "items", false);
    for (size_t i = 0; i < c->n_groups + c->n_tasks; i++) {
        bool is_group = i < c->n_groups;
        const struct compare_cell *x =
            is_group ? &c->rows[0].groups[i] : &c->rows[0].tasks[i - c->n_groups];
        const char *name = is_group ? c->groups[i]->name : c->tasks[i - c->n_groups].name;
        if (x->kind != COMPARE_BINARY)
            continue;
        term_put(&t, line, 0, "%s%s", term_safe(a, name), is_group ? " (group)" : "");
        term_put(&t, line, 1, "%s", fmt_pct(x->variant.v).s);
        term_put(&t, line, 2, "[%s,%s]", fmt_pct(x->variant.lo).s, fmt_pct(x->variant.hi).s);
        term_put(&t, line++, 3, "%s", fmt_count((int64_t)x->n).s);
    }
    t.n_rows = line;
    if (line) {
        buf_addc(out, '\n');
        term_print_table(&t, o, out);
    }
}

/* -- head and foot ----------------------------------------------------------------------------- */

/* What labels call a run: the end of its uid. */
static const char *tail_of(const char *uid)
{
    size_t n = strlen(uid);
    return uid + (n > 6 ? n - 6 : 0);
}

static void print_head(const struct compare *c, struct arena *a, struct buf *out)
{
    const struct view_set *s = c->set;
    for (size_t i = 0; i < s->n_runs; i++) {
        const struct view_run *r = &s->runs[i];
        term_wrap(out,
                  arena_printf(a, "run %s (%s) of %s on %s", r->uid, r->status,
                               fmt_time(r->started_ns).s, term_safe(a, r->machine)),
                  0, 0);
    }
    for (size_t i = 1; i < s->n_runs; i++) {
        const char *changes = term_safe(a, runs_changes(c, i, a));
        term_wrap(out,
                  arena_printf(a, "%s differs from %s in %s", tail_of(s->runs[i].uid),
                               tail_of(s->runs[0].uid),
                               *changes ? changes : "nothing but the time"),
                  0, 2);
    }
    const char *margin =
        c->options.margin > 0 ? arena_printf(a, "margin %s pp", fmt_short(c->options.margin, 2).s)
        : stops_early(c) > 0 ? arena_printf(a, "margin %s pp", fmt_short(100 * stops_early(c), 2).s)
                             : "margin 1 pp, 2 pp at 4 bits";
    const char *left_out =
        c->n_left_out ? arena_printf(a, " (%zu more were left out)", c->n_left_out) : "";
    const struct compare_cell *pool = &c->rows[c->base_row].pool;
    const char *items =
        pool->n
            ? arena_printf(a, ", %s", fmt_things(pool->n, is_alone(c) ? "item" : "paired item").s)
            : "";
    const char *against =
        is_alone(c) ? ""
        : c->is_by_name
            ? arena_printf(a, ", each against its namesake in %s, %s", c->against, margin)
            : arena_printf(a, ", base %s, %s", term_safe(a, c->base->label), margin);
    term_wrap(
        out,
        arena_printf(a, "%s%s%s%s", fmt_things(c->n_tasks, "task").s, left_out, items, against), 0,
        0);
    buf_addc(out, '\n');
}

static void print_reasons(const struct compare *c, const struct term_options *o, struct arena *a,
                          struct buf *out)
{
    int width = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        int w = term_width(term_safe(a, c->rows[i].variant->label));
        width = w > width ? w : width;
    }
    width = width > 16 ? 16 : width;
    bool is_any = false;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (compare_is_base(c, i) || is_failed(r))
            continue;
        if (!is_any)
            buf_addc(out, '\n');
        is_any = true;
        const char *name = term_fit(a, term_safe(a, r->variant->label), width);
        term_put_cell(out, &(struct term_cell){name, verdict_color(r->verdict)}, width, true,
                      o->colors);
        buf_adds(out, "  ");
        term_wrap(out, term_safe(a, r->reason), width + 2, width + 2);
    }
    print_conflicts(c, a, out);
    buf_addc(out, '\n');
    if (is_alone(c)) {
        term_wrap(
            out,
            arena_printf(a,
                         "Nothing to compare with: %s is the only variant. Run more precisions, "
                         "or compare runs with --run A,B.",
                         term_safe(a, c->base->label)),
            0, 0);
        return;
    }
    const char *word = compare_verdict_name(c->verdict);
    if (o->colors)
        buf_printf(out, "\x1b[1;%sm%s\x1b[0m:", verdict_color(c->verdict), word);
    else
        buf_printf(out, "%s:", word);
    term_wrap(out, term_safe(a, c->headline), term_width(word) + 1, 0);
}

int term_compare(const struct compare *c, const struct term_options *o, struct buf *out)
{
    struct arena a = {0};
    print_head(c, &a, out);
    print_variants(c, o, &a, out);
    print_kl_note(c, &a, out);
    print_disturbed(c, &a, out);
    print_stopped(c, &a, out);
    print_parts(c, &a, out);
    print_notices(c, &a, out);
    term_energy(c, o, &a, out);
    if (o->wide) {
        buf_addc(out, '\n');
        print_evidence(c, o, &a, out);
        buf_addc(out, '\n');
        print_machine_side(c, o, &a, out);
        if (!is_alone(c)) {
            print_tasks(c, o, &a, out);
            print_votes(c, o, &a, out);
            print_agreement(c, o, &a, out);
        }
    }
    if (is_alone(c))
        print_alone(c, o, &a, out);
    print_others(c, o, &a, out);
    print_reasons(c, o, &a, out);
    arena_release(&a);
    return out->failed ? ASSAY_ELIMIT : 0;
}
