/* Sentiment, entailment, coreference, translation: second implementations answer every item. */
#include "tests/mini/solver.h"

static struct words w;

/* -- sentiment: a running sum over the words --------------------------------------------------- */

static const char *mood(int value)
{
    return value > 0 ? "positive" : value < 0 ? "negative" : "neutral";
}

static int adjective_value(const char *a)
{
    return one_of(a, " good nice great fun fresh cool ") ? 1
           : one_of(a, " bad poor dull ugly awful sad ") ? -1
           : one_of(a, " plain usual ")                  ? 0
                                                         : 99;
}

static void solve_sentiment(const char *context, const char *prompt, char *answer, char *combo)
{
    char about[SOLVER_WORD] = "";
    int sum = 0, weight = 1, seen = 0;
    bool whole = strcmp(prompt, "How was it? Answer:") == 0;
    if (!whole)
        assert_int_equal(sscanf(prompt, "How was the %[a-z]? Answer:", about), 1);
    words_of(context, " .\n", &w);
    for (int i = 0; i < w.n;) {
        if (strcmp(w.v[i], "but") == 0)
            weight = 2;
        i += i > 0;                             /* and, but */
        assert_string_equal(w.v[i + 2], "was"); /* the NOUN was */
        const char *noun = w.v[i + 1];
        int sign = 1, strength = 1;
        for (i += 3; strcmp(w.v[i], "not") == 0; i++)
            sign = -1;
        for (; strcmp(w.v[i], "very") == 0; i++)
            strength = 2;
        int value = adjective_value(w.v[i]);
        assert_int_not_equal(value, 99);
        value *= sign < 0 ? -1 : strength;
        if (whole)
            sum += weight * value;
        else if (strcmp(noun, about) == 0)
            sum = value, seen++;
        sprintf(combo + strlen(combo), "%s=%s;", noun, w.v[i]);
        i++;
    }
    assert_true(whole || seen == 1);
    strcpy(answer, mood(sum));
}

/* -- entailment: all worlds over up to three kinds --------------------------------------------- */

struct claim {
    char quantifier; /* a, s, n */
    int subject, predicate;
};
static char kinds[3][SOLVER_WORD];
static int n_kinds;

static int kind_of(const char *plural)
{
    for (int i = 0; i < n_kinds; i++)
        if (strcmp(kinds[i], plural) == 0)
            return i;
    assert_true(n_kinds < 3);
    strcpy(kinds[n_kinds], plural);
    return n_kinds++;
}

static struct claim claim_of(const char *quantifier, const char *subject, const char *predicate)
{
    char q = (char)(quantifier[0] | 32);
    assert_true(q == 'a' || q == 's' || q == 'n');
    int s = kind_of(subject);
    return (struct claim){q, s, kind_of(predicate)};
}

/* A world is the set of the 8 combinations of kinds that somebody is of. */
static bool holds(struct claim c, unsigned world)
{
    bool both = false, only = false;
    for (int who = 0; who < 8; who++)
        if (world >> who & 1 && who >> c.subject & 1) {
            both = both || who >> c.predicate & 1;
            only = only || !(who >> c.predicate & 1);
        }
    return c.quantifier == 'a' ? !only : c.quantifier == 's' ? both : !both;
}

static bool inhabited(unsigned world)
{
    for (int k = 0; k < 3; k++) {
        bool any = false;
        for (int who = 0; who < 8; who++)
            any = any || (world >> who & 1 && who >> k & 1);
        if (!any)
            return false;
    }
    return true;
}

static void solve_entailment(const char *context, const char *prompt, char *answer, char *combo)
{
    struct claim premise[2], question;
    char q[8], a[SOLVER_WORD], b[SOLVER_WORD];
    int n = 0, yes = 0, no = 0;
    n_kinds = 0;
    words_of(context, " .\n", &w);
    assert_true(w.n == 4 || w.n == 8);
    for (int i = 0; i < w.n; i += 4)
        premise[n++] = claim_of(w.v[i], w.v[i + 1], w.v[i + 3]);
    assert_int_equal(sscanf(prompt, "Are %7s %s %[a-z]? Answer:", q, a, b), 3);
    question = claim_of(q, a, b);
    for (unsigned world = 0; world < 256; world++) {
        bool possible = inhabited(world);
        for (int i = 0; i < n; i++)
            possible = possible && holds(premise[i], world);
        yes += possible && holds(question, world);
        no += possible && !holds(question, world);
    }
    assert_true(yes || no); /* the premises do not contradict each other */
    strcpy(answer, !no ? "yes" : !yes ? "no" : "maybe");
    sort_words(kinds, n_kinds);
    for (int i = 0; i < n_kinds; i++)
        sprintf(combo + strlen(combo), "%s ", kinds[i]);
}

/* -- coreference ------------------------------------------------------------------------------- */

static bool is_woman(const char *name)
{
    bool she = one_of(name, " Anna Mary Sara Emma Nina Lucy Rosa Eva ");
    assert_true(she || one_of(name, " Tom Ben Sam Max Leo Paul Adam Jack "));
    return she;
}

static void solve_coreference(const char *context, const char *prompt, char *answer, char *combo)
{
    words_of(context, " .\n", &w);
    const char *a = w.v[0], *verb = w.v[1], *b = w.v[2], *joint = w.v[3];
    bool she = strcmp(w.v[4], "she") == 0, first;
    assert_true(she || strcmp(w.v[4], "he") == 0);
    char deed[SOLVER_COMBO] = "Who", told[SOLVER_COMBO];
    for (int i = 5; i < w.n; i++)
        sprintf(deed + strlen(deed), " %s", w.v[i]);
    snprintf(told, sizeof told, "%s? Answer:", deed);
    assert_string_equal(told, prompt);
    if (strcmp(joint, "and") == 0) {
        assert_int_not_equal(is_woman(a), is_woman(b));
        first = is_woman(a) == she;
    } else {
        bool about_subject = one_of(verb, " scared bored amazed annoyed ");
        assert_true(about_subject || one_of(verb, " feared admired missed trusted "));
        first = about_subject == (strcmp(joint, "because") == 0);
    }
    strcpy(answer, first ? a : b);
    assert_int_equal(is_woman(answer), she); /* the pronoun never speaks against the rule */
    bool turn = strcmp(a, b) > 0;
    sprintf(combo, "%s %s %s", turn ? b : a, turn ? a : b, verb);
}

/* -- translation: word by word, then moved into place ------------------------------------------ */

/* English, Hindi as it agrees with a masculine and with a feminine; the kind: s o v a p (post). */
static const char *const lexicon[][4] = {
    {"boy", "लड़का", "", "sm"},
    {"girl", "लड़की", "", "sf"},
    {"man", "आदमी", "", "sm"},
    {"woman", "औरत", "", "sf"},
    {"king", "राजा", "", "sm"},
    {"queen", "रानी", "", "sf"},
    {"brother", "भाई", "", "sm"},
    {"sister", "बहन", "", "sf"},
    {"apple", "सेब", "", "om"},
    {"bread", "रोटी", "", "of"},
    {"fruit", "फल", "", "om"},
    {"book", "किताब", "", "of"},
    {"letter", "चिट्ठी", "", "of"},
    {"story", "कहानी", "", "of"},
    {"water", "पानी", "", "om"},
    {"milk", "दूध", "", "om"},
    {"tea", "चाय", "", "of"},
    {"flower", "फूल", "", "om"},
    {"chair", "कुर्सी", "", "of"},
    {"lamp", "दीपक", "", "om"},
    {"house", "घर", "", "p"},
    {"garden", "बाग", "", "p"},
    {"village", "गाँव", "", "p"},
    {"school", "स्कूल", "", "p"},
    {"shop", "दुकान", "", "p"},
    {"market", "बाज़ार", "", "p"},
    {"in", "में", "", "i"},
    {"from", "से", "", "i"},
    {"eats", "खाता", "खाती", "v"},
    {"reads", "पढ़ता", "पढ़ती", "v"},
    {"drinks", "पीता", "पीती", "v"},
    {"sees", "देखता", "देखती", "v"},
    {"buys", "खरीदता", "खरीदती", "v"},
    {"brings", "लाता", "लाती", "v"},
    {"small", "छोटा", "छोटी", "a"},
    {"big", "बड़ा", "बड़ी", "a"},
    {"good", "अच्छा", "अच्छी", "a"},
    {"new", "नया", "नई", "a"},
    {"old", "पुराना", "पुरानी", "a"},
};

/* Row of a word in that column, or of its feminine. */
static int look_up(const char *word, int column)
{
    for (size_t i = 0; i < N_OF(lexicon); i++)
        if (strcmp(lexicon[i][column], word) == 0 ||
            (column == 1 && strcmp(lexicon[i][2], word) == 0))
            return (int)i;
    fail_msg("'%s' is not in the lexicon", word);
    return -1;
}

struct parsed {
    int subject, subject_is, verb, object, object_is, place, post;
};

static struct parsed parse_sentence(int column)
{
    struct parsed p = {-1, -1, -1, -1, -1, -1, -1};
    int adjective = -1;
    for (int i = 0; i < w.n; i++) {
        if (one_of(w.v[i], " The the है "))
            continue;
        int at = look_up(w.v[i], column);
        char kind = lexicon[at][3][0];
        int *slot = kind == 's'   ? &p.subject
                    : kind == 'o' ? &p.object
                    : kind == 'v' ? &p.verb
                    : kind == 'p' ? &p.place
                    : kind == 'i' ? &p.post
                                  : &adjective;
        assert_int_equal(*slot, -1);
        *slot = at;
        if (kind == 's')
            p.subject_is = adjective, adjective = -1;
        if (kind == 'o')
            p.object_is = adjective, adjective = -1;
    }
    assert_true(p.subject >= 0 && p.verb >= 0 && p.object >= 0 && adjective == -1);
    assert_int_equal(p.place < 0, p.post < 0);
    return p;
}

static void tell_combo(struct parsed p, char *combo)
{
    sprintf(combo, "%d %d %d %d %d", p.subject, p.verb, p.object, p.place, p.post);
}

static int is_feminine(int noun)
{
    return lexicon[noun][3][1] == 'f';
}

static void solve_to_hindi(const char *context, const char *prompt, char *answer, char *combo)
{
    assert_string_equal(prompt, "Hindi:");
    words_of(context, " .\n", &w);
    struct parsed p = parse_sentence(0);
    int f = is_feminine(p.subject);
    if (p.subject_is >= 0)
        sprintf(answer, "%s ", lexicon[p.subject_is][1 + f]);
    sprintf(answer + strlen(answer), "%s ", lexicon[p.subject][1]);
    if (p.place >= 0)
        sprintf(answer + strlen(answer), "%s %s ", lexicon[p.place][1], lexicon[p.post][1]);
    if (p.object_is >= 0)
        sprintf(answer + strlen(answer), "%s ", lexicon[p.object_is][1 + is_feminine(p.object)]);
    sprintf(answer + strlen(answer), "%s %s है", lexicon[p.object][1], lexicon[p.verb][1 + f]);
    tell_combo(p, combo);
}

static void solve_to_english(const char *context, const char *prompt, char *answer, char *combo)
{
    assert_string_equal(prompt, "English:");
    char plain[SOLVER_COMBO];
    snprintf(plain, sizeof plain, "%s", context);
    char *end = strstr(plain, "।\n");
    assert_non_null(end);
    *end = 0;
    words_of(plain, " ", &w);
    assert_string_equal(w.v[w.n - 1], "है");
    struct parsed p = parse_sentence(1);
    assert_string_equal(w.v[w.n - 2], lexicon[p.verb][1 + is_feminine(p.subject)]);
    sprintf(answer, "The %s%s%s %s the %s%s%s", p.subject_is < 0 ? "" : lexicon[p.subject_is][0],
            p.subject_is < 0 ? "" : " ", lexicon[p.subject][0], lexicon[p.verb][0],
            p.object_is < 0 ? "" : lexicon[p.object_is][0], p.object_is < 0 ? "" : " ",
            lexicon[p.object][0]);
    if (p.place >= 0)
        sprintf(answer + strlen(answer), " %s the %s", lexicon[p.post][0], lexicon[p.place][0]);
    tell_combo(p, combo);
}

static void sentiment(void **state)
{
    (void)state;
    check_task("sentiment", solve_sentiment);
}
static void entailment(void **state)
{
    (void)state;
    check_task("entailment", solve_entailment);
}
static void coreference(void **state)
{
    (void)state;
    check_task("coreference", solve_coreference);
}
static void translation(void **state)
{
    (void)state;
    check_task("to_hindi", solve_to_hindi);
    check_task("to_english", solve_to_english);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentiment),
        cmocka_unit_test(entailment),
        cmocka_unit_test(coreference),
        cmocka_unit_test(translation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
