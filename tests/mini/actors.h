/* actors.h - who and what a story names, for the solvers of qa. */
#ifndef ACTORS_H
#define ACTORS_H
#include "tests/mini/solver.h"

static const char places[] = " kitchen garden office school park hall shop station ";
static const char things[] = " ball book key cup ring apple coin lamp hat bag pen map ";
enum { MAX_ACTORS = 8 };

/* Who or what, where, and with whom a thing is ("": nobody). */
static struct actor {
    char name[SOLVER_WORD], place[SOLVER_WORD], holder[SOLVER_WORD];
} actors[MAX_ACTORS];
static int n_actors;

static struct actor *actor(const char *name)
{
    for (int i = 0; i < n_actors; i++)
        if (strcmp(actors[i].name, name) == 0)
            return &actors[i];
    assert_true(n_actors < MAX_ACTORS);
    actors[n_actors] = (struct actor){.name = ""};
    strcpy(actors[n_actors].name, name);
    return &actors[n_actors++];
}

/* The combination that is held out: everyone and everything named, sorted. */
static void actors_combo(char *combo)
{
    char names[MAX_ACTORS][SOLVER_WORD];
    for (int i = 0; i < n_actors; i++)
        strcpy(names[i], actors[i].name);
    sort_words(names, n_actors);
    for (int i = 0; i < n_actors; i++)
        sprintf(combo + strlen(combo), "%s ", names[i]);
}
#endif
