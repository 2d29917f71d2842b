/* gate_write.c - the verdict of a night for a terminal, as Markdown and as JSON. */
#include <math.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/fmt.h"
#include "reports/gate.h"

enum { TERMINAL_ROWS = 14, MARKDOWN_ROWS = 40, NAME_COLUMNS = 34 };

/* What a list of what changed shows: not what is as before, nor a gain that was said already. */
static bool is_said(const struct gate_row *r)
{
    return r->state != GATE_OK && !(r->state == GATE_CONFIRMED && r->is_improvement && !r->is_new);
}

static const char *state_words(const struct gate_row *r)
{
    bool is_environment = r->tag && strcmp(r->tag, "environment") == 0;
    if (r->state == GATE_CONFIRMED)
        return r->is_improvement ? "better" : is_environment ? "environment" : "worse";
    if (r->state == GATE_SUSPECT)
        return r->is_improvement ? "better?" : "suspect";
    return gate_state_name(r->state);
}

/* "+3.2 %", "-3.10 pp" or "". */
static struct fmt effect_words(const struct gate_row *r)
{
    struct fmt out = {""};
    if (isnan(r->effect))
        return out;
    struct fmt v =
        r->key.kind == HISTORY_ACCURACY ? fmt_pp(r->effect) : fmt_signed(100 * r->effect, 3);
    memcpy(out.s, v.s, sizeof out.s - 4);
    strcat(out.s, r->key.kind == HISTORY_ACCURACY ? " pp" : " %");
    return out;
}

static void add_fitted(struct buf *out, const char *text, int columns, bool is_padded)
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
    for (int w = text_width(safe.v, n) + is_cut; w < columns && is_padded; w++)
        buf_addc(out, ' ');
    buf_release(&safe);
}

/* -- terminal ---------------------------------------------------------------------------------- */

static const char *color_of(enum gate_verdict v)
{
    return v == GATE_PASS || v == GATE_IMPROVEMENT ? "1;32"
           : v == GATE_REGRESSION                  ? "1;31"
                                                   : "1;33";
}

void gate_terminal(const struct gate_night *g, bool colors, struct buf *b)
{
    size_t n_said = 0, shown = 0;
    for (size_t i = 0; i < g->n_rows; i++)
        n_said += is_said(&g->rows[i]);
    if (colors)
        buf_printf(b, "\033[%sm", color_of(g->verdict));
    buf_printf(b, "%s", gate_verdict_name(g->verdict));
    if (colors)
        buf_adds(b, "\033[0m");
    buf_printf(b, " (%d): ", (int)g->verdict);
    add_fitted(b, g->headline, 80 - (int)strlen(gate_verdict_name(g->verdict)) - 7, false);
    buf_printf(b, "\nrun %.8s..%s, %s, on ", g->run->uid,
               g->run->uid + (strlen(g->run->uid) > 4 ? strlen(g->run->uid) - 4 : 0),
               fmt_time(g->run->started_ns).s);
    add_fitted(b, g->run->machine, 26, false);
    if (g->good)
        buf_printf(b, "\npaired with run %.8s.. of %s", g->good->uid,
                   fmt_time(g->good->started_ns).s);
    if (g->canary) {
        buf_adds(b, "\ncanary: ");
        add_fitted(b, g->canary, 70, false);
    }
    if (g->n_floor)
        buf_printf(b, "\nnoise floor: %s %% (a/a, %zu blocks)", fmt_sig(100 * g->floor, 2).s,
                   g->n_floor);
    buf_adds(b, "\n");
    for (size_t i = 0; i < g->n_rows && shown < TERMINAL_ROWS; i++) {
        const struct gate_row *r = &g->rows[i];
        if (!is_said(r))
            continue;
        buf_printf(b, "%s%-12s ", shown++ ? "" : "\n", state_words(r));
        add_fitted(b, r->name, NAME_COLUMNS, true);
        buf_printf(b, " %10s %-11s %s\n", effect_words(r).s, r->tag ? r->tag : "",
                   r->is_new ? "new" : "");
        buf_printf(b, "             ");
        add_fitted(b, r->reason, 66, false);
        buf_adds(b, "\n");
    }
    if (n_said > shown)
        buf_printf(b, "and %zu more; --json or --markdown FILE has all\n", n_said - shown);
    if (g->n_regressions)
        for (size_t i = 0; i < g->n_rows; i++)
            if (g->rows[i].next.uid && g->rows[i].state == GATE_CONFIRMED &&
                !g->rows[i].is_improvement) {
                buf_printf(
                    b,
                    "\nknown? assay ack %s --reason TEXT --until DATE; meant? assay baseline set\n",
                    g->rows[i].key.id);
                break;
            }
    if (g->n_gone)
        buf_printf(b, "%zu series of the night before were not measured\n", g->n_gone);
}

/* -- Markdown ---------------------------------------------------------------------------------- */

/* Everything that Markdown or the HTML inside it could take for markup. */
static void markdown_text(struct buf *b, const char *s)
{
    struct buf safe;
    buf_init(&safe, 0);
    text_safe(&safe, s, strlen(s));
    for (const char *p = safe.v; *p; p++) {
        if (*p == '<' || *p == '>' || *p == '&')
            buf_adds(b, *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : "&amp;");
        else if (strchr("\\`*_[]()#|!~@{}", *p))
            buf_printf(b, "\\%c", *p);
        else
            buf_addc(b, *p);
    }
    buf_release(&safe);
}

void gate_markdown(const struct gate_night *g, struct buf *b)
{
    size_t shown = 0, n_said = 0;
    buf_printf(b, "## assay gate: %s\n\n", gate_verdict_name(g->verdict));
    markdown_text(b, g->headline);
    buf_adds(b, "\n\nRun ");
    markdown_text(b, g->run->uid);
    buf_printf(b, " of %s on ", fmt_time(g->run->started_ns).s);
    markdown_text(b, g->run->machine);
    if (g->canary) {
        buf_adds(b, "; canary: ");
        markdown_text(b, g->canary);
    }
    buf_adds(b, "\n\n");
    for (size_t i = 0; i < g->n_rows; i++)
        n_said += is_said(&g->rows[i]);
    if (n_said)
        buf_adds(b, "| | series | effect | cause | why |\n|---|---|---:|---|---|\n");
    for (size_t i = 0; i < g->n_rows && shown < MARKDOWN_ROWS; i++) {
        const struct gate_row *r = &g->rows[i];
        if (!is_said(r))
            continue;
        shown++;
        buf_printf(b, "| %s | ", state_words(r));
        markdown_text(b, r->name);
        buf_printf(b, " | %s | %s | ", effect_words(r).s, r->tag ? r->tag : "");
        markdown_text(b, r->reason);
        buf_adds(b, " |\n");
    }
    if (n_said > shown)
        buf_printf(b, "\nand %zu more\n", n_said - shown);
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void json_text(struct buf *b, const char *key, const char *s)
{
    buf_printf(b, "\"%s\": ", key);
    if (s)
        json_write_str(b, s, strlen(s));
    else
        buf_adds(b, "null");
    buf_adds(b, ", ");
}

static void json_num(struct buf *b, const char *key, double v)
{
    buf_printf(b, "\"%s\": ", key);
    if (isfinite(v))
        json_write_float(b, v);
    else
        buf_adds(b, "null");
    buf_adds(b, ", ");
}

static void json_row(const struct gate_row *r, struct buf *b)
{
    buf_adds(b, "    {");
    json_text(b, "series", r->key.id);
    json_text(b, "name", r->name);
    json_text(b, "metric", r->key.metric);
    json_text(b, "task", r->key.task);
    json_text(b, "variant", r->key.variant);
    json_text(b, "state", gate_state_name(r->state));
    json_text(b, "direction", r->is_improvement ? "improvement" : "regression");
    json_text(b, "tag", r->tag);
    json_text(b, "since", r->since);
    json_num(b, "before", r->before);
    json_num(b, "after", r->after);
    json_num(b, "effect", r->effect);
    json_num(b, "lo", r->lo);
    json_num(b, "hi", r->hi);
    json_text(b, "reason", r->reason);
    buf_printf(b, "\"is_new\": %s}", r->is_new ? "true" : "false");
}

void gate_json(const struct gate_night *g, struct buf *b)
{
    buf_adds(b, "{\n  ");
    json_text(b, "verdict", gate_verdict_name(g->verdict));
    buf_printf(b, "\"exit_code\": %d, ", (int)g->verdict);
    json_text(b, "headline", g->headline);
    json_text(b, "run", g->run->uid);
    json_text(b, "paired_with", g->good ? g->good->uid : NULL);
    json_text(b, "machine", g->run->machine);
    json_text(b, "class", g->run->machine_class);
    json_text(b, "canary", g->canary);
    json_num(b, "noise_floor", g->floor);
    buf_printf(b, "\"started_ns\": %lld,\n  \"rows\": [", (long long)g->run->started_ns);
    for (size_t i = 0; i < g->n_rows; i++) {
        buf_adds(b, i ? ",\n" : "\n");
        json_row(&g->rows[i], b);
    }
    buf_adds(b, g->n_rows ? "\n  ]\n}\n" : "]\n}\n");
}
