/* card.h - from a repository's list of files and its README to configurations, splits and files
 * (inside datasets only).
 *
 * The hub's rules: `configs:` in the README's front matter, or dataset_kwargs' data_files, or names:
 * data/SPLIT-NNNNN-of-NNNNN.*, then folders called train, validation (valid, val, dev), test
 * (testing, eval, evaluation), then files so called, else everything is train.
 * Pure: nothing is read, nothing is fetched. */
#ifndef CARD_H
#define CARD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;
struct value;

struct card_file {
    const char *path;
    int64_t size;
    const char *sha256;              /* LFS files; NULL: a git blob */
    const char *git;                 /* SHA-1 of the blob, NULL for LFS files */
};
struct card_split {
    const char *name;
    const struct card_file **files;
    size_t n;
};
struct card {
    const char *config;              /* the configuration that was picked */
    struct card_split *splits;
    size_t n;
    const struct value *options;     /* dataset_kwargs, with what the README says about reading */
    const struct value *features;    /* `dataset_info` of the configuration, or NULL */
    bool is_script;                  /* a Python script makes the rows: the files do not say */
    bool is_readable;                /* every file of every split is of a format that rows.h has */
};
/* The front matter of a README as a dict (empty when it has none). */
int card_front(const char *readme, size_t n, struct arena *, const struct value **, struct assay_err *);
/* name NULL: the default configuration.  Errors: ASSAY_EUSAGE with the names there are. */
int card_read(const struct card_file *, size_t n, const struct value *front, const char *path,
              const char *name, const struct value *kwargs, struct arena *, struct card *,
              struct assay_err *);
const struct card_split *card_split(const struct card *, const char *name);
/* Whether the path matches: '*' and '?' stay within a component, a component of two stars stands
 * for any number of them. */
bool card_match(const char *pattern, const char *path);
#endif
