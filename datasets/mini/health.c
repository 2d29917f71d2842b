/* health.c - triage by a rule of our own.  It is a game with symptoms, not advice to anyone.
 *
 *   emergency   chest pain, or fever together with a stiff neck
 *   doctor      else: a rash, fever for 4 days or more, or any sign below 5 or above 70 years
 *   home        else
 *
 * A sign that is said to be absent ("no rash") does not count. */
#include "datasets/mini/mini.h"

enum { FEVER, COUGH, RASH, NECK, CHEST, HEADACHE, N_SIGNS, MIN_SAID = 2, MAX_SAID = 4 };
static const char *const signs[N_SIGNS] = {"fever",      "cough",      "rash",
                                           "stiff neck", "chest pain", "headache"};
static const char *const places_to_go[] = {"emergency", "doctor", "home"};
static const char *const yes_no[] = {"yes", "no"};

struct patient {
    unsigned person, age, days;
    bool has[N_SIGNS];
};

static int triage(const struct patient *p)
{
    bool any = false;
    for (int i = 0; i < N_SIGNS; i++)
        any = any || p->has[i];
    if (p->has[CHEST] || (p->has[FEVER] && p->has[NECK]))
        return 0;
    if (p->has[RASH] || (p->has[FEVER] && p->days >= 4) || (any && (p->age < 5 || p->age > 70)))
        return 1;
    return 2;
}

static unsigned draw_age(struct rng *r)
{
    unsigned group = mini_pick(r, 6);
    return group == 0   ? 1 + mini_pick(r, 4)
           : group == 1 ? 71 + mini_pick(r, 29)
                        : 5 + mini_pick(r, 66);
}

void make_health(struct rng *r, int n_asks, struct mini_doc *d)
{
    unsigned person = mini_pick(r, MINI_PEOPLE), age = draw_age(r), days = 2 + mini_pick(r, 5);
    struct patient p = {person, age, days, {false}};
    unsigned said[N_SIGNS], n = MIN_SAID + mini_pick(r, MAX_SAID - MIN_SAID + 1);
    mini_start(d, "");
    mini_sample(r, N_SIGNS, N_SIGNS, said);
    MINI_ADD(d->context, "%s, age %u:", mini_people[p.person], p.age);
    MINI_ADD(d->key, "%s,%u", mini_people[p.person], p.age);
    for (unsigned i = 0; i < n; i++) {
        unsigned s = said[i];
        p.has[s] = mini_pick(r, 2);
        MINI_ADD(d->context, "%s %s%s", i ? "," : "", p.has[s] ? "" : "no ", signs[s]);
        if (s == FEVER && p.has[s])
            MINI_ADD(d->context, " for %u days", p.days);
    }
    MINI_ADD(d->context, ".\n");
    int where = triage(&p);
    d->kind = places_to_go[where];
    mini_fixed(mini_ask(d, "Where to? Answer:"), places_to_go, 3, where);
    for (unsigned i = 0; i < n && d->n < n_asks; i++)
        mini_fixed(mini_ask(d, "Any %s? Answer:", signs[said[i]]), yes_no, 2, !p.has[said[i]]);
}
