/* scan.h - the few top-level keys of a task file that an index needs.
 *
 * scan_text reads plainly written YAML line by line, many times faster than a full parser, and is
 * strict: it says false for whatever it does not know to be valid, and then scan_value decides from
 * what the full parser made.  Invariant: where scan_text says true, yaml_parse accepts the text too
 * and both yield the same values (tests/tasks/test_scan.c holds them to each other).
 * Not here: includes, names, folders (index_tree.c). */
#ifndef SCAN_H
#define SCAN_H
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct value;

enum scan_key {
    SCAN_TASK, SCAN_GROUP, SCAN_CLASS, SCAN_TAG, SCAN_INCLUDE, SCAN_OUTPUT, SCAN_FEWSHOT,
    SCAN_DATASET, SCAN_DATASET_NAME, SCAN_KEYS
};
extern const char *const scan_keys[SCAN_KEYS];
struct scan {
    const struct value *v[SCAN_KEYS];  /* NULL: absent.  Of a list only items that are scalars are
                                          kept, others are value_null; of a dict nothing */
};
bool scan_text(const char *text, size_t n, struct arena *, struct scan *);
void scan_value(const struct value *dict, struct scan *);
#endif
