/* port_words.h - answers as words, as SQuAD compares them: lower case, no ASCII punctuation, no articles
 * (port_drop.c). */
#ifndef PORT_WORDS_H
#define PORT_WORDS_H
#include "tasks/pytext.h"

struct assay_err;
struct regex;

struct words {
    struct pystr *v;
    size_t n;
};
int words_articles(struct regex **, struct assay_err *);  /* what words_of leaves out; regex_free it */
int words_of(struct arena *, const struct regex *articles, struct pystr, struct words *out,
             struct assay_err *);
bool words_equal(const struct words *, const struct words *);
/* Size of the two multisets' intersection; counted words of `b` lose their text. */
size_t words_shared(const struct words *a, const struct words *b);
#endif
