/* results.c - aggregates for scripts; see the header. */
#include "reports/results.h"

#include <math.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "reports/csv.h"
#include "reports/stopping.h"

static const char *name_of(const struct view_result *r)
{
    return r->job ? r->job->name : r->group->name;
}

static void csv_row(struct buf *b, const struct view_run *run, const struct view_variant *v,
                    const struct view_result *r)
{
    csv_text(b, run->uid);
    csv_text(b, run->machine);
    csv_text(b, v->name);
    csv_text(b, name_of(r));
    csv_text(b, r->measure->metric);
    csv_text(b, r->measure->filter);
    csv_num(b, r->value);
    csv_num(b, r->stderr_);
    csv_int(b, r->n);
    csv_int(b, stopping_is_part(v, r));
    csv_end(b);
}

static void json_text(struct buf *b, const char *key, const char *s)
{
    buf_printf(b, "\"%s\": ", key);
    json_write_str(b, s, strlen(s));
    buf_adds(b, ", ");
}

/* NaN is no JSON: null. */
static void json_num(struct buf *b, const char *key, double v)
{
    buf_printf(b, "\"%s\": ", key);
    if (isfinite(v))
        json_write_float(b, v);
    else
        buf_adds(b, "null");
    buf_adds(b, ", ");
}

static void json_row(struct buf *b, const struct view_run *run, const struct view_variant *v,
                     const struct view_result *r)
{
    buf_addc(b, '{');
    json_text(b, "run", run->uid);
    json_text(b, "machine", run->machine);
    json_text(b, "variant", v->name);
    json_text(b, "task", name_of(r));
    json_text(b, "metric", r->measure->metric);
    json_text(b, "filter", r->measure->filter);
    json_num(b, "value", r->value);
    json_num(b, "stderr", r->stderr_);
    buf_printf(b, "\"n\": %lld, \"stopped\": %s}", (long long)r->n,
               stopping_is_part(v, r) ? "true" : "false");
}

void results_write(const struct view_set *s, enum results_format format, struct buf *out)
{
    bool is_first = true;
    if (format == RESULTS_CSV)
        buf_adds(out, "run,machine,variant,task,metric,filter,value,stderr,n,stopped\r\n");
    else
        buf_adds(out, "[");
    for (size_t i = 0; i < s->n_variants; i++) {
        const struct view_variant *v = &s->variants[i];
        const struct view_run *run = &s->runs[v->run];
        for (size_t k = 0; k < v->n_results; k++) {
            if (format == RESULTS_CSV) {
                csv_row(out, run, v, &v->results[k]);
                continue;
            }
            buf_adds(out, is_first ? "\n  " : ",\n  ");
            json_row(out, run, v, &v->results[k]);
            is_first = false;
        }
    }
    if (format == RESULTS_JSON)
        buf_adds(out, is_first ? "]\n" : "\n]\n");
}
