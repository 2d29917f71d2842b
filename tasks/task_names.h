/* task_names.h - a map from name to number, for the index, the table of files and plans.
 *
 * Keys are borrowed and must outlive the map; its slots live in `arena`, which is set by the owner
 * before the first use (growing leaves the old slots behind, at most as much again). */
#ifndef TASK_NAMES_H
#define TASK_NAMES_H
#include <stddef.h>
#include <stdint.h>

struct arena;
struct task_names {
    struct arena *arena;
    const char **keys;
    uint32_t *values;
    size_t n, cap;                 /* cap: 0 or a power of two */
};
#define TASK_NAMES_NONE UINT32_MAX

/* The number of `key`, or TASK_NAMES_NONE. */
uint32_t task_names_get(const struct task_names *, const char *key);
/* Room for n keys at once: a map that is filled in one go is not made over and over. */
void task_names_room(struct task_names *, size_t n);
void task_names_set(struct task_names *, const char *key, uint32_t value);
#endif
