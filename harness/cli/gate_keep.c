/* gate_keep.c - judging through a view, and writing down what it found while that is open. */
#include "harness/cli/gate_keep.h"

#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"

static int put_all(struct store *s, const struct gate_night *g, const struct gate_input *in,
                   struct assay_err *e)
{
    TRY(store_begin(s, e));
    for (size_t i = 0; i < g->n_rows; i++)
        if (g->rows[i].next.uid)
            TRY(store_put_finding(s, &g->rows[i].next, e));
    struct store_gate row = {.run_id = g->run->id,
                             .exit_code = g->verdict,
                             .judged_ns = in->now_ns,
                             .verdict = gate_verdict_name(g->verdict),
                             .headline = g->headline,
                             .binary_uid = in->binary_uid};
    TRY(store_put_gate(s, &row, e));
    return store_commit(s, e);
}

static int keep(const struct gate_night *g, const struct gate_input *in, struct assay_err *e)
{
    struct store *s = NULL;
    TRY(store_open(in->path, STORE_WRITE, &s, e));
    int rc = put_all(s, g, in, e);
    store_close(s);
    return rc;
}

/* A database that was copied or compacted may have left WAL mode: it could not be written while the
 * view reads.  Opening it for writing puts it back. */
static int prepare(const struct gate_input *in, struct assay_err *e)
{
    struct store *s = NULL;
    int rc = store_open(in->path, STORE_WRITE, &s, e);
    store_close(s);
    return rc;
}

int gate_judge_and_keep(struct gate_input *in, bool dry, gate_done_fn *done, void *user,
                        struct assay_err *e)
{
    struct arena a = {0};
    struct gate_night night;
    struct view *view = NULL;
    int rc = dry ? 0 : prepare(in, e);
    if (rc >= 0)
        rc = view_open(in->path, &view, e);
    in->view = view;
    if (rc >= 0)
        rc = gate_judge(in, &a, &night, e);
    if (rc >= 0 && !dry)
        rc = keep(&night, in, e);
    if (rc >= 0 && done)
        rc = done(user, &night, e);
    in->view = NULL;
    view_close(view);
    arena_release(&a);
    return rc;
}

static int expect_all(struct store *s, const struct store_baseline *b, struct arena *a,
                      struct assay_err *e)
{
    struct store_finding *f;
    size_t n;
    TRY(store_get_findings(s, b->class_uid, a, &f, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (f[i].run_id > b->run_id || strcmp(f[i].state, "fixed") == 0 ||
            strcmp(f[i].state, "expected") == 0)
            continue;
        f[i].state = "expected";
        f[i].reason = b->reason;
        f[i].changed_ns = b->set_ns;
        TRY(store_put_finding(s, &f[i], e));
    }
    return 0;
}

int gate_set_baseline(struct store *s, const struct store_run *run, const char *reason,
                      int64_t now_ns, struct assay_err *e)
{
    struct arena a = {0};
    char class_uid[65];
    TRY(store_get_class(s, run->id, class_uid, e));
    struct store_baseline b = {
        .class_uid = class_uid, .run_id = run->id, .reason = reason, .set_ns = now_ns};
    TRY(store_begin(s, e));
    int rc = store_put_baseline(s, &b, e);
    if (rc >= 0)
        rc = expect_all(s, &b, &a, e);
    if (rc >= 0)
        rc = store_commit(s, e);
    else
        store_rollback(s);
    arena_release(&a);
    return rc;
}
