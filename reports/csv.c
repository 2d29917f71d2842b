/* csv.c - RFC 4180 rows and the two tidy files; see the header.
 *
 * report.csv has one number per row with its interval, unit and source, so that a new metric is new
 * rows and never a new column.  items.csv is streamed: a million rows need no memory. */
#include "reports/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/stats/cluster.h"
#include "reports/energy.h"
#include "reports/stopping.h"

/* -- fields ------------------------------------------------------------------------------------ */

static void separate(struct buf *b)
{
    if (b->n && b->v[b->n - 1] != '\n')
        buf_addc(b, ',');
}

/* First characters that make a spreadsheet compute. */
static bool is_formula(const char *s, size_t n)
{
    return n && memchr("=+-@\t\r", s[0], 6) != NULL;
}

void csv_textn(struct buf *b, const char *s, size_t n)
{
    separate(b);
    bool quotes = n == 0; /* empty text is "", unknown is nothing */
    for (size_t i = 0; i < n; i++)
        quotes |= s[i] == '"' || s[i] == ',' || s[i] == '\n' || s[i] == '\r';
    quotes |= is_formula(s, n) || (n && (s[0] == ' ' || s[n - 1] == ' '));
    if (quotes)
        buf_addc(b, '"');
    if (is_formula(s, n))
        buf_addc(b, '\'');
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && s[j] != '"' && s[j] != '\0'; j++)
            ;
        buf_add(b, s + i, j - i);
        if (j < n) {
            buf_adds(b, s[j] == '"' ? "\"\"" : "\xef\xbf\xbd");
            j++;
        }
    }
    if (quotes)
        buf_addc(b, '"');
}

/* An empty field at the start of a row would be eaten by `separate`: it is written as "". */
static void unknown(struct buf *b)
{
    if (b->n == 0 || b->v[b->n - 1] == '\n')
        buf_adds(b, "\"\"");
    else
        buf_addc(b, ',');
}

void csv_text(struct buf *b, const char *s)
{
    if (s)
        csv_textn(b, s, strlen(s));
    else
        unknown(b);
}

void csv_num(struct buf *b, double v)
{
    if (isnan(v)) {
        unknown(b);
        return;
    }
    separate(b);
    json_write_float(b, v);
    if (b->n > 2 && strcmp(b->v + b->n - 2, ".0") == 0)
        b->v[b->n -= 2] = '\0';
}

void csv_int(struct buf *b, int64_t v)
{
    if (v == VIEW_NONE) {
        unknown(b);
        return;
    }
    separate(b);
    buf_printf(b, "%" PRId64, v);
}

void csv_end(struct buf *b)
{
    buf_adds(b, "\r\n");
}

/* -- report.csv -------------------------------------------------------------------------------- */

struct rows { /* what stands in front of every number */
    struct buf *b;
    const struct compare *c;
    const struct view_variant *variant;
    const char *task, *metric, *source;
    struct arena *a;
};

static void row(const struct rows *r, const char *stat, struct compare_value v, int64_t n,
                const char *unit)
{
    if (isnan(v.v))
        return;
    const struct view_run *run = &r->c->set->runs[r->variant->run];
    csv_text(r->b, run->uid);
    csv_text(r->b, run->machine);
    csv_text(r->b, r->variant->name);
    csv_text(r->b, r->task);
    csv_text(r->b, r->metric);
    csv_text(r->b, stat);
    csv_num(r->b, v.v);
    csv_num(r->b, v.lo);
    csv_num(r->b, v.hi);
    csv_int(r->b, n);
    csv_text(r->b, unit);
    csv_text(r->b, r->source);
    csv_end(r->b);
}

static void number(const struct rows *r, const char *stat, double v, int64_t n, const char *unit)
{
    row(r, stat, (struct compare_value){v, NAN, NAN}, n, unit);
}

struct clustered {
    double v, se;
    size_t n, n_clusters;
};

static void with_se(const struct rows *r, const char *stat, struct clustered x, const char *unit)
{
    double half = cluster_half_width(x.se, x.n_clusters, r->c->options.alpha);
    row(r, stat, (struct compare_value){x.v, x.v - half, x.v + half}, (int64_t)x.n, unit);
}

static void cell_rows(struct rows *r, const struct compare_cell *x, const char *unit)
{
    bool is_base = compare_is_base(r->c, (size_t)(r->variant - r->c->set->variants));
    int64_t n = (int64_t)x->n;
    r->source = "scores";
    if (x->kind == COMPARE_NONE)
        return;
    row(r, "value", x->variant, n, unit);
    r->source = x->is_sequence ? "paired scores (confidence sequence)" : "paired scores";
    if (is_base || x->kind == COMPARE_VALUE)
        return;
    const char *delta_unit = x->kind != COMPARE_LIKELIHOOD    ? unit
                             : strcmp(unit, "bits/byte") == 0 ? unit
                                                              : "ln ratio";
    row(r, "delta", x->delta, n, delta_unit);
    number(r, "delta_se", x->se, n, delta_unit);
    if (x->kind == COMPARE_BINARY) {
        number(r, "losses", (double)x->losses, n, "items");
        number(r, "gains", (double)x->gains, n, "items");
    }
    if (x->kind == COMPARE_BINARY && !x->is_sequence) {
        number(r, "p_mcnemar_exact", x->p_exact, n, "p");
        number(r, "p_mcnemar_mid", x->p_mid, n, "p");
    } else {
        number(r, "p", x->p_mid, n, "p");
    }
    number(r, "p_holm", x->p_adjusted, n, "p");
    number(r, "p_margin", x->p_margin, n, "p");
    if (!isnan(x->p_fail))
        number(r, "p_beyond_margin", x->p_fail, n, "p");
    number(r, "margin", x->margin, n, delta_unit);
    number(r, "smallest_margin", x->smallest_margin, n, delta_unit);
    number(r, "mde", x->mde, n, delta_unit);
    if (x->n_clusters) {
        number(r, "clusters", (double)x->n_clusters, n, "texts");
        number(r, "design_effect", x->deff, n, "ratio");
    }
    number(r, "only_base", (double)x->only_base, n, "items");
    number(r, "only_variant", (double)x->only_variant, n, "items");
}

static void kl_rows(struct rows *r, const struct compare_kl *k)
{
    int64_t n = (int64_t)k->n;
    if (n == 0)
        return;
    r->metric = "kl";
    r->source = "divergence";
    with_se(r, "mean", (struct clustered){k->mean, k->se, k->n, k->n_docs}, "nats");
    number(r, "median", k->median, n, "nats");
    number(r, "p90", k->p90, n, "nats");
    number(r, "p99", k->p99, n, "nats");
    number(r, "max", k->max, n, "nats");
    r->metric = "same_top";
    number(r, "mean", k->same_top, n, "share");
    n = (int64_t)k->n_true;
    r->metric = "delta_p";
    number(r, "mean", k->delta_p_mean, n, "probability");
    number(r, "rms", k->delta_p_rms, n, "probability");
    r->metric = "ln_ppl_ratio";
    with_se(r, "mean",
            (struct clustered){k->ln_ppl_ratio, k->ln_ppl_se, k->n_true, k->n_true_docs}, "ln ratio");
}

static void speed_rows(struct rows *r, const struct compare_speed *s)
{
    int64_t n = (int64_t)s->n, n_itl = (int64_t)s->itl.n;
    if (!s->job)
        return;
    r->task = s->job->name;
    r->source = s->is_disturbed ? "samples (disturbed)" : "samples";
    r->metric = "rate";
    row(r, "median", s->rate, n, "tokens/s");
    row(r, "ratio", s->ratio, n, "ratio");
    r->metric = "ttft";
    row(r, "median", s->ttft_ms, n, "ms");
    r->metric = "itl";
    number(r, "median", s->itl_median_ms, n_itl, "ms");
    number(r, "p90", s->itl_p90_ms, n_itl, "ms");
    number(r, "p99", s->itl_p99_ms, n_itl, "ms");
    r->metric = "cpu_share";
    number(r, "median", s->cpu_share, n, "cores");
    r->metric = "repetitions";
    number(r, "dirty", (double)s->n_dirty, n, "repetitions");
    number(r, "rounds", (double)(s->rounds ? s->n_units : 1), n, "rounds");
}

static void energy_figure(struct rows *r, const struct compare_energy *x, const char *unit)
{
    r->metric = "energy";
    row(r, "gross", x->gross, x->n, unit);
    number(r, "gross_error", isnan(x->gross.v) ? NAN : x->gross_error, x->n, unit);
    row(r, "net", x->net, x->n, unit);
    number(r, "net_error", isnan(x->net.v) ? NAN : x->net_error, x->n, unit);
}

/* What each job took, and what that is per token and per correct answer; a source never has another's
 * name. */
static void energy_rows(struct rows *r, const struct compare_row *x)
{
    const struct view_run *run = &r->c->set->runs[r->variant->run];
    struct compare_energy f;
    for (int s = 0; s < VIEW_SOURCES; s++) {
        double error, idle = energy_idle(&run->idle[s], &error);
        r->source = view_source_names[s];
        for (size_t i = 0; i < r->variant->n_jobs; i++) {
            const struct view_job *j = &r->variant->jobs[i];
            r->task = j->name;
            r->metric = arena_printf(r->a, "%s_energy", j->kind);
            number(r, "total", energy_total(j, (enum view_source)s), VIEW_NONE, "J");
            energy_per_token(run, j, (enum view_source)s, r->c->options.alpha, &f);
            energy_figure(r, &f, "J/token");
        }
        for (size_t t = 0; t <= r->c->n_tasks; t++) {
            r->task = t < r->c->n_tasks ? r->c->tasks[t].name : "*";
            energy_per_answer(r->c, x, t, (enum view_source)s, &f);
            energy_figure(r, &f, "J/correct answer");
        }
        r->task = NULL;
        r->metric = "idle_power";
        row(r, "mean", (struct compare_value){idle, idle - error, idle + error}, run->idle[s].n_windows,
            "W");
    }
}

static void variant_rows(struct rows *r)
{
    const struct view_variant *v = r->variant;
    const struct {
        const char *metric, *unit, *source;
        int64_t n;
    } rows[] = {{"load_time", "ns", "clock", v->load_ns},
                {"weight_bytes", "bytes", "backend", v->weight_bytes},
                {"file_bytes", "bytes", "backend", v->file_bytes},
                {"kv_bytes", "bytes", "backend", v->kv_bytes},
                {"kv_bytes_per_token", "bytes", "backend", v->kv_bytes_per_token},
                {"peak_rss", "bytes", "kernel", v->peak_rss_bytes},
                {"anon", "bytes", "kernel", v->anon_bytes},
                {"file_rss", "bytes", "kernel", v->file_rss_bytes},
                {"tokens_evaluated", "tokens", "backend", v->n_evaluated},
                {"tokens_reused", "tokens", "backend", v->n_reused}};
    r->task = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        r->metric = rows[i].metric;
        r->source = rows[i].source;
        if (rows[i].n != VIEW_NONE)
            number(r, "value", (double)rows[i].n, VIEW_NONE, rows[i].unit);
    }
}

/* What early stopping decided, and what it saved. */
static void stopping_rows(struct rows *r)
{
    const struct view_decision *d = r->variant->decision;
    if (!d)
        return;
    r->task = "*";
    r->metric = "early_stopping";
    r->source = "decision";
    number(r, "items", (double)d->n_items, d->n_items, "items");
    number(r, "asked", (double)d->n_seen, d->n_items, "items");
    number(r, "saved", (double)(d->n_items - d->n_seen), d->n_items, "items");
    number(r, "margin", d->margin, d->n_items, "share");
    number(r, "alpha", d->alpha / (double)d->n_subjects, d->n_items, "p");
}

/* Every stored aggregate, whichever metric the comparison is about. */
static void aggregate_rows(struct rows *r)
{
    const struct view_variant *v = r->variant;
    struct arena a = {0};
    for (size_t i = 0; i < v->n_results; i++) {
        const struct view_result *x = &v->results[i];
        bool is_filtered = strcmp(x->measure->filter, "none") != 0;
        r->task = x->job ? x->job->name : x->group->name;
        r->metric = is_filtered ? arena_printf(&a, "%s,%s", x->measure->metric, x->measure->filter)
                                : x->measure->metric;
        r->source = stopping_is_part(v, x) ? "results (stopped early)" : "results";
        number(r, "aggregate", x->value, x->n, x->aggregation);
        number(r, "stderr", x->stderr_, x->n, x->aggregation);
    }
    arena_release(&a);
}

/* What makes the task's scores doubtful: items it is true of, n: items it was asked of. */
static void notice_rows(struct rows *r)
{
    const struct view_variant *v = r->variant;
    struct arena a = {0};
    r->source = "notices";
    for (size_t i = 0; i < v->n_jobs; i++)
        for (size_t k = 0; k < v->jobs[i].n_notices; k++) {
            const struct view_notice *x = &v->jobs[i].notices[k];
            r->task = v->jobs[i].name;
            r->metric = *x->detail ? arena_printf(&a, "%s,%s", x->kind, x->detail) : x->kind;
            number(r, "count", (double)x->n, x->n_of, "items");
        }
    arena_release(&a);
}

static const char *unit_of(const struct compare_task *t, const struct compare_cell *x)
{
    if (x->kind == COMPARE_BINARY)
        return "share";
    if (x->kind != COMPARE_LIKELIHOOD)
        return "score";
    return strcmp(t->aggregation, "bits_per_byte") == 0 ? "bits/byte" : "perplexity";
}

static void report_rows(const struct compare *c, struct arena *a, struct buf *b)
{
    buf_adds(b, "run,machine,variant,task,metric,stat,value,lo,hi,n,unit,source\r\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *x = &c->rows[i];
        struct rows r = {.b = b, .c = c, .variant = x->variant, .a = a};
        aggregate_rows(&r);
        notice_rows(&r);
        for (size_t t = 0; t < c->n_tasks; t++) {
            r.task = c->tasks[t].name;
            r.metric = c->tasks[t].measure ? c->tasks[t].measure->metric : "";
            cell_rows(&r, &x->tasks[t], unit_of(&c->tasks[t], &x->tasks[t]));
            kl_rows(&r, &x->task_kl[t]);
        }
        for (size_t g = 0; g < c->n_groups; g++) {
            r.task = c->groups[g]->name;
            r.metric = "accuracy";
            cell_rows(&r, &x->groups[g], "share");
        }
        r.task = "*";
        r.metric = "accuracy";
        cell_rows(&r, &x->pool, "share");
        stopping_rows(&r);
        kl_rows(&r, &x->kl);
        for (size_t s = 0; s < c->n_scenarios; s++)
            speed_rows(&r, &x->speeds[s]);
        energy_rows(&r, x);
        variant_rows(&r);
    }
}

/* -- items.csv --------------------------------------------------------------------------------- */

static void item_rows(struct buf *b, const struct view_run *run, const struct view_variant *v,
                      const struct view_job *job, const struct view_scores *s)
{
    struct buf prefix;
    buf_init(&prefix, 0);
    csv_text(&prefix, run->uid);
    csv_text(&prefix, run->machine);
    csv_text(&prefix, v->name);
    csv_text(&prefix, job->name);
    for (size_t i = 0; i < s->n; i++) {
        buf_add(b, prefix.v, prefix.n);
        csv_int(b, s->idx[i]);
        csv_text(b, s->measure->metric);
        csv_text(b, s->measure->filter);
        csv_num(b, s->value[i]);
        csv_num(b, s->weight ? s->weight[i] : NAN);
        csv_end(b);
    }
    buf_release(&prefix);
}

static int write_items(struct view *view, const struct compare *c, FILE *f, struct assay_err *e)
{
    struct arena a = {0};
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    buf_adds(&b, "run,machine,variant,task,idx,metric,filter,value,weight\r\n");
    for (size_t i = 0; i < c->n_rows && rc >= 0; i++) {
        const struct view_variant *v = c->rows[i].variant;
        for (size_t k = 0; k < v->n_jobs && rc >= 0; k++) {
            const struct view_scores *s;
            size_t n;
            if (strcmp(v->jobs[k].kind, "task") != 0)
                continue;
            rc = view_scores(view, &v->jobs[k], &a, &s, &n, e);
            for (size_t m = 0; m < n && rc >= 0; m++)
                item_rows(&b, &c->set->runs[v->run], v, &v->jobs[k], &s[m]);
            if (rc >= 0 && fwrite(b.v, 1, b.n, f) != b.n)
                rc = err_errno(e, ASSAY_EIO, "writing items.csv");
            buf_clear(&b);
            arena_reset(&a);
        }
    }
    if (rc >= 0 && b.n && fwrite(b.v, 1, b.n, f) != b.n)
        rc = err_errno(e, ASSAY_EIO, "writing items.csv");
    buf_release(&b);
    arena_release(&a);
    return rc;
}

/* Streams into a temporary file beside `path` and renames it when it is whole. */
static int export_items(struct view *view, const struct compare *c, const char *path,
                        struct arena *a, struct assay_err *e)
{
    char *tmp = arena_printf(a, "%s.XXXXXX", path);
    int fd = mkstemp(tmp);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    }
    int rc = fchmod(fd, 0644) ? err_errno(e, ASSAY_EIO, "cannot write '%s'", path)
                              : write_items(view, c, f, e);
    if (rc >= 0 && (fflush(f) || fsync(fd)))
        rc = err_errno(e, ASSAY_EIO, "writing '%s'", path);
    if (fclose(f) && rc >= 0)
        rc = err_errno(e, ASSAY_EIO, "writing '%s'", path);
    if (rc >= 0 && rename(tmp, path))
        rc = err_errno(e, ASSAY_EIO, "cannot rename '%s' to '%s'", tmp, path);
    if (rc < 0)
        unlink(tmp);
    return rc;
}

int csv_export(struct view *view, const struct compare *c, const char *dir, struct assay_err *e)
{
    struct arena a = {0};
    struct buf b;
    buf_init(&b, 0);
    int rc = fs_mkdirs(dir, e);
    if (rc >= 0) {
        report_rows(c, &a, &b);
        rc = b.failed ? err_set(e, ASSAY_ELIMIT, "'%s/report.csv' would be larger than 1 GiB", dir)
                      : fs_write_atomic(fs_join(&a, dir, "report.csv"), b.v, b.n, e);
    }
    if (rc >= 0)
        rc = export_items(view, c, fs_join(&a, dir, "items.csv"), &a, e);
    buf_release(&b);
    arena_release(&a);
    return rc;
}
