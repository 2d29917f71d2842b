/* Views and comparisons of a synthetic store against numbers taken from it by plain SQL. */
#include "tests/reports/report_test.h"

#include "harness/stats/cluster.h"
#include "harness/stats/paired.h"
#include "harness/stats/proportion.h"
#include "harness/stats/rank.h"
#include "reports/agree.h"
#include "reports/clusters.h"
#include "reports/html.h"
#include "reports/runs.h"
#include "reports/speed.h"
#include "harness/base/buf.h"

enum { ITEMS = 300, TASKS = 8 };

static const struct make_options small = {
    .n_items = ITEMS, .n_tasks = TASKS, .has_divergence = true};

/* losses (direction 1) or gains (0) of a variant over all 0/1 tasks' first measure. */
static int64_t count_flips(struct fixture *f, const char *variant, int base_value, const char *task)
{
    char sql[1200];
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM job jb JOIN run_variant rb ON rb.id = jb.run_variant_id"
        " JOIN run_variant rv ON rv.run_id = rb.run_id AND rv.name = '%s'"
        " JOIN job jv ON jv.run_variant_id = rv.id AND jv.task_id = jb.task_id AND jv.kind = 'task'"
        " JOIN score sb ON sb.job_id = jb.id JOIN measure m ON m.id = sb.measure_id"
        " JOIN score sv ON sv.job_id = jv.id AND sv.measure_id = sb.measure_id AND sv.idx = sb.idx"
        " WHERE rb.name = 'fp32' AND jb.kind = 'task' AND (m.metric = 'acc' OR m.filter ="
        " 'strict-match') AND sb.value = %d AND sv.value = %d AND jb.name LIKE '%s'",
        variant, base_value, 1 - base_value, task);
    return fixture_int(f, sql);
}

static void pooled(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare *c = f.c;
    assert_int_equal(c->n_rows, MAKE_VARIANTS);
    assert_int_equal(c->n_tasks, TASKS + 2);
    assert_string_equal(c->base->name, "fp32");
    for (size_t i = 1; i + 1 < c->n_rows; i++) {
        const struct compare_cell *p = &c->rows[i].pool;
        const char *name = c->rows[i].variant->name;
        assert_int_equal(p->kind, COMPARE_BINARY);
        assert_int_equal(p->n, ITEMS * TASKS + 120);
        assert_int_equal(p->losses, count_flips(&f, name, 1, "%"));
        assert_int_equal(p->gains, count_flips(&f, name, 0, "%"));
        double lim[2], n = (double)p->n;
        int64_t b = (int64_t)p->losses, g = (int64_t)p->gains;
        paired_interval(b, g, (int64_t)p->n, 0.05, lim);
        near(p->delta.v, (double)(g - b) / n, 1e-15);
        near(p->delta.lo, lim[0], 1e-15);
        near(p->delta.hi, lim[1], 1e-15);
        near(p->p_mid, paired_mcnemar_mid(b, g), 0);
        near(p->variant.v - p->base.v, p->delta.v, 1e-12);
        double margin = strcmp(name, "int4") == 0 ? 0.02 : 0.01;
        near(p->margin, margin, 0);
        near(p->p_margin, paired_noninferior(b, g, (int64_t)p->n, margin), 0);
        paired_interval(b, g, (int64_t)p->n, 0.10, lim);
        near(p->smallest_margin, lim[0] < 0 ? -lim[0] : 0, 1e-15);
        /* what passes at that margin is not refuted just below it */
        if (p->smallest_margin > 1e-6)
            near(paired_noninferior(b, g, (int64_t)p->n, p->smallest_margin), 0.05, 1e-6);
    }
    const struct compare_cell *group = &row_of(c, "int4")->groups[0];
    assert_int_equal(c->n_groups, 1);
    assert_int_equal(group->n, ITEMS * TASKS);
    fixture_end(&f);
}

static void verdicts(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &(struct make_options){.n_items = 1000});
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "fp32")->verdict, COMPARE_BASE);
    assert_int_equal(row_of(f.c, "fp16")->verdict, COMPARE_PASS);
    assert_int_equal(row_of(f.c, "int8")->verdict, COMPARE_PASS);
    assert_int_equal(row_of(f.c, "int4")->verdict, COMPARE_FAIL);
    assert_true(row_of(f.c, "int4")->n_fail > 5);
    const struct compare_row *crashed = row_of(f.c, "q4_k");
    assert_int_equal(crashed->verdict, COMPARE_INCOMPARABLE);
    assert_non_null(strstr(crashed->reason, "signal 11"));
    assert_int_equal(f.c->verdict, COMPARE_FAIL);
    assert_non_null(strstr(f.c->headline, "int4"));
    assert_non_null(strstr(f.c->headline, "5 of 7"));
    for (size_t i = 0; i < f.c->n_tasks; i++) { /* Holm only ever raises p */
        const struct compare_cell *x = &row_of(f.c, "int4")->tasks[i];
        assert_true(x->p_adjusted >= x->p_mid);
        assert_true(x->verdict != COMPARE_FAIL || x->p_adjusted < 0.05);
    }
    double least = 1, adjusted = 1;
    for (size_t i = 0; i < f.c->n_tasks; i++) {
        const struct compare_cell *x = &row_of(f.c, "int8")->tasks[i];
        adjusted = x->p_mid < least ? x->p_adjusted : adjusted;
        least = x->p_mid < least ? x->p_mid : least;
    }
    near(adjusted, fmin(1, least * (double)f.c->n_tasks), 1e-12);
    fixture_close(&f);
    /* a hair-thin margin: nothing is within it, and no significance means inconclusive, not pass */
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.margin = 0.001}), 0);
    assert_int_equal(row_of(f.c, "fp16")->verdict, COMPARE_INCONCLUSIVE);
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.base = "int4"}), 0);
    assert_int_equal(row_of(f.c, "fp32")->pool.gains, count_flips(&f, "int4", 1, "%"));
    fixture_end(&f);
}

static void perplexities(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int4")->tasks[TASKS + 1];
    assert_string_equal(f.c->tasks[TASKS + 1].name, "wikitext_short");
    assert_int_equal(x->kind, COMPARE_LIKELIHOOD);
    assert_int_equal(x->losses + x->gains, 0);
    assert_true(isnan(x->p_exact)); /* never McNemar */
    near(log(x->variant.v / x->base.v), x->delta.v, 1e-12);
    near(x->delta.v, 0.4 * 0.09, 0.003); /* as planted: 0.4 noise^2 per word */
    assert_int_equal(x->verdict, COMPARE_FAIL);
    assert_int_equal(row_of(f.c, "fp16")->tasks[TASKS + 1].verdict, COMPARE_PASS);
    fixture_close(&f);
    assert_int_equal(
        fixture_compare(&f, NULL, 0, (struct compare_options){.metric = "bits_per_byte"}), 0);
    const struct compare_cell *bits = &row_of(f.c, "int4")->tasks[TASKS + 1];
    near(bits->variant.v - bits->base.v, bits->delta.v, 1e-12);
    near(bits->delta.v, 0.4 * 0.09 / 5.3 / M_LN2, 0.001);
    assert_int_equal(row_of(f.c, "int4")->tasks[0].verdict, COMPARE_INCOMPARABLE);
    assert_non_null(strstr(row_of(f.c, "int4")->tasks[0].reason, "no metric 'bits_per_byte'"));
    fixture_end(&f);
}

static void divergence(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_row *r = row_of(f.c, "w8a8");
    assert_int_equal(r->kl.n, ITEMS * TASKS * 2 * 4);
    assert_int_equal(r->kl.n_docs, ITEMS * TASKS);
    double sum = 0, ln = 0, top = 0, max = 0;
    size_t n = 0, n_true = 0;
    for (size_t j = 0; j < r->variant->n_jobs; j++) {
        struct view_divergence d;
        if (strcmp(r->variant->jobs[j].kind, "divergence") != 0)
            continue;
        assert_int_equal(view_divergence(f.view, &r->variant->jobs[j], &f.a, &d, &f.err), 0);
        for (size_t i = 0; i < d.n; i++, n++) {
            sum += d.kl[i];
            ln += d.is_true[i] ? d.nll[i] - d.nll_ref[i] : 0;
            n_true += d.is_true[i];
            top += d.same_top[i];
            max = d.kl[i] > max ? d.kl[i] : max;
        }
    }
    double between = 0, part = 0, docs = (double)r->kl.n_docs; /* CR1 by hand */
    for (size_t j = 0; j < r->variant->n_jobs; j++) {
        struct view_divergence d;
        if (strcmp(r->variant->jobs[j].kind, "divergence") != 0)
            continue;
        assert_int_equal(view_divergence(f.view, &r->variant->jobs[j], &f.a, &d, &f.err), 0);
        for (size_t i = 0; i < d.n; i++) {
            part += d.kl[i] - r->kl.mean;
            if (i + 1 == d.n || d.idx[i + 1] != d.idx[i]) {
                between += part * part;
                part = 0;
            }
        }
    }
    near(r->kl.se, sqrt(between * docs / (docs - 1)) / (double)n, 1e-14);
    assert_int_equal(n, r->kl.n);
    near(r->kl.mean, sum / (double)n, 1e-12);
    assert_int_equal(n_true, n / 2); /* the first of two choices is right */
    assert_int_equal(r->kl.n_true, n_true);
    near(r->kl.ln_ppl_ratio, ln / (double)n_true, 1e-12);
    near(r->kl.same_top, top / (double)n, 1e-12);
    near(r->kl.max, max, 0);
    assert_true(r->kl.median < r->kl.p90 && r->kl.p90 < r->kl.p99 && r->kl.p99 < r->kl.max);
    assert_true(r->kl.se > 0 && r->kl.se < r->kl.mean / 10);
    assert_true(row_of(f.c, "int4")->kl.mean > 5 * r->kl.mean);
    assert_int_equal(row_of(f.c, "fp32")->kl.n, 0);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE divergence SET nll = x'00' WHERE idx = 3");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), ASSAY_EFORMAT);
    assert_non_null(strstr(f.err.msg, "item 3"));
    fixture_end(&f);
}

static void speeds(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_row *base = row_of(f.c, "fp32"), *r = row_of(f.c, "int4");
    near(base->decode->rate.v, 203, 6);
    near(base->decode->ratio.v, 1, 1e-12);
    near(r->decode->ratio.v, 640.0 / 210, 0.1);
    assert_true(r->decode->ratio.lo < r->decode->ratio.v &&
                r->decode->ratio.v < r->decode->ratio.hi);
    assert_int_equal(r->decode->n, 12);
    assert_int_equal(r->decode->itl.n, 12 * 127);
    assert_true(r->decode->itl_median_ms < r->decode->itl_p90_ms);
    assert_true(r->decode->itl_p90_ms < r->decode->itl_p99_ms);
    near(r->decode->ttft_ms.v, 7, 0.01);
    assert_int_equal(r->prefill->n, 11); /* 2 warm-ups and 1 disturbed left out */
    assert_int_equal(r->prefill->n_dirty, 1);
    near(r->prefill->rate.v, 3550, 80);
    struct speed_ratio q[SPEED_QUANTILES];
    assert_int_equal(speed_ratios(&base->decode->itl, &r->decode->itl, q), SPEED_QUANTILES);
    for (size_t i = 0; i < SPEED_QUANTILES; i++) { /* as planted, the whole distribution shifts */
        assert_true(q[i].lo <= q[i].v * 1.001 && q[i].hi >= q[i].v * 0.999 && q[i].lo > 0);
        assert_true(i == 0 || q[i].p > q[i - 1].p);
        if (q[i].p < 0.96) {
            near(q[i].v, 210.0 / 640, 0.02);
            assert_true(q[i].hi - q[i].lo < 0.05);
        }
    }
    assert_int_equal(base->decode->itl.n_units, 12);
    assert_int_equal(speed_ratios(&base->decode->itl, &base->decode->itl, q), SPEED_QUANTILES);
    near(q[5].v, 1, 0);
    /* one time to first token a repetition: only inner quantiles have an interval */
    assert_int_equal(r->prefill->ttft.n, 11);
    assert_int_equal(r->prefill->ttft.n_units, 11);
    size_t n = speed_ratios(&base->prefill->ttft, &r->prefill->ttft, q);
    assert_int_equal(n, 9);
    near(q[0].p, 0.3, 1e-9);
    near(q[8].p, 0.7, 1e-9);
    near(q[4].v, 2400.0 / 3600, 0.03);
    for (size_t i = 0; i < n; i++)
        assert_true(q[i].lo <= q[i].v && q[i].v <= q[i].hi);
    fixture_close(&f);
    /* with few gaps no p99, with 35 no p90; when all are disturbed they are used and it is said */
    fixture_sql(&f, "UPDATE sample SET token_ns = substr(token_ns, 1, 32), is_dirty = 1");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    r = row_of(f.c, "int4");
    assert_true(r->decode->is_disturbed);
    assert_int_equal(r->decode->itl.n, 36);
    assert_true(isnan(r->decode->itl_p99_ms) && !isnan(r->decode->itl_p90_ms));
    fixture_end(&f);
}

/* Six rounds of two repetitions.  What drifts from round to round falls on both and leaves their ratio
 * alone; what differs between processes widens it, however alike the repetitions within one are. */
static void rounds_of_speed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    fixture_sql(&f, "UPDATE sample SET token_ns = NULL, is_dirty = 0, round = max(rep - 2, 0) / 2");
    fixture_sql(&f, "UPDATE sample SET wall_ns = 100000000 * (10 + round) + rep % 2 * 1000");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_row *base = row_of(f.c, "fp32"), *r = row_of(f.c, "int4");
    assert_int_equal(base->decode->n, 12);
    assert_int_equal(base->decode->n_units, 6);
    assert_int_equal(base->decode->rounds[5], 5);
    near(base->decode->rate.lo, 128 / 1.5, 1e-3);
    near(base->decode->rate.v, 0.5 * (128 / 1.2 + 128 / 1.3), 1e-3);
    near(base->decode->rate.hi, 128, 1e-3);
    near(r->decode->ratio.v, 1, 1e-12);
    near(r->decode->ratio.lo, 1, 1e-12);
    near(r->decode->ratio.hi, 1, 1e-12);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE sample SET wall_ns = wall_ns * (CASE round % 2 WHEN 0 THEN 1.0 ELSE 1.25 END)"
                    " WHERE job_id IN (SELECT j.id FROM job j JOIN run_variant v ON v.id ="
                    " j.run_variant_id WHERE v.name = 'int4')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    r = row_of(f.c, "int4");
    near(r->decode->ratio.v, 1 / sqrt(1.25), 1e-6);
    near(r->decode->ratio.lo, 0.8, 1e-6);
    near(r->decode->ratio.hi, 1, 1e-6);
    fixture_close(&f);
    /* a round that one side lacks is not paired; of five there is no interval at 95 % */
    fixture_sql(&f, "UPDATE sample SET is_dirty = 1 WHERE round = 3 AND job_id IN (SELECT j.id FROM job"
                    " j JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int4')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    r = row_of(f.c, "int4");
    assert_int_equal(r->decode->n_units, 5);
    near(r->decode->ratio.v, 1 / sqrt(1.25), 1e-6);
    assert_true(isnan(r->decode->ratio.lo) && isnan(r->decode->rate.lo));
    assert_false(isnan(row_of(f.c, "fp32")->decode->rate.lo));
    fixture_end(&f);
}

/* Items in fives about one text each; int4 loses every tenth text whole, and nothing else. */
static void shared_texts(void **state)
{
    (void)state;
    struct fixture f;
    char sql[600];
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const char *task = f.c->tasks[0].name;
    assert_true(f.c->tasks[0].is_binary);
    assert_null(clusters_note(f.c, &f.a));
    snprintf(sql, sizeof sql, "CREATE TEMP TABLE one AS SELECT j.id, j.task_id, v.name FROM job j JOIN run_variant v "
             "ON v.id = j.run_variant_id WHERE j.kind = 'task' AND j.name = '%s'; "
             "UPDATE score SET value = 1 WHERE job_id IN (SELECT id FROM one); UPDATE score SET value = 0 WHERE "
             "idx / 5 %% 10 = 0 AND job_id IN (SELECT id FROM one WHERE name = 'int4'); INSERT INTO cluster "
             "SELECT DISTINCT task_id, idx, idx / 5 FROM score JOIN one ON id = job_id", task);
    fixture_close(&f);
    fixture_sql(&f, sql);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int4")->tasks[0];
    int64_t n = ITEMS, b = n / 10;
    double lim[2], deff = (double)(n - 1) / ((double)n / 5 - 1);
    const struct cluster_design d = {deff, (size_t)n / 5};
    assert_int_equal(x->losses, b);
    assert_int_equal(x->n_clusters, n / 5);
    near(x->deff, deff, 1e-9);
    paired_interval(b, 0, n, 0.05, lim);
    near(x->delta.v - x->delta.lo, sqrt(deff) * (-0.1 - lim[0]), 1e-9);
    near(x->delta.hi - x->delta.v, sqrt(deff) * (lim[1] + 0.1), 1e-9);
    proportion_wilson(n - b, n, 0.05, &lim[0], &lim[1]);
    near(x->variant.v - x->variant.lo, sqrt(deff) * (0.9 - lim[0]), 1e-9);
    near(x->variant.hi - x->variant.v, sqrt(deff) * (lim[1] - 0.9), 1e-9);
    paired_interval(b, 0, n, 0.05, lim);
    near(x->p_mid, cluster_two_sided(&d, paired_mcnemar_mid(b, 0)), 1e-15);
    near(x->p_margin, cluster_one_sided(&d, paired_noninferior(b, 0, n, 0.02)), 1e-12);
    assert_true(x->p_mid > 100 * paired_mcnemar_mid(b, 0));
    assert_true(isnan(x->p_exact));
    const struct compare_cell *pool = &row_of(f.c, "int4")->pool;
    assert_true(pool->deff > 1 && pool->deff < deff && pool->n_clusters == pool->n - (size_t)n * 4 / 5);
    assert_int_equal(row_of(f.c, "int4")->tasks[1].n_clusters, 0);
    assert_true(row_of(f.c, "int8")->tasks[0].deff == 1); /* no change: nothing to see an effect by */
    assert_non_null(strstr(clusters_note(f.c, &f.a), "variances up to"));
    fixture_close(&f);
    /* five texts, or one that is a frame around a third of the items: none */
    snprintf(sql, sizeof sql, "UPDATE cluster SET key = idx / %d", ITEMS / 5);
    fixture_sql(&f, sql);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "int4")->tasks[0].n_clusters, 0);
    fixture_close(&f);
    snprintf(sql, sizeof sql, "UPDATE cluster SET key = CASE WHEN idx < %d THEN 0 ELSE idx END", ITEMS / 3);
    fixture_sql(&f, sql);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "int4")->tasks[0].n_clusters, 0);
    near(row_of(f.c, "int4")->tasks[0].delta.lo, lim[0], 1e-12);
    fixture_end(&f);
}

static void unpaired(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    fixture_sql(
        &f,
        "DELETE FROM score WHERE idx < 7 AND job_id IN (SELECT j.id FROM job j JOIN run_variant v"
        " ON v.id = j.run_variant_id WHERE v.name = 'int8' AND j.name = 'adjunct_island')");
    fixture_sql(
        &f,
        "DELETE FROM score WHERE idx = 9 AND job_id IN (SELECT j.id FROM job j JOIN run_variant v"
        " ON v.id = j.run_variant_id WHERE v.name = 'fp32' AND j.name = 'adjunct_island')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int8")->tasks[0];
    assert_int_equal(x->n, ITEMS - 8);
    assert_int_equal(x->only_base, 7);
    assert_int_equal(x->only_variant, 1);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE score SET value = NULL WHERE idx = 20 AND job_id IN (SELECT id FROM job"
                    " WHERE name = 'adjunct_island')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    x = &row_of(f.c, "int8")->tasks[0];
    assert_int_equal(x->kind, COMPARE_VALUE);
    assert_int_equal(x->verdict, COMPARE_INCONCLUSIVE);
    fixture_end(&f);
}

static void across_runs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    struct make_options again = small;
    again.seed = 2;
    again.uid = "0193b000-0000-7000-8000-00000000beef";
    make_store(f.db, &again);
    const char *runs[] = {"0193a5c2-7b1e", "beef"};
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){.base = "int8"}), 0);
    assert_int_equal(f.c->n_rows, 2 * MAKE_VARIANTS);
    const struct compare_row *other = row_of(f.c, "int8@00beef");
    assert_int_equal(other->pool.n, ITEMS * TASKS + 120);
    assert_true(other->pool.losses + other->pool.gains > 0);
    assert_int_equal(other->variant->run, 1);
    fixture_close(&f);
    again.uid = "0193c000-0000-7000-8000-00000000feed";
    again.dataset_uid = "other";
    make_store(f.db, &again);
    runs[1] = "feed";
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int8@00feed")->tasks[0];
    assert_int_equal(x->verdict, COMPARE_INCOMPARABLE);
    assert_string_equal(x->reason, "the data set differs: other here, d5e1 in the base");
    assert_int_equal(row_of(f.c, "int8@00feed")->verdict, COMPARE_INCOMPARABLE);
    fixture_end(&f);
}

static const char *value_in(const struct view_set *set, const char *name, size_t run,
                            struct arena *a, bool *differs)
{
    const struct runs_field *fields;
    size_t n = runs_fields(set, a, &fields);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0) {
            *differs = fields[i].differs;
            return fields[i].values[run];
        }
    fail_msg("no field '%s'", name);
    return NULL;
}

/* Two nights of one suite on two machines: namesakes are paired, what differs is said. */
static void by_name(void **state)
{
    (void)state;
    struct fixture f;
    bool differs;
    fixture_folder(&f);
    make_store(f.db, &small);
    struct make_options again = small;
    again.seed = 2;
    again.uid = "0193b000-0000-7000-8000-00000000beef";
    make_store(f.db, &again);
    fixture_sql(&f, "INSERT INTO machine (uid, name, class, class_key, environment) VALUES ('m2',"
                    " 'bench-2', 'beefbeef', '{\"cpu\": \"other\", \"cores\": 2, \"cache\":"
                    " {\"l3\": 32}}', 'not json');"
                    "UPDATE run SET machine_id = 2 WHERE uid LIKE '%beef';"
                    "UPDATE run_variant SET status = 'failed', reason = 'needs more memory: 9 GiB'"
                    " WHERE name = 'bf16' AND run_id = 2;"
                    "UPDATE run_variant SET name = 'new' WHERE name = 'int16' AND run_id = 2");
    const char *runs[] = {"0193a5c2-7b1e", "beef"};
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), 0);
    assert_true(f.c->is_by_name);
    for (size_t i = 0; i < f.c->n_rows; i++)
        assert_true((f.c->rows[i].variant->run == 0) == compare_is_base(f.c, i));
    const struct compare_row *r = row_of(f.c, "int4@00beef");
    assert_string_equal(f.c->rows[r->base].variant->label, "int4@3b1a90");
    /* counted by hand: the two nights' scores of int4, joined item by item */
    int64_t losses = fixture_int(
        &f,
        "SELECT count(*) FROM run_variant a JOIN run_variant b ON a.name = b.name AND a.run_id ="
        " 1 AND b.run_id = 2 JOIN job ja ON ja.run_variant_id = a.id JOIN job jb ON"
        " jb.run_variant_id = b.id AND jb.task_id = ja.task_id JOIN score sa ON sa.job_id ="
        " ja.id JOIN score sb ON sb.job_id = jb.id AND sb.measure_id = sa.measure_id AND sb.idx"
        " = sa.idx JOIN measure m ON m.id = sa.measure_id WHERE a.name = 'int4' AND (m.metric ="
        " 'acc' OR m.filter = 'strict-match') AND sa.value = 1 AND sb.value = 0");
    assert_true(losses > 0);
    assert_int_equal(r->pool.losses, losses);
    assert_int_equal(r->verdict, COMPARE_PASS); /* two nights of the same thing */
    near(r->decode->ratio.v, 1, 0.05);
    r = row_of(f.c, "new@00beef");
    assert_int_equal(r->verdict, COMPARE_INCOMPARABLE);
    assert_non_null(strstr(r->reason, "the first run has no variant 'new'"));
    assert_string_equal(value_in(f.set, "cpu", 1, &f.a, &differs), "other");
    assert_true(differs);
    assert_string_equal(value_in(f.set, "cores", 0, &f.a, &differs), "2");
    assert_false(differs);
    assert_string_equal(value_in(f.set, "cache.l3", 1, &f.a, &differs), "32");
    assert_null(value_in(f.set, "cache.l3", 0, &f.a, &differs));
    assert_true(differs);
    const char *changes = runs_changes(f.c, 1, &f.a);
    assert_non_null(strstr(changes, "'other'"));
    assert_null(strstr(changes, "cores"));
    struct runs_matrix m;
    assert_true(runs_matrix_make(f.c, &f.a, &m));
    assert_int_equal(m.n_classes, 2);
    assert_int_equal(m.n_names, MAKE_VARIANTS + 1);
    for (size_t k = 0; k < 2; k++)
        for (size_t n = 0; n < m.n_names; n++) {
            enum runs_state want =
                strcmp(m.names[n], "q4_k") == 0                ? RUNS_CRASH
                : strcmp(m.names[n], k ? "int16" : "new") == 0 ? RUNS_UNTESTED
                : k && strcmp(m.names[n], "bf16") == 0         ? RUNS_OOM
                : k && strcmp(m.names[n], "fp32") != 0 && strcmp(m.names[n], "new") != 0
                    ? RUNS_MISMATCH
                    : RUNS_NATIVE;
            if (m.cells[k * m.n_names + n].state != want)
                fail_msg("%s on machine %zu is %s, not %s", m.names[n], k,
                         runs_state_name(m.cells[k * m.n_names + n].state), runs_state_name(want));
            assert_non_null(m.cells[k * m.n_names + n].reason);
        }
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_non_null(strstr(b.v, "<section id=\"machines\""));
    assert_non_null(strstr(b.v, "class=\"differs\""));
    assert_non_null(strstr(b.v, ">out of memory<"));
    buf_release(&b);
    fixture_close(&f);
    runs[0] = "machines";
    assert_int_equal(fixture_compare(&f, runs, 1, (struct compare_options){0}), 0);
    assert_int_equal(f.set->n_runs, 2);
    assert_string_equal(f.set->runs[0].uid, again.uid);
    fixture_close(&f);
    runs[0] = "previous";
    assert_int_equal(fixture_compare(&f, runs, 1, (struct compare_options){0}), ASSAY_EUSAGE);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE run SET machine_id = 1");
    assert_int_equal(fixture_compare(&f, runs, 1, (struct compare_options){0}), 0);
    assert_string_equal(f.set->runs[0].uid, "0193a5c2-7b1e-7c44-9d5f-2f8e6f3b1a90");
    fixture_end(&f);
}

static void wrong_asks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), ASSAY_EIO);
    fixture_sql(&f, "CREATE TABLE x (y)");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), ASSAY_EFORMAT);
    assert_int_equal(unlink(f.db), 0);
    struct store *s;
    assert_int_equal(store_open(f.db, STORE_CREATE, &s, &f.err), 0);
    store_close(s);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), ASSAY_EUSAGE);
    assert_non_null(strstr(f.err.msg, "no runs"));
    fixture_close(&f);
    make_store(f.db, &(struct make_options){.n_items = 20, .n_tasks = 2});
    struct make_options again = {
        .n_items = 20, .n_tasks = 2, .seed = 3, .uid = "0193a5c2-0000-7000-8000-00000000beef"};
    make_store(f.db, &again);
    const char *run = "nope";
    assert_int_equal(fixture_compare(&f, &run, 1, (struct compare_options){0}), ASSAY_EUSAGE);
    assert_non_null(strstr(f.err.msg, "'nope'"));
    fixture_close(&f);
    run = "0193a5c2";
    assert_int_equal(fixture_compare(&f, &run, 1, (struct compare_options){0}), ASSAY_EUSAGE);
    assert_non_null(strstr(f.err.msg, "ambiguous"));
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.base = "fp23"}),
                     ASSAY_EUSAGE);
    assert_non_null(strstr(f.err.msg, "did you mean 'fp"));
    assert_string_equal(f.set->runs[0].uid, again.uid); /* the newest */
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.metric = "exact_math"}),
                     ASSAY_EUSAGE);
    assert_non_null(strstr(f.err.msg, "did you mean 'exact_match'"));
    fixture_end(&f);
}

/* A run that was killed early: jobs without scores, a base without results. */
static void unfinished(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &(struct make_options){.n_items = 20, .n_tasks = 2});
    fixture_sql(&f, "DELETE FROM result; DELETE FROM score; DELETE FROM sample;"
                    " UPDATE run_variant SET status = 'running'");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(f.c->verdict, COMPARE_INCOMPARABLE);
    assert_int_equal(row_of(f.c, "int8")->pool.n, 0);
    assert_true(isnan(row_of(f.c, "int8")->pool.delta.v));
    fixture_close(&f);
    fixture_sql(
        &f, "DELETE FROM divergence; DELETE FROM job; DELETE FROM run_variant WHERE position > 0");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(f.c->n_rows, 1);
    assert_int_equal(f.c->n_tasks, 0);
    fixture_end(&f);
}

/* The value by which the report must rank: of the measure compared, higher is better. */
static double value_of(const struct compare *c, size_t row, size_t task)
{
    const struct compare_cell *x = &c->rows[row].tasks[task];
    return x->higher_is_better ? x->variant.v : -x->variant.v;
}

static void disagreement(void **state)
{
    (void)state;
    struct fixture f;
    double a[MAKE_VARIANTS], b[MAKE_VARIANTS], kl[MAKE_VARIANTS];
    fixture_folder(&f);
    make_store(f.db, &small);
    /* int8 is made to lose 40 items of one task and to gain 40 of another */
    fixture_sql(&f, "UPDATE score SET value = 0 WHERE value = 1 AND idx < 120 AND job_id = (SELECT"
                    " j.id FROM job j JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name ="
                    " 'int8' AND j.kind = 'task' AND j.name = 'adjunct_island')");
    fixture_sql(&f, "UPDATE score SET value = 1 WHERE idx < 120 AND job_id = (SELECT j.id FROM job"
                    " j JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int8' AND"
                    " j.kind = 'task' AND j.name = 'causative')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_row *r = row_of(f.c, "int8");
    assert_int_equal(r->n_better + r->n_worse + r->n_unclear, TASKS + 2);
    assert_true(r->n_better >= 1 && r->n_worse >= 1);
    for (size_t t = 0; t < f.c->n_tasks; t++) {
        int want = strcmp(f.c->tasks[t].name, "adjunct_island") == 0 ? -1
                   : strcmp(f.c->tasks[t].name, "causative") == 0    ? 1
                                                                     : 0;
        assert_true(want == 0 || compare_vote(f.c, &r->tasks[t]) == want);
    }
    assert_int_equal(row_of(f.c, "fp16")->n_worse, 0);
    const char *parting = agree_parting(f.c, r, &f.a);
    assert_non_null(parting);
    assert_non_null(strstr(parting, "'adjunct_island' (-9.00 pp) fails, "));
    assert_non_null(strstr(parting, "'causative' and 2 more rule out a loss of 1 pp"));
    assert_null(agree_parting(f.c, row_of(f.c, "fp16"), &f.a));
    /* perplexity: lower is better, so a higher one is a vote for worse */
    assert_int_equal(compare_vote(f.c, &row_of(f.c, "int4")->tasks[TASKS + 1]), -1);
    const struct agree *g = f.c->agree;
    assert_non_null(g);
    assert_int_equal(g->n_rows, MAKE_VARIANTS - 1); /* the crashed one is not ranked */
    assert_int_equal(g->n_tasks, TASKS + 2);
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < g->n_tasks; i++) {
        for (size_t k = 0; k < g->n_rows; k++) {
            a[k] = value_of(f.c, g->rows[k], g->tasks[i].task);
            kl[k] = k ? -f.c->rows[g->rows[k]].kl.mean : 0;
        }
        for (size_t k = 1; k < g->n_rows; k++) /* best first */
            assert_true(value_of(f.c, g->tasks[i].order[k - 1], g->tasks[i].task) >=
                        value_of(f.c, g->tasks[i].order[k], g->tasks[i].task));
        near(g->tasks[i].kl.v, rank_kendall(a, kl, g->n_rows), 1e-12);
        for (size_t j = 0; j < i; j++) {
            struct compare_value tau = g->tau[i * g->n_tasks + j];
            for (size_t k = 0; k < g->n_rows; k++)
                b[k] = value_of(f.c, g->rows[k], g->tasks[j].task);
            near(tau.v, rank_kendall(a, b, g->n_rows), 1e-12);
            assert_true(isnan(tau.lo) || (tau.lo <= tau.v && tau.v <= tau.hi && tau.lo >= -1));
            sum += tau.v;
            n++;
        }
    }
    near(g->mean.v, sum / (double)n, 1e-12);
    assert_true(g->mean.lo < g->mean.v && g->mean.v < g->mean.hi);
    double lo = g->mean.lo;
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    near(f.c->agree->mean.lo, lo, 0); /* seeded: a report says the same twice */
    fixture_close(&f);
    fixture_sql(&f, "DELETE FROM score WHERE job_id IN (SELECT j.id FROM job j JOIN run_variant v"
                    " ON v.id = j.run_variant_id WHERE v.position > 1)");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_null(f.c->agree); /* an order of two is no order */
    fixture_end(&f);
}

/* The spread of tau over new draws of the items must be that of the interval. */
static void agreement_spread(void **state)
{
    (void)state;
    enum { N = 400, V = 4, RUNS = 60 };
    struct rng rng = {7};
    double s = 0, ss = 0, half = 0;
    struct arena a = {0};
    struct compare_row rows[V];
    static struct view_variant variants[V];
    static const struct compare_task task = {.aggregation = "mean", .higher_is_better = true};
    memset(rows, 0, sizeof rows);
    for (int v = 0; v < V; v++)
        rows[v].variant = &variants[v];
    struct compare c = {.rows = rows, .n_rows = V};
    for (int run = 0; run < RUNS; run++) {
        struct agree_sums *sums = agree_new(2, V, &a);
        for (size_t t = 0; t < 2; t++)
            for (size_t v = 0; v < V; v++) {
                int32_t idx[N];
                double value[N];
                for (int i = 0; i < N; i++) {
                    idx[i] = i;
                    value[i] = rng_double(&rng) < 0.60 + 0.03 * (double)v;
                }
                struct view_scores x = {.n = N, .idx = idx, .value = value};
                agree_add(sums, t, v, &x, &task);
            }
        const struct agree *g = agree_make(sums, &c, &a);
        assert_non_null(g);
        s += g->mean.v;
        ss += g->mean.v * g->mean.v;
        struct compare_value m = g->mean; /* clipped at +-1: take the side that is not */
        half += m.v - m.lo > m.hi - m.v ? m.v - m.lo : m.hi - m.v;
        arena_reset(&a);
    }
    double sd = sqrt((ss - s * s / RUNS) / (RUNS - 1));
    double said = half / RUNS / 1.96;
    if (!(said > 0.7 * sd && said < 1.6 * sd))
        fail_msg("the interval says a spread of %.3f, seen is %.3f", said, sd);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled),       cmocka_unit_test(verdicts),
        cmocka_unit_test(perplexities), cmocka_unit_test(divergence),
        cmocka_unit_test(speeds),
        cmocka_unit_test(rounds_of_speed),
        cmocka_unit_test(shared_texts),       cmocka_unit_test(unpaired),
        cmocka_unit_test(across_runs),  cmocka_unit_test(by_name),
        cmocka_unit_test(wrong_asks),   cmocka_unit_test(unfinished),
        cmocka_unit_test(disagreement), cmocka_unit_test(agreement_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
