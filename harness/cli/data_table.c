/* data_table.c - see data_table.h. */
#include "harness/cli/data_table.h"

#include <inttypes.h>
#include <string.h>

#include "datasets/cache.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

int data_spec_parse(const char *text, struct arena *a, struct data_spec *out, struct assay_err *e)
{
    char *s = arena_strdup(a, text);
    *out = (struct data_spec){.path = s};
    if (strstr(s, "://"))
        return 0;
    char *at = strrchr(s, '@'), *colon = strchr(s, ':');
    if (at) {
        *at = 0;
        out->revision = at + 1;
    }
    if (colon) {
        *colon = 0;
        out->name = colon + 1;
    }
    if (!*s || (colon && !colon[1]) || (at && !at[1]))
        return err_set(e, ASSAY_EUSAGE, "'%s': expected DATASET[:CONFIG][@REVISION]", text);
    return 0;
}

bool data_spec_matches(const struct data_spec *s, const struct cache_entry *x)
{
    if (strcmp(s->path, x->m.dataset) != 0)
        return false;
    if (s->name && (!x->m.config || strcmp(s->name, x->m.config) != 0))
        return false;
    return !s->revision || (x->m.revision && strcmp(s->revision, x->m.revision) == 0) ||
           strncmp(s->revision, x->m.sha, strlen(s->revision)) == 0;
}

static void add_name(struct buf *b, const struct cache_entry *x)
{
    text_safe(b, x->m.dataset, strlen(x->m.dataset));
    if (x->m.config && strcmp(x->m.config, "default") != 0) {
        buf_addc(b, ':');
        text_safe(b, x->m.config, strlen(x->m.config));
    }
}

void data_put_name(FILE *f, const struct cache_entry *x)
{
    struct buf b;
    buf_init(&b, 0);
    add_name(&b, x);
    buf_addc(&b, '@');
    buf_printf(&b, "%.12s ", x->m.sha);
    text_safe(&b, x->m.split, strlen(x->m.split));
    fwrite(b.v, 1, b.n, f);
    buf_release(&b);
}

static void pad(struct buf *b, size_t start, int width)
{
    for (int w = text_width(b->v + start, b->n - start); w < width; w++)
        buf_addc(b, ' ');
}

void data_table(const struct cache_entry *v, size_t n, struct buf *b)
{
    struct buf name;
    int name_width = 7, split_width = 5;
    buf_init(&name, 0);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&name);
        add_name(&name, &v[i]);
        int w = text_width(name.v, name.n), s = text_width(v[i].m.split, strlen(v[i].m.split));
        name_width = w > name_width ? w : name_width;
        split_width = s > split_width ? s : split_width;
    }
    buf_release(&name);
    if (n)
        buf_printf(b, "%-*s  %-*s %10s %9s  %-12s  %-10s\n", name_width, "dataset", split_width,
                   "split", "rows", "MiB", "commit", "fetched");
    for (size_t i = 0; i < n; i++) {
        size_t start = b->n;
        add_name(b, &v[i]);
        pad(b, start, name_width + 2);
        start = b->n;
        text_safe(b, v[i].m.split, strlen(v[i].m.split));
        pad(b, start, split_width);
        buf_printf(b, " %10" PRId64 " %9.2f  %.12s  %.10s%s\n", v[i].m.rows,
                   (double)v[i].m.bytes / 1048576, v[i].m.sha, v[i].m.fetched ? v[i].m.fetched : "?",
                   v[i].is_current ? "" : "  old");
    }
}
