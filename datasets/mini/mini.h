/* mini.h - seeded generators of small language tasks whose truth follows from rules.
 *
 * A generator draws one document: a context and questions about it, each with its answer, the
 * choices and which of them is right.  It knows neither labels to balance nor sides: mini_draw
 * repeats the draw until both fit.  A document's side (train or test) is a hash of its combination
 * of entities, so that no combination occurs on both, whatever the seed.  Integers only: the same
 * bytes for a seed on every machine.  What each task is, with an example: datasets/mini/README.md.
 *
 * Not here: tokens, models, grading. */
#ifndef MINI_H
#define MINI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/rng.h"

struct buf;

enum { MINI_CONTEXT = 8192, MINI_PROMPT = 256, MINI_ANSWER = 256, MINI_KEY = 256,
       MINI_CHOICES = 8, MINI_ASKS = 6, MINI_TRIES = 1 << 20 };
enum mini_side { MINI_TRAIN, MINI_TEST };
enum { MINI_TEST_SHARE = 8 };          /* one combination in 8 is for testing */

struct mini_ask {
    char prompt[MINI_PROMPT];          /* ends where " " and the answer follow */
    char answer[MINI_ANSWER];          /* = choices[label] unless the choices are letters */
    char choices[MINI_CHOICES][MINI_ANSWER];
    int n_choices, label;
};
struct mini_doc {
    bool prose;                        /* in: worded as stories; see write.h */
    char context[MINI_CONTEXT];        /* "", or whole lines */
    char key[MINI_KEY];                /* the combination of entities, in one order */
    const char *kind;                  /* which of the task's cases */
    struct mini_ask ask[MINI_ASKS];
    int n;                             /* questions, >= 1; the first is the one that is tested */
};

struct mini_task {
    const char *name;
    /* Draws a document with at most `n_asks` questions (1..MINI_ASKS), at least one. */
    void (*make)(struct rng *, int n_asks, struct mini_doc *);
    int n_asks, pack;                  /* training: questions a document, documents an example */
    int weight;                        /* training: share of the examples */
    int max_test;                      /* most test items, 0: as many as are asked for */
    bool eval_only;                    /* not in training */
};
extern const struct mini_task mini_tasks[];
enum { MINI_N_TASKS = 15 };
int mini_find(const char *name);       /* index, or -1 */

/* A key is one combination or several with '|' between; it belongs to a side when all do. */
bool mini_belongs(const char *key, enum mini_side);
/* Draws until the document is of that side and, with label >= 0, that choice is its first answer.
 * Kinds come as often as the generator draws them among documents with that label. */
void mini_draw(const struct mini_task *, struct rng *, enum mini_side, int label, int n_asks,
               struct mini_doc *);
/* The stream of draws for one task and seed: adding a task changes no other. */
struct rng mini_rng(uint64_t seed, const char *what);

/* A document as it is trained on; `answers` (may be NULL) receives "[start,end],..." in bytes, each
 * from the blank before an answer to the newline behind it, counted from the start of `text`. */
void mini_text(const struct mini_doc *, struct buf *text, struct buf *answers);

/* -- for the generators ------------------------------------------------------------------------ */
/* One draw a full expression: C leaves open which of two arguments or initializers is drawn first,
 * and compilers differ. */
static inline unsigned mini_pick(struct rng *r, unsigned n) { return (unsigned)rng_below(r, n); }
/* The first k of a shuffled 0..n-1; n <= 256. */
void mini_sample(struct rng *, unsigned n, unsigned k, unsigned *out);
void mini_sort(unsigned *, unsigned n);
/* Appends to a text of `size` bytes; what does not fit is our bug. */
void mini_add(char *text, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define MINI_ADD(array, ...) mini_add(array, sizeof(array), __VA_ARGS__)
void mini_start(struct mini_doc *, const char *kind);
/* A new question with that prompt; its choices are still to come. */
struct mini_ask *mini_ask(struct mini_doc *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Fixed choices, and which is right. */
void mini_fixed(struct mini_ask *, const char *const *choices, int n, int label);
/* The right answer and three others at drawn places.  The four must differ. */
void mini_shuffled(struct rng *, struct mini_ask *, char (*four)[MINI_ANSWER]);

/* -- shared words ------------------------------------------------------------------------------ */
enum { MINI_PEOPLE = 16, MINI_PLACES = 8, MINI_THINGS = 12, MINI_ANIMALS = 16, MINI_COLOURS = 8 };
extern const char *const mini_people[MINI_PEOPLE];      /* the first half "she", the second "he" */
extern const char *const mini_places[MINI_PLACES];
extern const char *const mini_things[MINI_THINGS];
extern const char *const mini_animals[MINI_ANIMALS];
extern const char *const mini_colours[MINI_COLOURS];
static inline bool mini_is_she(unsigned person) { return person < MINI_PEOPLE / 2; }

/* Facts: names of entities and what is true of them are fixed, whatever the seed. */
enum { FACTS_ENTITIES = 16384, FACTS_VALUES = 64, FACTS_RELATIONS = 2 };
void facts_name(unsigned entity, char out[32]);
unsigned facts_value(unsigned entity, unsigned relation);
void facts_value_name(unsigned relation, unsigned value, char out[32]);

/* -- the generators, one file each ------------------------------------------------------------- */
void make_sentiment(struct rng *, int, struct mini_doc *);
void make_entailment(struct rng *, int, struct mini_doc *);
void make_coreference(struct rng *, int, struct mini_doc *);
void make_qa(struct rng *, int, struct mini_doc *);
void make_arithmetic(struct rng *, int, struct mini_doc *);
void make_arithmetic_hard(struct rng *, int, struct mini_doc *);
void make_to_hindi(struct rng *, int, struct mini_doc *);
void make_to_english(struct rng *, int, struct mini_doc *);
void make_recall(struct rng *, int, struct mini_doc *);
void make_recall_long(struct rng *, int, struct mini_doc *);
void make_facts(struct rng *, int, struct mini_doc *);
void make_sorting(struct rng *, int, struct mini_doc *);
void make_assistant(struct rng *, int, struct mini_doc *);
void make_health(struct rng *, int, struct mini_doc *);
void make_school(struct rng *, int, struct mini_doc *);
#endif
