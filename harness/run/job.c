/* job.c - one task for one variant. */
#include "harness/run/job.h"
#include <string.h>
#include "harness/base/err.h"
#include "harness/run/score.h"

enum { CHUNK_ITEMS = 1024, CHUNK_REQUESTS = 8192, CHUNK_BYTES = 8 << 20 };
struct pass {
    struct job *job;
    struct docs *docs;
    struct ask ask;
    struct score score;
    struct arena arena, chunk; /* of the pass; of the documents in hand */
    struct task_item *items;
    size_t n_items, n_requests;
};

static size_t n_wanted(const struct job *j)
{
    return j->only ? j->n_only : j->task->n_docs;
}

static void on_tick(void *user, bool is_waiting, size_t n_done, size_t n)
{
    struct pass *p = user;
    struct job *j = p->job;
    if (j->tick)
        j->tick(j->user, is_waiting, j->n_done + (n ? p->n_items * n_done / n : 0),
                n_wanted(j));
}

static int read_chunk(struct pass *p, struct assay_err *e)
{
    bool has = true;
    arena_reset(&p->chunk);
    p->n_items = p->n_requests = 0;
    while (p->n_items < CHUNK_ITEMS && p->n_requests < CHUNK_REQUESTS &&
           p->chunk.used < CHUNK_BYTES) {
        TRY(docs_next(p->docs, &p->chunk, &p->items[p->n_items], &has, e));
        if (!has)
            break;
        p->n_requests += p->items[p->n_items++].n_requests;
    }
    return 0;
}

static int do_chunk(struct pass *p, struct assay_err *e)
{
    struct ask_answers answers = {.n = 0};
    struct job *j = p->job;
    int rc = ask_items(&p->ask, p->items, p->n_items, &p->chunk, &answers, e);
    j->n_missing += answers.n_missing;
    if (rc < 0 && rc != ASSAY_ECANCELED)
        return rc;
    int graded =
        score_items(&p->score, p->items, p->n_items, &answers, &p->chunk, rc < 0 ? NULL : e);
    if (rc < 0)
        return rc;
    TRY(graded);
    j->n_done += p->n_items;
    TRY(ask_commit(&p->ask, false, e));
    on_tick(p, false, 0, 0);
    return 0;
}

static int run_pass(struct pass *p, struct assay_err *e)
{
    struct job *j = p->job;
    TRY(docs_open(j->task->task, j->plan->suite, &j->plan->paths, &p->docs, e));
    docs_expect(p->docs, j->task->n_rows, j->task->n_docs);
    if (j->only)
        docs_only(p->docs, j->only, j->n_only);
    bool is_whole = j->plan->suite->limit <= 0 && !j->plan->suite->samples;
    TRY(score_begin(&p->score, is_whole ? j->task->n_docs : 0, &p->arena, e));
    for (;;) {
        TRY(read_chunk(p, e));
        if (!p->n_items)
            break;
        TRY(do_chunk(p, e));
        if (j->stop && *j->stop && j->n_done < n_wanted(j))
            return err_set(e, ASSAY_ECANCELED, "interrupted");
    }
    return j->n_missing || j->is_part ? 0 : score_end(&p->score, e);
}

int job_run(struct job *j, struct assay_err *e)
{
    struct pass p = {.job = j};
    p.items = ARENA_ARRAY(&p.arena, struct task_item, CHUNK_ITEMS);
    p.ask.store = j->store;
    p.ask.variant_id = j->variant_id;
    p.ask.engine = j->engine;
    p.ask.known = j->known;
    p.ask.seed = (uint64_t)j->plan->suite->seed;
    p.ask.tick = on_tick;
    p.ask.user = &p;
    p.ask.stop = j->stop;
    ask_init(&p.ask);
    p.score.store = j->store;
    p.score.task = j->task->task;
    p.score.task_id = j->task->id;
    p.score.job_id = j->job_id;
    p.score.run_variant_id = j->run_variant_id;
    p.score.is_more = j->is_more;
    j->n_done = j->n_missing = 0;
    int rc = run_pass(&p, e);
    j->stats = p.ask.stats;
    ask_release(&p.ask);
    score_release(&p.score);
    docs_close(p.docs);
    arena_release(&p.chunk);
    arena_release(&p.arena);
    return rc;
}
