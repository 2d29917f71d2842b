/* junit.h - the verdict of a night as JUnit XML, as CI systems read it.
 *
 * One test case per series: confirmed regressions are failures; what could not be measured or
 * decided is an error, never a pass; acknowledged ones are skipped with their reason. */
#ifndef JUNIT_H
#define JUNIT_H
#include "reports/gate.h"

void junit_write(const struct gate_night *, struct buf *);
/* Text for XML: markup, control characters, bidirectional overrides and invalid UTF-8 made harmless. */
void junit_text(struct buf *, const char *);
#endif
