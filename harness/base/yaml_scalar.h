/* yaml_scalar.h - what a YAML 1.1 scalar means (inside base only). */
#ifndef YAML_SCALAR_H
#define YAML_SCALAR_H
#include "harness/base/value.h"

struct assay_err;

/* v is a STR holding the scalar's text.  tag NULL: resolves it as PyYAML's SafeLoader resolves a
 * plain scalar; else converts it as the tag says.  Errors: ASSAY_EFORMAT, without a position. */
int yaml_scalar_resolve(struct value *v, const char *tag, struct assay_err *);
#endif
