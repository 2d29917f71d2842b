/* html.h - `assay report --html`: one self-contained file that works offline and without script.
 *
 * All text from models, data sets and files is escaped (html_text), control and bidi characters are
 * shown, never obeyed; no text is ever interpreted by the script. */
#ifndef HTML_H
#define HTML_H
#include "reports/compare.h"

struct buf;

struct html_options {
    const char *title;           /* NULL: made from the models and tasks */
    size_t max_flips;            /* items shown with their text; 0: 240 */
    size_t max_bytes;            /* stop adding items here; 0: 2,000,000 */
    bool full;                   /* every item, packed; shown by the script */
};
int html_render(struct view *, const struct compare *, const struct html_options *, struct buf *,
                struct assay_err *);
/* html_render into a file, atomically. */
int html_write(struct view *, const struct compare *, const struct html_options *, const char *path,
               struct assay_err *);

/* Escaped text: safe as element content and as a quoted attribute. */
void html_text(struct buf *, const char *s);
void html_textn(struct buf *, const char *s, size_t n);
#endif
