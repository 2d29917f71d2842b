/* suite_impl.h - what suite.c (keys), suite_make.c (variants, scenarios, identity) and
 * suite_chat.c share. */
#ifndef SUITE_IMPL_H
#define SUITE_IMPL_H
#include "harness/run/suite.h"

void suite_list_add(struct suite *, struct suite_list *, const char *text);
char *suite_where(struct suite *, const struct value *);        /* "suite.yaml:3:5" */
const struct value *suite_chat_record(const struct suite *);    /* NULL: no file */
#endif
