/* energy.c - figures of energy; see the header. */
#include "reports/energy.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/quantile.h"
#include "reports/fmt.h"

enum { MOST_ROUNDS = 200 };
static const double edge_ns = 1e6, z95 = 1.959963984540054;
static const struct compare_value unknown = {NAN, NAN, NAN};

double energy_idle(const struct view_idle *x, double *error)
{
    bool is_known = x->is_there && x->uj > 0 && x->ns > 0;
    double watts = is_known ? (double)x->uj * 1e3 / (double)x->ns : NAN;
    if (error) /* of a single window nothing is known about its spread */
        *error =
            is_known && x->n_windows > 1 ? z95 * x->sd_watts / sqrt((double)x->n_windows) : NAN;
    return watts;
}

bool energy_is_doubtful(double v, double error)
{
    return !isnan(v) && !(error <= ENERGY_DOUBTFUL * fabs(v));
}

static bool is_known(const struct view_energy *x)
{
    return x->uj > 0 && x->ns > 0 && x->n_blocks > 0;
}

double energy_total(const struct view_job *job, enum view_source s)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < job->n_energy; i++)
        if (job->energy[i].source == s) {
            sum += is_known(&job->energy[i]) ? (double)job->energy[i].uj * 1e-6 : NAN;
            n++;
        }
    return n ? sum : NAN;
}

/* One measurement in joules. */
struct part {
    double gross, net, gross_error, net_error;
};

static struct part part_of(const struct view_run *run, const struct view_energy *x)
{
    double idle_error, idle = energy_idle(&run->idle[x->source], &idle_error);
    double seconds = (double)x->ns * 1e-9;
    struct part p = {.gross = (double)x->uj * 1e-6};
    p.gross_error = p.gross * (double)x->n_blocks * edge_ns / (double)x->ns;
    p.net = p.gross - idle * seconds;
    p.net_error = p.gross_error + idle_error * seconds;
    return p;
}

/* Median of v[n] with the interval of its ranks. */
static struct compare_value middle(double *v, size_t n, double error, double alpha)
{
    size_t lo, hi;
    quantile_sort(v, n);
    struct compare_value x = {quantile_sorted(v, n, 0.5), NAN, NAN};
    if (quantile_ranks(n, 0.5, alpha, &lo, &hi)) {
        x.lo = v[lo - 1] - error;
        x.hi = v[hi - 1] + error;
    }
    return x;
}

void energy_per_token(const struct view_run *run, const struct view_job *job, enum view_source s,
                      double alpha, struct compare_energy *out)
{
    double gross[MOST_ROUNDS], net[MOST_ROUNDS];
    struct part sum = {0, 0, 0, 0};
    size_t n = 0;
    *out = (struct compare_energy){.gross = unknown, .net = unknown};
    for (size_t i = 0; i < job->n_energy; i++) {
        const struct view_energy *x = &job->energy[i];
        if (x->source != s)
            continue;
        if (!is_known(x) || x->n_tokens <= 0) {
            out->reason = x->reason ? x->reason : "its rows make no sense";
            continue;
        }
        if (n == MOST_ROUNDS)
            break;
        struct part p = part_of(run, x);
        gross[n] = p.gross / (double)x->n_tokens;
        net[n++] = p.net / (double)x->n_tokens;
        sum.gross_error += p.gross_error;
        sum.net_error += p.net_error;
        out->n += x->n_tokens;
        out->ns += x->ns;
    }
    if (n == 0)
        return;
    out->reason = NULL;
    out->n_rounds = n;
    out->gross_error = sum.gross_error / (double)out->n;
    out->net_error = sum.net_error / (double)out->n;
    out->gross = middle(gross, n, out->gross_error, alpha);
    out->net = isnan(net[0]) ? unknown : middle(net, n, out->net_error, alpha);
}

/* -- per correct answer ------------------------------------------------------------------------ */

static const struct view_job *task_job(const struct view_variant *v, const char *name)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        if (strcmp(v->jobs[i].kind, "task") == 0 && strcmp(v->jobs[i].name, name) == 0)
            return &v->jobs[i];
    return NULL;
}

/* Right answers by the stored mean of scores that are 0 or 1; negative: not known. */
static double right_answers(const struct view_variant *v, const struct view_job *job,
                            const struct view_measure *m)
{
    for (size_t i = 0; i < v->n_results; i++) {
        const struct view_result *r = &v->results[i];
        if (r->job == job && r->measure == m && strcmp(r->aggregation, "mean") == 0 &&
            !isnan(r->value))
            return round(r->value * (double)r->n);
    }
    return -1;
}

static const struct view_energy *energy_of(const struct view_job *job, enum view_source s)
{
    for (size_t i = 0; i < job->n_energy; i++)
        if (job->energy[i].source == s)
            return &job->energy[i];
    return NULL;
}

/* Adds one task; false: nothing can be said, out->reason says why (NULL: not measured at all). */
static bool add_task(const struct compare *c, const struct compare_row *r, size_t task,
                     enum view_source s, struct part *sum, struct compare_energy *out)
{
    const struct view_job *job = task_job(r->variant, c->tasks[task].name);
    const struct view_energy *x = job ? energy_of(job, s) : NULL;
    double right = job ? right_answers(r->variant, job, c->tasks[task].measure) : -1;
    if (!x || !is_known(x) || right < 0) {
        out->reason = x && x->reason ? x->reason : NULL;
        return false;
    }
    struct part p = part_of(&c->set->runs[r->variant->run], x);
    sum->gross += p.gross;
    sum->net += p.net;
    sum->gross_error += p.gross_error;
    sum->net_error += p.net_error;
    out->n += (int64_t)right;
    out->ns += x->ns;
    return true;
}

void energy_per_answer(const struct compare *c, const struct compare_row *r, size_t task,
                       enum view_source s, struct compare_energy *out)
{
    struct part sum = {0, 0, 0, 0};
    *out = (struct compare_energy){.gross = unknown, .net = unknown};
    for (size_t t = 0; t < c->n_tasks; t++)
        if (c->tasks[t].is_binary && (task == c->n_tasks || t == task) &&
            !add_task(c, r, t, s, &sum, out)) {
            out->n = out->ns = 0;
            return;
        }
    if (out->n == 0) {
        out->reason = out->ns ? "no answer was correct" : NULL;
        return;
    }
    out->gross.v = sum.gross / (double)out->n;
    out->net.v = sum.net / (double)out->n;
    out->gross_error = sum.gross_error / (double)out->n;
    out->net_error = sum.net_error / (double)out->n;
    out->n_rounds = 1;
}

/* -- of a comparison --------------------------------------------------------------------------- */

void energy_fill(struct compare *c)
{
    const struct view_job none = {.id = 0};
    bool has_decode = false;
    for (size_t i = 0; i < c->n_rows; i++)
        has_decode |= c->rows[i].decode != NULL;
    for (size_t i = 0; i < c->n_rows; i++) {
        struct compare_row *r = &c->rows[i];
        const struct compare_speed *s = has_decode ? r->decode : r->prefill;
        for (int k = 0; k < VIEW_SOURCES; k++) {
            energy_per_token(&c->set->runs[r->variant->run], s ? s->job : &none,
                             (enum view_source)k, c->options.alpha, &r->per_token[k]);
            energy_per_answer(c, r, c->n_tasks, (enum view_source)k, &r->per_answer[k]);
            c->has_token_energy[k] |= !isnan(r->per_token[k].gross.v);
            c->has_answer_energy[k] |= !isnan(r->per_answer[k].gross.v);
        }
    }
}

const char *energy_missing(const struct compare *c, struct arena *a)
{
    const struct view_set *s = c->set;
    const char *text = "";
    if (c->has_token_energy[VIEW_PACKAGE] || c->has_answer_energy[VIEW_PACKAGE])
        return NULL;
    for (size_t i = 0; i < s->n_runs; i++) {
        const struct view_idle *x = &s->runs[i].idle[VIEW_PACKAGE];
        const char *why = NULL;
        for (size_t k = 0; k < c->n_rows && !why; k++) /* there was a meter, but ... */
            if (c->rows[k].variant->run == i)
                why = c->rows[k].per_token[VIEW_PACKAGE].reason
                          ? c->rows[k].per_token[VIEW_PACKAGE].reason
                          : c->rows[k].per_answer[VIEW_PACKAGE].reason;
        if (!why)
            why = x->reason;
        if (x->is_there && why && !strstr(text, why))
            text = arena_printf(a, "%s%s%s", text, *text ? "; " : "", why);
    }
    return *text ? arena_printf(a, "energy: not measured: %s", text) : NULL;
}
