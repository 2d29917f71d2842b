/* assistant.c - a user says who comes, what they want, how many they are and on which day, changes
 * their mind, and asks.  The last word on a matter counts; what was never said is "unknown". */
#include "datasets/mini/mini.h"

enum { N_SLOTS = 4, N_VALUES = 16, MIN_TURNS = 3, MAX_TURNS = 6, UNSAID = -1 };
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};
static const char *const drinks[] = {"tea", "coffee", "water", "milk", "juice", "soup"};
static const char *const counts[] = {"two", "three", "four", "five", "six", "seven"};

static const struct slot {
    const char *name;
    const char *const *values;
    unsigned n;
    const char *first, *again; /* what the user says, before and behind the value */
    const char *question;
} slots[N_SLOTS] = {
    {"name", mini_people, MINI_PEOPLE, "I am ", "Sorry, I am ", "Who am I?"},
    {"drink", drinks, 6, "I want ", "No, I want ", "What do I want?"},
    {"count", counts, 6, "We are ", "Now we are ", "How many are we?"},
    {"day", days, 7, "We come on ", "No, we come on ", "Which day?"},
};

/* Three wrong ones: other values, the overruled one first. */
static void ask_slot(struct rng *r, const struct slot *s, int value, int overruled,
                     struct mini_doc *d)
{
    const char *choice[4];
    unsigned order[N_VALUES], n = 0;
    int label = 3;
    bool taken[N_VALUES] = {false};
    mini_sample(r, s->n, s->n, order);
    int wanted[2] = {value, overruled};
    unsigned pool[3], k = 0;
    for (int i = 0; i < 2; i++)
        if (wanted[i] != UNSAID && !taken[wanted[i]]) {
            pool[k++] = (unsigned)wanted[i];
            taken[wanted[i]] = true;
        }
    for (unsigned i = 0; k < 3; i++)
        if (!taken[order[i]])
            pool[k++] = order[i];
    mini_sample(r, 3, 3, order);
    for (; n < 3; n++) {
        choice[n] = s->values[pool[order[n]]];
        if ((int)pool[order[n]] == value)
            label = (int)n;
    }
    choice[3] = "unknown";
    mini_fixed(mini_ask(d, "User: %s\nAssistant:", s->question), choice, 4, label);
}

void make_assistant(struct rng *r, int n_asks, struct mini_doc *d)
{
    int value[N_SLOTS] = {UNSAID, UNSAID, UNSAID, UNSAID};
    int before[N_SLOTS] = {UNSAID, UNSAID, UNSAID, UNSAID};
    unsigned turns = MIN_TURNS + mini_pick(r, MAX_TURNS - MIN_TURNS + 1), order[N_SLOTS];
    unsigned closed = mini_pick(r, N_SLOTS); /* what is never said */
    mini_start(d, "");
    for (unsigned i = 0; i < turns; i++) {
        unsigned at = (closed + 1 + mini_pick(r, N_SLOTS - 1)) % N_SLOTS;
        const struct slot *s = &slots[at];
        int v = (int)mini_pick(r, s->n);
        if (v == value[at])
            v = (v + 1) % (int)s->n;
        MINI_ADD(d->context, "User: %s%s.\n", value[at] == UNSAID ? s->first : s->again,
                 s->values[v]);
        MINI_ADD(d->key, "%s,", s->values[v]);
        before[at] = value[at];
        value[at] = v;
    }
    mini_sample(r, N_SLOTS, N_SLOTS, order);
    for (int i = 0; i < N_SLOTS && d->n < n_asks; i++) {
        unsigned at = order[i];
        if (i == 0)
            d->kind = value[at] == UNSAID    ? "unsaid"
                      : before[at] == UNSAID ? "said once"
                                             : "changed";
        ask_slot(r, &slots[at], value[at], before[at], d);
    }
}
