/* pretoken.h - cutting a text into words, inside which byte-level BPE merges and beyond which it
 * never does: the regular expressions that tokenizer.ggml.pre names.
 *
 * Invariant: the words cover the text without gap or overlap and are never empty; the cut equals
 * llama.cpp's for every name that is known.  Characters are classed by the Unicode version of the
 * PCRE2 in use: letters, digits and marks added to Unicode later count as symbols.
 * Not here: merging (bpe.c), damaged UTF-8 (bpe.c repairs it first), special tokens (vocab.c). */
#ifndef PRETOKEN_H
#define PRETOKEN_H
#include <stdbool.h>
#include <stddef.h>

struct assay_err;
struct pretoken;

struct pretoken_traits {           /* what a name says besides where to cut */
    bool ignore_merges;            /* a word that is a token is that token, merges or not */
    bool add_bos;                  /* unless tokenizer.ggml.add_bos_token says otherwise */
    bool no_bos;                   /* there is no bos unless the file names one */
};
/* A word: n bytes from offset `at` of the text.  Returning < 0 ends the cutting with that code. */
typedef int pretoken_word(void *user, size_t at, size_t n, struct assay_err *);

/* The regular expressions of that name (n bytes; none: "default"), compiled.  Errors:
 * ASSAY_EUNSUPPORTED: an unknown name, with those that are known; ASSAY_ENOMEM. */
int pretoken_open(const char *name, size_t n, struct pretoken **, struct assay_err *);
void pretoken_close(struct pretoken *);
const struct pretoken_traits *pretoken_traits(const struct pretoken *);
/* Calls `word` for every word of the text in order.  The text must be valid UTF-8.  One call at a
 * time per struct pretoken; allocates nothing.  Time is linear in the text.  Errors: `word`'s. */
int pretoken_each(struct pretoken *, const char *text, size_t n, pretoken_word *word, void *user,
                  struct assay_err *);
#endif
