/* notice.h - what makes a score doubtful, counted per item: the questions none of the numbers answers.
 *
 * Nothing here changes a score.  Counters are cheap: no text is made, no item is kept. */
#ifndef NOTICE_H
#define NOTICE_H
#include "tasks/task.h"

struct arena;

struct task_notice {                   /* a counter; its kind is a word that is stored */
    const char *kind;                  /* own_answer   its own document is among its examples
                                          cut          a prompt lost its beginning to the context
                                          limit        an answer was ended by the token limit
                                          no_answer    a filter found no answer in any repeat
                                          gold         the target is none of the choices
                                          equal        two choices are the same text
                                          tied         two choices share the best likelihood */
    const char *detail;                /* no_answer: the filter's name; else "" */
    int64_t n, n_of;                   /* items it is true of; items it was asked of */
};
/* The counters a task may need, zeroed. */
struct task_notice *task_notices_new(const struct task *, struct arena *, size_t *n);
/* Counts the item that task_grade has graded last. */
void task_notices_add(const struct task *, const struct task_item *, const struct task_response *,
                      struct arena *, struct task_notice *);
#endif
