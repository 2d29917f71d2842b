/* term_table.h - tables and sentences for a terminal of 80 columns.  Cells are made first and measured,
 * then set into columns; a table that would be wider shortens the names. */
#ifndef TERM_TABLE_H
#define TERM_TABLE_H
#include "reports/term.h"

struct arena;

enum { TERM_COLS = 24 };
struct term_cell {
    const char *text;
    const char *color;           /* SGR parameters; NULL: none */
};
struct term_table {
    struct arena *a;
    const char *head[TERM_COLS];
    bool is_left[TERM_COLS];
    size_t n_cols, n_rows;
    struct term_cell *cells;     /* [n_rows][TERM_COLS] */
    const char **note;           /* [n_rows]: the row's name is followed by this text only */
};
struct term_table term_table_new(struct arena *, size_t n_rows);
void term_column(struct term_table *, const char *head, bool is_left);
void term_put(struct term_table *, size_t row, size_t col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void term_print_table(struct term_table *, const struct term_options *, struct buf *);

const char *term_safe(struct arena *, const char *);         /* harmless for a terminal */
int term_width(const char *);
/* The text within `room` columns, its end replaced by "~" when it does not fit. */
const char *term_fit(struct arena *, const char *, int room);
void term_pad(struct buf *, int n);
void term_put_cell(struct buf *, const struct term_cell *, int width, bool is_left, bool colors);
/* Words of a text that begins in column `at`, broken before the screen's end, continued at `indent`. */
void term_wrap(struct buf *, const char *, int at, int indent);

/* Energy, where it was measured; else why not (term_energy.c). */
void term_energy(const struct compare *, const struct term_options *, struct arena *, struct buf *);
#endif
