/* Arithmetic, sorting, the quiz, and facts: second implementations answer every item.  Facts
 * cannot be answered from an item; there the solver reads the training text, as a model would have
 * to. */
#include "tests/mini/solver.h"

#include "datasets/mini/write.h"

static struct words w;

/* -- arithmetic: the numbers in the order of the text ------------------------------------------ */

static void note_step(char *combo, long a, char op, long b)
{
    bool turn = op != '-' && a > b;
    sprintf(combo + strlen(combo), "%s%ld%c%ld", *combo ? "|" : "", turn ? b : a, op, turn ? a : b);
}

static void solve_arithmetic(const char *context, const char *prompt, char *answer, char *combo)
{
    long total = -1;
    char asked[SOLVER_COMBO] = "";
    words_of(context, " .\n", &w);
    for (int i = 0; i < w.n; i++) {
        char *end;
        long n = strtol(w.v[i], &end, 10);
        if (*end || end == w.v[i])
            continue;
        const char *verb = w.v[i - 1];
        if (strcmp(verb, "has") == 0) {
            assert_int_equal(total, -1);
            total = n;
            snprintf(asked, sizeof asked, "How many %s? Answer:", w.v[i + 1]);
            continue;
        }
        char op = strcmp(verb, "gets") == 0 ? '+' : strcmp(verb, "loses") == 0 ? '-' : '*';
        if (op == '*') { /* N bags with M THINGS each */
            assert_string_equal(verb, "with");
            snprintf(asked, sizeof asked, "How many %s? Answer:", w.v[i + 1]);
        }
        note_step(combo, total, op, n);
        total = op == '+' ? total + n : op == '-' ? total - n : total * n;
        assert_true(total >= 0);
    }
    assert_string_equal(asked, prompt);
    sprintf(answer, "%ld", total);
}

/* -- sorting: digits are counted --------------------------------------------------------------- */

static void solve_sorting(const char *context, const char *prompt, char *answer, char *combo)
{
    char given[SOLVER_WORD];
    int count[10] = {0};
    assert_string_equal(context, "");
    assert_int_equal(sscanf(prompt, "Sort %[0-9]. Answer:", given), 1);
    for (const char *p = given; *p; p++)
        count[*p - '0']++;
    for (int digit = 0; digit < 10; digit++)
        while (count[digit]--)
            sprintf(answer + strlen(answer), "%d", digit);
    strcpy(combo, answer);
}

/* -- school ------------------------------------------------------------------------------------ */

static int letter_of_number(const int *v, bool (*better)(int, int))
{
    int best = 0;
    for (int i = 1; i < 4; i++) {
        assert_int_not_equal(v[i], v[best]);
        best = better(v[i], v[best]) ? i : best;
    }
    return best;
}
static bool is_more(int a, int b)
{
    return a > b;
}
static bool is_less(int a, int b)
{
    return a < b;
}

static const char *words_for(const char *question)
{
    return strstr(question, "an animal")
               ? " cat dog cow bee bird frog hen pig bat ant ape rat owl crab seal goat "
           : strstr(question, "a colour") ? " red blue green black white pink grey gold "
           : strstr(question, "a place")  ? " kitchen garden office school park hall shop station "
                                          : NULL;
}

static int solve_quiz(const char *context, char (*choice)[SOLVER_WORD])
{
    int v[4], a, b, c, found = -1;
    for (int i = 0; i < 4; i++)
        v[i] = atoi(choice[i]);
    if (strstr(context, "the largest"))
        return letter_of_number(v, is_more);
    if (strstr(context, "the smallest"))
        return letter_of_number(v, is_less);
    bool row = sscanf(context, "What comes next: %d, %d, %d?", &a, &b, &c) == 3;
    assert_true(!row || c - b == b - a);
    for (int i = 0; i < 4; i++) {
        bool right = row                       ? v[i] == c + (c - b)
                     : strstr(context, "even") ? v[i] % 2 == 0
                                               : one_of(choice[i], words_for(context));
        assert_true(!right || found < 0);
        found = right ? i : found;
    }
    return found;
}

static void solve_school(const char *context, const char *prompt, char *answer, char *combo)
{
    char choice[4][SOLVER_WORD];
    assert_int_equal(sscanf(prompt, "A %[a-z0-9], B %[a-z0-9], C %[a-z0-9], D %[a-z0-9]. Answer:",
                            choice[0], choice[1], choice[2], choice[3]),
                     4);
    int right = solve_quiz(context, choice);
    assert_true(right >= 0);
    sprintf(answer, "%c", 'A' + right);
    if (strstr(context, "next")) {
        strcpy(combo, context);
        return;
    }
    sort_words(choice, 4);
    sprintf(combo, "%s %s %s %s", choice[0], choice[1], choice[2], choice[3]);
}

/* -- facts: what the training text says -------------------------------------------------------- */

enum { BOOK_SIZE = 1 << 16, BOOK_LINES = 600000, ROLE_CAPITAL = 0, ROLE_FOUNDER };
static struct entry {
    char name[16], value[2][16];
    int first[2]; /* how often the relation was told first */
} book[BOOK_SIZE];
static int n_entries;

static struct entry *entry(const char *name)
{
    uint32_t h = 2166136261U;
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619U;
    for (;; h++) {
        struct entry *x = &book[h % BOOK_SIZE];
        if (!*x->name) {
            assert_true(n_entries < BOOK_SIZE / 2 && strlen(name) < sizeof x->name);
            strcpy(x->name, name);
            n_entries++;
            return x;
        }
        if (strcmp(x->name, name) == 0)
            return x;
    }
}

static int role_of(const char *relation)
{
    assert_true(strcmp(relation, "capital") == 0 || strcmp(relation, "founder") == 0);
    return strcmp(relation, "founder") == 0;
}

static void learn(struct entry *x, int role, const char *value)
{
    if (*x->value[role])
        assert_string_equal(x->value[role], value); /* always told the same */
    assert_true(strlen(value) < sizeof x->value[role]);
    strcpy(x->value[role], value);
}

/* Lines "NAME RELATION VALUE", then "RELATION VALUE" of the same. */
static void read_book(FILE *f)
{
    char line[256], a[64], b[64], c[64];
    struct entry *x = NULL;
    while (fgets(line, sizeof line, f)) {
        int n = sscanf(line, "%63s %63s %63s", a, b, c);
        if (n == 3) {
            x = entry(a);
            x->first[role_of(b)]++;
            learn(x, role_of(b), c);
        } else if (n == 2) {
            assert_non_null(x);
            learn(x, role_of(a), b);
        }
    }
}

static void solve_facts(const char *context, const char *prompt, char *answer, char *combo)
{
    char name[64], relation[64];
    assert_string_equal(context, "");
    if (sscanf(prompt, "%63s %63s", name, relation) != 2)
        return;
    struct entry *x = entry(name);
    strcpy(answer, x->value[role_of(relation)]);
    assert_int_equal(x->first[role_of(relation)], 0); /* never told in the order of the test */
    strcpy(combo, prompt);
}

static void facts(void **state)
{
    (void)state;
    struct assay_err e = {0};
    struct write_options o = {.seed = 5, .examples = BOOK_LINES / 12, .form = WRITE_TEXT};
    static struct mini_doc d;
    FILE *f = tmpfile();
    o.weights[mini_find("facts")] = 1;
    assert_non_null(f);
    assert_ok(write_examples(f, &o, &e), e);
    rewind(f);
    read_book(f);
    fclose(f);
    /* Every entity is told of, and both relations: nothing is asked that was never said. */
    assert_in_range(n_entries, FACTS_ENTITIES * 97 / 100, FACTS_ENTITIES);
    for (int i = 0; i < BOOK_SIZE; i++)
        if (*book[i].name)
            assert_true(*book[i].value[0] && *book[i].value[1]);
    int known = n_entries;
    struct rng r = mini_rng(9, "facts");
    for (int i = 0; i < SOLVER_TRAIN; i++) {
        char combo[SOLVER_COMBO] = "", answer[SOLVER_COMBO] = "";
        mini_draw(&mini_tasks[mini_find("facts")], &r, MINI_TEST, -1, 1, &d);
        solve_facts(d.context, d.ask[0].prompt, answer, combo);
        assert_string_equal(answer, d.ask[0].answer);
        assert_string_equal(d.ask[0].choices[d.ask[0].label], answer);
    }
    assert_int_equal(n_entries, known);
}

/* The names are all different, and so are the values of a relation. */
static void facts_names(void **state)
{
    (void)state;
    struct combos c = {0};
    unsigned counts[FACTS_RELATIONS][FACTS_VALUES] = {{0}};
    for (unsigned i = 0; i < FACTS_ENTITIES; i++) {
        char name[32];
        facts_name(i, name);
        combos_add(&c, name);
        for (unsigned k = 0; k < FACTS_RELATIONS; k++)
            counts[k][facts_value(i, k)]++;
    }
    for (unsigned k = 0; k < FACTS_RELATIONS; k++)
        for (unsigned v = 0; v < FACTS_VALUES; v++) {
            char name[32];
            facts_value_name(k, v, name);
            combos_add(&c, name);
            assert_in_range(counts[k][v], FACTS_ENTITIES / FACTS_VALUES * 3 / 4,
                            FACTS_ENTITIES / FACTS_VALUES * 5 / 4);
        }
    qsort(c.v, c.n, sizeof *c.v, combos_order);
    for (size_t i = 1; i < c.n; i++)
        assert_string_not_equal(c.v[i - 1], c.v[i]);
    combos_release(&c);
}

static void arithmetic(void **state)
{
    (void)state;
    check_task("arithmetic", solve_arithmetic);
    check_wording("arithmetic", solve_arithmetic, true);
    check_task("arithmetic_hard", solve_arithmetic);
}
static void sorting(void **state)
{
    (void)state;
    check_task("sorting", solve_sorting);
}
static void school(void **state)
{
    (void)state;
    check_task("school", solve_school);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(sorting),     cmocka_unit_test(school),
        cmocka_unit_test(facts),      cmocka_unit_test(facts_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
