/* html_item.c - reading and writing one item; see the header.
 *
 * Generated texts stand beside the base's, with the words that only one of them has marked. */
#include "reports/html_item.h"

#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/diff.h"

enum { TEXT_LIMIT = 1600 };

int item_target(const struct view_item *item, struct arena *a)
{
    const struct value *v;
    struct assay_err ignored;
    if (json_parse(item->target, strlen(item->target), "target", 1, a, &v, &ignored) < 0)
        return -1;
    if (v->type == VALUE_INT && v->i >= 0 && (size_t)v->i < item->n_choices)
        return (int)v->i;
    for (size_t i = 0; v->type == VALUE_STR && i < item->n_choices; i++)
        if (strcmp(item->choices[i], v->s) == 0)
            return (int)i;
    return -1;
}

int item_read(struct view *view, const struct view_variant *v, const struct view_item *item,
              int target, struct arena *a, struct item_answer *s, struct assay_err *e)
{
    double best = -INFINITY;
    *s = (struct item_answer){.margin = NAN};
    size_t n = item->n_requests < ITEM_CHOICES ? item->n_requests : ITEM_CHOICES;
    for (size_t i = 0; i < n; i++) {
        struct view_response r;
        TRY(view_response(view, v, item->requests + i * VIEW_KEY_BYTES, a, &r, e));
        s->ll[i] = r.logprob;
        if (i == 0 && r.text) {
            s->text = r.text;
            s->text_n = r.text_n;
        }
        if (i < item->n_choices && (int)i != target && r.logprob > best)
            best = r.logprob;
    }
    if (target >= 0 && (size_t)target < n)
        s->margin = s->ll[target] - best;
    return 0;
}

static size_t n_shown(const struct view_item *item)
{
    size_t n = item->n_choices < item->n_requests ? item->n_choices : item->n_requests;
    return n < ITEM_CHOICES ? n : ITEM_CHOICES;
}

static size_t best_choice(const struct item_answer *s, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (s->ll[i] > s->ll[best])
            best = i;
    return best;
}

bool item_differs(const struct view_item *item, const struct item_answer *a,
                  const struct item_answer *b)
{
    if (item->n_choices)
        return best_choice(a, n_shown(item)) != best_choice(b, n_shown(item));
    if (!a->text || !b->text)
        return false;
    return a->text_n != b->text_n || memcmp(a->text, b->text, a->text_n) != 0;
}

/* -- writing ----------------------------------------------------------------------------------- */

static size_t kept(const char *s, size_t n)
{
    return n > TEXT_LIMIT ? text_whole(s, TEXT_LIMIT) : n;
}

static void say_more(struct buf *b, size_t n, size_t shown)
{
    if (shown < n)
        buf_printf(b, "\n\xe2\x80\xa6 %s", fmt_things(n - shown, "more byte").s);
}

static void clipped(struct buf *b, const char *s, size_t n)
{
    html_textn(b, s, kept(s, n));
    say_more(b, n, kept(s, n));
}

static void likelihood_cell(struct page *p, const struct item_answer *s, size_t i, bool is_best)
{
    buf_printf(p->b, "<td class=\"n%s\">", is_best ? " best" : "");
    html_num(p, fmt_sig(s->ll[i], 5).s);
    buf_adds(p->b, is_best ? "<span class=\"hide\"> chosen</span></td>" : "</td>");
}

static void score_row(struct page *p, const struct item_view *v)
{
    buf_adds(p->b, "<tr><th scope=\"row\">score</th>");
    for (size_t k = 0; k < v->n; k++)
        html_cell(p, v->scores[k], fmt_short(v->scores[k], 5));
    buf_adds(p->b, "</tr>");
}

static void table_head(struct page *p, const struct item_view *v, const char *first)
{
    buf_printf(p->b,
               "<div class=\"scroll\"><table class=\"choices\"><caption class=\"hide\">Choices and "
               "their log-likelihoods</caption><thead><tr><th scope=\"col\">%s</th>",
               first);
    for (size_t k = 0; k < v->n; k++) {
        buf_adds(p->b, "<th scope=\"col\" class=\"n\">");
        html_text(p->b, v->names[k]);
        buf_adds(p->b, "</th>");
    }
    buf_adds(p->b, "</tr></thead><tbody>");
}

static void write_choices(struct page *p, const struct item_view *v, struct arena *a)
{
    size_t n = n_shown(v->item);
    size_t *best = ARENA_ARRAY(a, size_t, v->n);
    for (size_t k = 0; k < v->n; k++)
        best[k] = best_choice(&v->answers[k], n);
    table_head(p, v, "choice");
    for (size_t i = 0; i < n; i++) {
        buf_adds(p->b, "<tr><td class=\"text\">");
        clipped(p->b, v->item->choices[i], strlen(v->item->choices[i]));
        if ((int)i == v->target)
            buf_adds(p->b, " <span class=\"v pass\">target</span>");
        buf_adds(p->b, "</td>");
        for (size_t k = 0; k < v->n; k++)
            likelihood_cell(p, &v->answers[k], i, i == best[k]);
        buf_adds(p->b, "</tr>");
    }
    if (v->scores)
        score_row(p, v);
    buf_adds(p->b, "</tbody></table></div>");
}

static void write_text(struct page *p, const char *head, const char *s, size_t n)
{
    buf_adds(p->b, "<div class=\"answer\"><h4>");
    html_text(p->b, head);
    buf_adds(p->b, "</h4><pre>");
    clipped(p->b, s, n);
    buf_adds(p->b, "</pre></div>");
}

/* A target that is a text is shown as that text, anything else as its JSON. */
static void write_target(struct page *p, const char *json, struct arena *a)
{
    const struct value *v;
    struct assay_err ignored;
    bool is_text =
        json_parse(json, strlen(json), "target", 1, a, &v, &ignored) >= 0 && v->type == VALUE_STR;
    write_text(p, "target", is_text ? v->s : json, is_text ? v->n : strlen(json));
}

static void write_side(struct page *p, const char *head, const struct diff_side *side, bool is_base)
{
    const char *tag = is_base ? "del" : "ins";
    buf_adds(p->b, "<div class=\"answer\"><h4>");
    html_text(p->b, head);
    buf_adds(p->b, "</h4><pre>");
    for (size_t i = 0; i < side->n; i++) {
        const char *text = side->spans[i].s;
        size_t n = side->spans[i].n, blank = 0;
        while (blank < n && strchr(" \t\r\n", text[blank]) && text[blank])
            blank++;
        html_textn(p->b, text, blank);
        if (side->spans[i].is_own)
            buf_printf(p->b, "<%s>", tag);
        html_textn(p->b, text + blank, n - blank);
        if (side->spans[i].is_own)
            buf_printf(p->b, "</%s>", tag);
    }
}

/* The base's text and a variant's, side by side. */
static void write_pair(struct page *p, const struct item_view *v, size_t k, struct arena *a)
{
    const struct item_answer *x = &v->answers[0], *y = &v->answers[k];
    const char *s = x->text ? x->text : "", *t = y->text ? y->text : "";
    size_t n = kept(s, x->text_n), m = kept(t, y->text_n);
    struct diff_side sides[2];
    diff_words(s, n, t, m, a, sides);
    buf_adds(p->b, "<div class=\"pair\">");
    write_side(p, v->names[0], &sides[0], true);
    say_more(p->b, x->text_n, n);
    buf_adds(p->b, "</pre></div>");
    write_side(p, v->names[k], &sides[1], false);
    say_more(p->b, y->text_n, m);
    buf_adds(p->b, "</pre></div></div>");
}

void item_write(struct page *p, const struct item_view *v, struct arena *a)
{
    if (*v->item->prompt)
        write_text(p, "prompt", v->item->prompt, strlen(v->item->prompt));
    if (v->item->n_choices) {
        write_choices(p, v, a);
        return;
    }
    write_target(p, v->item->target, a);
    if (v->scores && !isnan(v->scores[0])) {
        table_head(p, v, "");
        score_row(p, v);
        buf_adds(p->b, "</tbody></table></div>");
    }
    bool is_any = v->n == 2;
    for (size_t k = 1; k < v->n; k++) {
        is_any |= item_differs(v->item, &v->answers[0], &v->answers[k]);
        if (v->n == 2 || item_differs(v->item, &v->answers[0], &v->answers[k]))
            write_pair(p, v, k, a);
    }
    if (!is_any && v->answers[0].text)
        write_text(p, v->names[0], v->answers[0].text, v->answers[0].text_n);
}
