/* corpus.h - a file of tokenized examples: what a training run or its per-task evaluation reads.
 *
 * An example is one sequence that stands for itself: it is seen from position 0, attends to nothing
 * outside itself, and is never cut; it holds its own bos and eos where the tokenizer wants them.
 * Each token carries a class that says how much predicting it (from the tokens before it) counts;
 * the first token of an example is never predicted.  In an evaluation every maximal run of
 * CORPUS_ANSWER tokens is one question, right when greedy decoding gives exactly that run.
 *
 * File, little-endian, without padding:
 *
 *   char magic[8]                   "ASYCORP1"
 *   u32  n_vocab                    1..65536; every token is below it
 *   u32  n_tasks                    1..CORPUS_MAX_TASKS
 *   u64  n_examples                 >= 1
 *   u64  n_tokens                   sum of the lengths
 *   char task[n_tasks][32]          names, NUL-padded, not empty, terminated
 *   { u16 n; u16 task; } [n_examples]     n >= 2 tokens; task < n_tasks
 *   u16  token[n_tokens]
 *   u8   class[n_tokens]            enum corpus_class
 *
 * Invariant: after corpus_open all of this was checked; users may follow it without checks. */
#ifndef CORPUS_H
#define CORPUS_H
#include "harness/base/fs.h"
#include <stddef.h>
#include <stdint.h>

struct assay_err;

enum { CORPUS_MAX_TASKS = 256, CORPUS_NAME = 32, CORPUS_MAX_VOCAB = 65536, CORPUS_MAX_LEN = 65535 };
enum corpus_class {
    CORPUS_NONE,                   /* weight 0 */
    CORPUS_PROMPT,                 /* weight 0.05, or what the run says */
    CORPUS_ANSWER,                 /* weight 1 */
    CORPUS_N_CLASSES
};
struct corpus_example {
    const uint16_t *tokens;        /* [n] */
    const uint8_t *classes;        /* [n] */
    uint32_t n, task;
};
struct corpus {                    /* one mapped file; the arrays lie in memory of their own */
    uint32_t n_vocab, n_tasks, max_len;
    uint64_t n_examples, n_tokens;
    char (*tasks)[CORPUS_NAME];
    struct corpus_example *examples;
    uint16_t *tokens;
    struct fs_map map;             /* classes point into it */
};
/* Errors: ASSAY_EIO; ASSAY_EFORMAT "path: ..." with what is wrong and where; ASSAY_ENOMEM. */
int corpus_open(const char *path, struct corpus *, struct assay_err *);
void corpus_close(struct corpus *);             /* NULL and zeroed are fine */

/* Building one in memory and writing it at once (atomically). */
struct corpus_builder;
struct corpus_builder *corpus_builder_new(uint32_t n_vocab);     /* NULL: out of memory */
void corpus_builder_free(struct corpus_builder *);
/* Index of the task of that name, added when new.  ASSAY_EUSAGE: a bad name, too many tasks. */
int corpus_task(struct corpus_builder *, const char *name, uint32_t *task, struct assay_err *);
/* ASSAY_EUSAGE: fewer than 2 or more than CORPUS_MAX_LEN tokens, a token outside the vocabulary, a
 * task or class that does not exist; ASSAY_ENOMEM. */
int corpus_add(struct corpus_builder *, const struct corpus_example *, struct assay_err *);
uint64_t corpus_examples(const struct corpus_builder *);
uint64_t corpus_tokens(const struct corpus_builder *);
int corpus_write(const struct corpus_builder *, const char *path, struct assay_err *);
#endif
