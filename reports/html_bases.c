/* html_bases.c - the tables that depend on the base, once per base.
 *
 * The page opens with one base and is complete with it.  The same tables for every other base are
 * drawn by the same code, packed, and unpacked by the script when they are asked for: markup of
 * ours with everything foreign escaped, as in the page itself. */
#include <string.h>
#include "harness/base/err.h"
#include "reports/html_impl.h"
#include "reports/pack.h"

/* Of packed tables: bases that no longer fit are not offered.  Nights need room, too. */
enum { MOST_BYTES = 700000, BESIDE_NIGHTS = 150000 };

static bool is_offered(const struct compare *c, size_t row)
{
    return c->by_base && c->by_base[row] && c->by_base[row]->rows[row].pool.kind == COMPARE_BINARY;
}

void html_base_choice(struct page *p)
{
    const struct compare *c = p->c;
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        n += is_offered(c, i);
    if (n < 2)
        return;
    buf_adds(p->b, "<form class=\"filters bases\" hidden><label>base <select name=\"base\">");
    for (size_t i = 0; i < c->n_rows; i++) {
        if (!is_offered(c, i))
            continue;
        buf_printf(p->b, "<option value=\"%zu\"%s>", i, i == c->base_row ? " selected" : "");
        html_text(p->b, c->rows[i].variant->label);
        buf_adds(p->b, "</option>");
    }
    buf_adds(p->b, "</select></label><output aria-live=\"polite\"></output></form>\n");
}

void html_part(struct page *p, const char *name, void (*body)(struct page *))
{
    buf_printf(p->b, "<div class=\"rebase\" data-part=\"%s\">", name);
    body(p);
    buf_adds(p->b, "</div>");
}

int html_bases(struct page *p, struct assay_err *e)
{
    size_t before = p->b->n;
    const size_t most = p->n_nights ? BESIDE_NIGHTS : MOST_BYTES;
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    for (size_t i = 0; i < p->c->n_rows && rc >= 0; i++) {
        if (!is_offered(p->c, i) || i == p->c->base_row || p->b->n - before > most)
            continue;
        struct page other = *p;
        other.c = p->c->by_base[i];
        other.b = &b;
        buf_clear(&b);
        html_part(&other, "variants", html_variants_body);
        html_part(&other, "tasks", html_forests_body);
        buf_printf(p->b, "<template class=\"packed\" data-base=\"%zu\">", i);
        rc = pack_text(p->b, b.v, b.n, e);
        buf_adds(p->b, "</template>\n");
    }
    buf_release(&b);
    return rc;
}
