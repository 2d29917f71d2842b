/* data_table.h - naming fetched datasets: what `data` and `list datasets` show of the cache. */
#ifndef DATA_TABLE_H
#define DATA_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct arena;
struct assay_err;
struct buf;
struct cache_entry;

struct data_spec {                   /* DATASET[:CONFIG][@REVISION], or an address */
    const char *path, *name, *revision;   /* NULL: not said */
};
int data_spec_parse(const char *text, struct arena *, struct data_spec *, struct assay_err *);
bool data_spec_matches(const struct data_spec *, const struct cache_entry *);
void data_put_name(FILE *, const struct cache_entry *);
void data_table(const struct cache_entry *, size_t n, struct buf *);
#endif
