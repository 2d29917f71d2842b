/* make_nights.h - fills a database with nights of a suite as real runs leave them behind: variants,
 * right-or-wrong tasks, rates, memory, canaries.  Seeded: always the same.
 *
 * Planted, counted from the end: int8 decodes 5 % slower for the last 12 nights, int4 lost 3 % of
 * memory 20 nights ago, the machine was slow (canary too) in nights 30 and 29 before the end, and
 * the data set changed 40 nights ago.  The newest night a second class of machine ran it too, when
 * asked for, where w8a8 answers some items otherwise and int3 was killed. */
#ifndef MAKE_NIGHTS_H
#define MAKE_NIGHTS_H
#include "harness/store/store_gate.h"
#include "tests/reports/make_store.h"

struct nights_options {
    int n_nights, n_variants, n_tasks, n_items; /* 0: 60, 7, 3, 200 */
    bool has_second_machine;
    bool is_hostile; /* names of variants, tasks and machines too */
};
static const char *const nights_variants[] = {
    "fp32", "int8", "int4", "fp16", "bf16", "int16",    "w8a8",      "int3",
    "q8_0", "q5_1", "q4_0", "int2", "w4a4", "int4-awq", "int4-gptq", "hybrid-a"};
enum { NIGHTS_VARIANTS = sizeof nights_variants / sizeof *nights_variants, NIGHTS_REPS = 5 };

struct nights_maker {
    struct store *s;
    struct arena arena;
    struct rng rng;
    struct nights_options o;
    int64_t acc, decode, prefill, run, model, machine, variant[NIGHTS_VARIANTS];
    int night, left; /* left: nights until the newest */
    bool is_second;
};

static const char *nights_name(struct nights_maker *m, const char *plain, const char *hostile)
{
    return m->o.is_hostile ? arena_printf(&m->arena, "%s%s", plain, hostile) : plain;
}

static int64_t nights_job(struct nights_maker *m, int64_t rv, const char *kind, const char *name,
                          int64_t ref)
{
    struct store_job j;
    store_job_init(&j);
    j.run_variant_id = rv;
    j.kind = kind;
    j.name = name;
    *(kind[0] == 't' ? &j.task_id : &j.scenario_id) = ref;
    MAKE(store_plan_job(m->s, &j, &m->arena, &e_));
    j.status = "done";
    j.n_items = j.n_done = kind[0] == 't' ? m->o.n_items : STORE_NULL;
    MAKE(store_set_job(m->s, &j, &e_));
    return j.id;
}

static void nights_samples(struct nights_maker *m, int64_t rv, bool is_decode, double rate)
{
    int64_t job = nights_job(m, rv, "scenario", is_decode ? "decode:16+64" : "prefill:256",
                             is_decode ? m->decode : m->prefill);
    for (int rep = 0; rep < NIGHTS_REPS; rep++) {
        int64_t at[64];
        double own = rate * (1 + 0.004 * make_normal(&m->rng)), t = 1e6;
        bool is_dirty = m->left == 0 && rep == 3 && rng_below(&m->rng, 3) == 0;
        for (int k = 0; k < 64; k++) {
            at[k] = (int64_t)t;
            t += 1e9 / own * (1 + 0.03 * fabs(make_normal(&m->rng))) * (is_dirty ? 1.3 : 1);
        }
        struct store_sample s = {.job_id = job,
                                 .rep = rep,
                                 .n_prompt = is_decode ? 16 : 256,
                                 .n_generated = is_decode ? 64 : 1,
                                 .cpu_ns = 2000000,
                                 .wall_ns = is_decode ? at[63] : (int64_t)(256e9 / own),
                                 .ttft_ns =
                                     is_decode ? (int64_t)(16e9 / own) : (int64_t)(256e9 / own),
                                 .switches = is_dirty ? 400 : 2,
                                 .is_dirty = is_dirty};
        if (is_decode) {
            s.token_ns = at;
            s.n_token_ns = 64;
        }
        MAKE(store_put_sample(m->s, &s, &e_));
    }
}

/* The margin of an item: harder tasks, noisier variants. */
static double nights_margin(struct nights_maker *m, int task, int item, int v)
{
    struct rng ease = {(uint64_t)(task * 7919 + item)},
               own = {(uint64_t)(task * 31 + item * 17 + v * 101 + 5)};
    double noise = v == 0 ? 0 : 0.02 * v, bias = v > 6 ? 0.03 * (v - 6) : 0;
    double margin = 0.55 + make_normal(&ease) + noise * make_normal(&own) - bias;
    if (m->is_second && v == 6 && item % 50 == 3)
        margin = -margin;
    return margin;
}

static void nights_item(struct nights_maker *m, int64_t task, int t, int i)
{
    char choices[256], prompt[512];
    uint8_t keys[4 * STORE_KEY];
    int n = t % 2 ? 4 : 2;
    snprintf(choices, sizeof choices,
             n == 2 ? "[\" sleep\",\" sleeps\"]" : "[\" one\",\" two\",\" three\",\" four\"]");
    snprintf(prompt, sizeof prompt, "Item %d of task %d: the cats that the girl of house %d sees%s",
             i, t, i % 13, m->o.is_hostile ? MAKE_HOSTILE : "");
    for (int k = 0; k < n; k++)
        make_key(keys + k * STORE_KEY, task, i, k);
    struct store_item x = {.task_id = task,
                           .idx = i,
                           .prompt = prompt,
                           .prompt_n = strlen(prompt),
                           .choices = choices,
                           .choices_n = strlen(choices),
                           .target = "0",
                           .target_n = 1,
                           .requests = keys,
                           .n_requests = (size_t)n};
    memcpy(x.doc_uid, keys, STORE_KEY);
    MAKE(store_put_item(m->s, &x, &e_));
}

static void nights_task(struct nights_maker *m, int t, int64_t rv, int v)
{
    char name[160], uid[64], data[32];
    int n_choices = t % 2 ? 4 : 2;
    snprintf(name, sizeof name, "%s%s", make_tasks[t],
             m->o.is_hostile && t == 0 ? "<i>\x1b[31m&" : "");
    bool is_new_data = m->left < 40;
    snprintf(data, sizeof data, "data-%d", is_new_data);
    snprintf(uid, sizeof uid, "task-%d-%d", t, is_new_data);
    struct store_task x = {uid,      name, NULL,          "1",  "multiple_choice",
                           "config", data, "pairs.jsonl", "{}", 0};
    int64_t task;
    double right = 0;
    MAKE(store_put_task(m->s, &x, &task, &e_));
    int64_t job = nights_job(m, rv, "task", name, task);
    for (int i = 0; i < m->o.n_items; i++) {
        double margin = nights_margin(m, t, i, v);
        struct store_score y = {job, m->acc, i, margin > 0, NAN, NULL};
        MAKE(store_put_score(m->s, &y, &e_));
        right += margin > 0;
        if (m->left == 0 && v == 0)
            nights_item(m, task, t, i);
        for (int k = 0; k < n_choices && m->left == 0; k++) {
            bool kept;
            struct store_response r = {.n_tokens = 6,
                                       .n_prompt = 12,
                                       .is_greedy = 0,
                                       .logprob = -20 + (k == 0                         ? margin
                                                         : k == 1 + v % (n_choices - 1) ? 0
                                                                                        : -1)};
            make_key(r.request, task, i, k);
            MAKE(store_put_response(m->s, m->variant[v], &r, &kept, &e_));
        }
    }
    struct store_result r = {.run_variant_id = rv,
                             .job_id = job,
                             .group_id = STORE_NULL,
                             .measure_id = m->acc,
                             .n = m->o.n_items,
                             .higher_is_better = 1,
                             .value = right / m->o.n_items,
                             .stderr_ = 0.01,
                             .aggregation = "mean"};
    MAKE(store_put_result(m->s, &r, &e_));
}

static double nights_planted(const struct nights_maker *m, int v)
{
    double f = m->is_second ? 0.6 : 1;
    if (v == 1 && m->left < 12)
        f *= 0.95;
    if (!m->is_second && (m->left == 30 || m->left == 29))
        f *= 0.93;
    return f;
}

static void nights_variant(struct nights_maker *m, int v)
{
    struct store_run_variant rv;
    char uid[64], info[256], options[64];
    const char *name = nights_name(m, nights_variants[v], v == 2 ? MAKE_HOSTILE : "");
    bool is_killed = m->is_second && v == 7;
    snprintf(uid, sizeof uid, "print-%d-%d%s", v, m->left < 12, m->is_second ? "-b" : "");
    snprintf(options, sizeof options, "{\"precision\": \"%s\"}", nights_variants[v]);
    snprintf(info, sizeof info, "{\"arch\":\"llama\",\"kernel\":\"%s\",\"device\":\"cpu\"}",
             m->is_second ? (v % 3 ? "avx2" : "avx2, emulated bf16") : "avx512-vnni");
    struct store_variant x = {uid, "native", "1", nights_variants[v], options, info, m->model};
    MAKE(store_put_variant(m->s, &x, &m->variant[v], &e_));
    store_run_variant_init(&rv);
    rv.run_id = m->run;
    rv.position = v;
    rv.name = name;
    rv.is_reference = v == 0;
    MAKE(store_plan_variant(m->s, &rv, &m->arena, &e_));
    rv.variant_id = m->variant[v];
    rv.status = is_killed ? "crashed" : "done";
    rv.reason = is_killed ? "killed by signal 9 (killed): out of memory while loading" : NULL;
    rv.signal = is_killed ? 9 : STORE_NULL;
    if (!is_killed) {
        double w = (v == 0                       ? 90e6
                    : v == 3 || v == 4 || v == 5 ? 46e6
                                                 : 16e6 + 3e6 * v) *
                   (v == 2 && m->left < 20 ? 0.97 : 1);
        rv.weight_bytes = (int64_t)(0.8 * w);
        rv.file_bytes = 1185376;
        rv.kv_bytes = 1310720;
        rv.kv_bytes_per_token = 2560;
        rv.peak_rss_bytes = (int64_t)(w * (1 + 0.0005 * make_normal(&m->rng)));
        rv.anon_bytes = (int64_t)(0.9 * w);
        rv.file_rss_bytes = 2600000;
        rv.load_ns = 2500000;
        rv.n_evaluated = 50000;
        rv.n_reused = 20000;
    }
    MAKE(store_set_variant(m->s, &rv, &e_));
    if (is_killed)
        return;
    nights_samples(m, rv.id, true,
                   (v == 0 ? 200 : 240 + 37 * v) * nights_planted(m, v) *
                       (1 + 0.006 * make_normal(&m->rng)));
    nights_samples(m, rv.id, false,
                   (2000 + 350 * v) * nights_planted(m, 0) * (1 + 0.006 * make_normal(&m->rng)));
    for (int t = 0; t < m->o.n_tasks; t++)
        nights_task(m, t, rv.id, v);
}

static void nights_run(struct nights_maker *m)
{
    char uid[64];
    struct store_machine x = {
        m->is_second ? "machine-b" : "machine-a",
        nights_name(m, m->is_second ? "edge-2" : "bench-1", " <i>&\x1b[31m"),
        m->is_second ? "class-b" : "class-a",
        m->is_second
            ? "{\"cpu\":\"Intel Core i5-6500\",\"cores\":4,\"isa\":\"avx2\",\"memory_gib\":8}"
            : "{\"cpu\":\"AMD EPYC 9R14\",\"cores\":2,\"isa\":\"avx512,vnni\",\"memory_gib\":8}",
        "{\"kernel\":\"6.1.0\",\"compiler\":\"gcc 12.2\"}"};
    int64_t start = 1764000000000000000 + (int64_t)m->night * 86400 * 1000000000;
    MAKE(store_put_machine(m->s, &x, &m->machine, &e_));
    snprintf(uid, sizeof uid, "0193a5c2-0000-7000-8000-%c%011d", m->is_second ? 'b' : 'a',
             m->night);
    struct store_run r = {.uid = uid,
                          .plan_uid = "plan",
                          .suite = "{}",
                          .version = "1.0.0",
                          .command = "assay gate nightly.yaml --db nightly.db",
                          .status = "done",
                          .machine_id = m->machine,
                          .seed = 1234,
                          .started_ns = start + (m->is_second ? 7200 * (int64_t)1000000000 : 0),
                          .ended_ns = start + 7201 * (int64_t)1000000000};
    MAKE(store_add_run(m->s, &r, &e_));
    m->run = r.id;
    for (int v = 0; v < m->o.n_variants; v++)
        nights_variant(m, v);
    for (int rep = 0; rep < 5; rep++) {
        struct store_canary c = {r.id, rep, "stream", "GB/s",
                                 12 * nights_planted(m, 0) * (1 + 0.004 * make_normal(&m->rng))};
        MAKE(store_put_canary(m->s, &c, &e_));
        struct store_canary d = {r.id, rep, "int8-dot", "GOPS",
                                 140 * nights_planted(m, 0) * (1 + 0.003 * make_normal(&m->rng))};
        MAKE(store_put_canary(m->s, &d, &e_));
    }
}

/* Makes the database at path.  Ends the program when it can't. */
static inline void make_nights(const char *path, struct nights_options o)
{
    o.n_nights = o.n_nights ? o.n_nights : 60;
    o.n_variants = o.n_variants ? o.n_variants : 7;
    o.n_tasks = o.n_tasks ? o.n_tasks : 3;
    o.n_items = o.n_items ? o.n_items : 200;
    struct nights_maker m = {.rng = {20250101}, .o = o};
    struct store_scenario d = {"scenario-d", "decode:16+64", "decode", "{}"};
    struct store_scenario p = {"scenario-p", "prefill:256", "prefill", "{}"};
    struct store_model mo = {"model-hash", "stories260K", "stories260K.gguf",
                             "llama",      1185376,       292800};
    MAKE(store_open(path, STORE_CREATE, &m.s, &e_));
    MAKE(store_begin(m.s, &e_));
    MAKE(store_measure(m.s, "acc", "none", &m.acc, &e_));
    MAKE(store_put_scenario(m.s, &d, &m.decode, &e_));
    MAKE(store_put_scenario(m.s, &p, &m.prefill, &e_));
    MAKE(store_put_model(m.s, &mo, &m.model, &e_));
    for (m.night = 0; m.night < o.n_nights; m.night++) {
        m.left = o.n_nights - 1 - m.night;
        m.is_second = false;
        nights_run(&m);
        m.is_second = true;
        if (m.left == 0 && o.has_second_machine)
            nights_run(&m);
    }
    MAKE(store_commit(m.s, &e_));
    store_close(m.s);
    arena_release(&m.arena);
}
#endif
