/* stopping.c - early stopping in a comparison; see the header. */
#include "reports/stopping.h"
#include <string.h>
#include "harness/base/arena.h"
#include "reports/fmt.h"

static const struct view_decision *base_decision(const struct compare *c,
                                                 const struct compare_row *r)
{
    return r->base < c->n_rows ? c->rows[r->base].variant->decision : NULL;
}

void stopping_rules(const struct compare *c, const struct compare_row *r, struct cell_rules *rules)
{
    const struct view_decision *own = r->variant->decision, *base = base_decision(c, r);
    const struct view_decision *d = own ? own : base;
    if (!d)
        return;
    rules->share = (double)d->n_subjects;
    if (own && base && base->n_subjects > own->n_subjects)
        rules->share = (double)base->n_subjects;
    if (!(c->options.margin > 0))
        rules->margin = d->margin;
}

const char *stopping_refusal(const struct compare *c, const struct compare_row *r, struct arena *a)
{
    if (!r->variant->decision || !base_decision(c, r))
        return NULL;
    int64_t here = c->set->runs[r->variant->run].seed;
    int64_t there = c->set->runs[c->rows[r->base].variant->run].seed;
    return here == there
               ? NULL
               : arena_printf(a,
                              "both were stopped early, in different orders: seed %lld here, %lld "
                              "in the base",
                              (long long)here, (long long)there);
}

bool stopping_is_early(const struct view_job *j)
{
    return j->reason && strcmp(j->reason, "decided") == 0;
}

bool stopping_is_part(const struct view_variant *v, const struct view_result *r)
{
    return r->job ? stopping_is_early(r->job)
                  : v->decision && v->decision->n_seen < v->decision->n_items;
}

void stopping_explain(const struct compare *c, struct compare_row *r, struct arena *a)
{
    const struct view_decision *d = r->variant->decision, *base = base_decision(c, r);
    if (compare_is_base(c, (size_t)(r - c->rows)) || (!d && !base))
        return;
    const char *what = "";
    if (d && d->n_seen < d->n_items)
        what = arena_printf(a, "stopped after %s of %s items (%s %% saved)",
                            fmt_count(d->n_seen).s, fmt_count(d->n_items).s,
                            fmt_part(d->n_items - d->n_seen, d->n_items).s);
    else if (d)
        what = arena_printf(a, "not decided by any of %s items", fmt_count(d->n_items).s);
    else
        what = arena_printf(a, "the base stopped after %s of %s items", fmt_count(base->n_seen).s,
                            fmt_count(base->n_items).s);
    r->reason = arena_printf(a, "%s; %s, with a confidence sequence", r->reason, what);
}

const char *stopping_total(const struct compare *c, struct arena *a)
{
    int64_t n_seen = 0, n_items = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].variant->decision) {
            n_seen += c->rows[i].variant->decision->n_seen;
            n_items += c->rows[i].variant->decision->n_items;
        }
    return n_items ? arena_printf(a, "; stopping early saved %s of %s items",
                                  fmt_count(n_items - n_seen).s, fmt_count(n_items).s)
                   : "";
}
