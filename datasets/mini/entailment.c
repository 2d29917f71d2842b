/* entailment.c - what follows from one or two statements about kinds of animals.
 *
 * There is at least one of each kind.  "yes": true in every world where the statements are; "no":
 * true in none; "maybe": else.  The table holds what follows from each figure, the converse fallacy
 * (All A are B, so all B are A?) among it; a test enumerates the worlds. */
#include "datasets/mini/mini.h"

#include <string.h>

static const char *const answers[] = {"yes", "no", "maybe"};
enum { N_QUESTIONS = 4 };

/* Letters: quantifier (A all, S some, N no), subject, predicate.  A question
 * has its answer (y, n, m) in front. */
static const struct figure {
    const char *kind, *premise[2];
    const char *question[N_QUESTIONS];
} figures[] = {
    {"all", {"Axy", NULL}, {"yAxy", "ySxy", "ySyx", "mAyx"}},
    {"all all", {"Axy", "Ayz"}, {"yAxz", "ySxz", "ySzx", "mAzx"}},
    {"no", {"Nxy", NULL}, {"nSxy", "nSyx", "nAxy", "nAyx"}},
    {"some", {"Sxy", NULL}, {"ySxy", "ySyx", "mAxy", "mAyx"}},
    {"all no", {"Axy", "Nyz"}, {"nSxz", "nSzx", "nAxz", "nAzx"}},
    {"some all", {"Sxy", "Ayz"}, {"ySxz", "ySzx", "mAxz", "mAzx"}},
    {"some no", {"Sxy", "Nyz"}, {"nAxz", "mSxz", "mSzx", "mAzx"}},
    {"all some", {"Axy", "Syz"}, {"mSxz", "mAxz", "mSzx", "mAzx"}},
    {"shared", {"Axy", "Azy"}, {"mAxz", "mSxz", "mAzx", "mSzx"}},
};
/* The first two hold the converse fallacy, which is hard to learn: they come twice as often. */
enum { N_FIGURES = sizeof figures / sizeof *figures, N_OFTEN = 2 };

static unsigned term(char letter)
{
    return (unsigned)(letter - 'x');
}

static int answer_of(char letter)
{
    return letter == 'y' ? 0 : letter == 'n' ? 1 : 2;
}

static void add_premise(struct mini_doc *d, const char *p, const unsigned *names)
{
    MINI_ADD(d->context, "%s%s %ss are %ss.", *d->context ? " " : "",
             *p == 'A'   ? "All"
             : *p == 'S' ? "Some"
                         : "No",
             mini_animals[names[term(p[1])]], mini_animals[names[term(p[2])]]);
}

void make_entailment(struct rng *r, int n_asks, struct mini_doc *d)
{
    const struct figure *f = &figures[mini_pick(r, N_FIGURES + N_OFTEN) % N_FIGURES];
    unsigned names[3], n = f->premise[1] ? 3 : 2, sorted[3];
    mini_start(d, f->kind);
    mini_sample(r, MINI_ANIMALS, n, names);
    memcpy(sorted, names, n * sizeof *names);
    mini_sort(sorted, n);
    for (unsigned i = 0; i < n; i++)
        MINI_ADD(d->key, "%s,", mini_animals[sorted[i]]);
    unsigned first = f->premise[1] ? mini_pick(r, 2) : 0;
    add_premise(d, f->premise[first], names);
    if (f->premise[1])
        add_premise(d, f->premise[!first], names);
    MINI_ADD(d->context, "\n");
    unsigned order[N_QUESTIONS];
    mini_sample(r, N_QUESTIONS, N_QUESTIONS, order);
    for (int i = 0; i < n_asks && i < N_QUESTIONS; i++) {
        const char *q = f->question[order[i]];
        struct mini_ask *ask =
            mini_ask(d, "Are %s %ss %ss? Answer:", q[1] == 'A' ? "all" : "some",
                     mini_animals[names[term(q[2])]], mini_animals[names[term(q[3])]]);
        mini_fixed(ask, answers, 3, answer_of(q[0]));
    }
}
