/* html_provenance.c - what did not go well, and where every number comes from. */
#include <math.h>
#include <string.h>
#include "reports/html_impl.h"

struct failure {                        /* one thing that went wrong, for one or more variants */
    const char *what, *status, *reason; /* what: the job's name; NULL: the variant itself */
    const char *variants;
    size_t n_variants;
};
enum { MAX_FAILURES = 200, FEW_FAILURES = 8 };

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Adds one, or one more variant to an equal one. */
static void note(struct page *p, struct failure *all, size_t *n, struct failure f)
{
    for (size_t i = 0; i < *n; i++)
        if (is_same(all[i].what, f.what) && is_same(all[i].status, f.status) &&
            is_same(all[i].reason, f.reason) && f.what) {
            all[i].variants = arena_printf(p->a, "%s, %s", all[i].variants, f.variants);
            all[i].n_variants++;
            return;
        }
    if (*n < MAX_FAILURES)
        all[(*n)++] = f;
}

static size_t list_failures(struct page *p, struct failure *all)
{
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct view_variant *v = p->c->rows[i].variant;
        if (!v->is_done)
            note(p, all, &n, (struct failure){NULL, v->status, v->reason, v->label, 1});
        for (size_t k = 0; k < v->n_jobs && v->is_done; k++) {
            const struct view_job *j = &v->jobs[k];
            if (strcmp(j->status, "done") != 0)
                note(p, all, &n, (struct failure){j->name, j->status, j->reason, v->label, 1});
            else if (j->warning)
                note(p, all, &n, (struct failure){j->name, "warning", j->warning, v->label, 1});
        }
    }
    return n;
}

static void write_failure(struct page *p, const struct failure *f)
{
    buf_adds(p->b, "<li><strong>");
    html_text(p->b, f->what ? f->what : f->variants);
    buf_printf(p->b, "</strong> <span class=\"v incomparable\">%s</span> ", f->status);
    html_text(p->b, f->reason ? f->reason : "no reason was recorded");
    if (f->what) {
        buf_adds(p->b, " <small>");
        html_text(p->b, f->n_variants == p->c->n_rows ? "every variant" : f->variants);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</li>");
}

void html_failures(struct page *p)
{
    struct failure *all = ARENA_ARRAY(p->a, struct failure, MAX_FAILURES);
    size_t n = list_failures(p, all);
    if (n == 0)
        return;
    html_begin(p, "failures", "What did not go well", NULL);
    buf_adds(p->b, "<ul class=\"failures\">");
    for (size_t i = 0; i < n; i++) {
        if (i == FEW_FAILURES)
            buf_printf(p->b, "</ul><details><summary>%zu more</summary><ul class=\"failures\">",
                       n - i);
        write_failure(p, &all[i]);
    }
    buf_adds(p->b, n > FEW_FAILURES ? "</ul></details>" : "</ul>");
    html_end(p);
}

static void fact(struct page *p, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(p->b, "<dt>%s</dt><dd><code>", name);
    html_text(p->b, value);
    buf_adds(p->b, "</code></dd>");
}

static void run_facts(struct page *p, const struct view_run *r)
{
    buf_adds(p->b, "<h3>Run</h3><dl class=\"facts\">");
    fact(p, "run", r->uid);
    fact(p, "status", r->status);
    fact(p, "started", fmt_time(r->started_ns).s);
    fact(p, "seed", fmt_count(r->seed).s);
    fact(p, "assay", r->version);
    fact(p, "plan", r->plan_uid);
    fact(p, "machine", r->machine);
    fact(p, "class", r->machine_class);
    fact(p, "hardware", r->machine_key);
    fact(p, "environment", r->environment);
    buf_adds(p->b, "</dl><h3>How to reproduce it</h3><pre class=\"command\"><code>");
    html_text(p->b, r->command);
    buf_adds(p->b, "</code></pre>");
}

static void variant_facts(struct page *p)
{
    static const char *const heads[] = {"variant", "model",       "backend",  "precision loaded",
                                        "kernel",  "#parameters", "#load ms", "#tokens evaluated",
                                        "#reused", "fingerprint", NULL};
    buf_adds(p->b, "<h3>Variants</h3><div class=\"scroll\"><table><caption>What was really loaded"
                   "</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct view_variant *v = p->c->rows[i].variant;
        const char *const texts[] = {v->model,
                                     arena_printf(p->a, "%s %s", v->backend, v->backend_version),
                                     v->precision, v->kernel};
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            buf_adds(p->b, "<td>");
            html_text(p->b, texts[k]);
            buf_adds(p->b, "</td>");
        }
        html_cell(p, v->n_params < 0 ? NAN : (double)v->n_params, fmt_count(v->n_params));
        html_cell(p, v->load_ns < 0 ? NAN : (double)v->load_ns, fmt_ms((double)v->load_ns * 1e-6));
        html_cell(p, v->n_evaluated < 0 ? NAN : (double)v->n_evaluated, fmt_count(v->n_evaluated));
        html_cell(p, v->n_reused < 0 ? NAN : (double)v->n_reused, fmt_count(v->n_reused));
        buf_adds(p->b, "<td><code>");
        html_textn(p->b, v->uid, strlen(v->uid) > 16 ? 16 : strlen(v->uid));
        buf_adds(p->b, "</code></td></tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

/* Of the runs shown: which chat templates made prompts, each once with where it came from. */
static void chat_facts(struct page *p)
{
    const char *seen = "";
    for (size_t i = 0; i < p->c->n_rows; i++)
        for (size_t k = 0; k < p->c->rows[i].variant->n_jobs; k++) {
            const struct view_task *t = p->c->rows[i].variant->jobs[k].task;
            if (!t || !t->chat_template || strstr(seen, t->chat_template))
                continue;
            fact(p, "chat template", arena_printf(p->a, "sha256 %s (%s)", t->chat_template,
                                                  t->chat_source ? t->chat_source : "?"));
            seen = arena_printf(p->a, "%s %s", seen, t->chat_template);
        }
}

/* Python of task folders that ran, each set of files once with the first task that names it. */
static void code_facts(struct page *p)
{
    const char *seen = "";
    for (size_t i = 0; i < p->c->n_tasks; i++) {
        const struct view_task *t = p->c->tasks[i].task;
        if (!t->code || strstr(seen, t->code))
            continue;
        fact(p, "task code", arena_printf(p->a, "%s: %s", t->name, t->code));
        seen = arena_printf(p->a, "%s\n%s", seen, t->code);
    }
}

static void task_facts(struct page *p)
{
    static const char *const heads[] = {"task",     "version",   "kind",      "#few-shot",
                                        "data set", "data hash", "task hash", NULL};
    buf_adds(p->b, "<details><summary>Tasks and their hashes</summary><div class=\"scroll\"><table>"
                   "<caption>Two runs are compared only where the hashes agree</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_tasks; i++) {
        const struct view_task *t = p->c->tasks[i].task;
        const char *const texts[] = {t->version ? t->version : "", t->output_type};
        const char *const hashes[] = {t->dataset_uid, t->uid};
        buf_adds(p->b, "<tr><th scope=\"row\">");
        html_text(p->b, t->name);
        buf_adds(p->b, "</th>");
        for (size_t k = 0; k < 2; k++) {
            buf_adds(p->b, "<td>");
            html_text(p->b, texts[k]);
            buf_adds(p->b, "</td>");
        }
        html_cell(p, (double)t->n_fewshot, fmt_count(t->n_fewshot));
        buf_adds(p->b, "<td>");
        html_text(p->b, t->dataset);
        buf_adds(p->b, "</td>");
        for (size_t k = 0; k < 2; k++) {
            buf_adds(p->b, "<td><code>");
            html_textn(p->b, hashes[k], strlen(hashes[k]) > 12 ? 12 : strlen(hashes[k]));
            buf_adds(p->b, "</code></td>");
        }
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div></details>");
}

void html_provenance(struct page *p)
{
    const struct compare *c = p->c;
    html_begin(p, "provenance", "Provenance", NULL);
    for (size_t i = 0; i < c->set->n_runs; i++)
        run_facts(p, &c->set->runs[i]);
    buf_adds(p->b, "<h3>Model</h3><dl class=\"facts\">");
    fact(p, "file", c->base->model_path);
    fact(p, "sha256", c->base->model_uid);
    fact(p, "architecture", c->base->arch);
    fact(p, "size", fmt_bytes(c->base->model_bytes).s);
    fact(p, "database", c->set->path);
    chat_facts(p);
    code_facts(p);
    buf_adds(p->b, "</dl>");
    variant_facts(p);
    task_facts(p);
    html_end(p);
}
