/* term_energy.c - joules per token and per correct answer as a table of their own, where they were
 * measured; else, with what --wide adds, one line of why not. */
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "reports/energy.h"
#include "reports/fmt.h"
#include "reports/term_table.h"

static const char *joules(struct arena *a, double v, double error)
{
    return arena_printf(a, "%s%s", energy_is_doubtful(v, error) ? "~" : "", fmt_sig(v, 3).s);
}

static const char *with_limits(struct arena *a, struct compare_value v, double error)
{
    const char *text = joules(a, v.v, error);
    return isnan(v.lo)
               ? text
               : arena_printf(a, "%s [%s,%s]", text, fmt_sig(v.lo, 3).s, fmt_sig(v.hi, 3).s);
}

static void energy_row(struct term_table *t, const struct compare *c, size_t i, enum view_source s)
{
    const struct compare_energy *k = &c->rows[i].per_token[s], *q = &c->rows[i].per_answer[s];
    size_t col = 0;
    term_put(t, i, col++, "%s", term_safe(t->a, c->rows[i].variant->label));
    if (c->has_token_energy[s]) {
        term_put(t, i, col++, "%s", joules(t->a, k->gross.v, k->gross_error));
        term_put(t, i, col++, "%s", with_limits(t->a, k->net, k->net_error));
    }
    if (c->has_answer_energy[s]) {
        term_put(t, i, col++, "%s", joules(t->a, q->gross.v, q->gross_error));
        term_put(t, i, col, "%s", joules(t->a, q->net.v, q->net_error));
    }
}

/* Whether any figure shown is marked. */
static bool has_doubtful(const struct compare *c, enum view_source s)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_energy *k = &c->rows[i].per_token[s], *q = &c->rows[i].per_answer[s];
        if (energy_is_doubtful(k->gross.v, k->gross_error) ||
            energy_is_doubtful(k->net.v, k->net_error) ||
            energy_is_doubtful(q->gross.v, q->gross_error) ||
            energy_is_doubtful(q->net.v, q->net_error))
            return true;
    }
    return false;
}

/* What was taken off, or why nothing was. */
static const char *idle_text(const struct compare *c, enum view_source s, struct arena *a)
{
    const char *text = "";
    for (size_t i = 0; i < c->set->n_runs; i++) {
        const struct view_idle *x = &c->set->runs[i].idle[s];
        double error, watts = energy_idle(x, &error);
        const char *comma = *text ? ", " : "";
        if (!isnan(watts))
            text = arena_printf(a, "%s%s%s W%s%s", text, comma, fmt_sig(watts, 3).s,
                                isnan(error) ? "" : " +-", isnan(error) ? "" : fmt_sig(error, 2).s);
        else
            text = arena_printf(a, "%s%sunknown%s%s", text, comma, x->reason ? ": " : "",
                                x->reason ? x->reason : "");
    }
    return term_safe(a, text);
}

/* Rows without a figure beside others that have one, each reason once. */
static void print_gaps(const struct compare *c, enum view_source s, struct arena *a,
                       struct buf *out)
{
    const char *said = "";
    for (size_t i = 0; i < c->n_rows * 2; i++) {
        const struct compare_row *r = &c->rows[i / 2];
        const struct compare_energy *x = i % 2 ? &r->per_answer[s] : &r->per_token[s];
        if (!isnan(x->gross.v) || !x->reason || strstr(said, x->reason))
            continue;
        said = arena_printf(a, "%s%s\n", said, x->reason);
        term_wrap(out,
                  arena_printf(a, "no %s of %s: %s", i % 2 ? "J/correct" : "J/token",
                               term_safe(a, r->variant->label), term_safe(a, x->reason)),
                  0, 2);
    }
}

static void print_source(const struct compare *c, enum view_source s, const struct term_options *o,
                         struct buf *out, struct arena *a)
{
    struct term_table t = term_table_new(a, c->n_rows);
    const char *scenario = NULL;
    for (size_t i = 0; i < c->n_rows && !scenario; i++)
        if (!isnan(c->rows[i].per_token[s].gross.v))
            scenario = (c->rows[i].decode ? c->rows[i].decode : c->rows[i].prefill)->job->name;
    term_column(&t, "variant", true);
    if (c->has_token_energy[s]) {
        term_column(&t, "J/token", false);
        term_column(&t, arena_printf(a, "net [%s %%]", fmt_level(c->options.alpha).s), false);
    }
    if (c->has_answer_energy[s]) {
        term_column(&t, "J/correct", false);
        term_column(&t, "net", false);
    }
    for (size_t i = 0; i < c->n_rows; i++)
        energy_row(&t, c, i, s);
    buf_addc(out, '\n');
    term_wrap(out,
              arena_printf(a, "energy, %s%s%s; net of idle power, %s", view_source_names[s],
                           scenario ? ", tokens of " : "", scenario ? term_safe(a, scenario) : "",
                           idle_text(c, s, a)),
              0, 2);
    term_print_table(&t, o, out);
    print_gaps(c, s, a, out);
    if (has_doubtful(c, s))
        term_wrap(out,
                  "marked ~: the meter alone can be 3 % off or more, as it was read for too short a "
                  "time or idle power varied",
                  0, 2);
}

void term_energy(const struct compare *c, const struct term_options *o, struct arena *a,
                 struct buf *out)
{
    const char *missing = o->wide ? energy_missing(c, a) : NULL;
    if (missing)
        term_wrap(out, term_safe(a, missing), 0, 2);
    for (int s = 0; s < VIEW_SOURCES; s++)
        if ((c->has_token_energy[s] || c->has_answer_energy[s]) && (s == VIEW_PACKAGE || o->wide))
            print_source(c, (enum view_source)s, o, out, a);
}
