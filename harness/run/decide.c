/* decide.c - early stopping of a variant's accuracy; see the header. */
#include "harness/run/decide.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/rng.h"
#include "harness/base/value.h"
#include "harness/run/job.h"
#include "harness/store/store.h"

uint64_t decide_key(uint64_t seed, const char *task, size_t place)
{
    uint8_t digest[HASH_BYTES];
    struct rng r;
    hash_bytes(task, strlen(task), digest);
    memcpy(&r.s, digest, sizeof r.s);
    r.s ^= seed;
    r.s = rng_next(&r) ^ (uint64_t)place;
    return rng_next(&r);
}

/* -- who takes part ---------------------------------------------------------------------------- */

static bool is_right_or_wrong(const struct task *t)
{
    size_t n;
    const struct task_measure *m = task_measures(t, &n);
    return n > 0 && m[0].higher_is_better != 0 &&
           (!m[0].aggregation || strcmp(m[0].aggregation, "mean") == 0);
}

/* The places a task is asked at. */
static size_t places_of(const struct plan *p, const struct plan_task *t, struct arena *a,
                        size_t **out)
{
    const struct value *samples =
        p->suite->samples ? value_get(p->suite->samples, t->task->name) : NULL;
    size_t n = samples ? samples->n : t->n_docs;
    *out = ARENA_ARRAY(a, size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = samples ? (size_t)samples->items[i]->i : i;
    return n;
}

struct taking { /* scores of the reference */
    struct decide_task *task;
    size_t n;
    bool is_binary;
};

static int take_reference(void *user, const struct store_score *x)
{
    struct taking *t = user;
    if (x->idx < 0 || (uint64_t)x->idx >= t->task->n_places || (x->value != 0 && x->value != 1)) {
        t->is_binary = false;
        return 0;
    }
    t->task->reference[x->idx] = (int8_t)x->value;
    t->n++;
    return 0;
}

static const struct store_job *reference_job(const struct store_job *jobs, size_t n,
                                             const struct plan_task *t)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(jobs[i].kind, "task") == 0 && strcmp(jobs[i].name, t->task->name) == 0 &&
            strcmp(jobs[i].status, "done") == 0 && jobs[i].task_id == t->id)
            return &jobs[i];
    return NULL;
}

/* Adds the task when the reference has a right or wrong for all of its places. */
static int try_task(struct decide *d, size_t at, const struct store_job *reference, int64_t job_id,
                    struct assay_err *e)
{
    const struct plan_task *t = &d->plan->tasks[at];
    struct arena *a = &d->arena;
    size_t *places, n = places_of(d->plan, t, a, &places), n_measures;
    if (!reference || !is_right_or_wrong(t->task) || !n || t->n_rows > UINT32_MAX)
        return 0;
    struct decide_task *x = &d->tasks[d->n_tasks];
    *x = (struct decide_task){.at = at, .job_id = job_id, .n_places = places[n - 1] + 1};
    x->reference = arena_calloc(a, x->n_places, sizeof *x->reference);
    memset(x->reference, -1, x->n_places * sizeof *x->reference);
    const struct task_measure *m = task_measures(t->task, &n_measures);
    TRY(store_measure(d->store, m[0].metric, m[0].filter, &x->measure_id, e));
    struct taking taking = {.task = x, .is_binary = true};
    TRY(store_each_score(d->store, reference->id, x->measure_id, take_reference, &taking, e));
    if (!taking.is_binary || taking.n != n)
        return 0;
    x->only = ARENA_ARRAY(a, size_t, n);
    for (size_t i = 0; i < n; i++)
        d->order[d->n_items++] =
            (struct decide_item){decide_key((uint64_t)d->plan->suite->seed, t->task->name, places[i]),
                                 (uint32_t)d->n_tasks, (uint32_t)places[i]};
    d->n_tasks++;
    return 0;
}

static int by_key(const void *x, const void *y)
{
    const struct decide_item *p = x, *q = y;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    if (p->task != q->task)
        return p->task < q->task ? -1 : 1;
    return (p->place > q->place) - (p->place < q->place);
}

int decide_open(struct decide *d, const struct store_job *jobs, struct assay_err *e)
{
    struct store_job *of_reference;
    size_t n, most = 0;
    for (size_t i = 0; i < d->plan->n_tasks; i++)
        most += d->plan->tasks[i].n_docs;
    d->order = ARENA_ARRAY(&d->arena, struct decide_item, most + 1);
    d->tasks = ARENA_ARRAY(&d->arena, struct decide_task, d->plan->n_tasks + 1);
    d->n_subjects = d->plan->n_variants - 1;
    TRY(store_get_jobs(d->store, d->reference_id, &d->arena, &of_reference, &n, e));
    for (size_t i = 0; i < d->plan->n_tasks; i++)
        TRY(try_task(d, i, reference_job(of_reference, n, &d->plan->tasks[i]), jobs[i].id, e));
    if (d->n_items)
        qsort(d->order, d->n_items, sizeof *d->order, by_key);
    return 0;
}

void decide_release(struct decide *d)
{
    arena_release(&d->arena);
}

bool decide_has(const struct decide *d, size_t plan_task)
{
    for (size_t i = 0; i < d->n_tasks; i++)
        if (d->tasks[i].at == plan_task)
            return true;
    return false;
}

/* -- asking ------------------------------------------------------------------------------------ */

static int by_place(const void *x, const void *y)
{
    size_t p = *(const size_t *)x, q = *(const size_t *)y;
    return (p > q) - (p < q);
}

/* The items up to `end`, sorted by task and place. */
static void take_segment(struct decide *d, size_t end)
{
    for (size_t i = 0; i < d->n_tasks; i++)
        d->tasks[i].n_only = 0;
    for (; d->n_seen < end; d->n_seen++) {
        struct decide_task *t = &d->tasks[d->order[d->n_seen].task];
        t->only[t->n_only++] = d->order[d->n_seen].place;
    }
    for (size_t i = 0; i < d->n_tasks; i++)
        if (d->tasks[i].n_only)
            qsort(d->tasks[i].only, d->tasks[i].n_only, sizeof(size_t), by_place);
}

struct piece { /* of one task, in hand */
    struct decide *decide;
    uint64_t n_before; /* items of the variant done before it */
};

static void on_tick(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total)
{
    struct piece *p = user;
    (void)n_total;
    p->decide->tick(p->decide->user, is_waiting, p->n_before + n_done, p->decide->n_items);
}

static void add_stats(struct ask_stats *sum, const struct ask_stats *x)
{
    sum->n_asked += x->n_asked;
    sum->n_reused += x->n_reused;
    sum->n_tokens += x->n_tokens;
    sum->n_cut += x->n_cut;
    sum->n_empty += x->n_empty;
    sum->wall_ns += x->wall_ns;
    sum->cpu_ns += x->cpu_ns;
}

static int ask_piece(struct decide *d, struct decide_task *t, bool is_last, struct assay_err *e)
{
    struct piece piece = {.decide = d};
    for (size_t i = 0; i < d->n_tasks; i++)
        piece.n_before += d->tasks[i].n_done;
    struct job job = {
        .plan = d->plan,
        .task = &d->plan->tasks[t->at],
        .store = d->store,
        .engine = d->engine,
        .known = d->known,
        .variant_id = d->variant_id,
        .run_variant_id = d->run_variant_id,
        .job_id = t->job_id,
        .stop = d->stop,
        .only = t->only,
        .n_only = t->n_only,
        .is_more = true,
        .is_part = !is_last,
        .tick = d->tick ? on_tick : NULL,
        .user = &piece,
    };
    energy_reset(d->meter);
    if (t->n_only) /* the last one only sums up */
        energy_begin(d->meter);
    int rc = job_run(&job, e);
    energy_end(d->meter);
    for (int i = 0; i < ENERGY_SOURCES; i++)
        energy_add(&t->energy[i], &d->meter->total[i]);
    t->n_done += job.n_done;
    add_stats(&t->stats, &job.stats);
    return rc;
}

/* -- deciding ---------------------------------------------------------------------------------- */

static int take_subject(void *user, const struct store_score *x)
{
    struct decide_task *t = user;
    if (x->idx < 0 || (uint64_t)x->idx >= t->n_places || t->reference[x->idx] < 0 ||
        (x->value != 0 && x->value != 1))
        return 0;
    t->losses += t->reference[x->idx] == 1 && x->value == 0;
    t->gains += t->reference[x->idx] == 0 && x->value == 1;
    t->n_paired++;
    return 0;
}

struct sums {
    int64_t losses, gains, n;
};

static struct sums sum_up(const struct decide *d)
{
    struct sums s = {0, 0, 0};
    for (size_t i = 0; i < d->n_tasks; i++) {
        s.losses += d->tasks[i].losses;
        s.gains += d->tasks[i].gains;
        s.n += d->tasks[i].n_paired;
    }
    return s;
}

static double level_of(const struct decide *d)
{
    return d->plan->suite->alpha / (double)d->n_subjects;
}

/* Counts are taken from the store, so that what decides is what can be read there.  An item without
 * a right or wrong leaves everything open: its task will not be in the pool. */
static int look(struct decide *d, struct assay_err *e)
{
    for (size_t i = 0; i < d->n_tasks; i++) {
        struct decide_task *t = &d->tasks[i];
        if (!t->n_only)
            continue;
        t->losses = t->gains = t->n_paired = 0;
        TRY(store_each_score(d->store, t->job_id, t->measure_id, take_subject, t, e));
    }
    struct sums s = sum_up(d);
    d->verdict = s.n == (int64_t)d->n_seen
                     ? betting_decide(s.losses, s.gains, s.n, d->plan->suite->margin, level_of(d))
                     : BETTING_OPEN;
    return 0;
}

int decide_run(struct decide *d, struct assay_err *e)
{
    d->verdict = BETTING_OPEN;
    for (size_t i = 0; i < d->n_tasks; i++)
        TRY(store_clear_job(d->store, d->tasks[i].job_id, e));
    while (d->n_seen < d->n_items && d->verdict == BETTING_OPEN) {
        int64_t next = betting_next_look((int64_t)d->n_seen);
        take_segment(d, next < (int64_t)d->n_items ? (size_t)next : d->n_items);
        for (size_t i = 0; i < d->n_tasks; i++) {
            d->failed = i;
            if (d->tasks[i].n_only)
                TRY(ask_piece(d, &d->tasks[i], false, e));
        }
        TRY(look(d, e));
    }
    for (size_t i = 0; i < d->n_tasks; i++) { /* nothing more to ask: results of what there is */
        d->failed = i;
        d->tasks[i].n_only = 0;
        TRY(ask_piece(d, &d->tasks[i], true, e));
    }
    return 0;
}

void decide_result(const struct decide *d, struct store_decision *out)
{
    static const char *const verdicts[] = {"inconclusive", "pass", "fail"};
    struct sums s = sum_up(d);
    double margin = d->plan->suite->margin;
    *out = (struct store_decision){
        .run_variant_id = d->run_variant_id,
        .verdict = verdicts[d->verdict],
        .margin = margin,
        .alpha = d->plan->suite->alpha,
        .n_subjects = (int64_t)d->n_subjects,
        .n_items = (int64_t)d->n_items,
        .n_seen = (int64_t)d->n_seen,
        .losses = s.losses,
        .gains = s.gains,
        .e_pass = fmin(betting_noninferior(s.losses, s.gains, s.n, margin), 1e300),
        .e_fail = fmin(betting_inferior(s.losses, s.gains, s.n, margin), 1e300),
    };
}
