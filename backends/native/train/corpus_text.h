/* corpus_text.h - JSON lines of text to a corpus of tokens.
 *
 * A line is {"task": NAME, "text": TEXT, "answer": [[start, end], ...]}: byte ranges of the text
 * that are answers, ascending.  A token that overlaps one is CORPUS_ANSWER, every other
 * CORPUS_PROMPT; the first token of all is what the vocabulary puts in front, or the text's own. */
#ifndef CORPUS_TEXT_H
#define CORPUS_TEXT_H
#include "backends/native/train/corpus.h"

struct vocab;

struct corpus_text {
    struct vocab *vocab;
    struct corpus_builder *to;
    uint32_t max_len;
    uint64_t n_long;               /* examples left out */
};
/* Adds every line of the file.  Examples of more than max_len tokens are left out and counted.
 * Errors: ASSAY_EFORMAT "path:line: ..."; those of vocab_encode (a byte no piece stands for) and
 * corpus_add. */
int corpus_text_add(struct corpus_text *, const char *path, struct assay_err *);
#endif
