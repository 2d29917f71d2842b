/* html_provenance.c - what did not go well, and where every number comes from. */
#include <math.h>
#include <string.h>
#include "harness/base/json.h"
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

/* Where a word of a shell command ends: at a space outside single quotes and escapes. */
static const char *word_end(const char *s)
{
    bool is_quoted = false;
    for (; *s && (is_quoted || *s != ' '); s++) {
        if (*s == '\'')
            is_quoted = !is_quoted;
        else if (*s == '\\' && !is_quoted && s[1])
            s++;
    }
    return s;
}

/* The command with a database of its own: in the same one nothing would be asked again. */
static void reproduce(struct page *p, const char *command)
{
    for (const char *s = command, *end; *s; s = end + (*end == ' ')) {
        end = word_end(s);
        size_t n = (size_t)(end - s);
        if (n == 4 && strncmp(s, "--db", n) == 0 && *end) {
            end = word_end(end + 1);
        } else if (strncmp(s, "--db=", 5) != 0) {
            html_textn(p->b, s, n);
            buf_addc(p->b, ' ');
        }
    }
    buf_adds(p->b, "--db reproduced.db");
}

static const char *number_of(struct page *p, const struct value *suite, const char *key)
{
    const struct value *v = suite ? value_get(suite, key) : NULL;
    struct buf b;
    if (!v || (v->type != VALUE_INT && v->type != VALUE_FLOAT))
        return NULL;
    buf_init(&b, 64);
    json_write(&b, v, JSON_COMPACT);
    size_t n = b.n > 2 && strcmp(b.v + b.n - 2, ".0") == 0 ? b.n - 2 : b.n;
    const char *text = arena_strndup(p->a, b.v, n);
    buf_release(&b);
    return text;
}

/* The suite as the run resolved it: every setting, also those nobody typed. */
static void manifest(struct page *p, const struct value *suite)
{
    enum { MOST = 40000 };
    struct buf b;
    if (!suite)
        return;
    buf_init(&b, 0);
    json_write(&b, suite, JSON_INDENT);
    buf_adds(p->b, "<details><summary>Manifest: the suite as it was resolved</summary><pre "
                   "class=\"command\"><code>");
    html_textn(p->b, b.v, b.n < MOST ? b.n : MOST);
    buf_adds(p->b, "</code></pre>");
    if (b.n > MOST)
        buf_printf(p->b,
                   "<p class=\"note\">The first %d of %zu characters; all of it is in the "
                   "database, column <code>run.suite</code>.</p>",
                   (int)MOST, b.n);
    buf_adds(p->b, "</details>");
    buf_release(&b);
}

/* JSON with room to break its lines; what is none, as it is. */
static const char *spaced(struct page *p, const char *json)
{
    const struct value *v;
    struct buf b;
    if (json_parse(json, strlen(json), "fact", 1, p->a, &v, NULL) < 0)
        return json;
    buf_init(&b, 0);
    json_write(&b, v, JSON_PYTHON);
    const char *text = arena_strndup(p->a, b.v, b.n);
    buf_release(&b);
    return text;
}

static void run_facts(struct page *p, const struct view_run *r, const char *name)
{
    const struct value *suite = NULL;
    if (json_parse(r->suite, strlen(r->suite), "suite", 1, p->a, &suite, NULL) < 0 ||
        suite->type != VALUE_DICT)
        suite = NULL;
    const char *shots = number_of(p, suite, "fewshot-seed");
    buf_adds(p->b, "<h3>Run ");
    html_text(p->b, name);
    buf_adds(p->b, "</h3><dl class=\"facts\">");
    fact(p, "run", r->uid);
    fact(p, "status", r->status);
    fact(p, "started", fmt_time(r->started_ns).s);
    fact(p, "seeds",
         arena_printf(p->a, "%lld%s%s", (long long)r->seed, shots ? ", few-shot " : "",
                      shots ? shots : ""));
    fact(p, "limit", number_of(p, suite, "limit"));
    fact(p, "assay", r->version);
    fact(p, "plan", r->plan_uid);
    fact(p, "machine", r->machine);
    fact(p, "class", r->machine_class);
    fact(p, "hardware", spaced(p, r->machine_key));
    fact(p, "environment", spaced(p, r->environment));
    fact(p, "command", r->command);
    buf_adds(p->b, "</dl>");
    manifest(p, suite);
    buf_adds(p->b, "<h3>How to reproduce it</h3><pre class=\"command reproduce\"><code>");
    reproduce(p, r->command);
    buf_adds(p->b,
             "</code></pre><p class=\"note\">It asks everything again, into a database of its "
             "own. Paths are as they were typed: run it in that folder. With the same files "
             "(their hashes are below) the scores are the same; times are not.</p>");
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
            if (k == 0 && *v->model_uid) {
                buf_adds(p->b, "<small>sha256 ");
                html_textn(p->b, v->model_uid,
                           strlen(v->model_uid) > 12 ? 12 : strlen(v->model_uid));
                buf_adds(p->b, "</small>");
            }
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
            fact(p, "chat template",
                 arena_printf(p->a, "sha256 %s (%s)", t->chat_template,
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
        run_facts(p, &c->set->runs[i], c->set->n_runs > 1 ? html_run_label(p, i) : "");
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
