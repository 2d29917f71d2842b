/* diff.h - two texts word by word: what only one of them has. */
#ifndef DIFF_H
#define DIFF_H
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct diff_span {               /* a stretch of bytes, whole words with the blanks before them */
    const char *s;
    size_t n;
    bool is_own;                 /* the other text does not have it here */
};
struct diff_side {
    const struct diff_span *spans;
    size_t n;
};
enum { DIFF_MOST_WORDS = 1200 }; /* in what remains between equal ends; more: own as a whole */

/* A longest common subsequence of words; the texts must stay.  O(words of a x words of b). */
void diff_words(const char *a, size_t na, const char *b, size_t nb, struct arena *,
                struct diff_side out[2]);
#endif
