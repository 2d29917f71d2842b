/* qa.c - where someone or something is, after people moved, took things and dropped them.
 *
 * Invariant of a story: only what can be seen happens.  Who takes a thing has been seen to arrive
 * and the thing, if it was seen before, lies there; who drops a thing holds it.  So everyone and
 * everything that is asked for has exactly one known place: a thing's is where it was dropped, or
 * where who holds it is. */
#include "datasets/mini/mini.h"

enum { CAST = 3, PROPS = 2, NOWHERE = -1, NOBODY = -1, MIN_FACTS = 5, MAX_FACTS = 10 };
struct story {
    unsigned people[CAST], props[PROPS];
    int at[CAST]; /* place, NOWHERE: not seen yet */
    int holder[PROPS], lies[PROPS];
};

static void tell_move(struct rng *r, struct story *s, struct mini_doc *d)
{
    unsigned who = mini_pick(r, CAST), place = mini_pick(r, MINI_PLACES);
    if (s->at[who] == (int)place)
        place = (place + 1 + mini_pick(r, MINI_PLACES - 1)) % MINI_PLACES;
    s->at[who] = (int)place;
    MINI_ADD(d->context, "%s %s to the %s. ", mini_people[s->people[who]],
             mini_pick(r, 2) ? "went" : "moved", mini_places[place]);
}

/* Whether the prop could be taken or dropped; tells it when it could. */
static bool tell_prop(struct rng *r, struct story *s, struct mini_doc *d)
{
    unsigned prop = mini_pick(r, PROPS), who = mini_pick(r, CAST);
    const char *thing = mini_things[s->props[prop]];
    if (s->holder[prop] != NOBODY) {
        int holder = s->holder[prop];
        s->lies[prop] = s->at[holder];
        s->holder[prop] = NOBODY;
        MINI_ADD(d->context, "%s dropped the %s. ", mini_people[s->people[holder]], thing);
        return true;
    }
    if (s->at[who] == NOWHERE || (s->lies[prop] != NOWHERE && s->lies[prop] != s->at[who]))
        return false;
    s->holder[prop] = (int)who;
    MINI_ADD(d->context, "%s took the %s. ", mini_people[s->people[who]], thing);
    return true;
}

static int prop_place(const struct story *s, unsigned prop)
{
    return s->holder[prop] != NOBODY ? s->at[s->holder[prop]] : s->lies[prop];
}

/* Who and what the story names, in order: the combination is what can be read. */
static void add_key(const struct story *s, struct mini_doc *d)
{
    unsigned people[CAST], props[PROPS], n_people = 0, n_props = 0;
    for (unsigned i = 0; i < CAST; i++)
        if (s->at[i] != NOWHERE)
            people[n_people++] = s->people[i];
    for (unsigned i = 0; i < PROPS; i++)
        if (prop_place(s, i) != NOWHERE)
            props[n_props++] = s->props[i];
    mini_sort(people, n_people);
    mini_sort(props, n_props);
    for (unsigned i = 0; i < n_people; i++)
        MINI_ADD(d->key, "%s,", mini_people[people[i]]);
    for (unsigned i = 0; i < n_props; i++)
        MINI_ADD(d->key, "%s,", mini_things[props[i]]);
}

static void ask_all(struct rng *r, const struct story *s, int n_asks, struct mini_doc *d)
{
    unsigned order[CAST + PROPS];
    mini_sample(r, CAST + PROPS, CAST + PROPS, order);
    for (int i = 0; i < CAST + PROPS && d->n < n_asks; i++) {
        unsigned x = order[i];
        int place = x < CAST ? s->at[x] : prop_place(s, x - CAST);
        if (place == NOWHERE)
            continue;
        if (d->n == 0)
            d->kind = x < CAST ? "person" : s->holder[x - CAST] != NOBODY ? "held" : "dropped";
        struct mini_ask *q =
            x < CAST ? mini_ask(d, "Where is %s? Answer:", mini_people[s->people[x]])
                     : mini_ask(d, "Where is the %s? Answer:", mini_things[s->props[x - CAST]]);
        mini_fixed(q, mini_places, MINI_PLACES, place);
    }
}

void make_qa(struct rng *r, int n_asks, struct mini_doc *d)
{
    struct story s = {
        .at = {NOWHERE, NOWHERE, NOWHERE}, .holder = {NOBODY, NOBODY}, .lies = {NOWHERE, NOWHERE}};
    mini_start(d, "");
    mini_sample(r, MINI_PEOPLE, CAST, s.people);
    mini_sample(r, MINI_THINGS, PROPS, s.props);
    unsigned facts = MIN_FACTS + mini_pick(r, MAX_FACTS - MIN_FACTS + 1);
    for (unsigned i = 0; i < facts; i++)
        if (mini_pick(r, 2) || !tell_prop(r, &s, d))
            tell_move(r, &s, d);
    size_t n = 0;
    while (d->context[n])
        n++;
    d->context[n - 1] = '\n'; /* for the last blank */
    add_key(&s, d);
    ask_all(r, &s, n_asks, d);
}
