/* task_names.c - open addressing with linear probing, at most three quarters full. */
#include "tasks/task_names.h"

#include <string.h>

#include "harness/base/arena.h"

static uint64_t names_hash(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

static size_t names_slot(const struct task_names *m, const char *key)
{
    size_t i = names_hash(key) & (m->cap - 1);
    while (m->keys[i] && strcmp(m->keys[i], key) != 0)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static void names_grow(struct task_names *m, size_t cap)
{
    struct task_names wide = *m;
    wide.cap = cap;
    wide.keys = ARENA_ARRAY(m->arena, const char *, wide.cap);
    wide.values = ARENA_ARRAY(m->arena, uint32_t, wide.cap);
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->keys[i])
            continue;
        size_t at = names_slot(&wide, m->keys[i]);
        wide.keys[at] = m->keys[i];
        wide.values[at] = m->values[i];
    }
    *m = wide;
}

uint32_t task_names_get(const struct task_names *m, const char *key)
{
    if (!m->cap)
        return TASK_NAMES_NONE;
    size_t i = names_slot(m, key);
    return m->keys[i] ? m->values[i] : TASK_NAMES_NONE;
}

void task_names_room(struct task_names *m, size_t n)
{
    size_t cap = 64;
    while (3 * cap < 4 * (n + 1))
        cap *= 2;
    if (cap > m->cap)
        names_grow(m, cap);
}

void task_names_set(struct task_names *m, const char *key, uint32_t value)
{
    if (4 * (m->n + 1) > 3 * m->cap)
        names_grow(m, m->cap ? 2 * m->cap : 64);
    size_t i = names_slot(m, key);
    if (!m->keys[i]) {
        m->keys[i] = key;
        m->n++;
    }
    m->values[i] = value;
}
