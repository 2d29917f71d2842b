/* suite_impl.h - what suite.c (keys) and suite_make.c (variants, scenarios, identity) share. */
#ifndef SUITE_IMPL_H
#define SUITE_IMPL_H
#include "harness/run/suite.h"

void suite_list_add(struct suite *, struct suite_list *, const char *text);
char *suite_where(struct suite *, const struct value *);        /* "suite.yaml:3:5" */
#endif
