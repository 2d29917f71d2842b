/* translation.c - sentences between English and a small Hindi in Devanagari, both ways.
 *
 * Hindi puts the verb last and the place before the object, with a postposition; the verb ends in
 * -ta after a masculine subject, in -ti after a feminine one; adjectives in -a or -i with their
 * noun. All nouns here stay the same before a postposition.  Letters with a dot are written
 * decomposed, which is also their normal form (NFC). */
#include "datasets/mini/mini.h"

#include <string.h>

struct noun {
    const char *en, *hi;
    bool feminine;
};
struct inflected {
    const char *en, *hi[2]; /* masculine, feminine */
};
static const struct noun subjects[] = {
    {"boy", "लड़का", false},    {"girl", "लड़की", true},  {"man", "आदमी", false},
    {"woman", "औरत", true},    {"king", "राजा", false}, {"queen", "रानी", true},
    {"brother", "भाई", false}, {"sister", "बहन", true},
};
/* In threes: what is eaten, read, drunk; the last can only be seen, bought, brought. */
static const struct noun objects[] = {
    {"apple", "सेब", false},   {"bread", "रोटी", true},   {"fruit", "फल", false},
    {"book", "किताब", true},  {"letter", "चिट्ठी", true}, {"story", "कहानी", true},
    {"water", "पानी", false}, {"milk", "दूध", false},     {"tea", "चाय", true},
    {"flower", "फूल", false},  {"chair", "कुर्सी", true},   {"lamp", "दीपक", false},
};
static const struct inflected verbs[] = {
    {"eats", {"खाता", "खाती"}}, {"reads", {"पढ़ता", "पढ़ती"}},    {"drinks", {"पीता", "पीती"}},
    {"sees", {"देखता", "देखती"}}, {"buys", {"खरीदता", "खरीदती"}}, {"brings", {"लाता", "लाती"}},
};
static const struct inflected adjectives[] = {
    {"small", {"छोटा", "छोटी"}}, {"big", {"बड़ा", "बड़ी"}},     {"good", {"अच्छा", "अच्छी"}},
    {"new", {"नया", "नई"}},      {"old", {"पुराना", "पुरानी"}},
};
static const struct noun places[] = {
    {"house", "घर", false},   {"garden", "बाग", false}, {"village", "गाँव", false},
    {"school", "स्कूल", false}, {"shop", "दुकान", true},   {"market", "बाज़ार", false},
};
enum {
    N_SUBJECTS = 8,
    N_OBJECTS = 12,
    N_VERBS = 6,
    N_OWN = 3,
    N_ADJECTIVES = 5,
    N_PLACES = 6,
    NONE = -1
};

struct sentence {
    unsigned subject, verb, object;
    int subject_is, object_is, place; /* NONE: left out */
    bool from;                        /* "from", not "in" */
};

static int maybe(struct rng *r, unsigned one_in, unsigned n)
{
    return mini_pick(r, one_in) ? NONE : (int)mini_pick(r, n);
}

static struct sentence draw_sentence(struct rng *r)
{
    unsigned verb = mini_pick(r, N_VERBS);
    unsigned object = verb < N_OWN ? 3 * verb + mini_pick(r, 3) : mini_pick(r, N_OBJECTS);
    struct sentence s = {.subject = mini_pick(r, N_SUBJECTS), .verb = verb, .object = object};
    s.subject_is = maybe(r, 3, N_ADJECTIVES);
    s.object_is = maybe(r, 3, N_ADJECTIVES);
    s.place = maybe(r, 2, N_PLACES);
    s.from = verb > N_OWN && mini_pick(r, 2);
    return s;
}

static void add_english(char *text, const struct sentence *s)
{
    mini_add(text, MINI_ANSWER, "The %s%s%s %s the %s%s%s",
             s->subject_is == NONE ? "" : adjectives[s->subject_is].en,
             s->subject_is == NONE ? "" : " ", subjects[s->subject].en, verbs[s->verb].en,
             s->object_is == NONE ? "" : adjectives[s->object_is].en,
             s->object_is == NONE ? "" : " ", objects[s->object].en);
    if (s->place != NONE)
        mini_add(text, MINI_ANSWER, " %s the %s", s->from ? "from" : "in", places[s->place].en);
}

static void add_hindi_noun(char *text, const struct noun *n, int is)
{
    if (is != NONE)
        mini_add(text, MINI_ANSWER, "%s ", adjectives[is].hi[n->feminine]);
    mini_add(text, MINI_ANSWER, "%s ", n->hi);
}

struct order {
    bool verb_first;   /* wrong: the verb before the object */
    bool wrong_gender; /* wrong: the verb as after the other gender */
};

static void add_hindi(char *text, const struct sentence *s, struct order o)
{
    bool feminine = subjects[s->subject].feminine != o.wrong_gender;
    const char *verb = verbs[s->verb].hi[feminine];
    add_hindi_noun(text, &subjects[s->subject], s->subject_is);
    if (o.verb_first)
        mini_add(text, MINI_ANSWER, "%s है ", verb);
    if (s->place != NONE)
        mini_add(text, MINI_ANSWER, "%s %s ", places[s->place].hi, s->from ? "से" : "में");
    add_hindi_noun(text, &objects[s->object], s->object_is);
    if (!o.verb_first)
        mini_add(text, MINI_ANSWER, "%s है ", verb);
    text[strlen(text) - 1] = 0;
}

static unsigned other(struct rng *r, unsigned x, unsigned n)
{
    return (x + 1 + mini_pick(r, n - 1)) % n;
}

/* Places an own verb's object among its own: "reads the water" is never a choice. */
static unsigned other_object(struct rng *r, const struct sentence *s)
{
    if (s->verb >= N_OWN)
        return other(r, s->object, N_OBJECTS);
    return 3 * s->verb + other(r, s->object % 3, 3);
}

static void start(struct mini_doc *d, const struct sentence *s)
{
    mini_start(d, s->place == NONE ? "plain" : s->from ? "from" : "in");
    MINI_ADD(d->key, "%s,%s,%s,%s%s", subjects[s->subject].en, verbs[s->verb].en,
             objects[s->object].en,
             s->place == NONE ? ""
             : s->from        ? "from "
                              : "in ",
             s->place == NONE ? "" : places[s->place].en);
}

void make_to_hindi(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    struct sentence s = draw_sentence(r), wrong = s;
    char four[4][MINI_ANSWER] = {""};
    start(d, &s);
    add_english(d->context, &s);
    MINI_ADD(d->context, ".\n");
    wrong.object = other_object(r, &s);
    add_hindi(four[0], &s, (struct order){0});
    add_hindi(four[1], &s, (struct order){.verb_first = true});
    add_hindi(four[2], &s, (struct order){.wrong_gender = true});
    add_hindi(four[3], &wrong, (struct order){0});
    mini_shuffled(r, mini_ask(d, "Hindi:"), four);
}

void make_to_english(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    struct sentence s = draw_sentence(r), wrong[3] = {s, s, s};
    char four[4][MINI_ANSWER] = {""};
    start(d, &s);
    add_hindi(d->context, &s, (struct order){0});
    MINI_ADD(d->context, "।\n");
    wrong[0].subject = other(r, s.subject, N_SUBJECTS);
    wrong[1].object = other_object(r, &s);
    wrong[2].verb = s.verb < N_OWN ? N_OWN + mini_pick(r, N_VERBS - N_OWN)
                                   : N_OWN + other(r, s.verb - N_OWN, N_VERBS - N_OWN);
    add_english(four[0], &s);
    for (int i = 0; i < 3; i++)
        add_english(four[i + 1], &wrong[i]);
    mini_shuffled(r, mini_ask(d, "English:"), four);
}
