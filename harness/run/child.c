/* child.c - the child process of one variant. */
#include "harness/run/child.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/log.h"
#include "harness/base/text.h"
#include "harness/machine/energy.h"
#include "harness/machine/machine.h"
#include "harness/run/decide.h"
#include "harness/run/divergence.h"
#include "harness/run/job.h"
#include "harness/run/record.h"
#include "harness/run/scenario.h"
#include "harness/run/score.h"
#include "harness/run/taskcode.h"
#include "harness/store/store_energy.h"

_Static_assert(sizeof(struct child_msg) <= PIPE_BUF, "a message is written whole");
enum { LIFE_NS = 50000000 };

struct work {
    const struct child *child;
    struct plan *plan;
    struct child_go go;
    struct arena arena;
    struct store *store;
    struct engine engine;
    struct record_jobs jobs;
    struct ask_known known;
    struct store_run_variant row; /* what is learned about this variant */
    char reference_uid[65];
    int64_t variant_id, said_ns;
    bool was_waiting;
    struct machine_memory peak;
    struct energy_meter meter;
    bool had_answers; /* the store held some before this process asked */
    uint64_t kv_bytes;
    uint64_t n_asked, n_reused;
    int64_t tokens_before, reused_before; /* by this run's processes before an interruption */
    bool has_failed;
    char reason[480]; /* of the first failure */
};

static volatile sig_atomic_t stop;
static int log_fd = -1;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* -- messages ---------------------------------------------------------------------------------- */

static void set_text(char *out, size_t cap, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    n = text_whole(text ? text : "", n < cap ? n : cap - 1);
    memcpy(out, text ? text : "", n);
    out[n] = 0;
}

static void send_msg(int fd, const struct child_msg *m)
{
    ssize_t n;
    do {
        n = write(fd, m, sizeof *m);
    } while (n < 0 && errno == EINTR);
}

static void say(struct work *w, enum child_msg_kind kind, const char *status, const char *text)
{
    struct child_msg m = {
        .kind = kind, .is_waiting = w->was_waiting, .n_asked = w->n_asked, .n_reused = w->n_reused};
    set_text(m.status, sizeof m.status, status);
    set_text(m.text, sizeof m.text, text);
    send_msg(w->child->to_parent, &m);
}

static void log_to_parent(int level, const char *msg)
{
    struct child_msg m = {.kind = CHILD_LOG, .n_done = (uint64_t)level};
    set_text(m.text, sizeof m.text, msg);
    send_msg(log_fd, &m);
}

static void on_tick(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total)
{
    struct work *w = user;
    int64_t now = clock_ns();
    energy_tick(&w->meter, now);
    if (is_waiting == w->was_waiting && now - w->said_ns < LIFE_NS)
        return;
    w->said_ns = now;
    w->was_waiting = is_waiting;
    struct child_msg m = {
        .kind = CHILD_LIFE, .is_waiting = is_waiting, .n_done = n_done, .n_total = n_total};
    send_msg(w->child->to_parent, &m);
}

/* -- memory ------------------------------------------------------------------------------------ */

static void look_at_memory(struct work *w)
{
    struct machine_memory m;
    struct assay_memory said = {
        .size = sizeof said, .weights = UINT64_MAX, .kv = UINT64_MAX, .kv_per_token = UINT64_MAX};
    machine_memory(&m);
    if (m.anon > w->peak.anon) {
        w->peak.anon = m.anon;
        w->peak.file = m.file;
    }
    if (!w->engine.plugin->api.memory ||
        w->engine.plugin->api.memory(w->engine.model, &said, NULL) < 0)
        return;
    if (said.weights <= INT64_MAX)
        w->row.weight_bytes = (int64_t)said.weights;
    if (said.kv <= INT64_MAX && (int64_t)said.kv > w->row.kv_bytes) /* STORE_NULL is the smallest */
        w->row.kv_bytes = (int64_t)said.kv;
    if (said.kv_per_token <= INT64_MAX)
        w->row.kv_bytes_per_token = (int64_t)said.kv_per_token;
}

static int save_facts(struct work *w, struct assay_err *e)
{
    struct assay_usage used = {.size = sizeof used};
    if (w->child->round)           /* a fraction of the jobs says less than all of them did */
        return 0;
    look_at_memory(w);
    w->row.anon_bytes = w->peak.anon >= 0 ? w->peak.anon : STORE_NULL;
    w->row.file_rss_bytes = w->peak.file >= 0 ? w->peak.file : STORE_NULL;
    if (w->engine.plugin->api.usage &&
        w->engine.plugin->api.usage(w->engine.model, &used, NULL) >= 0) {
        w->row.n_evaluated = w->tokens_before + (int64_t)used.n_evaluated;
        w->row.n_reused = w->reused_before + (int64_t)used.n_reused;
    }
    return store_set_variant(w->store, &w->row, e);
}

/* -- energy ------------------------------------------------------------------------------------ */

/* Only where there is a meter: why there is none stands beside the run's idle power.  n_tokens
 * STORE_NULL: the job isn't counted in tokens. */
static int save_energy(struct work *w, const struct store_job *j,
                       const struct energy_total total[ENERGY_SOURCES], int64_t n_tokens,
                       struct assay_err *e)
{
    for (int s = 0; s < ENERGY_SOURCES; s++) {
        struct energy_total t = energy_result(&total[s]);
        struct store_energy row = {.job_id = j->id,
                                   .round = w->child->round,
                                   .source = energy_source_name((enum energy_source)s),
                                   .uj = t.uj >= 0 ? t.uj : STORE_NULL,
                                   .ns = t.ns,
                                   .n_blocks = t.n_blocks,
                                   .n_reads = t.n_reads,
                                   .n_tokens = n_tokens,
                                   .reason = t.uj >= 0 ? NULL : t.reason};
        if (!w->meter.has[s])
            continue;
        /* What this run did not ask it did not pay for, and the sum would look cheap. */
        if (w->had_answers && j->n_reused > 0) {
            row.uj = STORE_NULL;
            row.reason = "answers came from the store";
        }
        TRY(store_put_energy(w->store, &row, e));
    }
    return 0;
}

/* -- jobs -------------------------------------------------------------------------------------- */

static void begin_job(struct work *w, const struct store_job *j, uint64_t n)
{
    struct child_msg m = {.kind = CHILD_JOB, .n_total = n};
    set_text(m.job_kind, sizeof m.job_kind, j->kind);
    set_text(m.text, sizeof m.text, j->name);
    send_msg(w->child->to_parent, &m);
    w->said_ns = 0;
}

static int mark_running(struct work *w, struct store_job *j, struct assay_err *e)
{
    j->status = "running";
    j->reason = j->warning = NULL;
    TRY(store_begin(w->store, e));
    TRY(store_clear_job(w->store, j->id, e));
    TRY(store_set_job(w->store, j, e));
    return 0;
}

/* Settles a job's row and the transaction it ran in; rc > 0: rounds of it are to come.
 * ASSAY_ECANCELED passes through, and so does what broke the store. */
static int end_job(struct work *w, struct store_job *j, int rc, const struct assay_err *said,
                   struct assay_err *e)
{
    const struct suite *suite = w->plan->suite;
    bool is_default =
        strcmp(j->kind, "scenario") == 0 && suite->n_scenarios && suite->scenarios[0].is_default;
    if (rc == ASSAY_ECANCELED) {
        TRY(save_facts(w, e));
        TRY(store_commit(w->store, e));
        return err_set(e, rc, "interrupted");
    }
    if (!store_is_open(w->store))
        return err_set(e, rc < 0 ? rc : ASSAY_EIO, "%s", said->msg);
    bool is_skipped = rc == ASSAY_EUNSUPPORTED;
    j->status = rc > 0 ? "running" : rc == 0 ? "done" : is_skipped ? "skipped" : "failed";
    j->reason = rc < 0 ? said->msg : NULL;
    if (rc < 0 && !is_skipped && !w->has_failed) {
        w->has_failed = true;
        snprintf(w->reason, sizeof w->reason, "%s '%.100s': %.340s", j->kind, j->name, said->msg);
    }
    TRY(store_set_job(w->store, j, e));
    TRY(save_facts(w, e));
    TRY(store_commit(w->store, e));
    /* A default length that this model cannot have is nobody's concern. */
    const char *text = is_skipped && is_default ? NULL : j->reason ? j->reason : j->warning;
    say(w, CHILD_JOB_END, j->status, text);
    return 0;
}

static const char *warning_of(struct work *w, const struct ask_stats *s, const struct task *t)
{
    struct arena *a = &w->arena;
    const char *empty = NULL, *bare = NULL;
    if (s->n_empty)
        empty = arena_printf(a, "%llu continuations have no tokens of their own",
                             (unsigned long long)s->n_empty);
    if (t->n_without_system)
        bare = arena_printf(a, "%zu prompts are without the system message: the chat template refuses it",
                            t->n_without_system);
    return empty && bare ? arena_printf(a, "%s; %s", empty, bare) : empty ? empty : bare;
}

static void note_stats(struct work *w, struct store_job *j, uint64_t n_done,
                       const struct ask_stats *s)
{
    j->n_done = (int64_t)n_done;
    j->n_asked = (int64_t)s->n_asked;
    j->n_reused = (int64_t)s->n_reused;
    j->n_tokens = (int64_t)s->n_tokens;
    j->n_cut = (int64_t)s->n_cut;
    j->wall_ns = s->wall_ns;
    j->cpu_ns = s->cpu_ns;
    j->warning = warning_of(w, s, w->plan->tasks[j - w->jobs.tasks].task);
    w->n_asked += s->n_asked;
    w->n_reused += s->n_reused;
}

static bool is_job_done(const struct work *w, size_t i)
{
    const struct store_job *j = &w->jobs.tasks[i];
    return strcmp(j->status, "done") == 0 && j->task_id == w->plan->tasks[i].id;
}

static int run_task(struct work *w, size_t i, struct assay_err *e)
{
    struct store_job *j = &w->jobs.tasks[i];
    struct plan_task *t = &w->plan->tasks[i];
    struct assay_err said = {0};
    if (is_job_done(w, i))
        return 0;
    j->task_id = t->id;
    j->n_items = (int64_t)t->n_docs;
    TRY(mark_running(w, j, e));
    begin_job(w, j, t->n_docs);
    struct job job = {
        .plan = w->plan,
        .task = t,
        .store = w->store,
        .engine = &w->engine,
        .known = &w->known,
        .variant_id = w->variant_id,
        .run_variant_id = w->go.run_variant_id,
        .job_id = j->id,
        .stop = &stop,
        .tick = on_tick,
        .user = w,
    };
    energy_reset(&w->meter);
    energy_begin(&w->meter);
    int rc = job_run(&job, &said);
    energy_end(&w->meter);
    note_stats(w, j, job.n_done, &job.stats);
    if (rc >= 0)
        rc = save_energy(w, j, w->meter.total, STORE_NULL, &said);
    return end_job(w, j, rc, &said, e);
}

/* -- jobs that stop early ---------------------------------------------------------------------- */

/* Opens the transaction that decide_run works in; for the parent all of them are one job. */
static int begin_deciding(struct work *w, const struct decide *d, struct assay_err *e)
{
    char name[160];
    struct child_msg m = {.kind = CHILD_JOB, .n_total = d->n_items};
    TRY(store_begin(w->store, e));
    TRY(store_forget_decision(w->store, w->go.run_variant_id, e));
    for (size_t i = 0; i < d->n_tasks; i++) {
        struct store_job *j = &w->jobs.tasks[d->tasks[i].at];
        j->task_id = w->plan->tasks[d->tasks[i].at].id;
        j->n_items = (int64_t)w->plan->tasks[d->tasks[i].at].n_docs;
        j->status = "running";
        j->reason = j->warning = NULL;
        TRY(store_set_job(w->store, j, e));
    }
    const char *first = w->plan->tasks[d->tasks[0].at].task->name;
    if (d->n_tasks > 1)
        snprintf(name, sizeof name, "%.120s and %zu more", first, d->n_tasks - 1);
    set_text(m.job_kind, sizeof m.job_kind, "task");
    set_text(m.text, sizeof m.text, d->n_tasks > 1 ? name : first);
    send_msg(w->child->to_parent, &m);
    w->said_ns = 0;
    return 0;
}

static int save_decided(struct work *w, const struct decide *d, struct assay_err *e)
{
    struct store_decision x;
    bool is_early = d->n_seen < d->n_items;
    decide_result(d, &x);
    TRY(store_put_decision(w->store, &x, e));
    for (size_t i = 0; i < d->n_tasks; i++) {
        struct store_job *j = &w->jobs.tasks[d->tasks[i].at];
        j->status = "done";
        j->reason = is_early && j->n_done < j->n_items ? "decided" : NULL;
        TRY(store_set_job(w->store, j, e));
        TRY(save_energy(w, j, d->tasks[i].energy, STORE_NULL, e));
    }
    TRY(save_facts(w, e));
    TRY(store_commit(w->store, e));
    struct child_msg m = {.kind = CHILD_JOB_END, .n_done = d->n_seen, .n_total = d->n_items};
    set_text(m.status, sizeof m.status, "done");
    snprintf(m.text, sizeof m.text, "%s after %zu of %zu items",
             d->verdict == BETTING_OPEN   ? "not decided"
             : d->verdict == BETTING_PASS ? "decided, pass,"
                                          : "decided, fail,",
             d->n_seen, d->n_items);
    send_msg(w->child->to_parent, &m);
    return 0;
}

/* A task that fails takes the decision with it: the others are asked wholly, which costs only what
 * was not asked yet. */
static int run_deciding(struct work *w, struct decide *d, struct assay_err *e)
{
    struct assay_err said = {0};
    bool is_done = true;
    for (size_t i = 0; i < d->n_tasks; i++)
        is_done = is_done && is_job_done(w, d->tasks[i].at);
    if (is_done)
        return 0;
    TRY(begin_deciding(w, d, e));
    int rc = decide_run(d, &said);
    for (size_t i = 0; i < d->n_tasks; i++)
        note_stats(w, &w->jobs.tasks[d->tasks[i].at], d->tasks[i].n_done, &d->tasks[i].stats);
    if (rc >= 0)
        return save_decided(w, d, e);
    TRY(end_job(w, &w->jobs.tasks[d->tasks[d->failed].at], rc, &said, e));
    for (size_t i = 0; i < d->n_tasks; i++)
        if (i != d->failed)
            TRY(run_task(w, d->tasks[i].at, e));
    return 0;
}

static int run_tasks(struct work *w, struct assay_err *e)
{
    struct plan *p = w->plan;
    struct decide d = {
        .plan = p,
        .store = w->store,
        .engine = &w->engine,
        .meter = &w->meter,
        .known = &w->known,
        .variant_id = w->variant_id,
        .run_variant_id = w->go.run_variant_id,
        .reference_id = w->go.reference_id,
        .stop = &stop,
        .tick = on_tick,
        .user = w,
    };
    bool is_stopping = p->suite->margin > 0 && !w->child->variant->suite->is_reference;
    int rc = is_stopping ? decide_open(&d, w->jobs.tasks, e) : 0;
    if (rc >= 0 && is_stopping && !d.n_tasks)
        log_warn("nothing to decide by: no task has a right or wrong answer of the reference for "
                 "every item; all items are asked");
    for (size_t i = 0; i < p->n_tasks && rc >= 0; i++)
        if (!decide_has(&d, i))
            rc = run_task(w, i, e);
    if (rc >= 0 && d.n_tasks)
        rc = run_deciding(w, &d, e);
    decide_release(&d);
    return rc;
}

static struct divergence divergence_of(struct work *w, size_t i)
{
    return (struct divergence){
        .plan = w->plan,
        .task = &w->plan->tasks[i],
        .engine = &w->engine,
        .store = w->store,
        .db = w->child->db,
        .reference_uid = w->reference_uid,
        .budget = record_logits_share(w->plan),
        .stop = &stop,
        .tick = on_tick,
        .user = w,
    };
}

/* What only helps the others is no failure of this variant: they report what they miss. */
static int keep_logits(struct work *w, struct assay_err *e)
{
    for (size_t i = 0; i < w->plan->n_tasks; i++) {
        struct divergence d = divergence_of(w, i);
        struct assay_err said = {0};
        if (!divergence_fits(w->plan->tasks[i].task) || fs_exists(divergence_path(&d, &w->arena)))
            continue;
        int rc = divergence_keep(&d, &said);
        if (rc == ASSAY_ECANCELED)
            return err_set(e, rc, "interrupted");
        if (rc < 0)
            log_warn("no logits of '%s' are kept for comparison: %s", w->plan->tasks[i].task->name,
                     said.msg);
    }
    return 0;
}

static int run_divergence(struct work *w, size_t i, struct assay_err *e)
{
    struct store_job *j = &w->jobs.divergences[i];
    struct assay_err said = {0};
    if (!j->id || (strcmp(j->status, "done") == 0 && j->task_id == w->plan->tasks[i].id))
        return 0;
    struct divergence d = divergence_of(w, i);
    d.job_id = j->id;
    j->task_id = w->plan->tasks[i].id;
    TRY(mark_running(w, j, e));
    begin_job(w, j, 0);
    energy_reset(&w->meter);
    energy_begin(&w->meter);
    int rc = w->reference_uid[0]
                 ? divergence_compare(&d, &said)
                 : err_set(&said, ASSAY_EUNSUPPORTED, "the reference was never opened");
    energy_end(&w->meter);
    if (rc >= 0)
        rc = save_energy(w, j, w->meter.total, STORE_NULL, &said);
    j->n_items = (int64_t)d.n_items;
    j->n_done = (int64_t)d.n_done;
    if (rc >= 0 && d.n_done < d.n_items)
        j->warning =
            arena_printf(&w->arena, "%llu of %llu documents: the logits budget was used up",
                         (unsigned long long)d.n_done, (unsigned long long)d.n_items);
    return end_job(w, j, rc, &said, e);
}

static int run_scenario(struct work *w, size_t i, struct assay_err *e)
{
    struct store_job *j = &w->jobs.scenarios[i];
    const struct suite_scenario *c = &w->plan->suite->scenarios[i];
    struct assay_err said = {0};
    int64_t round = w->child->round, n_rounds = 0, n_before = 0;
    bool is_begun = strcmp(j->status, "running") == 0;
    if (strcmp(j->status, "done") == 0 || (round && !is_begun))
        return 0;
    if (is_begun)
        TRY(store_count_samples(w->store, j->id, &n_rounds, &n_before, e));
    if (n_rounds > round)          /* before an interruption */
        return 0;
    if (n_rounds)
        TRY(store_begin(w->store, e));
    else
        TRY(mark_running(w, j, e));
    begin_job(w, j, 0);
    struct scenario s = {.what = c,
                         .engine = &w->engine,
                         .meter = &w->meter,
                         .store = w->store,
                         .job_id = j->id,
                         .round = round,
                         .n_before = n_before,
                         .seed = (uint64_t)w->plan->suite->seed,
                         .stop = &stop,
                         .tick = on_tick,
                         .user = w};
    int rc = scenario_run(&s, &said);
    if (rc == ASSAY_ECANCELED) {   /* a round is whole or not there */
        store_rollback(w->store);
        return err_set(e, rc, "interrupted");
    }
    if (rc >= 0)
        rc = save_energy(w, j, w->meter.total, s.n_tokens, &said);
    j->n_done = j->n_items = n_before + (int64_t)s.n_done;
    if (rc >= 0)
        rc = round + 1 < c->rounds;
    return end_job(w, j, rc, &said, e);
}

static int run_groups(struct work *w, struct assay_err *e)
{
    struct plan *p = w->plan;
    TRY(store_begin(w->store, e));
    TRY(store_clear_groups(w->store, w->go.run_variant_id, e));
    for (size_t i = 0; i < p->n_groups; i++) {
        const struct plan_group *g = &p->groups[i];
        int64_t *jobs = ARENA_ARRAY(&w->arena, int64_t, g->n_leaves + 1);
        const struct task **tasks = ARENA_ARRAY(&w->arena, const struct task *, g->n_leaves + 1);
        for (size_t k = 0; k < g->n_leaves; k++) {
            tasks[k] = p->tasks[g->leaves[k]].task;
            const struct store_job *j = &w->jobs.tasks[g->leaves[k]];
            jobs[k] = strcmp(j->status, "done") == 0 ? j->id : 0;
        }
        struct score_group x = {.node = g->node,
                                .group_id = g->id,
                                .run_variant_id = w->go.run_variant_id,
                                .leaf_tasks = tasks,
                                .leaf_jobs = jobs,
                                .n_leaves = g->n_leaves};
        TRY(score_group(w->store, &x, e));
    }
    return store_commit(w->store, e);
}

/* -- the whole --------------------------------------------------------------------------------- */

static int open_model(struct work *w, struct assay_err *e)
{
    const struct plan_variant *v = w->child->variant;
    int64_t start = clock_ns();
    TRY(engine_open(v->plugin, v->options, &w->engine, e));
    if (w->plan->suite->applies_chat && w->plan->n_tasks && !v->chat)
        return err_set(e, ASSAY_EUNSUPPORTED, "the model did not say its chat templates when asked first");
    plan_use_chat(w->plan, v->chat, v->chat_source);
    w->row.load_ns = clock_ns() - start;
    const struct assay_info *info = &w->engine.info;
    if (info->weight_bytes)
        w->row.weight_bytes = (int64_t)info->weight_bytes;
    /* A hybrid's words can be long: the kernel path is not what gets lost. */
    enum { WORDS = 400 };
    char text[480];
    snprintf(text, sizeof text, "%.*s%s%s%.60s", WORDS, info->precision,
             strlen(info->precision) > WORDS ? "..." : "", *info->kernel ? ", " : "", info->kernel);
    struct child_msg m = {.kind = CHILD_OPENED, .was_opened = 1};
    set_text(m.text, sizeof m.text, text);
    send_msg(w->child->to_parent, &m);
    return 0;
}

static int await_go(struct work *w, struct assay_err *e)
{
    size_t n = 0;
    while (n < sizeof w->go) {
        ssize_t k = read(w->child->from_parent, (char *)&w->go + n, sizeof w->go - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return err_set(e, ASSAY_ECANCELED, "the run did not begin");
        n += (size_t)k;
    }
    return 0;
}

/* Another model or build under the same name: nothing done before counts for it. */
static int forget_other(struct work *w, struct store_job *j, size_t n, struct assay_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!j[i].id)
            continue;
        TRY(store_clear_job(w->store, j[i].id, e));
        j[i].status = "planned";
        TRY(store_set_job(w->store, &j[i], e));
    }
    return 0;
}

static int enter_store(struct work *w, struct assay_err *e)
{
    struct plan *p = w->plan;
    struct record_opened o = {.variant = w->child->variant, .engine = &w->engine};
    struct store_run_variant *all;
    size_t n;
    TRY(store_open(w->child->db, STORE_WRITE, &w->store, e));
    TRY(store_begin(w->store, e));
    TRY(record_plan(p, w->store, w->go.run_id, e));
    TRY(record_jobs(p, w->store, w->child->variant, w->go.run_variant_id, &w->arena, &w->jobs, e));
    TRY(record_variant(&o, w->store, e));
    TRY(store_get_variants(w->store, w->go.run_id, &w->arena, &all, &n, e));
    for (size_t i = 0; i < n; i++) {
        bool is_other = all[i].variant_id != STORE_NULL && all[i].variant_id != o.variant_id;
        if (all[i].id == w->go.run_variant_id && is_other && w->child->round)
            return err_set(e, ASSAY_ESTATE, "the model or its backend changed during the run");
        if (all[i].id == w->go.run_variant_id && !is_other) {
            w->tokens_before = all[i].n_evaluated > 0 ? all[i].n_evaluated : 0;
            w->reused_before = all[i].n_reused > 0 ? all[i].n_reused : 0;
        }
        if (all[i].id == w->go.run_variant_id && is_other) {
            TRY(forget_other(w, w->jobs.tasks, p->n_tasks, e));
            TRY(forget_other(w, w->jobs.divergences, p->n_tasks, e));
            TRY(forget_other(w, w->jobs.scenarios, p->suite->n_scenarios, e));
        }
        if (all[i].id == w->go.reference_id && all[i].variant_id != STORE_NULL)
            TRY(store_get_variant_uid(w->store, all[i].variant_id, w->reference_uid, e));
    }
    if (w->child->variant->suite->is_reference)
        TRY(store_get_variant_uid(w->store, o.variant_id, w->reference_uid, e));
    if (w->child->round)
        return store_commit(w->store, e);
    w->variant_id = w->row.variant_id = o.variant_id;
    w->row.file_bytes = o.file_bytes;
    w->row.id = w->go.run_variant_id;
    w->row.status = "running";
    TRY(store_set_variant(w->store, &w->row, e));
    w->row.status = NULL;
    TRY(store_has_responses(w->store, w->variant_id, &w->had_answers, e));
    TRY(ask_known_load(&w->known, w->store, w->variant_id, e));
    return store_commit(w->store, e);
}

static int do_jobs(struct work *w, struct assay_err *e)
{
    struct plan *p = w->plan;
    if (w->child->round == 0) {
        TRY(run_tasks(w, e));
        TRY(run_groups(w, e));
        if (record_compares(p) && w->child->variant->suite->is_reference)
            TRY(keep_logits(w, e));
        for (size_t i = 0; i < p->n_tasks; i++)
            TRY(run_divergence(w, i, e));
    }
    for (size_t i = 0; i < p->suite->n_scenarios; i++)
        TRY(run_scenario(w, i, e));
    return 0;
}

static uint64_t count_open(const struct work *w)
{
    uint64_t n = 0;
    for (size_t i = 0; i < w->plan->suite->n_scenarios; i++)
        n += strcmp(w->jobs.scenarios[i].status, "running") == 0;
    return n;
}

static void set_up(const struct child *c)
{
    struct sigaction on = {.sa_handler = on_signal}, off = {.sa_handler = SIG_IGN};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGINT, &off, NULL); /* the terminal tells the whole group; the parent decides */
    sigaction(SIGPIPE, &off, NULL);
    sigaction(SIGXFSZ, &off, NULL); /* a full disk is an error, not the end */
    log_fd = c->to_parent;
    log_to(log_to_parent, LOG_INFO);
    if (c->plan->suite->memory_limit > 0) {
        rlim_t n = (rlim_t)c->plan->suite->memory_limit;
        struct rlimit limit = {n, n};
        setrlimit(RLIMIT_AS, &limit);
    }
}

_Noreturn void child_main(const struct child *c)
{
    struct assay_err e = {0};
    struct work w = {.child = c, .plan = c->plan, .peak = {-1, -1, -1}, .was_waiting = true};
    store_run_variant_init(&w.row);
    energy_open(&w.meter, NULL);
    set_up(c);
    bool was_opened = false;
    int rc = open_model(&w, &e);
    if (rc >= 0) {
        was_opened = true;
        w.was_waiting = false;
        rc = await_go(&w, &e);
    }
    if (rc >= 0)
        rc = enter_store(&w, &e);
    if (rc >= 0)
        rc = do_jobs(&w, &e);
    store_close(w.store);
    ask_known_release(&w.known);
    struct child_msg m = {.kind = CHILD_END,
                          .code = rc < 0 ? rc : 0,
                          .was_opened = was_opened,
                          .n_total = rc < 0 ? 0 : count_open(&w),
                          .n_asked = w.n_asked,
                          .n_reused = w.n_reused};
    const char *status = rc == ASSAY_ECANCELED    ? "interrupted"
                         : rc < 0 || w.has_failed ? "failed"
                                                  : "done";
    set_text(m.status, sizeof m.status, status);
    set_text(m.text, sizeof m.text, rc < 0 ? e.msg : w.has_failed ? w.reason : "");
    send_msg(c->to_parent, &m);
    taskcode_stop(w.plan->code);
    engine_close(&w.engine);
    _exit(0);
}
