/* run.c - the parent: plans, forks one child per variant, watches it, and writes down how it ended.
 *
 * The run enters the store when the first model opened (or a child crashed opening one): bad input
 * leaves nothing behind.  The parent holds no store while a child lives. */
#include "harness/run/run.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/rng.h"
#include "harness/machine/machine.h"
#include "harness/run/child.h"
#include "harness/run/divergence.h"
#include "harness/run/idle.h"
#include "harness/run/record.h"
#include "harness/run/scratch.h"
#include "harness/store/store.h"

struct ending {         /* how a variant ended */
    const char *status; /* of run_variant; NULL: not run */
    char reason[512], job[128];
    int64_t signal, exit_code, peak_rss;
    int code; /* of the error, when it failed by one */
    bool was_opened;
};
struct member { /* a variant in this run */
    const struct plan_variant *variant;
    int64_t id;       /* run_variant */
    bool is_finished; /* by an earlier start of this run */
    bool is_said;     /* the listener heard how it ended */
    bool is_open;     /* rounds of its scenarios are to come */
    struct ending ending;
};
struct run {
    const struct suite *suite;
    const struct run_options *options;
    struct run_summary *summary;
    struct arena arena;
    struct plan *plan;
    struct machine machine;
    struct store_lock lock;
    bool has_begun, was_there; /* in the store; the file was there before */
    int64_t run_id, reference_id;
    struct idle idle;
    bool has_idle; /* measured now, or by an earlier start of this run */
    struct member *members;
    size_t n_members;
    struct member *latest; /* the last one that ended */
    int64_t round, n_rounds;
    uint64_t all_done, all_total, job_base;
};
struct watch { /* a living child */
    struct run *run;
    struct member *member;
    pid_t pid;
    int from_child, to_child;
    int64_t heard_ns;
    bool was_opened, is_waiting, has_ended, is_gone;
    bool timed_out, was_told, was_killed;
    char job[128], job_kind[16];
    uint64_t job_total;
    struct child_msg end;
    int wait_status;
    struct rusage usage;
};

static volatile sig_atomic_t n_signals;

static void on_signal(int signal_number)
{
    (void)signal_number;
    n_signals++;
}

/* -- events ------------------------------------------------------------------------------------ */

static void emit(const struct run *r, struct run_event x)
{
    x.all_done = r->all_done;
    x.all_total = r->all_total;
    if (r->options->on_event)
        r->options->on_event(r->options->user, &x);
}

/* -- the run in the store ---------------------------------------------------------------------- */

static int find_machine(struct run *r, struct store *s, int64_t *id, struct assay_err *e)
{
    struct buf key, env;
    buf_init(&key, 0);
    buf_init(&env, 0);
    json_write(&key, r->machine.class_key, JSON_SORTED);
    json_write(&env, r->machine.environment, JSON_SORTED);
    struct store_machine row = {
        .uid = r->machine.uid,
        .name = r->machine.name,
        .class_uid = r->machine.class_uid,
        .class_key = key.v,
        .environment = env.v,
    };
    int rc = store_put_machine(s, &row, id, e);
    buf_release(&key);
    buf_release(&env);
    return rc;
}

static int add_run(struct run *r, struct store *s, struct assay_err *e)
{
    struct store_run row = {
        .plan_uid = r->suite->uid,
        .suite = r->suite->json,
        .command = r->options->command ? r->options->command : "",
        .version = r->options->version ? r->options->version : "",
        .status = "running",
        .seed = r->suite->seed,
        .started_ns = clock_wall_ns(),
        .ended_ns = STORE_NULL,
    };
    rng_uuid7(r->summary->uid);
    row.uid = r->summary->uid;
    TRY(find_machine(r, s, &row.machine_id, e));
    TRY(store_add_run(s, &row, e));
    r->run_id = row.id;
    return 0;
}

static int plan_members(struct run *r, struct store *s, struct assay_err *e)
{
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = &r->members[i];
        struct store_run_variant row;
        struct record_jobs jobs;
        if (plan_use_chat(r->plan, m->variant->chat, m->variant->chat_source))
            TRY(record_plan(r->plan, s, r->run_id, e));
        store_run_variant_init(&row);
        row.run_id = r->run_id;
        row.position = m->variant->suite - r->suite->variants;
        row.name = m->variant->suite->name;
        row.is_reference = m->variant->suite->is_reference;
        TRY(store_plan_variant(s, &row, &r->arena, e));
        TRY(record_jobs(r->plan, s, m->variant, row.id, &r->arena, &jobs, e));
        m->id = row.id;
        if (row.is_reference)
            r->reference_id = row.id;
        m->is_finished = r->summary->is_resumed && strcmp(row.status, "planned") != 0 &&
                         strcmp(row.status, "running") != 0 &&
                         strcmp(row.status, "interrupted") != 0;
        if (m->is_finished)
            m->ending.status = arena_strdup(&r->arena, row.status);
    }
    return 0;
}

static int save_ending(struct store *s, const struct member *m, struct assay_err *e)
{
    const struct ending *x = &m->ending;
    struct store_run_variant row;
    store_run_variant_init(&row);
    row.id = m->id;
    row.status = m->is_open ? "running" : x->status;
    row.reason = x->reason[0] ? x->reason : NULL;
    row.signal = x->signal;
    row.exit_code = x->exit_code;
    row.peak_rss_bytes = x->peak_rss;
    TRY(store_set_variant(s, &row, e));
    if (m->is_open || strcmp(x->status, "interrupted") == 0 || strcmp(x->status, "done") == 0)
        return 0;
    return store_end_jobs(s, m->id, "skipped", x->reason, e);
}

static int save_idle(struct run *r, struct store *s, struct assay_err *e)
{
    return idle_save(&r->idle, s, r->run_id, e);
}

/* Everything of the run so far, in one transaction. */
static int write_run(struct run *r, struct store *s, struct assay_err *e)
{
    if (!r->run_id)
        TRY(add_run(r, s, e));
    TRY(record_plan(r->plan, s, r->run_id, e));
    TRY(plan_members(r, s, e));
    for (size_t i = 0; i < r->n_members; i++)
        if (r->members[i].ending.status && !r->members[i].is_finished)
            TRY(save_ending(s, &r->members[i], e));
    return r->has_idle ? save_idle(r, s, e) : 0;
}

static int with_store(struct run *r, int (*fn)(struct run *, struct store *, struct assay_err *),
                      struct assay_err *e)
{
    struct store *s = NULL;
    TRY(store_open(r->options->db, STORE_CREATE, &s, e));
    int rc = store_begin(s, e);
    if (rc >= 0)
        rc = fn(r, s, e);
    if (rc >= 0)
        rc = store_commit(s, e);
    store_close(s);
    return rc;
}

static void say_ending(struct run *r, struct member *m)
{
    const struct ending *x = &m->ending;
    if (m->is_said || m->is_finished || !x->status)
        return;
    m->is_said = true;
    emit(r, (struct run_event){.kind = RUN_VARIANT_END,
                               .variant = m->variant->suite->name,
                               .status = x->status,
                               .text = x->reason[0] ? x->reason : NULL});
}

/* Once per run, before its first child works: what energy is net of. */
static int measure_idle(struct run *r, struct assay_err *e)
{
    char text[IDLE_TEXT];
    if (r->has_idle)
        return 0;
    r->has_idle = true;
    idle_open(&r->idle);
    if (idle_takes_time(&r->idle, r->suite->idle_s)) {
        snprintf(text, sizeof text, "measuring idle power for %.3g s (--idle)", r->suite->idle_s);
        emit(r, (struct run_event){.kind = RUN_IDLE, .text = text});
    }
    idle_measure(&r->idle, r->suite->idle_s, &n_signals);
    idle_say(&r->idle, text);
    if (text[0])
        emit(r, (struct run_event){.kind = RUN_IDLE, .text = text});
    return r->has_begun ? with_store(r, save_idle, e) : 0;
}

static int begin_run(struct run *r, struct assay_err *e)
{
    if (r->has_begun)
        return 0;
    TRY(with_store(r, write_run, e));
    r->has_begun = true;
    emit(r, (struct run_event){.kind = RUN_BEGIN,
                               .n_total = r->n_members,
                               .text = r->summary->uid,
                               .is_resumed = r->summary->is_resumed});
    for (size_t i = 0; i < r->n_members; i++)
        say_ending(r, &r->members[i]);
    return 0;
}

static int find_unfinished(struct run *r, struct store *s, struct assay_err *e)
{
    struct store_run row;
    TRY(store_find_unfinished(s, r->suite->uid, r->machine.class_uid, &r->arena, &row, e));
    if (!row.id)
        return 0;
    r->run_id = row.id;
    r->summary->is_resumed = true;
    snprintf(r->summary->uid, sizeof r->summary->uid, "%s", row.uid);
    TRY(store_set_run_status(s, row.id, "running", STORE_NULL, e));
    TRY(write_run(r, s, e));
    return store_has_idle(s, r->run_id, &r->has_idle, e);
}

/* An unfinished run of the same plan is gone on with; otherwise nothing is written yet. */
static int look_for_unfinished(struct run *r, struct assay_err *e)
{
    if (!r->was_there)
        return 0;
    TRY(with_store(r, find_unfinished, e));
    if (r->run_id) {
        r->has_begun = true;
        emit(r, (struct run_event){.kind = RUN_BEGIN,
                                   .n_total = r->n_members,
                                   .text = r->summary->uid,
                                   .is_resumed = true});
    }
    return 0;
}

/* -- a living child ---------------------------------------------------------------------------- */

static void hear_job(struct watch *w, const struct child_msg *m)
{
    struct run *r = w->run;
    snprintf(w->job, sizeof w->job, "%.127s", m->text);
    snprintf(w->job_kind, sizeof w->job_kind, "%.15s", m->job_kind);
    r->job_base = r->all_done;
    w->job_total = m->n_total;
    emit(r, (struct run_event){.kind = RUN_JOB,
                               .variant = w->member->variant->suite->name,
                               .job = w->job,
                               .job_kind = w->job_kind,
                               .n_total = m->n_total});
}

static void hear_life(struct watch *w, const struct child_msg *m)
{
    struct run *r = w->run;
    if (!w->job[0])            /* work between jobs: a sign of life, nothing to count */
        return;
    if (strcmp(w->job_kind, "task") == 0)
        r->all_done = r->job_base + m->n_done;
    emit(r, (struct run_event){.kind = RUN_PROGRESS,
                               .variant = w->member->variant->suite->name,
                               .job = w->job,
                               .job_kind = w->job_kind,
                               .n_done = m->n_done,
                               .n_total = m->n_total});
}

static void hear_job_end(struct watch *w, const struct child_msg *m)
{
    struct run *r = w->run;
    bool is_task = strcmp(w->job_kind, "task") == 0;
    if (is_task)
        r->all_done = r->job_base + w->job_total;
    if (m->n_total > m->n_done) /* of what was decided early */
        r->summary->n_saved += m->n_total - m->n_done;
    if (strcmp(m->status, "failed") == 0 || (is_task && strcmp(m->status, "skipped") == 0))
        r->summary->n_jobs_failed++;
    emit(r, (struct run_event){.kind = RUN_JOB_END,
                               .variant = w->member->variant->suite->name,
                               .job = w->job,
                               .job_kind = w->job_kind,
                               .status = m->status,
                               .text = m->text[0] ? m->text : NULL});
    w->job[0] = w->job_kind[0] = 0;
}

static int let_go(struct watch *w, struct assay_err *e)
{
    struct run *r = w->run;
    TRY(begin_run(r, e));
    struct child_go go = {r->run_id, w->member->id, r->reference_id};
    if (write(w->to_child, &go, sizeof go) != (ssize_t)sizeof go)
        return err_errno(e, ASSAY_EIO, "cannot speak to the child process");
    return 0;
}

static int hear(struct watch *w, struct child_msg *m, struct assay_err *e)
{
    m->text[sizeof m->text - 1] = m->status[sizeof m->status - 1] =
        m->job_kind[sizeof m->job_kind - 1] = 0;
    w->heard_ns = clock_ns();
    if (m->kind == CHILD_LOG) {
        log_msg((int)m->n_done, "%s: %s", w->member->variant->suite->name, m->text);
        return 0;
    }
    w->is_waiting = m->is_waiting;
    switch (m->kind) {
    case CHILD_OPENED:
        w->was_opened = w->member->ending.was_opened = true;
        TRY(let_go(w, e));
        if (w->run->round)
            break;
        emit(w->run, (struct run_event){.kind = RUN_OPEN,
                                        .variant = w->member->variant->suite->name,
                                        .text = m->text});
        break;
    case CHILD_JOB:
        hear_job(w, m);
        break;
    case CHILD_LIFE:
        hear_life(w, m);
        break;
    case CHILD_JOB_END:
        hear_job_end(w, m);
        break;
    case CHILD_END:
        w->end = *m;
        w->has_ended = true;
        break;
    default:
        break;
    }
    return 0;
}

/* Messages are written whole, so they are read whole; end of file: the child is gone. */
static int listen_once(struct watch *w, struct assay_err *e)
{
    struct child_msg m;
    struct pollfd p = {.fd = w->from_child, .events = POLLIN};
    int n = poll(&p, 1, 100);
    if (n <= 0)
        return 0;
    ssize_t k = read(w->from_child, &m, sizeof m);
    if (k == (ssize_t)sizeof m)
        return hear(w, &m, e);
    if (k == 0 || (k < 0 && errno != EINTR && errno != EAGAIN))
        w->is_gone = true;
    return 0;
}

static void obey_signals(struct watch *w)
{
    if (n_signals && !w->was_told) {
        w->was_told = true;
        kill(w->pid, SIGTERM);
        log_info("interrupted: finishing the item in hand; once more ends at once");
    }
    if (n_signals > 1 && !w->was_killed) {
        w->was_killed = true;
        kill(w->pid, SIGKILL);
    }
    int64_t timeout = w->run->suite->timeout_s * 1000000000;
    if (timeout && w->is_waiting && !w->timed_out && clock_ns() - w->heard_ns > timeout) {
        w->timed_out = true;
        kill(w->pid, SIGKILL);
    }
    /* A child that does not get away while closing its model is helped. */
    if (w->has_ended && timeout && clock_ns() - w->heard_ns > timeout)
        kill(w->pid, SIGKILL);
}

static int watch_child(struct watch *w, struct assay_err *e)
{
    int rc = 0;
    bool is_reaped = false;
    while (!w->is_gone && rc >= 0) {
        rc = listen_once(w, e);
        obey_signals(w);
        /* A grandchild may hold the pipe open: the process itself decides. */
        if (!w->is_gone && !is_reaped &&
            wait4(w->pid, &w->wait_status, WNOHANG, &w->usage) == w->pid)
            is_reaped = true;
        struct pollfd p = {.fd = w->from_child, .events = POLLIN};
        if (is_reaped && poll(&p, 1, 0) <= 0)
            break;
    }
    if (rc < 0 && !is_reaped)
        kill(w->pid, SIGKILL);
    while (!is_reaped && wait4(w->pid, &w->wait_status, 0, &w->usage) < 0 && errno == EINTR)
        obey_signals(w);
    scratch_remove_of(w->pid); /* it may have been killed with task code at work */
    return rc;
}

/* -- how it ended ------------------------------------------------------------------------------ */

static const char *where(const struct watch *w, char text[256])
{
    int n = w->job[0] ? snprintf(text, 256, "in %.15s '%.120s'", w->job_kind, w->job)
                      : snprintf(text, 256, "%s", w->was_opened ? "between jobs"
                                                                : "while opening the model");
    if (w->run->round)
        snprintf(text + n, 256 - (size_t)n, ", round %lld", (long long)w->run->round + 1);
    return text;
}

static void judge_signal(const struct watch *w, struct ending *x)
{
    char place[256];
    int number = WTERMSIG(w->wait_status);
    const char *abbrev = sigabbrev_np(number);
    x->status = "crashed";
    x->signal = number;
    snprintf(x->reason, sizeof x->reason, "killed by signal %d (SIG%s) %s%s", number,
             abbrev ? abbrev : "?", where(w, place),
             number == SIGKILL ? "; the kernel does this when memory runs out" : "");
}

static void judge(const struct watch *w, struct ending *x)
{
    char place[256];
    x->signal = x->exit_code = STORE_NULL;
    x->peak_rss = w->usage.ru_maxrss > 0 ? (int64_t)w->usage.ru_maxrss * 1024 : STORE_NULL;
    if (w->timed_out) {
        x->status = "timeout";
        x->signal = SIGKILL;
        snprintf(x->reason, sizeof x->reason, "no progress for %lld seconds %s",
                 (long long)w->run->suite->timeout_s, where(w, place));
    } else if (w->was_killed || (w->was_told && WIFSIGNALED(w->wait_status) &&
                                 WTERMSIG(w->wait_status) == SIGTERM)) { /* told before it could listen */
        x->status = "interrupted";
        snprintf(x->reason, sizeof x->reason, "interrupted");
    } else if (w->has_ended) {
        x->status = strcmp(w->end.status, "done") == 0     ? "done"
                    : strcmp(w->end.status, "failed") == 0 ? "failed"
                                                           : "interrupted";
        x->code = w->end.code;
        x->exit_code = WIFEXITED(w->wait_status) ? WEXITSTATUS(w->wait_status) : STORE_NULL;
        snprintf(x->reason, sizeof x->reason, "%s", w->end.text);
        w->run->summary->n_asked += w->end.n_asked;
        w->run->summary->n_reused += w->end.n_reused;
    } else if (WIFSIGNALED(w->wait_status)) {
        judge_signal(w, x);
    } else {
        x->status = "failed";
        x->exit_code = WIFEXITED(w->wait_status) ? WEXITSTATUS(w->wait_status) : STORE_NULL;
        snprintf(x->reason, sizeof x->reason, "its process ended with exit code %lld %s",
                 (long long)x->exit_code, where(w, place));
    }
}

static int start_child(struct run *r, struct member *m, struct watch *w, struct assay_err *e)
{
    int up[2], down[2];
    if (pipe2(up, O_CLOEXEC) < 0)
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    if (pipe2(down, O_CLOEXEC) < 0) {
        close(up[0]);
        close(up[1]);
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    }
    fflush(NULL);
    *w = (struct watch){.run = r, .member = m, .heard_ns = clock_ns(), .is_waiting = true};
    w->pid = fork();
    if (w->pid == 0) {
        close(up[0]);
        close(down[1]);
        child_main(&(struct child){.plan = r->plan,
                                   .variant = m->variant,
                                   .db = r->options->db,
                                   .round = r->round,
                                   .to_parent = up[1],
                                   .from_parent = down[0]});
    }
    close(up[1]);
    close(down[0]);
    w->from_child = up[0];
    w->to_child = down[1];
    if (w->pid < 0) {
        int rc = err_errno(e, ASSAY_EIO, "cannot start a process");
        close(up[0]);
        close(down[1]);
        return rc;
    }
    return 0;
}

static int save_latest(struct run *r, struct store *s, struct assay_err *e)
{
    return save_ending(s, r->latest, e);
}

/* Not opening is remembered but neither written nor said yet: perhaps nothing opens, and then the
 * reason is the command's one error.  A crash is a result. */
static int end_variant(struct run *r, struct member *m, struct assay_err *e)
{
    const struct ending *x = &m->ending;
    r->latest = m;
    bool is_result = x->was_opened || x->code == ASSAY_ENOMEM ||
                     strcmp(x->status, "crashed") == 0 || strcmp(x->status, "timeout") == 0;
    if (!r->has_begun && is_result)
        TRY(begin_run(r, e));
    else if (r->has_begun)
        TRY(with_store(r, save_latest, e));
    if (r->has_begun)
        say_ending(r, m);
    return 0;
}

/* Of a later round only what the first did not say counts. */
static bool is_worse(const struct ending *x, const struct ending *before)
{
    return strcmp(x->status, "done") != 0 && strcmp(x->status, before->status) != 0;
}

static int run_variant(struct run *r, struct member *m, struct assay_err *e)
{
    struct watch w;
    TRY(measure_idle(r, e));
    if (n_signals)
        return 0;
    if (r->round == 0)
        emit(r, (struct run_event){.kind = RUN_VARIANT, .variant = m->variant->suite->name});
    TRY(start_child(r, m, &w, e));
    int rc = watch_child(&w, e);
    close(w.from_child);
    close(w.to_child);
    if (rc < 0)
        return rc;
    struct ending x = m->ending;
    judge(&w, &x);
    if (r->round == 0 || is_worse(&x, &m->ending)) {
        x.peak_rss = r->round ? m->ending.peak_rss : x.peak_rss;
        m->ending = x;
        m->is_said = false;
    }
    m->is_open = w.has_ended && w.end.n_total > 0 && strcmp(x.status, "interrupted") != 0;
    return end_variant(r, m, e);
}

/* -- the whole --------------------------------------------------------------------------------- */

static void make_members(struct run *r)
{
    const struct plan *p = r->plan;
    uint64_t n_docs = 0;
    r->n_members = p->n_variants;
    r->members = ARENA_ARRAY(&r->arena, struct member, p->n_variants);
    for (size_t i = 0; i < p->n_tasks; i++)
        n_docs += p->tasks[i].n_docs;
    for (size_t i = 0; i < p->n_variants; i++)
        r->members[i].variant = &p->variants[i];
    for (size_t i = 0; i < r->suite->n_scenarios; i++)
        if (r->suite->scenarios[i].rounds > r->n_rounds)
            r->n_rounds = r->suite->scenarios[i].rounds;
    r->all_total = n_docs * p->n_variants;
    r->summary->n_variants = p->n_variants;
}

/* On resumption: a reference that is done, whose logits others still need and that are gone. */
static bool wants_logits(struct run *r, const struct member *m)
{
    bool others = false;
    for (size_t i = 0; i < r->n_members; i++)
        others |= !r->members[i].is_finished && !r->members[i].variant->suite->is_reference;
    if (!m->is_finished || !m->variant->suite->is_reference || !others ||
        !record_compares(r->plan) || strcmp(m->ending.status, "done") != 0)
        return false;
    return !fs_is_dir(arena_printf(&r->arena, "%s-logits", r->options->db));
}

static int run_members(struct run *r, struct assay_err *e)
{
    for (size_t i = 0; i < r->n_members && !n_signals; i++) {
        struct member *m = &r->members[i];
        if (m->is_finished && !wants_logits(r, m)) {
            for (size_t k = 0; k < r->plan->n_tasks; k++)
                r->all_done += r->plan->tasks[k].n_docs;
            continue;
        }
        TRY(run_variant(r, m, e));
    }
    return 0;
}

/* There and back again: what drifts meanwhile falls on all variants alike. */
static int run_rounds(struct run *r, struct assay_err *e)
{
    for (r->round = 1; r->round < r->n_rounds && !n_signals; r->round++) {
        bool is_any = false;
        for (size_t i = 0; i < r->n_members && !n_signals; i++) {
            struct member *m = &r->members[r->round % 2 ? r->n_members - 1 - i : i];
            if (!m->is_open)
                continue;
            if (!is_any)
                emit(r, (struct run_event){.kind = RUN_ROUND,
                                           .n_done = (uint64_t)r->round + 1,
                                           .n_total = (uint64_t)r->n_rounds});
            is_any = true;
            TRY(run_variant(r, m, e));
        }
    }
    return 0;
}

static const char *sum_up(struct run *r)
{
    struct run_summary *s = r->summary;
    size_t n_open = 0;
    for (size_t i = 0; i < r->n_members; i++) {
        const char *status = r->members[i].ending.status;
        s->n_variants_done += status && strcmp(status, "done") == 0;
        n_open += !status || r->members[i].is_open || strcmp(status, "interrupted") == 0;
    }
    s->n_items = r->all_done - s->n_saved;
    s->n_tasks_missing = r->plan->n_missing;
    /* Tasks without data were never begun: said, recorded, shown, but nothing failed. */
    bool is_whole = s->n_variants_done == r->n_members && !s->n_jobs_failed;
    s->status = n_open ? RUN_INTERRUPTED : is_whole ? RUN_DONE : RUN_PARTIAL;
    if (s->status == RUN_INTERRUPTED)
        return "interrupted";
    return is_whole ? "done" : s->n_variants_done ? "partial" : "failed";
}

static int write_end(struct run *r, struct store *s, struct assay_err *e)
{
    const char *status = sum_up(r);
    return store_set_run_status(s, r->run_id, status, clock_wall_ns(), e);
}

/* Nothing opened: the first reason is the error, and other reasons are said before it. */
static int end_unbegun(struct run *r, struct assay_err *e)
{
    const struct member *first = NULL;
    bool is_alone = true;
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = &r->members[i];
        if (!m->ending.status || strcmp(m->ending.status, "interrupted") == 0)
            continue;
        if (!first) {
            first = m;
        } else if (strcmp(m->ending.reason, first->ending.reason) != 0) {
            is_alone = false;
            say_ending(r, m);
        }
    }
    if (!first)
        return err_set(e, ASSAY_ECANCELED, "interrupted before the first model was open");
    const struct suite_variant *v = first->variant->suite;
    int code = first->ending.code ? first->ending.code : ASSAY_EIO;
    if (code == ASSAY_EUSAGE && r->suite->path) /* it stands in the suite's file */
        return err_set(e, code, "%s: %s", v->where, first->ending.reason);
    if (!is_alone)
        return err_set(e, code, "variant '%s': %s", v->name, first->ending.reason);
    return err_set(e, code, "%s", first->ending.reason);
}

static int end_run(struct run *r, struct assay_err *e)
{
    if (!r->has_begun)
        return end_unbegun(r, e);
    TRY(with_store(r, write_end, e));
    if (r->summary->status != RUN_INTERRUPTED && !r->suite->keep_logits)
        divergence_remove(r->options->db);
    static const char *const names[] = {"done", "partial", "interrupted"};
    emit(r, (struct run_event){.kind = RUN_END, .status = names[r->summary->status]});
    return 0;
}

static int run_locked(struct run *r, struct assay_err *e)
{
    struct sigaction on = {.sa_handler = on_signal}, off = {.sa_handler = SIG_IGN};
    struct sigaction old_int, old_term, old_size, old_pipe;
    n_signals = 0;
    sigaction(SIGINT, &on, &old_int);
    sigaction(SIGTERM, &on, &old_term);
    sigaction(SIGXFSZ, &off, &old_size);
    sigaction(SIGPIPE, &off, &old_pipe);
    int rc = look_for_unfinished(r, e);
    if (rc >= 0)
        rc = run_members(r, e);
    if (rc >= 0)
        rc = run_rounds(r, e);
    if (rc >= 0)
        rc = end_run(r, e);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    sigaction(SIGXFSZ, &old_size, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    return rc;
}

int run_suite(const struct suite *suite, const struct run_options *options,
              struct run_summary *summary, struct assay_err *e)
{
    struct run r = {.suite = suite, .options = options, .summary = summary, .lock = {.fd = -1}};
    *summary = (struct run_summary){.status = RUN_DONE};
    int rc = plan_make(suite, true, &r.plan, e);
    if (rc >= 0)
        rc = machine_describe(&r.arena, &r.machine, e);
    if (rc >= 0) {
        make_members(&r);
        rc = store_lock(options->db, true, &r.lock, e);
    }
    if (rc >= 0) {
        r.was_there = !r.lock.made;
        rc = run_locked(&r, e);
    }
    if (r.lock.made && !r.has_begun) /* an empty file that only the lock needed */
        unlink(options->db);
    store_unlock(&r.lock);
    plan_free(r.plan);
    arena_release(&r.arena);
    return rc;
}
