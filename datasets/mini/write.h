/* write.h - generated documents as JSON lines: test items, and text to train on. */
#ifndef WRITE_H
#define WRITE_H
#include <stdio.h>
#include "datasets/mini/mini.h"

struct assay_err;

/* DIR/TASK.jsonl for every task, n items each (fewer where the task says so), labels as even as
 * they can be, no question twice; and DIR/text.jsonl, n / 4 documents {"text": ...} of the test
 * side; DIR/calibration.txt, lines of the training side for what calibrates a quantization.
 * Row: {"context", "question", "choices", "label", "answer", "kind"}; the prompt is context and
 * question, the answer follows after a blank.
 * Errors: ASSAY_EIO; ASSAY_ELIMIT when a task has fewer than n different questions. */
int write_test(const char *dir, uint64_t seed, unsigned n, struct assay_err *);

enum write_form { WRITE_JSON, WRITE_TEXT };
struct write_options {
    uint64_t seed, examples;
    enum write_form form;              /* {"task", "text", "answer": [[start, end], ...]}, or only
                                          the text, a blank line between two */
    enum mini_side side;               /* MINI_TEST: one question an example, for measuring */
    int weights[MINI_N_TASKS];         /* the mixture; not all 0 */
    bool prose;                        /* qa told as events, recall in sentences, both with
                                          "Answer:"; a third of arithmetic in two steps */
};
int write_examples(FILE *, const struct write_options *, struct assay_err *);
#endif
