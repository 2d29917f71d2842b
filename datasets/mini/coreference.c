/* coreference.c - whom a pronoun means.
 *
 * Some verbs say what their subject is like (to scare), some what their object is like (to admire).
 * "because" looks back to who is like that, "so" ahead to the other: a rule of two parts that only
 * holds together.  Where the two differ in gender the pronoun tells; with "and" it alone does. */
#include "datasets/mini/mini.h"

static const char *const of_subject[] = {"scared", "bored", "amazed", "annoyed"};
static const char *const of_object[] = {"feared", "admired", "missed", "trusted"};
static const char *const plain[] = {"met", "saw"};
static const char *const because[] = {"was loud", "was tall", "was late", "was old",
                                      "was kind", "was rich", "was fast", "was shy"};
static const char *const so[] = {"left",  "called", "waited", "slept",
                                 "cried", "wrote",  "hid",    "stayed"};
static const char *const after[] = {"smiled", "sang", "ran", "sat"};
enum { N_VERBS = 4, N_DEEDS = 8, N_PLAIN = 2, N_AFTER = 4 };

struct scene {
    const char *verb, *joint, *deed;
    bool means_subject;
};

static struct scene draw_reason(struct rng *r)
{
    bool subject_verb = mini_pick(r, 2), reason = mini_pick(r, 2);
    unsigned verb = mini_pick(r, N_VERBS), deed = mini_pick(r, N_DEEDS);
    return (struct scene){
        .verb = (subject_verb ? of_subject : of_object)[verb],
        .joint = reason ? "because" : "so",
        .deed = (reason ? because : so)[deed],
        .means_subject = subject_verb == reason,
    };
}

static struct scene draw_plain(struct rng *r)
{
    unsigned verb = mini_pick(r, N_PLAIN), deed = mini_pick(r, N_AFTER);
    bool subject = mini_pick(r, 2);
    return (struct scene){
        .verb = plain[verb], .joint = "and", .deed = after[deed], .means_subject = subject};
}

void make_coreference(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    unsigned kind = mini_pick(r, 4), half = MINI_PEOPLE / 2, p[2];
    struct scene s = kind == 3 ? draw_plain(r) : draw_reason(r);
    mini_start(d, kind < 2 ? "cause" : kind == 2 ? "cause and gender" : "gender");
    mini_sample(r, half, 2, p);
    unsigned side = mini_pick(r, 2);
    p[0] += side * half;
    p[1] += (kind < 2 ? side : !side) * half;
    unsigned meant = s.means_subject ? p[0] : p[1];
    MINI_ADD(d->context, "%s %s %s %s %s %s.\n", mini_people[p[0]], s.verb, mini_people[p[1]],
             s.joint, mini_is_she(meant) ? "she" : "he", s.deed);
    unsigned low = p[0] < p[1] ? 0 : 1;
    MINI_ADD(d->key, "%s,%s,%s", mini_people[p[low]], mini_people[p[!low]], s.verb);
    const char *names[] = {mini_people[p[0]], mini_people[p[1]]};
    mini_fixed(mini_ask(d, "Who %s? Answer:", s.deed), names, 2, !s.means_subject);
}
