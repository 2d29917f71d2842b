/* make_store.h - fills a database with what a real run leaves behind: eight
 * variants (one crashed), 34 minimal-pair tasks, a generation and a perplexity task, divergence,
 * scenario samples, and hostile text wherever text can come from outside.  Seeded: always the same.
 *
 * Effects are planted so that tests know the answer: see struct make_variant. */
#ifndef MAKE_STORE_H
#define MAKE_STORE_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"
#include "harness/store/store.h"

/* Prompt text that would run, reorder or recolour if anybody let it. */
#define MAKE_HOSTILE                                                                 \
    "</script><script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">" \
    " &amp; \x1b[31mred\x1b[0m \xe2\x80\xae"                                         \
    "desrever\xe2\x80\xac ' \" ` \x01"

struct make_options {
    int n_items;             /* per minimal-pair task; 0: 1000 */
    int n_tasks;             /* of the 34; 0: all */
    bool has_divergence;     /* 4 positions per request */
    uint64_t seed;           /* of the noise: another run of the same suite; 0: 1 */
    const char *uid;         /* of the run; NULL: a fixed one */
    const char *dataset_uid; /* of every task; NULL: a fixed one */
    bool is_plain;           /* no hostile text, no crashed variant */
};
struct make_variant {
    const char *name, *precision, *kernel;
    double noise, bias; /* of the item's margin: flips both ways; towards wrong */
    double decode_tps, prefill_tps, weight_mib;
    const char *status, *reason;
};
static const struct make_variant make_variants[] = {
    {"fp32", "f32", "avx512", 0, 0, 210, 2400, 4.2, "done", NULL},
    {"fp16", "f16", "avx512-f16c", 0.004, 0, 305, 2380, 2.1, "done", NULL},
    {"bf16", "bf16", "avx512-bf16", 0.02, 0, 300, 3900, 2.1, "done", NULL},
    {"int16", "int16 per channel", "avx512-vnni", 0.006, 0, 290, 3100, 2.1, "done", NULL},
    {"int8", "int8 per channel", "avx512-vnni", 0.03, 0.0005, 460, 3300, 1.1, "done", NULL},
    {"w8a8", "int8 per channel, int8 activations", "avx512-vnni", 0.08, 0.012, 470, 6100, 1.1,
     "done", NULL},
    {"int4", "int4 g32", "avx512-vnni", 0.30, 0.07, 640, 3600, 0.66, "done", NULL},
    {"q4_k", "q4_k", "", 0, 0, 0, 0, 0, "crashed",
     "killed by signal 11 (segmentation fault) while asking task 'passive_1' <b>here</b>"},
};
enum { MAKE_VARIANTS = sizeof make_variants / sizeof *make_variants };
static const char *const make_tasks[] = {"adjunct_island",
                                         "anaphor_gender_agreement",
                                         "anaphor_number_agreement",
                                         "animate_subject_passive",
                                         "animate_subject_trans",
                                         "causative",
                                         "complex_NP_island",
                                         "coordinate_structure_constraint_complex_left_branch",
                                         "coordinate_structure_constraint_object_extraction",
                                         "determiner_noun_agreement_1",
                                         "determiner_noun_agreement_2",
                                         "determiner_noun_agreement_irregular_1",
                                         "determiner_noun_agreement_with_adj_2",
                                         "distractor_agreement_relational_noun",
                                         "distractor_agreement_relative_clause",
                                         "drop_argument",
                                         "ellipsis_n_bar_1",
                                         "ellipsis_n_bar_2",
                                         "existential_there_object_raising",
                                         "existential_there_quantifiers_1",
                                         "existential_there_subject_raising",
                                         "expletive_it_object_raising",
                                         "inchoative",
                                         "intransitive",
                                         "irregular_past_participle_adjectives",
                                         "irregular_plural_subject_verb_agreement_1",
                                         "left_branch_island_echo_question",
                                         "matrix_question_npi_licensor_present",
                                         "npi_present_1",
                                         "only_npi_scope",
                                         "passive_1",
                                         "principle_A_c_command",
                                         "sentential_subject_island",
                                         "wh_vs_that_no_gap"};
enum { MAKE_TASKS = sizeof make_tasks / sizeof *make_tasks };

struct maker {
    struct store *s;
    struct arena arena;
    struct rng rng;
    const struct make_options *o;
    int n_variants;
    int64_t run, variant[MAKE_VARIANTS], run_variant[MAKE_VARIANTS];
    int64_t acc, acc_norm, strict, flexible, word_ppl, bpb;
};

#define MAKE(expr)                         \
    do {                                   \
        struct assay_err e_ = {0};         \
        if (make_failed(expr, &e_, #expr)) \
            exit(1);                       \
    } while (0)
static bool make_failed(int rc, const struct assay_err *e, const char *what)
{
    if (rc < 0)
        fprintf(stderr, "make_store: %s: %s\n", what, e->msg);
    return rc < 0;
}

static double make_normal(struct rng *r)
{
    double u = 1 - rng_double(r), v = rng_double(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static void make_key(uint8_t key[STORE_KEY], int64_t task, int64_t idx, int64_t choice)
{
    struct rng r = {(uint64_t)(task * 1000003 + idx * 17 + choice)};
    for (int i = 0; i < STORE_KEY; i += 8) {
        uint64_t x = rng_next(&r);
        memcpy(key + i, &x, 8);
    }
}

static void make_base(struct maker *m)
{
    bool plain = m->o->is_plain;
    int64_t machine, model;
    struct store_machine mm = {
        "c0ffee", plain ? "bench-1" : "bench-1 <i>&", "c1a55e5",
        "{\"cpu\":\"AMD EPYC 9R14\",\"cores\":2,\"isa\":\"avx512,vnni,bf16\",\"memory_gib\":8}",
        "{\"kernel\":\"6.1.0\",\"governor\":\"performance\",\"compiler\":\"gcc 12.2\"}"};
    MAKE(store_put_machine(m->s, &mm, &machine, &e_));
    struct store_model mo = {"a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
                             "stories260K",
                             "models/stories260K.gguf",
                             "llama",
                             1185376,
                             292800};
    MAKE(store_put_model(m->s, &mo, &model, &e_));
    struct store_run r = {
        .uid = m->o->uid ? m->o->uid : "0193a5c2-7b1e-7c44-9d5f-2f8e6f3b1a90",
        .plan_uid = "91a4",
        .suite = "{\"seed\": 1234}",
        .version = "1.0.0",
        .status = plain ? "done" : "partial",
        .command =
            "assay run --model models/stories260K.gguf --tasks tasks/library/blimp --precision "
            "fp32,fp16,bf16,int16,int8,w8a8,int4,q4_k --db blimp.db",
        .machine_id = machine,
        .seed = 1234,
        .started_ns = 1764000000000000000 + (int64_t)(m->o->seed * 86400) * 1000000000,
        .ended_ns = 1764000421000000000 + (int64_t)(m->o->seed * 86400) * 1000000000};
    MAKE(store_add_run(m->s, &r, &e_));
    m->run = r.id;
    for (int i = 0; i < m->n_variants; i++) {
        const struct make_variant *x = &make_variants[i];
        char uid[32], info[160];
        snprintf(uid, sizeof uid, "f1e2d3c4%04d", i);
        snprintf(info, sizeof info, "{\"arch\":\"llama\",\"kernel\":\"%s\",\"device\":\"cpu\"}",
                 x->kernel);
        struct store_variant v = {uid,  "native", "1.0.0", x->precision, "{\"threads\": 2}",
                                  info, model};
        MAKE(store_put_variant(m->s, &v, &m->variant[i], &e_));
        struct store_run_variant rv;
        store_run_variant_init(&rv);
        rv.run_id = m->run;
        rv.position = i;
        rv.name = x->name;
        rv.is_reference = i == 0;
        MAKE(store_plan_variant(m->s, &rv, &m->arena, &e_));
        m->run_variant[i] = rv.id;
        rv.variant_id = m->variant[i];
        rv.status = x->status;
        rv.reason = x->reason;
        if (x->reason) {
            rv.signal = 11;
        } else {
            int64_t w = (int64_t)(x->weight_mib * 1048576);
            rv.load_ns = 2500000 + 120000 * i;
            rv.weight_bytes = w;
            rv.file_bytes = 1185376;
            rv.kv_bytes = 1310720;
            rv.kv_bytes_per_token = 2560;
            rv.peak_rss_bytes = w + 8300000;
            rv.anon_bytes = w + 5400000;
            rv.file_rss_bytes = 2600000;
            rv.n_evaluated = 5200000 + i;
            rv.n_reused = 3100000;
        }
        MAKE(store_set_variant(m->s, &rv, &e_));
    }
}

static int64_t make_job(struct maker *m, int v, const char *kind, const char *name, int64_t ref)
{
    struct store_job j;
    store_job_init(&j);
    j.run_variant_id = m->run_variant[v];
    j.kind = kind;
    j.name = name;
    *(strcmp(kind, "scenario") ? &j.task_id : &j.scenario_id) = ref;
    MAKE(store_plan_job(m->s, &j, &m->arena, &e_));
    bool ok = make_variants[v].reason == NULL;
    j.status = ok ? "done" : "skipped";
    j.reason = ok ? NULL : "the variant crashed";
    j.wall_ns = 812000000;
    j.cpu_ns = 1598000000;
    MAKE(store_set_job(m->s, &j, &e_));
    return j.id;
}

static void make_score(struct maker *m, int64_t job, int64_t measure, int64_t idx, double v,
                       double w)
{
    struct store_score s = {job, measure, idx, v, w, NULL};
    MAKE(store_put_score(m->s, &s, &e_));
}

static void make_result(struct maker *m, int v, int64_t job, int64_t group, int64_t measure,
                        struct store_result r)
{
    r.run_variant_id = m->run_variant[v];
    r.job_id = job;
    r.group_id = group;
    r.measure_id = measure;
    MAKE(store_put_result(m->s, &r, &e_));
}

static int64_t make_task(struct maker *m, const char *name, const char *type)
{
    char uid[96];
    const char *data = m->o->dataset_uid ? m->o->dataset_uid : "d5e1";
    snprintf(uid, sizeof uid, "%s-%s", data, name);
    struct store_task t = {uid, name, NULL, "1.0", type, "c0f1", data, "datasets/blimp", "{}", 0};
    int64_t id;
    MAKE(store_put_task(m->s, &t, &id, &e_));
    return id;
}

static void make_item(struct maker *m, int64_t task, int64_t idx, const char *prompt,
                      const char *choices, const char *target)
{
    uint8_t keys[2][STORE_KEY];
    make_key(keys[0], task, idx, 0);
    make_key(keys[1], task, idx, 1);
    struct store_item it = {.task_id = task,
                            .idx = idx,
                            .prompt = prompt,
                            .choices = choices,
                            .target = target,
                            .prompt_n = strlen(prompt),
                            .choices_n = choices ? strlen(choices) : 0,
                            .target_n = strlen(target),
                            .requests = keys[0],
                            .n_requests = choices ? 2 : 1};
    memcpy(it.doc_uid, keys[0], sizeof it.doc_uid);
    MAKE(store_put_item(m->s, &it, &e_));
}

static void make_response(struct maker *m, int v, int64_t task, int64_t idx, int choice, double lp,
                          const char *text)
{
    struct store_response r = {.logprob = lp,
                               .n_tokens = 9,
                               .n_prompt = 1,
                               .is_greedy = -1,
                               .text = text,
                               .finish = text ? "stop" : NULL,
                               .text_n = text ? strlen(text) : 0};
    bool kept;
    make_key(r.request, task, idx, choice);
    MAKE(store_put_response(m->s, m->variant[v], &r, &kept, &e_));
}

static void make_divergence(struct maker *m, int64_t job, int64_t idx, int64_t request,
                            double noise)
{
    enum { N = 4 };
    double kl[N], dp[N], nll[N], ref[N];
    uint8_t top[N];
    for (int i = 0; i < N; i++) {
        double x = noise * make_normal(&m->rng) * 0.5;
        ref[i] = 1.5 - log(1 - rng_double(&m->rng));
        kl[i] = x * x * 0.5;
        nll[i] = ref[i] + x * 0.3 + x * x * 0.5;
        dp[i] = exp(-nll[i]) - exp(-ref[i]);
        top[i] = fabs(x) < 0.35;
    }
    struct store_divergence d = {job, idx, request, N, kl, dp, nll, ref, top};
    MAKE(store_put_divergence(m->s, &d, &e_));
}

/* A minimal pair: the right sentence must be likelier.  The margin is the item's own; a variant
 * sees it with noise and bias. */
static double make_pairs(struct maker *m, int t, int64_t totals[MAKE_VARIANTS])
{
    int n = m->o->n_items ? m->o->n_items : 1000;
    int64_t task = make_task(m, make_tasks[t], "multiple_choice");
    int64_t jobs[MAKE_VARIANTS], kl_jobs[MAKE_VARIANTS], right[MAKE_VARIANTS] = {0};
    struct rng margins = {(uint64_t)(t + 77)}; /* the same in every run */
    double ease = 0.2 + 0.9 * make_normal(&margins);
    for (int v = 0; v < m->n_variants; v++) {
        jobs[v] = make_job(m, v, "task", make_tasks[t], task);
        kl_jobs[v] = v && m->o->has_divergence && !make_variants[v].reason
                         ? make_job(m, v, "divergence", make_tasks[t], task)
                         : 0;
    }
    for (int i = 0; i < n; i++) {
        char choices[512];
        snprintf(choices, sizeof choices,
                 "[\"%s %d can see the cats that sleep.\", "
                 "\"%s %d can see the cats that sleeps.%s\"]",
                 "Many girls of house", i, "Many girls of house", i,
                 i % 7 || m->o->is_plain ? "" : "</script>=1+1");
        make_item(m, task, i, m->o->is_plain || i % 5 ? "" : MAKE_HOSTILE, choices, "0");
        double margin = ease + make_normal(&margins), bad = -31 + 4 * make_normal(&margins);
        for (int v = 0; v < m->n_variants; v++) {
            const struct make_variant *x = &make_variants[v];
            if (x->reason)
                continue;
            double seen = margin + x->noise * make_normal(&m->rng) - x->bias;
            make_response(m, v, task, i, 0, bad + seen, NULL);
            make_response(m, v, task, i, 1, bad, NULL);
            make_score(m, jobs[v], m->acc, i, seen > 0, NAN);
            make_score(m, jobs[v], m->acc_norm, i, seen > 0, NAN);
            right[v] += seen > 0;
            for (int r = 0; r < 2 && kl_jobs[v]; r++)
                make_divergence(m, kl_jobs[v], i, r, x->noise);
        }
    }
    for (int v = 0; v < m->n_variants; v++) {
        if (make_variants[v].reason)
            continue;
        double p = (double)right[v] / n;
        struct store_result r = {.n = n,
                                 .higher_is_better = 1,
                                 .value = p,
                                 .stderr_ = sqrt(p * (1 - p) / (n - 1)),
                                 .aggregation = "mean"};
        make_result(m, v, jobs[v], STORE_NULL, m->acc, r);
        make_result(m, v, jobs[v], STORE_NULL, m->acc_norm, r);
        totals[v] += right[v];
    }
    return n;
}

static void make_generation(struct maker *m)
{
    int64_t task = make_task(m, "gsm8k_short", "generate_until");
    for (int v = 0; v < m->n_variants; v++) {
        const struct make_variant *x = &make_variants[v];
        int64_t job = make_job(m, v, "task", "gsm8k_short", task);
        int right = 0, n = 120;
        for (int i = 0; i < n && !x->reason; i++) {
            struct rng own = {(uint64_t)(9000 + i)};
            double seen =
                make_normal(&own) + 0.1 + 2 * x->noise * make_normal(&m->rng) - 2 * x->bias;
            char text[400];
            snprintf(text, sizeof text, "She has %d apples and gives away 3.\n#### %d%s", i + 4,
                     seen > 0 ? i + 1 : i + 2, m->o->is_plain ? "" : " " MAKE_HOSTILE);
            if (v == 0)
                make_item(m, task, i,
                          "Question: Ann has some apples. How many are left?\nAnswer:", NULL,
                          "\"#### 12\"");
            make_response(m, v, task, i, 0, NAN, text);
            make_score(m, job, m->strict, i, seen > 0, NAN);
            make_score(m, job, m->flexible, i, seen > -0.1, NAN);
            right += seen > 0;
        }
        double p = (double)right / n;
        struct store_result r = {.n = n,
                                 .higher_is_better = 1,
                                 .value = p,
                                 .stderr_ = sqrt(p * (1 - p) / (n - 1)),
                                 .aggregation = "mean"};
        if (!x->reason)
            make_result(m, v, job, STORE_NULL, m->strict, r);
    }
}

static void make_perplexity(struct maker *m)
{
    int64_t task = make_task(m, "wikitext_short", "loglikelihood_rolling");
    for (int v = 0; v < m->n_variants; v++) {
        const struct make_variant *x = &make_variants[v];
        int64_t job = make_job(m, v, "task", "wikitext_short", task);
        double ll = 0, words = 0, bytes = 0;
        for (int i = 0; i < 60 && !x->reason; i++) {
            struct rng own = {(uint64_t)(7000 + i)};
            double w = 80 + (double)rng_below(&own, 200), per = 4.1 + 0.3 * make_normal(&own);
            double own_ll =
                -w * (per + 0.4 * x->noise * x->noise + 0.02 * x->noise * make_normal(&m->rng));
            make_score(m, job, m->word_ppl, i, own_ll, w);
            make_score(m, job, m->bpb, i, own_ll, 5.3 * w);
            ll += own_ll, words += w, bytes += 5.3 * w;
            if (v == 0)
                make_item(m, task, i, "A page of text.", NULL, "null");
        }
        if (x->reason)
            continue;
        struct store_result r = {.n = 60,
                                 .higher_is_better = 0,
                                 .value = exp(-ll / words),
                                 .stderr_ = NAN,
                                 .aggregation = "weighted_perplexity"};
        make_result(m, v, job, STORE_NULL, m->word_ppl, r);
        r.value = -ll / (bytes * M_LN2);
        r.aggregation = "bits_per_byte";
        make_result(m, v, job, STORE_NULL, m->bpb, r);
    }
}

static void make_speed(struct maker *m)
{
    enum { PREFILL = 12, DECODE = 12, TOKENS = 128, WARM = 2 };
    int64_t prefill, decode;
    struct store_scenario sp = {"5ce0", "prefill 512", "prefill", "{\"n_prompt\": 512}"};
    struct store_scenario sd = {"5ce1", "decode 128", "decode",
                                "{\"n_prompt\": 16, \"n_gen\": 128}"};
    MAKE(store_put_scenario(m->s, &sp, &prefill, &e_));
    MAKE(store_put_scenario(m->s, &sd, &decode, &e_));
    for (int v = 0; v < m->n_variants; v++) {
        const struct make_variant *x = &make_variants[v];
        int64_t job = make_job(m, v, "scenario", "prefill 512", prefill);
        for (int i = 0; i < PREFILL + WARM && !x->reason; i++) {
            double ns = 512e9 / x->prefill_tps * (1 + 0.02 * fabs(make_normal(&m->rng))) *
                        (i < WARM ? 1.4 : 1);
            struct store_sample s = {.job_id = job,
                                     .rep = i,
                                     .is_warmup = i < WARM,
                                     .n_prompt = 512,
                                     .wall_ns = (int64_t)ns,
                                     .cpu_ns = (int64_t)(1.9 * ns),
                                     .ttft_ns = (int64_t)ns,
                                     .switches = i % 3,
                                     .is_dirty = i == 9};
            MAKE(store_put_sample(m->s, &s, &e_));
        }
        job = make_job(m, v, "scenario", "decode 128", decode);
        for (int i = 0; i < DECODE + WARM && !x->reason; i++) {
            int64_t at[TOKENS];
            double t = 7e6;
            for (int k = 0; k < TOKENS; k++) {
                at[k] = (int64_t)t;
                t += 1e9 / x->decode_tps * (1 + 0.04 * fabs(make_normal(&m->rng))) *
                     (rng_below(&m->rng, 200) ? 1 : 3);
            }
            struct store_sample s = {.job_id = job,
                                     .rep = i,
                                     .is_warmup = i < WARM,
                                     .n_prompt = 16,
                                     .n_generated = TOKENS,
                                     .wall_ns = at[TOKENS - 1] + 1000,
                                     .cpu_ns = at[TOKENS - 1] * 2,
                                     .ttft_ns = at[0],
                                     .token_ns = at,
                                     .n_token_ns = TOKENS,
                                     .switches = 1};
            MAKE(store_put_sample(m->s, &s, &e_));
        }
    }
}

/* Adds one run to the database at path (made when absent).  Ends the program when it can't. */
static inline void make_store(const char *path, const struct make_options *o)
{
    struct maker m = {
        .o = o, .rng = {o->seed ? o->seed : 1}, .n_variants = MAKE_VARIANTS - o->is_plain};
    MAKE(store_open(path, STORE_CREATE, &m.s, &e_));
    MAKE(store_begin(m.s, &e_));
    MAKE(store_measure(m.s, "acc", "none", &m.acc, &e_));
    MAKE(store_measure(m.s, "acc_norm", "none", &m.acc_norm, &e_));
    MAKE(store_measure(m.s, "exact_match", "strict-match", &m.strict, &e_));
    MAKE(store_measure(m.s, "exact_match", "flexible-extract", &m.flexible, &e_));
    MAKE(store_measure(m.s, "word_perplexity", "none", &m.word_ppl, &e_));
    MAKE(store_measure(m.s, "bits_per_byte", "none", &m.bpb, &e_));
    make_base(&m);
    int n_tasks = o->n_tasks ? o->n_tasks : MAKE_TASKS;
    char leaves[4096] = "[";
    int64_t totals[MAKE_VARIANTS] = {0}, group;
    double n_items = 0;
    for (int t = 0; t < n_tasks; t++) {
        n_items += make_pairs(&m, t, totals);
        size_t len = strlen(leaves);
        snprintf(leaves + len, sizeof leaves - len, "%s\"%s\"", t ? "," : "", make_tasks[t]);
    }
    strcat(leaves, "]");
    struct store_group g = {m.run, "blimp", "BLiMP", leaves, leaves};
    MAKE(store_put_group(m.s, &g, &group, &e_));
    for (int v = 0; v < m.n_variants; v++) {
        double p = (double)totals[v] / n_items;
        struct store_result r = {.n = (int64_t)n_items,
                                 .higher_is_better = 1,
                                 .value = p,
                                 .stderr_ = sqrt(p * (1 - p) / n_items),
                                 .aggregation = "mean"};
        if (!make_variants[v].reason)
            make_result(&m, v, STORE_NULL, group, m.acc, r);
    }
    make_generation(&m);
    make_perplexity(&m);
    make_speed(&m);
    MAKE(store_commit(m.s, &e_));
    store_close(m.s);
    arena_release(&m.arena);
}
#endif
