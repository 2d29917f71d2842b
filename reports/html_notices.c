/* html_notices.c - what makes scores doubtful, counted per task and variant. */
#include <string.h>
#include "reports/html_impl.h"
#include "reports/notice.h"

enum { MAX_ROWS = 300 };
struct doubt { /* a row: one kind in one task */
    const struct view_notice *what;
    const char *task;
};

static const struct view_notice *notice_of(const struct view_variant *v, const struct doubt *d)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        for (size_t k = 0; k < v->jobs[i].n_notices && strcmp(v->jobs[i].name, d->task) == 0; k++) {
            const struct view_notice *x = &v->jobs[i].notices[k];
            if (strcmp(x->kind, d->what->kind) == 0 && strcmp(x->detail, d->what->detail) == 0)
                return x;
        }
    return NULL;
}

static size_t list_doubts(struct page *p, struct doubt *out, size_t *n_all)
{
    size_t n = 0;
    *n_all = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct view_variant *v = p->c->rows[i].variant;
        for (size_t k = 0; k < v->n_jobs; k++)
            for (size_t m = 0; m < v->jobs[k].n_notices; m++) {
                struct doubt d = {&v->jobs[k].notices[m], v->jobs[k].name};
                bool is_new = d.what->n > 0;
                for (size_t o = 0; o < i && is_new; o++) {
                    const struct view_notice *x = notice_of(p->c->rows[o].variant, &d);
                    is_new = !x || x->n == 0;
                }
                *n_all += is_new;
                if (is_new && n < MAX_ROWS)
                    out[n++] = d;
            }
    }
    return n;
}

static void write_doubt(struct page *p, const struct doubt *d)
{
    buf_adds(p->b, "<tr><th scope=\"row\">");
    html_name(p, d->task);
    buf_adds(p->b, "</th><td>");
    html_text(p->b, notice_text(d->what, p->a));
    buf_adds(p->b, "</td>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct view_notice *x = notice_of(p->c->rows[i].variant, d);
        if (x)
            buf_printf(p->b, "<td class=\"n\" data-v=\"%lld\">%s of %s</td>", (long long)x->n,
                       fmt_count(x->n).s, fmt_count(x->n_of).s);
        else
            buf_adds(p->b, "<td class=\"n\">\xe2\x80\x93</td>");
    }
    buf_adds(p->b, "</tr>");
}

void html_notices(struct page *p)
{
    struct doubt *all = ARENA_ARRAY(p->a, struct doubt, MAX_ROWS);
    size_t n_all, n = list_doubts(p, all, &n_all);
    if (n == 0)
        return;
    html_begin(p, "doubts", "What makes scores doubtful",
               "Items of which it is true, of those it was asked of; nothing was taken out for it.");
    buf_adds(p->b, "<div class=\"scroll\" tabindex=\"0\"><table><caption>Items per task and variant</caption>"
                   "<thead><tr><th scope=\"col\">task</th><th scope=\"col\">what</th>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        buf_adds(p->b, "<th scope=\"col\" class=\"n\">");
        html_text(p->b, p->c->rows[i].variant->label);
        buf_adds(p->b, "</th>");
    }
    buf_adds(p->b, "</tr></thead>\n<tbody>");
    for (size_t i = 0; i < n; i++)
        write_doubt(p, &all[i]);
    buf_adds(p->b, "</tbody></table></div>");
    if (n_all > n)
        buf_printf(p->b, "<p>%zu more are in report.csv.</p>", n_all - n);
    html_end(p);
}
