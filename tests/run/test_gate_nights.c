/* test_gate_nights.c - sixty scripted nights through the gate: what it says each night is known.
 *
 * The rows are what real runs leave behind, with seeded noise instead of a clock.  Prints the table. */
#include "tests/testing.h"
#include <math.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/cli/gate_keep.h"

enum { NIGHTS = 60, ITEMS = 2000, REPS = 5, MACHINE_CHANGE = 42 };
static const int64_t day_ns = 86400 * (int64_t)1000000000,
                     first_ns = 1735689600 * (int64_t)1000000000;

struct world {
    char dir[256], db[300];
    struct store *s;
    struct arena arena;
    struct assay_err e;
    struct rng rng;
    double drift;
    int64_t acc, decode, prefill, run[NIGHTS];
};

static double normal(struct rng *r)
{
    double u = 1 - rng_double(r), v = rng_double(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* What was planted: the factor on int8's decode rate. */
static double planted(int night)
{
    double f = 1;
    if (night >= 14 && night < 18)
        f *= 0.90;
    if (night >= 21 && night < 24)
        f *= 0.97;
    if (night >= 27)
        f *= 0.95;
    if (night >= 52)
        f *= 1.05;
    return f;
}

static bool is_slow_machine(int night)
{
    return night == 31 || night == 32;
}

/* The program that measured: another one where code changed. */
static const char *binary_of(int night)
{
    static const int changes[] = {14, 18, 21, 24, 27, 36, 37, 52};
    static char text[32];
    int k = 0;
    for (size_t i = 0; i < N_OF(changes); i++)
        k += night >= changes[i];
    snprintf(text, sizeof text, "binary-%d", k);
    return text;
}

static void add_samples(struct world *w, int64_t run_variant, const char *kind, int64_t scenario,
                        double rate)
{
    bool is_decode = kind[0] == 'd';
    struct store_job j;
    store_job_init(&j);
    j.run_variant_id = run_variant;
    j.kind = "scenario";
    j.name = is_decode ? "decode:16+64" : "prefill:256";
    j.scenario_id = scenario;
    assert_ok(store_plan_job(w->s, &j, &w->arena, &w->e), w->e);
    j.status = "done";
    assert_ok(store_set_job(w->s, &j, &w->e), w->e);
    for (int rep = 0; rep < REPS; rep++) {
        int64_t at[64];
        double own = rate * (1 + 0.003 * normal(&w->rng));
        for (int k = 0; k < 64; k++)
            at[k] = 1000000 + (int64_t)(k * 1e9 / own);
        struct store_sample s = {.job_id = j.id,
                                 .rep = rep,
                                 .n_prompt = is_decode ? 16 : 256,
                                 .n_generated = is_decode ? 64 : 1,
                                 .cpu_ns = 1000,
                                 .wall_ns = is_decode ? at[63] : (int64_t)(256e9 / own),
                                 .ttft_ns = is_decode ? STORE_NULL : (int64_t)(256e9 / own),
                                 .switches = 0};
        if (is_decode) {
            s.token_ns = at;
            s.n_token_ns = 64;
        }
        assert_ok(store_put_sample(w->s, &s, &w->e), w->e);
    }
}

static void add_task(struct world *w, int night, int64_t run_variant, bool is_int8)
{
    struct store_task t = {night >= 39 ? "task-two" : "task-one",
                           "pairs",
                           NULL,
                           "1",
                           "multiple_choice",
                           "config",
                           night >= 39 ? "data-two" : "data-one",
                           "pairs.jsonl",
                           "{}",
                           0};
    struct store_job j;
    int64_t task;
    double right = 0;
    assert_ok(store_put_task(w->s, &t, &task, &w->e), w->e);
    store_job_init(&j);
    j.run_variant_id = run_variant;
    j.kind = "task";
    j.name = "pairs";
    j.task_id = task;
    assert_ok(store_plan_job(w->s, &j, &w->arena, &w->e), w->e);
    j.status = "done";
    j.n_items = j.n_done = ITEMS;
    assert_ok(store_set_job(w->s, &j, &w->e), w->e);
    struct rng ease = {7};
    for (int i = 0; i < ITEMS; i++) {
        bool ok = rng_double(&ease) < 0.8;
        if (is_int8 && rng_double(&w->rng) < 0.004)
            ok = !ok;
        if (is_int8 && night == 36 && ok && rng_double(&w->rng) < 0.0375)
            ok = false;
        struct store_score x = {j.id, w->acc, i, ok, NAN, NULL};
        assert_ok(store_put_score(w->s, &x, &w->e), w->e);
        right += ok;
    }
    struct store_result r = {.run_variant_id = run_variant,
                             .job_id = j.id,
                             .group_id = STORE_NULL,
                             .measure_id = w->acc,
                             .n = ITEMS,
                             .higher_is_better = 1,
                             .value = right / ITEMS,
                             .stderr_ = 0.009,
                             .aggregation = "mean"};
    assert_ok(store_put_result(w->s, &r, &w->e), w->e);
}

static void add_variant(struct world *w, int night, int64_t model, int k)
{
    struct store_run_variant rv;
    int64_t variant;
    char uid[64], options[64];
    snprintf(uid, sizeof uid, "fingerprint-%d-%s", k, binary_of(night));
    snprintf(options, sizeof options, "{\"precision\": \"%s\"}", k ? "int8" : "fp32");
    struct store_variant v = {uid, "native", "1", k ? "int8" : "f32", options, "{}", model};
    assert_ok(store_put_variant(w->s, &v, &variant, &w->e), w->e);
    store_run_variant_init(&rv);
    rv.run_id = w->run[night];
    rv.position = k;
    rv.name = k ? "int8" : "fp32";
    rv.is_reference = !k;
    assert_ok(store_plan_variant(w->s, &rv, &w->arena, &w->e), w->e);
    rv.variant_id = variant;
    rv.status = "done";
    rv.peak_rss_bytes = (int64_t)((k ? 40e6 : 90e6) * (1 + 0.0005 * normal(&w->rng)));
    assert_ok(store_set_variant(w->s, &rv, &w->e), w->e);
    double machine = (is_slow_machine(night) ? 0.93 : 1) * (night >= MACHINE_CHANGE ? 1.6 : 1);
    double quiet = night >= 54 ? 0.004 : 0.006;
    add_samples(w, rv.id, "decode", w->decode,
                (k ? 400 : 200) * machine * (k ? planted(night) : 1) *
                    (1 + quiet * normal(&w->rng)));
    /* From night 54 on the host drifts: AR(1), rho 0.6. */
    w->drift = 0.6 * w->drift + 0.006 * sqrt(1 - 0.36) * normal(&w->rng);
    add_samples(w, rv.id, "prefill", w->prefill,
                (k ? 3000 : 2000) * machine *
                    (1 + (night >= 54 ? w->drift : 0.006 * normal(&w->rng))));
    add_task(w, night, rv.id, k);
}

static void add_night(struct world *w, int night)
{
    bool is_new = night >= MACHINE_CHANGE;
    char uid[64];
    int64_t machine, model;
    struct store_machine m = {is_new ? "machine-two" : "machine-one", "bench-1",
                              is_new ? "class-two" : "class-one", "{}", "{}"};
    struct store_model mo = {"model-hash", "m", "m.gguf", "llama", 1000, 1000};
    assert_ok(store_put_machine(w->s, &m, &machine, &w->e), w->e);
    assert_ok(store_put_model(w->s, &mo, &model, &w->e), w->e);
    snprintf(uid, sizeof uid, "run-of-night-%02d", night);
    struct store_run r = {.uid = uid,
                          .plan_uid = "plan",
                          .suite = "{}",
                          .command = "assay run",
                          .version = "1.0.0",
                          .status = "done",
                          .machine_id = machine,
                          .started_ns = first_ns + night * day_ns,
                          .ended_ns = first_ns + night * day_ns + 1};
    assert_ok(store_add_run(w->s, &r, &w->e), w->e);
    w->run[night] = r.id;
    for (int k = 0; k < 2; k++)
        add_variant(w, night, model, k);
    for (int rep = 0; rep < 5; rep++) {
        double slow = is_slow_machine(night) ? 0.93 : 1;
        struct store_canary c = {r.id, rep, "stream", "GB/s",
                                 12 * slow * (1 + 0.004 * normal(&w->rng))};
        assert_ok(store_put_canary(w->s, &c, &w->e), w->e);
    }
}

/* -- a night's verdict --------------------------------------------------------------------------- */

struct seen {
    enum gate_verdict verdict;
    char text[512];
    bool has_environment;
};

static int look(void *user, const struct gate_night *g, struct assay_err *e)
{
    struct seen *s = user;
    (void)e;
    s->verdict = g->verdict;
    s->text[0] = 0;
    for (size_t i = 0; i < g->n_rows; i++) {
        const struct gate_row *r = &g->rows[i];
        size_t n = strlen(s->text);
        if (r->state == GATE_OK || r->state == GATE_NO_BASELINE)
            continue;
        snprintf(s->text + n, sizeof s->text - n, "%s%s %s%s%s%s", n ? "; " : "",
                 gate_state_name(r->state), r->name, r->is_improvement ? " (better)" : "",
                 r->tag ? " " : "", r->tag ? r->tag : "");
        s->has_environment |= r->tag && strcmp(r->tag, "environment") == 0;
    }
    if (g->n[GATE_NO_BASELINE])
        snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text),
                 "%s%zu without a baseline%s%s", *s->text ? "; " : "", g->n[GATE_NO_BASELINE],
                 g->rows[0].tag ? ": " : "", g->rows[0].tag ? g->rows[0].tag : "");
    return 0;
}

static struct seen gate_night(struct world *w, int night, bool two_sided)
{
    struct seen seen = {.text = ""};
    struct gate_rules rules = {.two_sided = two_sided};
    struct gate_input in = {.path = w->db,
                            .rules = &rules,
                            .binary_uid = binary_of(night),
                            .now_ns = first_ns + night * day_ns + 2};
    assert_ok(gate_judge_and_keep(&in, two_sided, look, &seen, &w->e), w->e);
    return seen;
}

/* The newest finding about a series whose name holds `part` gets a state, as the commands do it. */
static void acknowledge(struct world *w, const char *part, int until_night)
{
    struct store_finding *f;
    size_t n, hits = 0;
    assert_ok(store_get_findings(w->s, NULL, &w->arena, &f, &n, &w->e), w->e);
    for (size_t i = n; i-- > 0 && !hits;)
        if (strstr(f[i].name, part)) {
            f[i].state = "acknowledged";
            f[i].reason = "known: the new scheduler";
            f[i].until_ns = first_ns + until_night * day_ns;
            assert_ok(store_put_finding(w->s, &f[i], &w->e), w->e);
            hits++;
        }
    assert_int_equal(hits, 1);
}

static void accept(struct world *w, int night)
{
    struct store_run r;
    char uid[64];
    snprintf(uid, sizeof uid, "run-of-night-%02d", night);
    assert_ok(store_get_run(w->s, uid, &w->arena, &r, &w->e), w->e);
    assert_ok(gate_set_baseline(w->s, &r, "meant", first_ns + night * day_ns + 3, &w->e), w->e);
}

static enum gate_verdict expected(int night)
{
    if (night < 8 || (night >= MACHINE_CHANGE && night < MACHINE_CHANGE + 8) || night == 39)
        return GATE_INCOMPARABLE; /* nothing to compare with yet; another dataset */
    switch (night) {
    case 14:
    case 21:
    case 27: /* seen once */
    case 31:
    case 32:
    case 33: /* the machine, and the night after */
        return GATE_INCONCLUSIVE;
    case 15:
    case 16: /* 10 %, until it is acknowledged */
    case 22:
    case 23:
    case 24: /* 3 %, until it is back two nights running */
    case 28: /* 5 %, until it is accepted */
    case 36: /* 3 points of accuracy */
        return GATE_REGRESSION;
    default:
        return GATE_PASS;
    }
}

static void contains(const struct seen *s, int night, const char *part)
{
    if (!strstr(s->text, part))
        fail_msg("night %d: '%s' does not contain '%s'", night, s->text, part);
}

static void check_words(const struct seen *s, int night)
{
    if (night == 15 || night == 22 || night == 28)
        contains(s, night, "confirmed decode/decode:16+64/int8 code");
    if (night == 17)
        contains(s, night, "acknowledged decode/decode:16+64/int8");
    if (night == 19 || night == 25)
        contains(s, night, "fixed decode/decode:16+64/int8");
    if (night == 32)
        contains(s, night, "environment");
    if (night == 36)
        contains(s, night, "confirmed accuracy/pairs/int8 code");
    if (night == 37)
        contains(s, night, "fixed accuracy/pairs/int8");
    if (night == 39)
        contains(s, night, "without a baseline: dataset");
    if (night == 53)
        contains(s, night, "confirmed decode/decode:16+64/int8 (better)");
}

static void test_sixty_nights(void **state)
{
    struct world w = {.rng = {20250101}};
    int n_wrong = 0;
    (void)state;
    temp_dir(w.dir);
    snprintf(w.db, sizeof w.db, "%s/n.db", w.dir);
    assert_ok(store_open(w.db, STORE_CREATE, &w.s, &w.e), w.e);
    struct store_scenario d = {"scenario-d", "decode:16+64", "decode", "{}"};
    struct store_scenario p = {"scenario-p", "prefill:256", "prefill", "{}"};
    assert_ok(store_measure(w.s, "acc", "none", &w.acc, &w.e), w.e);
    assert_ok(store_put_scenario(w.s, &d, &w.decode, &w.e), w.e);
    assert_ok(store_put_scenario(w.s, &p, &w.prefill, &w.e), w.e);
    printf("night  expected      verdict       what\n");
    for (int night = 0; night < NIGHTS; night++) {
        assert_ok(store_begin(w.s, &w.e), w.e);
        add_night(&w, night);
        assert_ok(store_commit(w.s, &w.e), w.e);
        struct seen two = gate_night(&w, night, true), seen = gate_night(&w, night, false);
        printf("%5d  %-12s  %-12s  %s%s\n", night, gate_verdict_name(expected(night)),
               gate_verdict_name(seen.verdict), seen.text,
               seen.verdict == expected(night) ? "" : "  <-- WRONG");
        n_wrong += seen.verdict != expected(night);
        check_words(&seen, night);
        if (night == 53)
            assert_int_equal(two.verdict, GATE_IMPROVEMENT);
        if (night == 16)
            acknowledge(&w, "decode", 30);
        if (night == 28 || night == 39)
            accept(&w, night);
    }
    store_close(w.s);
    arena_release(&w.arena);
    temp_remove(w.dir);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sixty_nights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
