/* term_table.c - cells in columns and wrapped sentences; see the header. */
#include "reports/term_table.h"

#include <stdarg.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/text.h"

enum { SCREEN = 80, LEAST_NAME = 8 };

struct term_table term_table_new(struct arena *a, size_t n_rows)
{
    struct term_table t = {.a = a, .n_rows = n_rows};
    t.cells = ARENA_ARRAY(a, struct term_cell, n_rows * TERM_COLS + 1);
    t.note = ARENA_ARRAY(a, const char *, n_rows + 1);
    return t;
}

void term_column(struct term_table *t, const char *head, bool is_left)
{
    t->head[t->n_cols] = head;
    t->is_left[t->n_cols++] = is_left;
}

void term_put(struct term_table *t, size_t row, size_t col, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->cells[row * TERM_COLS + col].text = arena_vprintf(t->a, fmt, ap);
    va_end(ap);
}

const char *term_safe(struct arena *a, const char *s)
{
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, s, strlen(s));
    const char *copy = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return copy;
}

int term_width(const char *s)
{
    return text_width(s, strlen(s));
}

const char *term_fit(struct arena *a, const char *s, int room)
{
    size_t len = strlen(s);
    if (text_width(s, len) <= room)
        return s;
    while (len > 0 && text_width(s, len) > room - 1)
        len = text_whole(s, len - 1);
    return arena_printf(a, "%.*s~", (int)len, s);
}

void term_pad(struct buf *out, int n)
{
    while (n-- > 0)
        buf_addc(out, ' ');
}

void term_put_cell(struct buf *out, const struct term_cell *c, int width, bool is_left, bool colors)
{
    const char *s = c->text ? c->text : "";
    int room = width - term_width(s);
    if (!is_left)
        term_pad(out, room);
    if (colors && c->color)
        buf_printf(out, "\x1b[%sm%s\x1b[0m", c->color, s);
    else
        buf_adds(out, s);
    if (is_left)
        term_pad(out, room);
}

void term_wrap(struct buf *out, const char *text, int at, int indent)
{
    bool begins = at <= indent;
    while (*text) {
        size_t word = strcspn(text, " ");
        int w = text_width(text, word);
        if (!begins && at + 1 + w > SCREEN) {
            buf_addc(out, '\n');
            term_pad(out, indent);
            at = indent;
        } else if (!begins) {
            buf_addc(out, ' ');
            at++;
        }
        begins = false;
        buf_add(out, text, word);
        at += w;
        text += word + (text[word] == ' ');
    }
    buf_addc(out, '\n');
}

static void trim_line(struct buf *out)
{
    while (out->n && out->v[out->n - 1] == ' ')
        out->v[--out->n] = '\0';
    buf_addc(out, '\n');
}

static void measure(const struct term_table *t, int width[])
{
    for (size_t c = 0; c < t->n_cols; c++) {
        width[c] = term_width(t->head[c]);
        for (size_t r = 0; r < t->n_rows; r++) {
            const char *s = t->cells[r * TERM_COLS + c].text;
            int w = s && (c == 0 || !t->note[r]) ? term_width(s) : 0;
            width[c] = w > width[c] ? w : width[c];
        }
    }
}

void term_print_table(struct term_table *t, const struct term_options *o, struct buf *out)
{
    int width[TERM_COLS], total = 0;
    measure(t, width);
    for (size_t c = 0; c < t->n_cols; c++)
        total += width[c] + (c > 0 ? 2 : 0);
    int gap = total > SCREEN && !o->wide ? 1 : 2;
    total -= gap == 1 ? (int)t->n_cols - 1 : 0;
    if (total > SCREEN && !o->wide) {
        int less = width[0] - (total - SCREEN);
        width[0] = less < LEAST_NAME ? LEAST_NAME : less;
    }
    for (size_t c = 0; c < t->n_cols; c++) {
        term_pad(out, c ? gap : 0);
        term_put_cell(out, &(struct term_cell){t->head[c], "1"}, width[c], t->is_left[c],
                      o->colors);
    }
    trim_line(out);
    for (size_t r = 0; r < t->n_rows; r++) {
        struct term_cell *row = &t->cells[r * TERM_COLS];
        row[0].text = term_fit(t->a, row[0].text, width[0]);
        for (size_t c = 0; c < (t->note[r] ? 1 : t->n_cols); c++) {
            term_pad(out, c ? gap : 0);
            term_put_cell(out, &row[c], width[c], t->is_left[c], o->colors);
        }
        if (t->note[r]) {
            term_pad(out, gap);
            term_wrap(out, t->note[r], width[0] + gap, width[0] + gap);
        } else {
            trim_line(out);
        }
    }
}
