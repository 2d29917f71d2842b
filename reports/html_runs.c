/* html_runs.c - several runs in one report: how they differ, and machine class x variant. */
#include <math.h>
#include <string.h>
#include "reports/html_impl.h"
#include "reports/runs.h"

const char *html_run_label(struct page *p, size_t run)
{
    const char *uid = p->c->set->runs[run].uid;
    size_t n = strlen(uid);
    return arena_printf(p->a, "%s@%s", p->c->set->runs[run].machine, uid + (n > 6 ? n - 6 : 0));
}

static void fields_table(struct page *p)
{
    const struct view_set *set = p->c->set;
    const struct runs_field *f;
    size_t n = runs_fields(set, p->a, &f);
    buf_adds(p->b,
             "<div class=\"scroll\"><table class=\"tight fields\"><caption>Runs and machines: "
             "lines that differ are marked</caption><thead><tr><th scope=\"col\">field</th>");
    for (size_t i = 0; i < set->n_runs; i++) {
        buf_adds(p->b, "<th scope=\"col\">");
        html_text(p->b, html_run_label(p, i));
        buf_printf(p->b, "<small>%s</small></th>", fmt_time(set->runs[i].started_ns).s);
    }
    buf_adds(p->b, "</tr></thead><tbody>");
    for (size_t k = 0; k < n; k++) {
        buf_printf(p->b, "<tr%s><th scope=\"row\">", f[k].differs ? " class=\"differs\"" : "");
        html_text(p->b, f[k].name);
        buf_adds(p->b,
                 f[k].differs ? " <span class=\"v inconclusive\">differs</span></th>" : "</th>");
        for (size_t i = 0; i < set->n_runs; i++) {
            buf_adds(p->b, f[k].values[i] ? "<td>" : "<td class=\"none\">\xe2\x80\x93");
            if (f[k].values[i])
                html_text(p->b, f[k].values[i]);
            buf_adds(p->b, "</td>");
        }
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

static const char *state_class(enum runs_state s)
{
    return s == RUNS_NATIVE     ? "pass"
           : s == RUNS_UNTESTED ? "base"
           : s == RUNS_EMULATED ? "inconclusive"
           : s == RUNS_MISMATCH ? "incomparable"
                                : "fail";
}

static void matrix_cell(struct page *p, const struct runs_cell *x)
{
    buf_printf(p->b, "<td><span class=\"v %s\" title=\"", state_class(x->state));
    html_text(p->b, x->detail ? x->detail : x->reason);
    buf_printf(p->b, "\">%s</span>", runs_state_name(x->state));
    if (!isnan(x->rate))
        buf_printf(p->b, " <span class=\"rate\">%s tokens/s</span>", fmt_rate(x->rate).s);
    buf_adds(p->b, "<small>");
    html_text(p->b, x->reason);
    buf_adds(p->b, "</small></td>");
}

static void matrix_table(struct page *p)
{
    struct runs_matrix m;
    if (!runs_matrix_make(p->c, p->a, &m))
        return;
    buf_adds(p->b,
             "<div class=\"scroll\"><table class=\"tight matrix\"><caption>What each variant did "
             "on each class of machine</caption><thead><tr><th scope=\"col\">variant</th>");
    for (size_t k = 0; k < m.n_classes; k++) {
        buf_adds(p->b, "<th scope=\"col\">");
        html_text(p->b, html_run_label(p, m.runs[k]));
        buf_adds(p->b, "</th>");
    }
    buf_adds(p->b, "</tr></thead><tbody>");
    for (size_t n = 0; n < m.n_names; n++) {
        buf_printf(p->b, "<tr><th scope=\"row\"><span class=\"swatch c%d\"></span>",
                   html_name_color(p, m.names[n]));
        html_text(p->b, m.names[n]);
        buf_adds(p->b, "</th>");
        for (size_t k = 0; k < m.n_classes; k++) {
            const struct runs_cell *x = &m.cells[k * m.n_names + n];
            matrix_cell(p, x);
        }
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(
        p->b,
        "</tbody></table></div><p class=\"note\">Native: it ran and the program says by which "
        "path. Emulated: it ran without the instructions made for it. Mismatch: it ran, and "
        "some items score otherwise than on the first machine. Unsupported: it did not open, or "
        "some of its jobs failed. Hover over a state for what was loaded, tensor by tensor. "
        "Nothing here is predicted: what did not run is untested.</p>");
}

void html_runs(struct page *p)
{
    if (p->c->set->n_runs < 2)
        return;
    html_begin(p, "machines", "Runs and machines",
               "Where the numbers come from, and what else changed besides the variant.");
    fields_table(p);
    matrix_table(p);
    html_end(p);
}
