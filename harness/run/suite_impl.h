/* suite_impl.h - what suite.c (keys), suite_make.c (variants, scenarios, identity) and
 * suite_chat.c share. */
#ifndef SUITE_IMPL_H
#define SUITE_IMPL_H
#include "harness/run/suite.h"

void suite_list_add(struct suite *, struct suite_list *, const char *text);
char *suite_where(struct suite *, const struct value *);        /* "suite.yaml:3:5" */
/* Reads the file and the date, or the record of them.  Errors: ASSAY_EUSAGE, ASSAY_EFORMAT. */
int suite_make_chat(struct suite *, const struct value *record, struct assay_err *);
const struct value *suite_chat_record(const struct suite *);    /* NULL: no file */
#endif
