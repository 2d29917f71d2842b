/* The report in a real browser: no requests, no errors, no sideways scrolling, contrast, sorting
 * and filtering, and all of it readable without script.  Skipped where there is no Chromium or
 * Python. */
#include "tests/reports/report_test.h"

#include <sys/wait.h>
#include "reports/html.h"
#include "tests/reports/make_nights.h"

static void browser(void **state)
{
    (void)state;
    struct fixture f;
    char page[128], command[256];
    if (system("command -v python3 >/dev/null && (command -v chromium || command -v "
               "chromium-browser || "
               "command -v google-chrome) >/dev/null") != 0) {
        printf("no chromium and python3 here\n");
        skip();
    }
    fixture_folder(&f);
    make_store(f.db, &(struct make_options){.n_items = 150, .has_divergence = true});
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    snprintf(page, sizeof page, "%s/report.html", f.dir);
    assert_int_equal(html_write(f.view, f.c, &(struct html_options){0}, page, &f.err), 0);
    snprintf(command, sizeof command, "python3 tests/reports/browser.py '%s'", page);
    int rc = system(command);
    fixture_end(&f);
    if (rc == 0) { /* nights on two machines, hostile names, every item packed */
        const char *const runs[] = {"0193a5c2-0000-7000-8000-a00000000059",
                                    "0193a5c2-0000-7000-8000-b00000000059"};
        fixture_folder(&f);
        make_nights(f.db, (struct nights_options){.n_variants = 8,
                                                  .n_tasks = 2,
                                                  .n_items = 60,
                                                  .has_second_machine = true,
                                                  .is_hostile = true});
        assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), 0);
        snprintf(page, sizeof page, "%s/report.html", f.dir);
        snprintf(command, sizeof command, "python3 tests/reports/browser.py '%s'", page);
        assert_int_equal(
            html_write(f.view, f.c, &(struct html_options){.full = true}, page, &f.err), 0);
        rc = system(command);
        fixture_end(&f);
    }
    assert_true(WIFEXITED(rc));
    assert_int_equal(WEXITSTATUS(rc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(browser)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
