/* history_write.c - series as a table with sparklines, as CSV and as JSON. */
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/csv.h"
#include "reports/fmt.h"
#include "reports/history.h"

enum { NAME_COLUMNS = 30, SPARK_COLUMNS = 20 };

void history_sparkline(const struct history_series *s, size_t width, struct buf *out)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t from = s->n > width ? s->n - width : 0;
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = from; i < s->n; i++) {
        lo = fmin(lo, s->points[i].value);
        hi = fmax(hi, s->points[i].value);
    }
    for (size_t i = from; i < s->n; i++) {
        double v = s->points[i].value;
        int k = hi > lo ? (int)((v - lo) / (hi - lo) * 7.999) : 3;
        buf_adds(out, isfinite(v) ? blocks[k] : " ");
    }
}

/* The newest change point of the newest segment, or NULL. */
static const struct change_point *latest_change(const struct history_series *s)
{
    const struct change_point *c = s->n_changes ? &s->changes[s->n_changes - 1] : NULL;
    return c && c->at > s->first ? c : NULL;
}

static const char *segment_words(uint32_t starts)
{
    static const char *const words[] = {
        "",       "model",         "dataset",         "model, dataset",
        "config", "model, config", "dataset, config", "model, dataset, config"};
    return words[starts & HISTORY_ALL];
}

static void add_fitted(struct buf *out, const char *text, int columns)
{
    struct buf safe;
    buf_init(&safe, 0);
    text_safe(&safe, text, strlen(text));
    size_t n = safe.n;
    bool is_cut = text_width(safe.v, n) > columns;
    while (n && text_width(safe.v, n) > columns - is_cut)
        n = text_whole(safe.v, n - 1);
    buf_add(out, safe.v, n);
    if (is_cut)
        buf_addc(out, '~');
    for (int w = text_width(safe.v, n) + is_cut; w < columns; w++)
        buf_addc(out, ' ');
    buf_release(&safe);
}

static void table_row(const struct history *h, const struct history_series *s, struct arena *a,
                      struct buf *out)
{
    const struct change_point *c = latest_change(s);
    add_fitted(out, history_name(s, a), NAME_COLUMNS);
    buf_printf(out, " %s %4zu ", s->id, s->n);
    history_sparkline(s, SPARK_COLUMNS, out);
    for (size_t k = s->n; k < SPARK_COLUMNS; k++)
        buf_addc(out, ' ');
    buf_printf(out, " %10s", fmt_sig(s->points[s->n - 1].value, 4).s);
    buf_addc(out, '\n');
    if (s->first)
        buf_printf(out, "    %.16s  a new segment: %s changed\n",
                   fmt_time(h->set->runs[s->points[s->first].run].started_ns).s,
                   segment_words(s->points[s->first].starts));
    size_t n_part = 0;
    for (size_t k = 0; k < s->n; k++)
        n_part += s->points[k].is_part;
    if (n_part)
        buf_printf(out, "    %zu of %zu values are of runs that stopped early, on fewer items\n",
                   n_part, s->n);
    if (c)
        buf_printf(out, "    %.16s  %s %% from %s to %s %s (p %s, between points %zu and %zu)\n",
                   fmt_time(h->set->runs[s->points[c->at].run].started_ns).s,
                   fmt_signed(100 * (c->after / c->before - 1), 3).s, fmt_sig(c->before, 4).s,
                   fmt_sig(c->after, 4).s, s->unit, fmt_p(c->p).s, c->lo + 1, c->hi + 1);
}

static void write_table(const struct history *h, struct buf *out)
{
    struct arena a = {0};
    buf_printf(out, "%-*s %-12s %4s %-*s %10s\n", NAME_COLUMNS, "series", "id", "n", SPARK_COLUMNS,
               "newest last", "newest");
    for (size_t i = 0; i < h->n_series; i++)
        table_row(h, &h->series[i], &a, out);
    if (h->n_series == 0)
        buf_adds(out, "no series matches\n");
    arena_release(&a);
}

static bool is_change(const struct history_series *s, size_t at)
{
    for (size_t i = 0; i < s->n_changes; i++)
        if (s->changes[i].at == at)
            return true;
    return false;
}

static void write_csv(const struct history *h, struct buf *out)
{
    buf_adds(out, "series,metric,task,variant,machine,class,run,started,value,unit,n,stopped,dirty,segment,"
                  "change\r\n");
    for (size_t i = 0; i < h->n_series; i++)
        for (size_t k = 0; k < h->series[i].n; k++) {
            const struct history_series *s = &h->series[i];
            const struct history_point *p = &s->points[k];
            const struct view_run *r = &h->set->runs[p->run];
            csv_text(out, s->id);
            csv_text(out, s->metric);
            csv_text(out, s->task);
            csv_text(out, s->variant);
            csv_text(out, r->machine);
            csv_text(out, s->machine_class);
            csv_text(out, r->uid);
            csv_int(out, r->started_ns);
            csv_num(out, p->value);
            csv_text(out, s->unit);
            csv_int(out, (int64_t)p->n);
            csv_int(out, p->is_part);
            csv_int(out, p->is_dirty);
            csv_text(out, segment_words(p->starts));
            csv_int(out, is_change(s, k));
            csv_end(out);
        }
}

static void json_text(struct buf *b, const char *key, const char *s, const char *end)
{
    buf_printf(b, "\"%s\": ", key);
    json_write_str(b, s, strlen(s));
    buf_adds(b, end);
}

static void json_points(const struct history *h, const struct history_series *s, struct buf *out)
{
    for (size_t k = 0; k < s->n; k++) {
        const struct history_point *p = &s->points[k];
        buf_adds(out, k ? ",\n    {" : "\n    {");
        json_text(out, "run", h->set->runs[p->run].uid, ", ");
        buf_printf(out,
                   "\"started_ns\": %lld, \"value\": ", (long long)h->set->runs[p->run].started_ns);
        json_write_float(out, p->value);
        buf_printf(out, ", \"n\": %zu, \"stopped\": %s, \"dirty\": %s, ", p->n,
                   p->is_part ? "true" : "false", p->is_dirty ? "true" : "false");
        json_text(out, "segment", segment_words(p->starts), "}");
    }
}

static void json_changes(const struct history_series *s, struct buf *out)
{
    for (size_t k = 0; k < s->n_changes; k++) {
        const struct change_point *c = &s->changes[k];
        buf_printf(out, "%s{\"at\": %zu, \"lo\": %zu, \"hi\": %zu, \"before\": ", k ? ", " : "",
                   c->at, c->lo, c->hi);
        json_write_float(out, c->before);
        buf_adds(out, ", \"after\": ");
        json_write_float(out, c->after);
        buf_adds(out, ", \"p\": ");
        json_write_float(out, c->p);
        buf_addc(out, '}');
    }
}

static void write_json(const struct history *h, struct buf *out)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < h->n_series; i++) {
        const struct history_series *s = &h->series[i];
        buf_adds(out, i ? ",\n  {" : "\n  {");
        json_text(out, "id", s->id, ", ");
        json_text(out, "metric", s->metric, ", ");
        json_text(out, "task", s->task, ", ");
        json_text(out, "variant", s->variant, ", ");
        json_text(out, "class", s->machine_class, ", ");
        json_text(out, "unit", s->unit, ", ");
        buf_printf(out, "\"higher_is_better\": %s, \"changes\": [",
                   s->higher_is_better ? "true" : "false");
        json_changes(s, out);
        buf_adds(out, "], \"points\": [");
        json_points(h, s, out);
        buf_adds(out, "]}");
    }
    buf_adds(out, h->n_series ? "\n]\n" : "]\n");
}

void history_write(const struct history *h, enum history_format format, struct buf *out)
{
    if (format == HISTORY_CSV)
        write_csv(h, out);
    else if (format == HISTORY_JSON)
        write_json(h, out);
    else
        write_table(h, out);
}
