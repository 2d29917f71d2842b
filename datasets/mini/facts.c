/* facts.c - what a model has to have learnt by heart: capital and founder of thousands of
 * countries that do not exist.
 *
 * The facts themselves are the same in training and test; that is the task.  What is held out is
 * the pair of entity and relation asked first: an entity whose capital is tested has it only
 * behind its founder in training.  No entity has both held out. */
#include "datasets/mini/mini.h"

#include <stdio.h>

static const char *const heads[32] = {
    "Ba", "Be", "Bo", "Da", "De", "Do", "Fa", "Fe", "Ga", "Go", "Ka", "Ke", "Ko", "La", "Le", "Lo",
    "Ma", "Me", "Mo", "Na", "Ne", "No", "Pa", "Pe", "Po", "Ra", "Re", "Ro", "Sa", "Ta", "To", "Va"};
static const char *const middles[16] = {"",   "li", "mu", "ra", "ne", "to", "su", "vi",
                                        "do", "ka", "lo", "mi", "pa", "ri", "se", "tu"};
static const char *const tails[32] = {"bin", "dal", "fen", "gor", "kan", "lim", "mol", "nar",
                                      "pek", "rus", "sot", "tan", "vel", "zim", "bur", "dek",
                                      "fal", "gan", "kor", "lun", "mas", "nel", "pol", "rin",
                                      "sal", "tem", "vor", "zan", "bel", "don", "kul", "ret"};
static const char *const relations[FACTS_RELATIONS] = {"capital", "founder"};
static const char *const value_heads[FACTS_RELATIONS][8] = {
    {"Or", "El", "Ur", "Is", "An", "Em", "Ol", "Ar"},
    {"Hu", "Wi", "Ju", "Ke", "Mi", "Ru", "Fe", "Ty"}};
static const char *const value_tails[FACTS_RELATIONS][8] = {
    {"ton", "ham", "burg", "dale", "ville", "ford", "gate", "wick"},
    {"go", "lla", "lius", "nna", "ric", "dra", "mon", "sse"}};

void facts_name(unsigned entity, char out[32])
{
    snprintf(out, 32, "%s%s%s", heads[entity / 512 % 32], middles[entity / 32 % 16],
             tails[entity % 32]);
}

unsigned facts_value(unsigned entity, unsigned relation)
{
    struct rng r = mini_rng(entity, relations[relation]);
    return mini_pick(&r, FACTS_VALUES);
}

void facts_value_name(unsigned relation, unsigned value, char out[32])
{
    snprintf(out, 32, "%s%s", value_heads[relation][value / 8], value_tails[relation][value % 8]);
}

static void set_key(const char *name, unsigned relation, char key[64])
{
    snprintf(key, 64, "%s,%s", name, relations[relation]);
}

static bool all_held_out(const char *name)
{
    char capital[64], founder[64];
    set_key(name, 0, capital);
    set_key(name, 1, founder);
    return mini_belongs(capital, MINI_TEST) && mini_belongs(founder, MINI_TEST);
}

static void ask_value(struct rng *r, struct mini_ask *q, unsigned entity, unsigned relation)
{
    char four[4][MINI_ANSWER];
    unsigned right = facts_value(entity, relation), other[4], n = 1;
    mini_sample(r, FACTS_VALUES, 4, other);
    facts_value_name(relation, right, four[0]);
    for (unsigned i = 0; n < 4; i++)
        if (other[i] != right)
            facts_value_name(relation, other[i], four[n++]);
    mini_shuffled(r, q, four);
}

void make_facts(struct rng *r, int n_asks, struct mini_doc *d)
{
    char name[32], key[64];
    unsigned entity, first = mini_pick(r, FACTS_RELATIONS);
    do {
        entity = mini_pick(r, FACTS_ENTITIES);
        facts_name(entity, name);
    } while (all_held_out(name));
    mini_start(d, relations[first]);
    set_key(name, first, key);
    MINI_ADD(d->key, "%s", key);
    ask_value(r, mini_ask(d, "%s %s", name, relations[first]), entity, first);
    if (n_asks > 1)
        ask_value(r, mini_ask(d, "%s", relations[!first]), entity, !first);
}
