/* sentiment.c - reviews of two or three clauses.
 *
 * A clause is worth +1 or -1 by its adjective (0 for a plain one), twice that with "very", turned
 * round by "not"; "not very good" counts as "not good".  What stands after "but" counts double.
 * The sum's sign is the answer. */
#include "datasets/mini/mini.h"

static const char *const nouns[] = {"soup", "room", "film", "bread", "trip",  "phone",
                                    "game", "song", "car",  "hotel", "lunch", "show"};
static const char *const adjectives[] = {"good",  "nice", "great", "fun",  "fresh",
                                         "cool",  "bad",  "poor",  "dull", "ugly",
                                         "awful", "sad",  "plain", "usual"};
enum { N_NOUNS = 12, N_GOOD = 6, N_BAD = 6, N_ADJECTIVES = 14 };
static const char *const moods[] = {"positive", "negative", "neutral"};

struct clause {
    unsigned noun, adjective;
    bool negated, very;
};

static int clause_value(const struct clause *c)
{
    int v = c->adjective < N_GOOD ? 1 : c->adjective < N_GOOD + N_BAD ? -1 : 0;
    return c->negated ? -v : c->very ? 2 * v : v;
}

static int mood_of(int value)
{
    return value > 0 ? 0 : value < 0 ? 1 : 2;
}

void make_sentiment(struct rng *r, int n_asks, struct mini_doc *d)
{
    unsigned n = 2 + mini_pick(r, 2), but = mini_pick(r, n), noun[3];
    struct clause c[3];
    int sum = 0;
    mini_start(d, but ? "but" : "and");
    mini_sample(r, N_NOUNS, n, noun);
    for (unsigned i = 0; i < n; i++) {
        c[i].noun = noun[i];
        /* Plain ones are rare: three in a row would be all there is to "neutral". */
        c[i].adjective = mini_pick(r, mini_pick(r, 3) ? N_GOOD + N_BAD : N_ADJECTIVES);
        c[i].negated = mini_pick(r, 3) == 0;
        c[i].very = mini_pick(r, 3) == 0;
        const char *joint = !i ? "The" : i == but ? " but the" : " and the";
        MINI_ADD(d->context, "%s %s was %s%s%s", joint, nouns[c[i].noun],
                 c[i].negated ? "not " : "", c[i].very ? "very " : "", adjectives[c[i].adjective]);
        MINI_ADD(d->key, "%s %s,", nouns[c[i].noun], adjectives[c[i].adjective]);
        sum += clause_value(&c[i]) * (but && i >= but ? 2 : 1);
    }
    MINI_ADD(d->context, ".\n");
    mini_fixed(mini_ask(d, "How was it? Answer:"), moods, 3, mood_of(sum));
    unsigned order[3];
    mini_sample(r, n, n, order);
    for (unsigned i = 0; i < n && d->n < n_asks; i++)
        mini_fixed(mini_ask(d, "How was the %s? Answer:", nouns[c[order[i]].noun]), moods, 3,
                   mood_of(clause_value(&c[order[i]])));
}
