/* html.c - the document: escaping, frame, verdict.
 *
 * Everything that is not a literal of ours goes through html_text.  A content security policy names
 * the hashes of our one style sheet and one script, so that nothing else could run even if it got
 * in, and nothing can be fetched. */
#include "reports/html.h"

#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/text.h"
#include "report_css.h"
#include "report_js.h"
#include "reports/html_impl.h"

/* -- escaping ---------------------------------------------------------------------------------- */

/* Controls but newline and tab, and everything that reorders or hides text.  The zero-width joiners
 * are letters of a kind in Persian and in Indic scripts: they stay. */
static bool is_unsafe(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad ||
           c == 0x61c || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe0fff);
}

void html_textn(struct buf *b, const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t c = 0;
        len = (size_t)text_decode(s + i, n - i, &c);
        if (len == 0) {
            buf_printf(b, "\\x%02X", (unsigned char)s[i]);
            len = 1;
        } else if (is_unsafe(c)) {
            buf_printf(b, c < 0x100 ? "\\x%02X" : "\\u{%04X}", (unsigned)c);
        } else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'') {
            buf_printf(b, "&#%u;", (unsigned)c);
        } else {
            buf_add(b, s + i, len);
        }
    }
}

void html_text(struct buf *b, const char *s)
{
    html_textn(b, s, strlen(s));
}

/* -- small parts ------------------------------------------------------------------------------- */

int html_color(const struct page *p, size_t row)
{
    const struct compare *c = p->first;
    int n = 0;
    size_t base = c->rows[row].base;
    row = c->is_by_name && base < c->n_rows ? base : row; /* namesakes share one */
    if (row == c->base_row)
        return 0;
    for (size_t i = 0; i < row; i++)
        n += i != c->base_row;
    return 1 + n % (SVG_COLORS - 1);
}

bool html_is_failed(const struct compare_row *r)
{
    if (r->variant->is_done)
        return false;
    for (size_t i = 0; i < r->variant->n_results; i++)
        if (r->variant->results[i].job)
            return false;
    return !r->prefill && !r->decode;
}

void html_num(struct page *p, const char *s)
{
    if (strcmp(s, "-") == 0) {
        buf_adds(p->b, "\xe2\x80\x93");
        return;
    }
    if (*s == '-') {
        buf_adds(p->b, "\xe2\x88\x92");
        s++;
    }
    const char *e = strchr(s, 'e');
    if (!e || !(e[1] == '-' || e[1] == '+')) {
        html_text(p->b, s);
        return;
    }
    html_textn(p->b, s, (size_t)(e - s)); /* 1.99e-06 as 1.99 x 10^-6 */
    e += 2 + strspn(e + 2, "0");
    buf_printf(p->b,
               "\xc2\xb7"
               "10<sup>%s",
               s[strcspn(s, "e") + 1] == '-' ? "\xe2\x88\x92" : "");
    html_text(p->b, e);
    buf_adds(p->b, "</sup>");
}

void html_name(struct page *p, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "_");
        n += s[n] == '_';
        html_textn(p->b, s, n);
        s += n;
        if (*s)
            buf_adds(p->b, "<wbr>");
    }
}

void html_cell(struct page *p, double v, struct fmt text)
{
    if (isnan(v)) {
        buf_adds(p->b, "<td class=\"n none\">\xe2\x80\x93</td>");
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">", v);
    html_num(p, text.s);
    buf_adds(p->b, "</td>");
}

void html_variant_head(struct page *p, size_t row, bool has_precision)
{
    const struct view_variant *v = p->c->rows[row].variant;
    buf_printf(p->b, "<th scope=\"row\"><span class=\"swatch c%d\"></span>", html_color(p, row));
    html_text(p->b, v->label);
    if (has_precision && v->precision[0] && strcmp(v->precision, v->name) != 0) {
        buf_adds(p->b, "<small>");
        html_text(p->b, v->precision);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</th>");
}

void html_verdict(struct page *p, enum compare_verdict v, const char *hover)
{
    const char *name = compare_verdict_name(v);
    buf_printf(p->b, "<span class=\"v %s\"", name);
    if (hover) {
        buf_adds(p->b, " title=\"");
        html_text(p->b, hover);
        buf_addc(p->b, '"');
    }
    buf_printf(p->b, ">%s</span>", name);
}

void html_begin(struct page *p, const char *id, const char *title, const char *lead)
{
    buf_printf(p->b, "<section id=\"%s\" aria-labelledby=\"h-%s\"><h2 id=\"h-%s\">%s</h2>", id, id,
               id, title);
    if (lead)
        buf_printf(p->b, "<p class=\"lead\">%s</p>", lead);
}

const char *html_level(struct page *p)
{
    return arena_printf(p->a, "%s&nbsp;%%", fmt_level(p->c->options.alpha).s);
}

void html_end(struct page *p)
{
    buf_adds(p->b, "</section>\n");
}

void html_heads(struct page *p, const char *const *heads)
{
    buf_adds(p->b, "<thead><tr>");
    for (; *heads; heads++) {
        bool is_number = **heads == '#';
        buf_printf(p->b, "<th scope=\"col\"%s>%s</th>", is_number ? " class=\"n\"" : "",
                   *heads + is_number);
    }
    buf_adds(p->b, "</tr></thead>\n");
}

void html_open_figure(struct page *p)
{
    buf_adds(p->b, "<figure><div class=\"scroll\">");
}

void html_figure(struct page *p, const char *caption)
{
    buf_printf(p->b, "</div><figcaption>%s</figcaption></figure>\n", caption);
}

/* -- head -------------------------------------------------------------------------------------- */

/* "'sha256-...'": the source expression of an inline block. */
static void policy_hash(struct buf *b, const unsigned char *v, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t h[HASH_BYTES + 1] = {0};
    hash_bytes(v, n, h);
    buf_adds(b, "'sha256-");
    for (int i = 0; i < HASH_BYTES; i += 3) {
        uint32_t x =
            (uint32_t)h[i] << 16 | (uint32_t)h[i + 1] << 8 | (i + 2 < HASH_BYTES ? h[i + 2] : 0u);
        buf_addc(b, digits[x >> 18]);
        buf_addc(b, digits[x >> 12 & 63]);
        buf_addc(b, digits[x >> 6 & 63]);
        buf_addc(b, i + 2 < HASH_BYTES ? digits[x & 63] : '=');
    }
    buf_addc(b, '\'');
}

static const char *title_of(struct page *p)
{
    const struct compare *c = p->c;
    if (p->o->title)
        return p->o->title;
    const char *what = c->n_groups
                           ? (c->groups[0]->alias ? c->groups[0]->alias : c->groups[0]->name)
                       : c->n_tasks == 1 ? c->tasks[0].name
                                         : arena_printf(p->a, "%zu tasks", c->n_tasks);
    const char *model = c->base->model[0] ? c->base->model : c->base->name;
    return arena_printf(p->a, "%s on %s", model, what);
}

static void write_head(struct page *p)
{
    struct buf *b = p->b;
    buf_adds(
        b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    policy_hash(b, report_css, report_css_len);
    buf_adds(b, "; script-src ");
    policy_hash(b, report_js, report_js_len);
    buf_adds(b, "; base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"generator\" content=\"assay\">\n<title>");
    html_text(b, title_of(p));
    buf_adds(b, "</title>\n<style>");
    buf_add(b, (const char *)report_css, report_css_len);
    buf_adds(b, "</style></head>\n<body><a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
}

static size_t n_compared(const struct compare *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        n += !compare_is_base(c, i);
    return n;
}

static void write_header(struct page *p)
{
    const struct compare *c = p->c;
    const struct view_run *run = &c->set->runs[c->base->run];
    buf_adds(p->b, "<header><p class=\"brand\">assay</p><h1>");
    html_text(p->b, title_of(p));
    buf_adds(p->b, "</h1><p class=\"sub\">");
    if (c->n_rows > 1)
        buf_printf(p->b, "%s against ", fmt_things(n_compared(c), "variant").s);
    buf_adds(p->b, "<strong>");
    html_text(p->b, c->against);
    buf_printf(p->b, "</strong> \xc2\xb7 %s", fmt_things(c->n_tasks, "task").s);
    if (c->n_left_out)
        buf_printf(p->b, " (<a href=\"#failures\">%zu left out</a>)", c->n_left_out);
    if (c->rows[c->base_row].pool.n)
        buf_printf(p->b, ", %s", fmt_things(c->rows[c->base_row].pool.n, "item").s);
    buf_adds(p->b, " \xc2\xb7 ");
    html_text(p->b, run->machine);
    buf_printf(p->b, " \xc2\xb7 <time>%s</time></p></header>\n", fmt_time(run->started_ns).s);
}

static void write_banner(struct page *p)
{
    const struct compare *c = p->c;
    size_t n[5] = {0};
    if (c->n_rows < 2) {
        buf_adds(p->b, "<section class=\"banner\" aria-label=\"Verdict\"><p class=\"word\">One "
                       "variant</p><p class=\"why\">Nothing to compare it with: run more "
                       "precisions, or compare runs with <code>--run A,B</code>.</p></section>\n");
        return;
    }
    for (size_t i = 0; i < c->n_rows; i++)
        n[c->rows[i].verdict]++;
    buf_printf(p->b,
               "<section class=\"banner %s\" aria-label=\"Verdict\"><p class=\"word\">%s</p>"
               "<p class=\"why\">",
               compare_verdict_name(c->verdict), compare_verdict_name(c->verdict));
    html_text(p->b, c->headline);
    buf_adds(p->b, "</p><ul class=\"counts\">");
    for (int v = 0; v < COMPARE_BASE; v++)
        if (n[v])
            buf_printf(p->b,
                       "<li><a href=\"#variants\"><span class=\"v %s\">%s</span> %zu</a></li>",
                       compare_verdict_name((enum compare_verdict)v),
                       compare_verdict_name((enum compare_verdict)v), n[v]);
    buf_adds(p->b,
             "</ul><details><summary>What the words mean</summary><dl>"
             "<dt>pass</dt><dd>a loss as large as the margin was ruled out (Tango score test, "
             "one-sided)</dd>"
             "<dt>fail</dt><dd>not passed, and worse than the base (mid-p McNemar, Holm over the "
             "tasks)</dd>"
             "<dt>inconclusive</dt><dd>neither: too few items to tell; never read it as "
             "\xe2\x80\x9cthe same\xe2\x80\x9d</dd>"
             "<dt>incomparable</dt><dd>it did not finish, or its tasks are not the base\xe2\x80"
             "\x99s tasks</dd></dl></details></section>\n");
}

static bool has_section(struct page *p, const char *id)
{
    if (strcmp(id, "agreement") == 0)
        return p->c->n_rows > 1;
    if (strcmp(id, "history") == 0)
        return p->n_nights > 0;
    if (strcmp(id, "energy") == 0)
        return html_has_energy(p);
    if (strcmp(id, "machines") == 0)
        return p->c->set->n_runs > 1;
    bool is_judged = strcmp(id, "changed") != 0;
    for (size_t i = 0; i < p->n_nights; i++)
        is_judged |= p->nights[i].is_judged;
    return is_judged;
}

static void write_nav(struct page *p)
{
    static const char *const links[][2] = {
        {"changed", "What changed"}, {"variants", "Variants"},   {"tasks", "Tasks"},
        {"agreement", "Agreement"},  {"tradeoff", "Trade-offs"}, {"divergence", "Divergence"},
        {"latency", "Speed"},        {"memory", "Memory"},       {"energy", "Energy"},
        {"history", "History"},      {"items", "Items"},         {"machines", "Machines"},
        {"provenance", "Provenance"}};
    buf_adds(p->b, "<nav aria-label=\"Sections\"><ul>");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (has_section(p, links[i][0]))
            buf_printf(p->b, "<li><a href=\"#%s\">%s</a></li>", links[i][0], links[i][1]);
    buf_adds(p->b, "</ul></nav>\n");
}

/* -- the document ------------------------------------------------------------------------------ */

int html_render(struct view *view, const struct compare *c, const struct html_options *o,
                struct buf *b, struct assay_err *e)
{
    struct arena a = {0};
    struct page p = {.view = view, .c = c, .first = c, .o = o, .b = b, .a = &a};
    struct buf bases;
    buf_init(&bases, 0);
    p.b = &bases;
    int rc = nights_make(view, c, &a, &p.nights, &p.n_nights, e);
    if (rc >= 0)
        rc = html_bases(&p, e); /* first: its size decides how many items there is room for */
    p.b = b;
    p.n_reserved = bases.n;
    write_head(&p);
    write_header(&p);
    buf_adds(b, "<main id=\"main\">\n");
    write_banner(&p);
    write_nav(&p);
    html_changed(&p);
    html_variants(&p);
    c->n_rows < 2 ? html_alone(&p) : html_forests(&p);
    html_agreement(&p);
    html_others(&p);
    if (rc >= 0)
        rc = html_flips(&p, e);
    html_charts_tradeoff(&p);
    html_divergence(&p);
    if (rc >= 0)
        rc = html_charts_latency(&p, e);
    html_charts_memory(&p);
    html_energy(&p);
    html_history(&p);
    if (rc >= 0)
        rc = html_items(&p, e);
    buf_add(b, bases.v, bases.n);
    buf_release(&bases);
    html_runs(&p);
    html_notices(&p);
    html_failures(&p);
    html_provenance(&p);
    buf_adds(
        b,
        "</main>\n<footer><p>Made by assay from the stored answers; run it again and it says the "
        "same.</p></footer>\n<script>");
    buf_add(b, (const char *)report_js, report_js_len);
    buf_adds(b, "</script></body></html>\n");
    arena_release(&a);
    if (rc >= 0 && b->failed)
        rc = err_set(e, ASSAY_ELIMIT, "the report would be larger than its limit of %zu bytes",
                     b->limit);
    return rc;
}

int html_write(struct view *view, const struct compare *c, const struct html_options *o,
               const char *path, struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 0);
    int rc = html_render(view, c, o, &b, e);
    if (rc >= 0)
        rc = fs_write_atomic(path, b.v, b.n, e);
    buf_release(&b);
    return rc;
}
