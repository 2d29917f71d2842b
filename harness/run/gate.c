/* gate.c - settings of the gate, its canaries, and measuring two variants in turns. */
#include "harness/run/gate.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/machine/canary.h"
#include "harness/run/run.h"
#include "harness/store/store_gate.h"

#define AT(member) (uint32_t) offsetof(struct gate_settings, member)
const struct assay_field gate_fields[] = {
    {"metrics", ASSAY_STR, AT(metrics), NULL, NULL,
     "what is judged: prefill, decode, ttft, memory, perplexity, accuracy; all unless said"},
    {"speed", ASSAY_NUM, AT(speed), "2", "0.01..100",
     "least change of a speed or latency that matters, per cent"},
    {"memory", ASSAY_NUM, AT(memory), "1", "0.01..100",
     "least change of peak memory that matters, per cent"},
    {"perplexity", ASSAY_NUM, AT(perplexity), "0.2", "0.001..100",
     "least change of perplexity that matters, per cent"},
    {"margin", ASSAY_NUM, AT(margin), NULL, "0..100",
     "loss of accuracy that is still a pass, in points; default: 1, and 2 at 4 bits or fewer"},
    {"ppl-margin", ASSAY_NUM, AT(ppl_margin), "1", "0..100",
     "rise of perplexity that is still a pass, item by item, per cent"},
    {"metric", ASSAY_STR, AT(metric), NULL, NULL,
     "metric of the paired test; default: the first of each task"},
    {"alpha", ASSAY_NUM, AT(alpha), "0.05", "0.0001..0.5", "significance level of the paired test"},
    {"discovery", ASSAY_NUM, AT(discovery), "0.05", "0.0001..0.5",
     "false discovery rate of suspicion over the night's series"},
    {"baseline", ASSAY_STR, AT(baseline), NULL, NULL,
     "run to compare with; default: the one set by `assay baseline`, else the last that passed"},
    {"segments", ASSAY_STR, AT(segments), "model,dataset,config", NULL,
     "what begins a new series when it changes"},
    {"use-dirty", ASSAY_BOOL, AT(use_dirty), "false", NULL,
     "judge measurements that others disturbed too"},
    {"strict-two-sided", ASSAY_BOOL, AT(strict_two_sided), "false", NULL,
     "exit with 13 when something became better"},
    {"canary", ASSAY_BOOL, AT(canary), "true", NULL,
     "measure fixed work beside the run, to tell machine from model"},
    {"aa-blocks", ASSAY_INT, AT(aa_blocks), "4", "0..1000",
     "blocks that measure one variant against itself: the noise floor; 0: none"},
    {"ab-blocks", ASSAY_INT, AT(ab_blocks), "6", "0..1000",
     "blocks that measure a suspect against the last good variant in turns; 0: none"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

/* -- settings ------------------------------------------------------------------------------------ */

int gate_set(struct gate_settings *g, const char *key, const char *text, struct arena *a,
             struct assay_err *e)
{
    const char *where = arena_printf(a, "--%s", key);
    return field_set(field_find(gate_fields, key), g, text, where, a, e);
}

/* [a, b] for a text setting is "a,b". */
static const struct value *joined(const struct value *v, struct arena *a)
{
    const char *text = "";
    if (v->type != VALUE_LIST)
        return v;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->items[i]->type != VALUE_STR)
            return v;
        text = arena_printf(a, "%s%s%s", text, i ? "," : "", v->items[i]->s);
    }
    return value_str(a, text);
}

static int read_settings(struct suite *s, struct gate_settings *g, struct assay_err *e)
{
    struct arena *a = s->arena;
    const struct value *v = s->gate_value;
    if (!v)
        return 0;
    if (v->type != VALUE_DICT)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: 'gate' is a map of settings, found %s", s->path,
                       v->line, v->col, value_type_name(v));
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *key = v->entries[i].key, *x = v->entries[i].value;
        const char *where = arena_printf(a, "%s:%u:%u", s->path, key->line, key->col);
        if (key->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "%s: a key must be text", where);
        if (strcmp(key->s, "suite") == 0)
            continue;
        const struct assay_field *f = field_find(gate_fields, key->s);
        if (!f) {
            const char *near = field_nearest_row(gate_fields, key->s);
            return err_set(e, ASSAY_EUSAGE, "%s: unknown key '%s' of the gate%s%s%s", where, key->s,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        TRY(field_set_value(f, g, joined(x, a), where, a, e));
    }
    return 0;
}

int gate_load(struct suite *s, struct gate_settings *g, const char *path, struct assay_err *e)
{
    field_defaults(gate_fields, g);
    TRY(suite_load(s, path, e));
    TRY(read_settings(s, g, e));
    const struct value *other = value_get(s->gate_value, "suite");
    if (!other)
        return 0;
    if (other->type != VALUE_STR)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: 'suite' names a file, found %s", path,
                       other->line, other->col, value_type_name(other));
    if (s->models_value || s->tasks.n)
        return err_set(e, ASSAY_EUSAGE, "%s:%u:%u: the file holds a suite and names another one",
                       path, other->line, other->col);
    const char *there = fs_join(s->arena, fs_dirname(s->arena, path), other->s);
    suite_init(s, s->arena);
    return suite_load(s, there, e);
}

static bool is_allowed(const char *word, const char *allowed)
{
    size_t n = strlen(word);
    for (const char *p = allowed; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && memcmp(p, word, n) == 0)
            return true;
    return false;
}

int gate_words(const char *list, const char *allowed, const char *where, struct arena *a,
               const char *const **words, size_t *n, struct assay_err *e)
{
    char *save = NULL, *copy = arena_strdup(a, list ? list : "");
    const char **v = ARENA_ARRAY(a, const char *, strlen(copy) / 2 + 2);
    *n = 0;
    *words = v;
    for (char *w = strtok_r(copy, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
        if (!is_allowed(w, allowed))
            return err_set(e, ASSAY_EUSAGE, "%s: unknown word '%s', expected some of %s", where, w,
                           allowed);
        v[(*n)++] = w;
    }
    return 0;
}

/* -- what is measured beside --------------------------------------------------------------------- */

void gate_binary(char uid[65])
{
    uint8_t digest[HASH_BYTES];
    uid[0] = 0;
    if (hash_file("/proc/self/exe", digest, NULL) == 0)
        hash_hex(digest, uid);
}

static int keep_canaries(struct store *s, const char *run_uid, const struct canary *c,
                         struct assay_err *e)
{
    struct arena a = {0};
    struct store_run run;
    int rc = store_get_run(s, run_uid, &a, &run, e);
    if (rc >= 0)
        rc = store_begin(s, e);
    for (int k = 0; k < CANARY_KINDS; k++)
        for (int rep = 0; rep < CANARY_REPS && rc >= 0; rep++) {
            struct store_canary row = {.run_id = run.id,
                                       .rep = rep,
                                       .name = c[k].name,
                                       .unit = c[k].unit,
                                       .value = c[k].value[rep]};
            rc = store_put_canary(s, &row, e);
        }
    if (rc >= 0)
        rc = store_commit(s, e);
    arena_release(&a);
    return rc;
}

int gate_canaries(const char *db, const char *run_uid, struct assay_err *e)
{
    struct canary c[CANARY_KINDS];
    struct store *s = NULL;
    TRY(canary_measure(c, e));
    TRY(store_open(db, STORE_WRITE, &s, e));
    int rc = keep_canaries(s, run_uid, c, e);
    store_close(s);
    return rc;
}

/* -- in turns ------------------------------------------------------------------------------------ */

static void write_side(struct buf *b, const char *name, const struct gate_side *side)
{
    buf_printf(b, "{\"variants\": [{\"name\": \"%s\"}], \"backend\": ", name);
    json_write_str(b, side->backend, strlen(side->backend));
    buf_printf(b, ", \"options\": %s}", side->options);
}

/* A suite of one scenario; JSON is YAML. */
static void write_block(const struct gate_turns *t, bool b_first, struct buf *b)
{
    const struct suite_scenario *s = t->scenario;
    buf_adds(b, "{\"models\": [");
    if (t->a)
        write_side(b, "a", t->a);
    buf_adds(b, t->a ? ", " : "");
    write_side(b, "b", t->b);
    buf_printf(
        b,
        "], \"reference\": \"%s\", \"kl-docs\": 0, \"rounds\": 1, \"idle\": 0, \"timeout\": %lld, "
        "\"scenarios\": [{\"name\": ",
        b_first || !t->a ? "b" : "a", (long long)t->timeout_s);
    json_write_str(b, s->name, strlen(s->name));
    buf_printf(b,
               ", \"kind\": \"%s\", \"prompt\": %lld, \"generate\": %lld, \"repetitions\": %lld}]}",
               s->kind == SUITE_PREFILL ? "prefill" : "decode", (long long)s->n_prompt,
               (long long)s->n_generate, (long long)s->repetitions);
}

static int run_block(const struct gate_turns *t, int64_t block, const char *path,
                     struct assay_err *e)
{
    struct arena a = {0};
    struct suite suite;
    struct buf text;
    struct run_summary summary;
    struct run_options o = {.db = t->db, .command = "assay gate: in turns", .version = t->version};
    buf_init(&text, 0);
    suite_init(&suite, &a);
    write_block(t, block & 1, &text);
    int rc = fs_write_atomic(path, text.v, text.n, e);
    if (rc >= 0)
        rc = suite_load(&suite, path, e);
    if (rc >= 0)
        rc = suite_finish(&suite, e);
    if (rc >= 0)
        rc = run_suite(&suite, &o, &summary, e);
    if (rc >= 0 && summary.status == RUN_INTERRUPTED)
        rc = err_set(e, ASSAY_ECANCELED, "interrupted while measuring in turns");
    if (rc >= 0 && summary.status != RUN_DONE)
        rc = err_set(e, ASSAY_ESTATE, "measuring in turns: a side did not finish");
    buf_release(&text);
    arena_release(&a);
    return rc;
}

int gate_run_turns(const struct gate_turns *t, struct assay_err *e)
{
    struct arena a = {0};
    const char *path = arena_printf(&a, "%s.yaml", t->db);
    int rc = 0;
    for (int64_t block = 0; block < t->blocks && rc >= 0; block++)
        rc = run_block(t, block, path, e);
    arena_release(&a);
    return rc;
}
