/* gate_turns.c - planning and keeping what is measured in turns. */
#include "harness/cli/gate_turns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/cli/version.h"

/* -- planning ------------------------------------------------------------------------------------ */

static const struct suite_scenario *scenario_named(const struct suite *s, const char *name)
{
    for (size_t i = 0; i < s->n_scenarios; i++)
        if (strcmp(s->scenarios[i].name, name) == 0)
            return &s->scenarios[i];
    return NULL;
}

static struct gate_side side_of(struct turn_list *l, const struct view_variant *v)
{
    return (struct gate_side){arena_strdup(&l->arena, v->backend),
                              arena_strdup(&l->arena, v->options)};
}

/* Whether the file of a variant that ran some night is still the one that ran. */
static bool is_still_there(const struct view_variant *good, const struct view_variant *tonight)
{
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    if (access(good->model_path, R_OK) < 0) /* no file: a name on a server, or a mock's */
        return strcmp(good->model_uid, tonight->model_uid) == 0;
    return hash_file(good->model_path, digest, NULL) == 0 &&
           strcmp(hash_hex(digest, hex), good->model_uid) == 0;
}

static void plan_one(struct turn_list *l, const struct gate_row *r)
{
    const struct suite_scenario *s = scenario_named(l->suite, r->key.task);
    if (!s || !r->tonight)
        return;
    if (l->n == sizeof l->v / sizeof *l->v) {
        l->n_left_out++;
        return;
    }
    bool differs = r->good && (strcmp(r->good->options, r->tonight->options) != 0 ||
                               strcmp(r->good->model_uid, r->tonight->model_uid) != 0);
    struct turn *t = &l->v[l->n++];
    *t = (struct turn){.kind = "again",
                       .variant = arena_strdup(&l->arena, r->key.variant),
                       .b = side_of(l, r->tonight),
                       .scenario = s};
    if (differs && is_still_there(r->good, r->tonight)) {
        t->kind = "a/b";
        t->a = side_of(l, r->good);
    }
}

int gate_plan_turns(void *list, const struct gate_night *g, struct assay_err *e)
{
    struct turn_list *l = list;
    (void)e;
    for (size_t i = 0; i < g->n_rows; i++)
        if (g->rows[i].can_rerun)
            plan_one(l, &g->rows[i]);
    return 0;
}

/* The noise floor: the first variant of the suite, on the last scenario (a decode, usually). */
static bool plan_floor(const struct turn_list *l, struct turn *t, struct arena *a)
{
    if (!l->suite->n_scenarios || !l->suite->n_variants)
        return false;
    const struct suite_variant *v = &l->suite->variants[0];
    struct buf b;
    buf_init(&b, 0);
    if (v->options)
        json_write(&b, v->options, JSON_COMPACT);
    else
        buf_adds(&b, "{}");
    *t = (struct turn){.kind = "a/a",
                       .variant = v->name,
                       .b = {v->backend, arena_strndup(a, b.v, b.n)},
                       .scenario = &l->suite->scenarios[l->suite->n_scenarios - 1]};
    t->a = t->b;
    buf_release(&b);
    return true;
}

/* -- measuring and keeping ----------------------------------------------------------------------- */

static const struct history_series *rates_of(const struct history *h, const char *variant)
{
    for (size_t i = 0; i < h->n_series; i++)
        if (strcmp(h->series[i].variant, variant) == 0 &&
            (strcmp(h->series[i].metric, "prefill") == 0 ||
             strcmp(h->series[i].metric, "decode") == 0))
            return &h->series[i];
    return NULL;
}

static int keep_blocks(struct store *s, const struct turn *t, const struct history *h,
                       int64_t run_id, struct assay_err *e)
{
    const struct history_series *a = rates_of(h, "a"), *b = rates_of(h, "b");
    TRY(store_begin(s, e));
    for (size_t i = 0; b && i < b->n; i++) {
        double other = NAN;
        for (size_t k = 0; a && k < a->n; k++)
            if (a->points[k].run == b->points[i].run)
                other = a->points[k].value;
        if (t->a.options && isnan(other))
            continue;
        struct store_rerun row = {.run_id = run_id,
                                  .block = (int64_t)i,
                                  .kind = t->kind,
                                  .variant = t->variant,
                                  .scenario = t->scenario->name,
                                  .a = other,
                                  .b = b->points[i].value};
        TRY(store_put_rerun(s, &row, e));
    }
    return store_commit(s, e);
}

static int read_blocks(const struct turn *t, const char *turns_db, const struct turn_place *p,
                       struct assay_err *e)
{
    struct arena a = {0};
    struct view *view = NULL;
    struct store *s = NULL;
    struct history h;
    struct history_options o = {.segments = HISTORY_DATASET};
    struct store_run run;
    int rc = view_open(turns_db, &view, e);
    if (rc >= 0)
        rc = history_make(view, &o, &a, &h, e);
    if (rc >= 0)
        rc = store_open(p->db, STORE_WRITE, &s, e);
    if (rc >= 0)
        rc = store_get_run(s, p->run_uid, &a, &run, e);
    if (rc >= 0)
        rc = keep_blocks(s, t, &h, run.id, e);
    store_close(s);
    view_close(view);
    arena_release(&a);
    return rc;
}

static int measure_one(const struct turn_list *l, const struct turn *t, const struct turn_place *p,
                       struct assay_err *e)
{
    int64_t blocks = strcmp(t->kind, "a/a") == 0 ? p->aa_blocks : p->ab_blocks;
    if (blocks <= 0)
        return 0;
    struct arena a = {0};
    const char *base = getenv("TMPDIR");
    char *dir = arena_printf(&a, "%s/assay-turns-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        arena_release(&a);
        return err_errno(e, ASSAY_EIO, "cannot make a folder to measure in");
    }
    const char *turns_db = arena_printf(&a, "%s/turns.db", dir);
    struct gate_turns g = {.a = t->a.options ? &t->a : NULL,
                           .b = &t->b,
                           .scenario = t->scenario,
                           .blocks = blocks,
                           .timeout_s = l->suite->timeout_s,
                           .db = turns_db,
                           .version = ASSAY_VERSION};
    int rc = gate_run_turns(&g, e);
    if (rc >= 0)
        rc = read_blocks(t, turns_db, p, e);
    static const char *const ends[] = {"", "-wal", "-shm", ".yaml"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        unlink(arena_printf(&a, "%s%s", turns_db, ends[i]));
    rmdir(dir);
    arena_release(&a);
    return rc;
}

int gate_measure_turns(const struct turn_list *l, const struct turn_place *p, struct assay_err *e)
{
    struct arena a = {0};
    struct turn floor;
    int rc = 0;
    if (l->has_floor && plan_floor(l, &floor, &a))
        rc = measure_one(l, &floor, p, e);
    for (size_t i = 0; i < l->n && rc >= 0; i++)
        rc = measure_one(l, &l->v[i], p, e);
    arena_release(&a);
    return rc;
}
