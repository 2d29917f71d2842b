/* Prose, as the reference model's training begins: second implementations answer every item, and
 * what is tested in lines is not among what was told in prose. */
#include "tests/mini/actors.h"

static struct words w;

/* -- qa: the story is played ------------------------------------------------------------------- */

/* One sentence; what cannot be is a failure. */
static void play(const char *who, const char *verb, const char *what)
{
    struct actor *person = actor(who);
    if (one_of(verb, " went moved ")) {
        assert_true(one_of(what, places));
        assert_string_not_equal(person->place, what);
        strcpy(person->place, what);
        return;
    }
    struct actor *thing = actor(what);
    assert_true(one_of(what, things) && *person->place);
    if (strcmp(verb, "took") == 0) {
        assert_string_equal(thing->holder, "");
        assert_true(!*thing->place || strcmp(thing->place, person->place) == 0);
        strcpy(thing->holder, who);
    } else {
        assert_string_equal(verb, "dropped");
        assert_string_equal(thing->holder, who);
        *thing->holder = 0;
        strcpy(thing->place, person->place);
    }
}

static void solve_qa(const char *context, const char *prompt, char *answer, char *combo)
{
    char who[SOLVER_WORD];
    int facts = 0;
    n_actors = 0;
    words_of(context, " .\n", &w);
    for (int i = 0; i < w.n; facts++) {
        bool moves = one_of(w.v[i + 1], " went moved ");
        int length = moves ? 5 : 4; /* "X went to the P", "X took the T" */
        play(w.v[i], w.v[i + 1], w.v[i + length - 1]);
        i += length;
    }
    assert_in_range(facts, 5, 10);
    if (sscanf(prompt, "Where is the %[a-z]? Answer:", who) != 1)
        assert_int_equal(sscanf(prompt, "Where is %[A-Za-z]? Answer:", who), 1);
    const struct actor *asked = actor(who);
    strcpy(answer, *asked->holder ? actor(asked->holder)->place : asked->place);
    actors_combo(combo);
}

/* -- recall ------------------------------------------------------------------------------------ */

static void solve_recall(const char *context, const char *prompt, char *answer, char *combo)
{
    char key[SOLVER_WORD];
    int found = 0, pairs = 0;
    assert_int_equal(sscanf(prompt, "%[a-z]? Answer:", key), 1);
    words_of(context, " ,.\n", &w);
    for (int i = 0; i < w.n;) {
        if (strcmp(w.v[i + 1], "went") == 0) {
            i += 5;
            continue;
        }
        if (pairs++ < 2) {
            strcat(combo, w.v[i]);
            strcat(combo, w.v[i + 1]);
        }
        if (strcmp(w.v[i], key) == 0) {
            strcpy(answer, w.v[i + 1]);
            found++;
        }
        i += 2;
    }
    assert_int_equal(found, 1);
}

static void answers(void **state)
{
    (void)state;
    check_wording("qa", solve_qa, true);
    check_wording("recall", solve_recall, true);
}

/* -- sides ------------------------------------------------------------------------------------- */

static void keys(const char *task, enum mini_side side, bool prose, struct combos *out)
{
    static struct mini_doc d;
    const struct mini_task *t = &mini_tasks[mini_find(task)];
    struct rng r = mini_rng(5, task);
    d.prose = prose;
    for (int i = 0; i < 4000; i++) {
        char key[SOLVER_COMBO];
        mini_draw(t, &r, side, -1, 1, &d);
        snprintf(key, sizeof key, "%s", d.key);
        for (char *p = strtok(key, "|"); p; p = strtok(NULL, "|"))
            combos_add(out, p);
    }
}

static void held_out(void **state)
{
    (void)state;
    static const char *const tasks[] = {"qa", "recall", "arithmetic"};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        struct combos told = {0}, asked = {0};
        keys(tasks[i], MINI_TRAIN, true, &told);
        keys(tasks[i], MINI_TEST, false, &asked);
        assert_disjoint(&told, &asked);
        combos_release(&told);
        combos_release(&asked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(held_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
