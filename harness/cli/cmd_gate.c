/* cmd_gate.c - assay gate: run the suite, measure beside it, judge the night, say it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/gate_keep.h"
#include "harness/cli/gate_turns.h"
#include "harness/cli/run_suite.h"
#include "reports/junit.h"

struct gate_flags {
    const char *run, *junit, *json, *markdown;
    int32_t no_run;
};
static struct run_flags run_flags;
static struct gate_flags flags;
static const struct assay_field gate_flag_fields[] = {
    {"no-run", ASSAY_BOOL, offsetof(struct gate_flags, no_run), "false", NULL,
     "measure nothing: judge the newest run"},
    {"judge", ASSAY_STR, offsetof(struct gate_flags, run), NULL, NULL,
     "judge this run; measures nothing"},
    {"junit", ASSAY_STR, offsetof(struct gate_flags, junit), NULL, NULL, "write JUnit XML here"},
    {"json", ASSAY_STR, offsetof(struct gate_flags, json), NULL, NULL,
     "write the verdict as JSON here"},
    {"markdown", ASSAY_STR, offsetof(struct gate_flags, markdown), NULL, NULL,
     "write the verdict as Markdown here"},
    {0},
};

/* -- saying it ----------------------------------------------------------------------------------- */

static int write_file(const char *path, const struct gate_night *g,
                      void (*write)(const struct gate_night *, struct buf *), struct assay_err *e)
{
    struct buf b;
    if (!path)
        return 0;
    buf_init(&b, 0);
    write(g, &b);
    int rc = fs_write_atomic(path, b.v, b.n, e);
    buf_release(&b);
    return rc;
}

struct said {
    enum gate_verdict verdict;
};

static int say_night(void *user, const struct gate_night *g, struct assay_err *e)
{
    struct said *s = user;
    struct buf b;
    s->verdict = g->verdict;
    buf_init(&b, 0);
    gate_terminal(g, say_colors(), &b);
    say_buf(&b);
    buf_release(&b);
    TRY(write_file(flags.junit, g, junit_write, e));
    TRY(write_file(flags.json, g, gate_json, e));
    return write_file(flags.markdown, g, gate_markdown, e);
}

/* -- rules --------------------------------------------------------------------------------------- */

static int make_rules(const struct gate_settings *g, struct gate_rules *r, struct arena *a,
                      struct assay_err *e)
{
    static const char metrics[] = "prefill|decode|ttft|memory|perplexity|accuracy";
    const char *const *segments;
    size_t n;
    *r = (struct gate_rules){.q = g->discovery,
                             .margin = g->margin,
                             .ppl_margin = g->ppl_margin,
                             .alpha = g->alpha,
                             .metric = g->metric,
                             .baseline = g->baseline,
                             .use_dirty = g->use_dirty,
                             .two_sided = g->strict_two_sided};
    r->min_effect[HISTORY_SPEED] = g->speed / 100;
    r->min_effect[HISTORY_MEMORY] = g->memory / 100;
    r->min_effect[HISTORY_PERPLEXITY] = g->perplexity / 100;
    TRY(gate_words(g->metrics, metrics, "metrics", a, &r->metrics, &r->n_metrics, e));
    TRY(gate_words(g->segments, "model|dataset|config", "segments", a, &segments, &n, e));
    for (size_t i = 0; i < n; i++)
        r->segments |= segments[i][0] == 'm'   ? HISTORY_MODEL
                       : segments[i][0] == 'd' ? HISTORY_DATASET
                                               : HISTORY_CONFIG;
    return 0;
}

static int load(struct options *o, struct suite *suite, struct gate_settings *g,
                struct assay_err *e)
{
    suite_init(suite, &o->arena);
    TRY(gate_load(suite, g, o->args[0], e));
    for (size_t i = 0; i < o->n_pairs; i++)
        TRY(gate_set(g, o->pairs[i].key, o->pairs[i].text, &o->arena, e));
    return 0;
}

/* -- a night ------------------------------------------------------------------------------------- */

/* The uid of the run that just ended. */
static int newest_run(char uid[64], struct assay_err *e)
{
    struct arena a = {0};
    struct store *s = NULL;
    struct store_run run;
    TRY(store_open(run_flags.db, STORE_READ, &s, e));
    int rc = store_get_run(s, NULL, &a, &run, e);
    if (rc >= 0)
        snprintf(uid, 64, "%s", run.uid);
    store_close(s);
    arena_release(&a);
    return rc;
}

/* Evidence that is missing leaves a suspect undecided: it is said and no reason to stop. */
static int in_turns(const struct turn_list *l, const struct turn_place *p, struct assay_err *e)
{
    int rc = gate_measure_turns(l, p, e);
    if (rc == ASSAY_ECANCELED || rc >= 0)
        return rc;
    fprintf(stderr, "assay: warning: %s\n", e->msg);
    return 0;
}

/* Runs the suite and what is measured beside it.  Returns an exit code; EXIT_OK: judge. */
static int measure(struct suite *suite, const struct gate_settings *g, struct gate_input *in,
                   char uid[64], struct assay_err *e)
{
    TRY(suite_finish(suite, e));
    int code = run_suite_shown(suite, &run_flags, e);
    if (code < 0 || code == EXIT_INTERRUPTED)
        return code;
    TRY(newest_run(uid, e));
    in->run = uid;
    if (g->canary)
        TRY(gate_canaries(run_flags.db, uid, e));
    struct turn_place place = {run_flags.db, uid, g->aa_blocks, g->ab_blocks};
    struct turn_list floor = {.suite = suite, .has_floor = true}, suspects = {.suite = suite};
    TRY(in_turns(&floor, &place, e));
    in->now_ns = clock_wall_ns();
    int rc = gate_judge_and_keep(in, true, gate_plan_turns, &suspects, e);
    if (rc >= 0 && suspects.n && !run_flags.quiet)
        fprintf(stderr, "measuring %zu suspect%s again, in turns\n", suspects.n,
                suspects.n == 1 ? "" : "s");
    if (rc >= 0)
        rc = in_turns(&suspects, &place, e);
    arena_release(&suspects.arena);
    return rc < 0 ? rc : EXIT_OK;
}

static int body(struct options *o, struct assay_err *e)
{
    struct suite suite;
    struct gate_settings settings;
    struct gate_rules rules;
    struct said said = {GATE_FAILED};
    char uid[64], binary[65];
    TRY(load(o, &suite, &settings, e));
    TRY(make_rules(&settings, &rules, &o->arena, e));
    struct gate_input in = {.path = run_flags.db, .rules = &rules, .run = flags.run};
    bool only_judge = flags.no_run || flags.run;
    gate_binary(binary);
    if (!only_judge) {
        in.binary_uid = binary[0] ? binary : NULL;
        int code = measure(&suite, &settings, &in, uid, e);
        if (code != EXIT_OK)
            return code;
    }
    in.now_ns = clock_wall_ns();
    TRY(gate_judge_and_keep(&in, false, say_night, &said, e));
    return (int)said.verdict;
}

static int run_gate(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&run_flags, &flags, NULL};
    run_flags_command(&run_flags, argc, argv);
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_gate = {
    .name = "gate",
    .summary = "run a suite and say whether tonight is worse: verdict, exit status, JUnit",
    .arguments = "SUITE.yaml",
    .min_args = 1,
    .max_args = 1,
    .tables = {run_flag_fields, gate_flag_fields, gate_fields},
    .text = "The file is a suite with a map 'gate:' of the settings below. Speeds and memory\n"
            "are compared with their own history, accuracy item by item with the last good\n"
            "run. The exit status is the verdict: 0 pass, 10 regression, 11 inconclusive,\n"
            "12 nothing to compare with, 13 improvement, 3 not measured, 75 try again.\n"
            "Call it directly: make and pipes change the status. What cannot be decided is\n"
            "never a pass.\n",
    .examples = "gate nightly.yaml --db nightly.db --junit gate.xml # tonight\n"
                "gate nightly.yaml --db nightly.db --no-run # the newest run again\n",
    .main = run_gate,
};
