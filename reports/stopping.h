/* stopping.h - what early stopping changes about a comparison: which statistics hold, which pairs may
 * be made, and the sentence that says so.
 *
 * A variant whose run stops early is judged by betting tests and confidence sequences, whether it
 * was stopped or asked to the end: having looked is what rules the usual tests out.  Tasks that do
 * not take part (no right or wrong) were asked wholly and keep theirs. */
#ifndef STOPPING_H
#define STOPPING_H
#include "reports/cell.h"

/* The rules for row r against its base: margin and share of the run's decision where there is one. */
void stopping_rules(const struct compare *, const struct compare_row *, struct cell_rules *);
/* Two variants that stopped in different orders have no items in common that were chosen by chance;
 * NULL: they may be paired. */
const char *stopping_refusal(const struct compare *, const struct compare_row *, struct arena *);
bool stopping_is_early(const struct view_job *);       /* stopped before its last item */
/* Whether an aggregate is of the items that were asked only: no mean over all of them. */
bool stopping_is_part(const struct view_variant *, const struct view_result *);
/* "; stopping early saved 97,136 of 136,000 items", or "". */
const char *stopping_total(const struct compare *, struct arena *);
/* Adds what was stopped and saved to the row's reason. */
void stopping_explain(const struct compare *, struct compare_row *, struct arena *);
#endif
