/* qa.c - where someone or something is, among what was and what is.
 *
 * Invariant of a story: only what can be seen happens.  Who takes a thing has been seen to arrive
 * and the thing, if it was seen before, lies there; who puts a thing down holds it.  What a later
 * fact made untrue is told as past.  So everyone and everything that is asked for has exactly one
 * known place: a thing's is where it lies, or where who has it is. */
#include "datasets/mini/mini.h"

#include <assert.h>
#include <stdio.h>

enum { CAST = 3, PROPS = 2, NOWHERE = -1, NOBODY = -1, MIN_FACTS = 5, MAX_FACTS = 10 };
struct fact {
    int subject;      /* of the cast, then of the props */
    const char *name;
    char text[64];    /* "in the garden", "with Mary" */
    char event[64];   /* what made it true, for prose: "Mary went to the garden" */
};
struct story {
    unsigned people[CAST], props[PROPS];
    int at[CAST]; /* place, NOWHERE: not seen yet */
    int holder[PROPS], lies[PROPS];
    struct fact facts[MAX_FACTS];
    unsigned n_facts;
};

static struct fact *add_fact(struct story *s, int subject)
{
    assert(s->n_facts < MAX_FACTS);
    struct fact *f = &s->facts[s->n_facts++];
    f->subject = subject;
    f->name = subject < CAST ? mini_people[s->people[subject]] : mini_things[s->props[subject - CAST]];
    return f;
}

static void move(struct rng *r, struct story *s, bool prose)
{
    unsigned who = mini_pick(r, CAST), place = mini_pick(r, MINI_PLACES);
    if (s->at[who] == (int)place)
        place = (place + 1 + mini_pick(r, MINI_PLACES - 1)) % MINI_PLACES;
    s->at[who] = (int)place;
    struct fact *f = add_fact(s, (int)who);
    snprintf(f->text, sizeof f->text, "in the %s", mini_places[place]);
    snprintf(f->event, sizeof f->event, "%s %s to the %s", f->name,
             prose && !mini_pick(r, 2) ? "moved" : "went", mini_places[place]);
}

/* Whether the prop could be taken or put down; does it when it could. */
static bool handle(struct rng *r, struct story *s)
{
    unsigned prop = mini_pick(r, PROPS), who = mini_pick(r, CAST);
    if (s->holder[prop] != NOBODY) {
        struct fact *f = add_fact(s, (int)(CAST + prop));
        s->lies[prop] = s->at[s->holder[prop]];
        snprintf(f->text, sizeof f->text, "in the %s", mini_places[s->lies[prop]]);
        snprintf(f->event, sizeof f->event, "%s dropped the %s",
                 mini_people[s->people[s->holder[prop]]], f->name);
        s->holder[prop] = NOBODY;
        return true;
    }
    if (s->at[who] == NOWHERE || (s->lies[prop] != NOWHERE && s->lies[prop] != s->at[who]))
        return false;
    s->holder[prop] = (int)who;
    struct fact *f = add_fact(s, (int)(CAST + prop));
    snprintf(f->text, sizeof f->text, "with %s", mini_people[s->people[who]]);
    snprintf(f->event, sizeof f->event, "%s took the %s", mini_people[s->people[who]], f->name);
    return true;
}

static void tell(const struct story *s, struct mini_doc *d)
{
    for (unsigned i = 0; i < s->n_facts; i++) {
        const struct fact *f = &s->facts[i];
        const char *end = i + 1 < s->n_facts ? ". " : ".\n";
        bool is_over = false;
        if (d->prose) {
            MINI_ADD(d->context, "%s%s", f->event, end);
            continue;
        }
        for (unsigned k = i + 1; k < s->n_facts; k++)
            is_over = is_over || s->facts[k].subject == f->subject;
        MINI_ADD(d->context, "%s%s %s %s%s", f->subject < CAST ? "" : "The ", f->name,
                 is_over ? "was" : "is", f->text, end);
    }
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
            d->kind = x < CAST ? "person" : s->holder[x - CAST] != NOBODY ? "held" : "lies";
        const char *name =
            x < CAST ? mini_people[s->people[x]] : mini_things[s->props[x - CAST]];
        const char *the = x < CAST ? "" : "the ", *The = x < CAST ? "" : "The ";
        mini_fixed(d->prose ? mini_ask(d, "Where is %s%s? Answer:", the, name)
                            : mini_ask(d, "Where is %s%s? %s%s is in the", the, name, The, name),
                   mini_places, MINI_PLACES, place);
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
        if (mini_pick(r, 2) || !handle(r, &s))
            move(r, &s, d->prose);
    tell(&s, d);
    add_key(&s, d);
    ask_all(r, &s, n_asks, d);
}
