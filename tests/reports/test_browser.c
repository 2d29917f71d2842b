/* The report in a real browser: no requests, no errors, no sideways scrolling, contrast, sorting
 * and filtering, and all of it readable without script.  Skipped where there is no Chromium or
 * Python. */
#include "tests/reports/report_test.h"

#include <sys/wait.h>
#include "reports/html.h"

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
    if (rc == 0) { /* the same with every item packed */
        assert_int_equal(
            html_write(f.view, f.c, &(struct html_options){.full = true}, page, &f.err), 0);
        rc = system(command);
    }
    fixture_end(&f);
    assert_true(WIFEXITED(rc));
    assert_int_equal(WEXITSTATUS(rc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(browser)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
