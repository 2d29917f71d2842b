/* html_item.h - one item of a task as markup: prompt, choices or answers of two or more variants. */
#ifndef HTML_ITEM_H
#define HTML_ITEM_H
#include "reports/html_impl.h"

enum { ITEM_CHOICES = 64 };      /* more are not shown */

struct item_answer {             /* of one variant */
    double ll[ITEM_CHOICES];     /* of each choice; NAN: none */
    const char *text;            /* what was generated; NULL: nothing, or choices were scored */
    size_t text_n;
    double margin;               /* the target's log-likelihood minus the best other; NAN: unknown */
};
struct item_view {
    const struct view_item *item;
    int target;
    size_t n;                    /* variants, the base first */
    const struct item_answer *answers;
    const char *const *names;
    const double *scores;        /* NULL: not shown */
};
/* The choice the target names; -1: it names none. */
int item_target(const struct view_item *, struct arena *);
int item_read(struct view *, const struct view_variant *, const struct view_item *, int target,
              struct arena *, struct item_answer *, struct assay_err *);
/* Another choice was likelier, or another text came. */
bool item_differs(const struct view_item *, const struct item_answer *, const struct item_answer *);
void item_write(struct page *, const struct item_view *, struct arena *);
#endif
