/* Question answering, recall, dialogue, triage: second implementations answer every item. */
#include "tests/mini/actors.h"

static struct words w;

/* -- qa: the story is played ------------------------------------------------------------------- */

static const char *place_of(const struct actor *a)
{
    return *a->holder ? actor(a->holder)->place : a->place;
}

/* One sentence: "Mary was in the hall", "The map is with Mary"; what cannot be is a failure.  Only
 * what is counts, and it is said once of everyone and everything. */
static void play(const char *who, bool is, const char *how, const char *what)
{
    struct actor *a = actor(who);
    if (strcmp(how, "with") == 0) {
        assert_true(one_of(who, things) && *actor(what)->name);
        a = actor(who);
        if (is)
            strcpy(a->holder, what);
        return;
    }
    assert_string_equal(how, "in");
    assert_true(one_of(what, places) && !*a->place && !*a->holder);
    if (is)
        strcpy(a->place, what);
}

static void solve_qa(const char *context, const char *prompt, char *answer, char *combo)
{
    char who[SOLVER_WORD], again[SOLVER_WORD];
    int facts = 0;
    n_actors = 0;
    words_of(context, " .\n", &w);
    for (int i = 0; i < w.n; facts++) {
        i += strcmp(w.v[i], "The") == 0;
        const char *how = w.v[i + 2];
        const bool is = strcmp(w.v[i + 1], "is") == 0;
        assert_true(is || strcmp(w.v[i + 1], "was") == 0);
        const int length = strcmp(how, "in") == 0 ? 5 : 4; /* "X is in the P", "T is with X" */
        play(w.v[i], is, how, w.v[i + length - 1]);
        i += length;
    }
    assert_in_range(facts, 5, 10);
    if (sscanf(prompt, "Where is the %[a-z]? The %[a-z] is in the", who, again) != 2)
        assert_int_equal(
            sscanf(prompt, "Where is %[A-Za-z]? %[A-Za-z] is in the", who, again), 2);
    assert_string_equal(who, again);
    int known = n_actors;
    strcpy(answer, place_of(actor(who)));
    assert_int_equal(n_actors, known); /* nobody is asked for who was not seen */
    actors_combo(combo);
}

/* -- recall: what stands behind the word ------------------------------------------------------- */

static void solve_recall(const char *context, const char *prompt, char *answer, char *combo)
{
    char key[SOLVER_WORD];
    int found = 0, pairs = 0;
    assert_int_equal(sscanf(prompt, "%[a-z]", key), 1);
    words_of(context, " .\n", &w);
    assert_string_equal(w.v[w.n - 4], "What");
    for (int i = 0; i < w.n - 4;) {
        if (strcmp(w.v[i + 1], "went") == 0) {
            i += 5;
            continue;
        }
        assert_true(one_of(w.v[i + 1], things));
        if (strcmp(w.v[i], key) == 0) {
            strcpy(answer, w.v[i + 1]);
            found++;
        }
        if (pairs++ < 2)
            sprintf(combo + strlen(combo), "%s=%s ", w.v[i], w.v[i + 1]);
        i += 2;
    }
    assert_int_equal(found, 1);
    assert_in_range(pairs, 2, 20);
}

/* -- assistant: the last line that matters ----------------------------------------------------- */

static void solve_assistant(const char *context, const char *prompt, char *answer, char *combo)
{
    static const struct {
        const char *question, *said[2];
    } matters[] = {
        {"User: Who am I?\nAssistant:", {"I am ", "Sorry, I am "}},
        {"User: What do I want?\nAssistant:", {"I want ", "No, I want "}},
        {"User: How many are we?\nAssistant:", {"We are ", "Now we are "}},
        {"User: Which day?\nAssistant:", {"We come on ", "No, we come on "}},
    };
    int turns = 0, asked = -1, times[4] = {0};
    for (int i = 0; i < 4; i++)
        if (strcmp(prompt, matters[i].question) == 0)
            asked = i;
    assert_true(asked >= 0);
    strcpy(answer, "unknown");
    for (const char *line = context; *line; line = strchr(line, '\n') + 1, turns++) {
        char text[SOLVER_COMBO], value[SOLVER_WORD];
        int about = -1;
        assert_int_equal(sscanf(line, "User: %511[^.]", text), 1);
        snprintf(value, sizeof value, "%s", strrchr(text, ' ') + 1);
        for (int i = 0; i < 4; i++)
            for (int again = 0; again < 2; again++) {
                char whole[SOLVER_COMBO];
                snprintf(whole, sizeof whole, "%s%s", matters[i].said[again], value);
                if (strcmp(whole, text) == 0) {
                    about = i;
                    assert_int_equal(again, times[i] > 0); /* "No," only where there was one */
                }
            }
        assert_true(about >= 0);
        times[about]++;
        if (about == asked)
            strcpy(answer, value);
        sprintf(combo + strlen(combo), "%s ", value);
    }
    assert_in_range(turns, 3, 6);
}

/* -- health ------------------------------------------------------------------------------------ */

static void solve_health(const char *context, const char *prompt, char *answer, char *combo)
{
    static const char *const all[] = {"fever",      "cough",      "rash",
                                      "stiff neck", "chest pain", "headache"};
    char name[SOLVER_WORD], sign[SOLVER_WORD];
    int age = 0, days = 0, said[6] = {0}; /* -1 absent, 1 present */
    assert_int_equal(sscanf(context, "%[A-Za-z], age %d:", name, &age), 2);
    sprintf(combo, "%s %d", name, age);
    for (int i = 0; i < 6; i++) {
        char yes[64], no[64];
        snprintf(yes, sizeof yes, " %s", all[i]);
        snprintf(no, sizeof no, " no %s", all[i]);
        const char *at = strstr(context, yes);
        said[i] = !at ? 0 : strstr(context, no) ? -1 : 1;
        assert_true(!at || !strstr(at + 1, yes));
    }
    if (said[0] > 0)
        assert_int_equal(sscanf(strstr(context, "fever"), "fever for %d days", &days), 1);
    if (sscanf(prompt, "Any %47[^?]? Answer:", sign) == 1) {
        for (int i = 0; i < 6; i++)
            if (strcmp(sign, all[i]) == 0) {
                assert_int_not_equal(said[i], 0);
                strcpy(answer, said[i] > 0 ? "yes" : "no");
            }
        return;
    }
    assert_string_equal(prompt, "Where to? Answer:");
    bool frail = age <= 4 || age >= 71, sick = false;
    for (int i = 0; i < 6; i++)
        sick = sick || said[i] > 0;
    const char *where = frail && sick ? "doctor" : "home";
    if (said[2] > 0 || days >= 4)
        where = "doctor";
    if (said[4] > 0 || (said[0] > 0 && said[3] > 0))
        where = "emergency";
    strcpy(answer, where);
}

static void qa(void **state)
{
    (void)state;
    check_task("qa", solve_qa);
}
static void recall(void **state)
{
    (void)state;
    check_task("recall", solve_recall);
    check_task("recall_long", solve_recall);
}
static void assistant(void **state)
{
    (void)state;
    check_task("assistant", solve_assistant);
}
static void health(void **state)
{
    (void)state;
    check_task("health", solve_health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qa),
        cmocka_unit_test(recall),
        cmocka_unit_test(assistant),
        cmocka_unit_test(health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
