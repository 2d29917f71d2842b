/* template_flow.c - statements: printing, conditions, loops, assignment, macros; compile and render. */
#include <string.h>
#include "tasks/regex.h"
#include "tasks/template_impl.h"

/* -- scopes ---------------------------------------------------------------------------------------- */

static struct scope *scope_push(struct render *r, struct scope *up)
{
    struct scope *s = ARENA_NEW(r->a, struct scope);
    s->up = up;
    return s;
}

static void scope_set(struct render *r, struct scope *s, uint32_t id, const struct value *v)
{
    struct var *x = s->vars;
    while (x && x->id != id)
        x = x->next;
    if (!x) {
        x = ARENA_NEW(r->a, struct var);
        x->id = id;
        x->next = s->vars;
        s->vars = x;
    }
    x->value = v;
}

static bool assign(struct render *r, struct scope *s, const struct node *target, const struct value *v);

static bool unpack(struct render *r, struct scope *s, const struct node *target, const struct value *v)
{
    struct items it;
    r->at = target;
    if (!render_items(r, v, &it))
        return false;
    if (it.n != target->list.n)
        return render_fail(r, it.n < target->list.n ? "not enough values to unpack: expected %u, got %u"
                                                    : "too many values to unpack: expected %u, got %u",
                           target->list.n, it.n) != NULL;
    for (uint32_t i = 0; i < it.n; i++)
        if (!assign(r, s, target->list.v[i], it.v[i]))
            return false;
    return true;
}

static bool assign_attr(struct render *r, const struct node *target, const struct value *v)
{
    const struct value *ns = template_eval(r, target->a);
    if (!ns)
        return false;
    r->at = target;
    if (ns->type != OBJ_NAMESPACE)
        return render_fail(r, "cannot assign attribute on non-namespace object") != NULL;
    struct obj_namespace *o = (struct obj_namespace *)(uintptr_t)ns;
    o->dict = value_with(r->a, o->dict, target->value->s, v);
    return true;
}

static bool assign(struct render *r, struct scope *s, const struct node *target, const struct value *v)
{
    if (target->kind == NODE_NAME)
        scope_set(r, s, target->id, v);
    else if (target->kind == NODE_ATTR)
        return assign_attr(r, target, v);
    else
        return unpack(r, s, target, v);
    return true;
}

/* -- output ---------------------------------------------------------------------------------------- */

static bool print(struct render *r, const struct node *n)
{
    const struct value *v = template_eval(r, n->a);
    if (!v)
        return false;
    r->at = n->a;
    if (v->type == VALUE_STR) {
        buf_add(r->out, v->s, v->n);
    } else if (v->type == VALUE_UNDEFINED) {
        if (!v->plain)
            render_undefined_error(r, v);
    } else if (!pystr_value(r->out, v) && !r->out->failed) {
        render_fail(r, "value is nested too deeply to print");
    }
    if (r->out->failed)
        render_fail(r, "output is longer than %d bytes", TEMPLATE_MAX_OUTPUT);
    return !r->failed;
}

/* Runs a body with its output caught; NULL: failed. */
static const struct value *capture(struct render *r, const struct node_list *body, struct scope *s)
{
    struct buf b, *outer = r->out;
    struct scope *before = r->scope;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    r->out = &b;
    r->scope = s;
    bool ok = template_exec(r, body);
    r->out = outer;
    r->scope = before;
    if (ok)
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}

/* -- statements ------------------------------------------------------------------------------------ */

/* In a scope of its own. */
static bool exec_scoped(struct render *r, const struct node_list *body)
{
    struct scope *before = r->scope;
    r->scope = scope_push(r, before);
    bool ok = template_exec(r, body);
    r->scope = before;
    return ok;
}

static bool exec_if(struct render *r, const struct node *n)
{
    for (;;) {
        const struct value *v = template_eval(r, n->a);
        if (!v)
            return false;
        r->at = n->a;
        int yes = render_truth(r, v);
        if (yes < 0)
            return false;
        if (yes)
            return template_exec(r, &n->body);
        if (n->other.n != 1 || n->other.v[0]->kind != NODE_IF)
            return template_exec(r, &n->other);
        n = n->other.v[0];
    }
}

/* for ... if: the items that pass, the test seeing the loop's targets but not `loop`. */
static bool filter_items(struct render *r, const struct node *n, struct items *it)
{
    const struct value **kept = ARENA_ARRAY(r->a, const struct value *, it->n + 1);
    struct scope *before = r->scope;
    uint32_t k = 0;
    r->scope = scope_push(r, before);
    for (uint32_t i = 0; i < it->n; i++) {
        const struct value *v = NULL;
        if (assign(r, r->scope, n->a, it->v[i]))
            v = template_eval(r, n->c);
        int yes = v ? render_truth(r, v) : -1;
        if (yes < 0)
            return false;
        if (yes)
            kept[k++] = it->v[i];
    }
    r->scope = before;
    *it = (struct items){kept, k};
    return true;
}

static bool run_loop(struct render *r, const struct node *n, struct obj_loop *l)
{
    struct scope *s = scope_push(r, l->outer);
    scope_set(r, s, r->t->loop_id, &l->head);
    struct var *loop_var = s->vars, *base = NULL;
    bool ok = true;
    for (l->index0 = 0; l->index0 < l->n && ok; l->index0++) {
        /* Targets are rebound in place; what the body set before is gone. */
        s->vars = base ? base : loop_var;
        ok = assign(r, s, n->a, l->items[l->index0]);
        base = s->vars;
        r->scope = s;
        ok = ok && template_exec(r, &n->body);
        bool broken = r->flow == FLOW_BREAK;
        r->flow = FLOW_NORMAL;
        if (broken)
            break;
    }
    return ok;
}

static bool loop_over(struct render *r, const struct node *n, const struct value *v, uint32_t depth0)
{
    struct items it;
    struct scope *before = r->scope;
    r->at = n->b;
    if (!render_items(r, v, &it) || (n->c && !filter_items(r, n, &it)))
        return false;
    if (it.n == 0)
        return exec_scoped(r, &n->other);
    struct obj_loop *l = ARENA_NEW(r->a, struct obj_loop);
    l->head.type = OBJ_LOOP;
    l->head.s = "<LoopContext>";
    l->head.n = 13;
    l->items = it.v;
    l->n = it.n;
    l->node = n;
    l->outer = before;
    l->depth0 = depth0;
    bool ok = run_loop(r, n, l);
    r->scope = before;
    return ok;
}

static bool exec_for(struct render *r, const struct node *n)
{
    const struct value *v = template_eval(r, n->b);
    return v && loop_over(r, n, v, 0);
}

const struct value *template_loop_call(struct render *r, const struct obj_loop *l, const struct value *v)
{
    struct buf b, *outer = r->out;
    struct scope *before = r->scope;
    if (!l->node->flag)
        return render_fail(r, "the loop must be marked 'recursive' to be called");
    if (r->depth + 8 >= TEMPLATE_MAX_DEPTH)
        return render_fail(r, "loop recursion is too deep");
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    r->out = &b;
    r->scope = l->outer;
    r->depth += 8;
    bool ok = loop_over(r, l->node, v, l->depth0 + 1);
    r->depth -= 8;
    r->out = outer;
    r->scope = before;
    if (ok)
        return render_take(r, &b);
    buf_release(&b);
    return NULL;
}

/* A caught body through its filters (NULL: none). */
static const struct value *filtered_block(struct render *r, const struct node *n)
{
    const struct value *v = capture(r, &n->body, scope_push(r, r->scope));
    if (!v || !n->b)
        return v;
    r->input = v;
    return template_eval(r, n->b);
}

static bool exec_set(struct render *r, const struct node *n)
{
    const struct value *v = n->kind == NODE_SET ? template_eval(r, n->b) : filtered_block(r, n);
    return v && assign(r, r->scope, n->a, v);
}

static bool exec_filter_block(struct render *r, const struct node *n)
{
    const struct value *v = filtered_block(r, n);
    struct pystr s = v ? render_str(r, v) : (struct pystr){NULL, 0};
    if (!s.s)
        return false;
    buf_add(r->out, s.s, s.n);
    return true;
}

/* Values are evaluated outside, all before the first name is bound. */
static bool exec_with(struct render *r, const struct node *n)
{
    struct scope *before = r->scope, *s = scope_push(r, before);
    for (uint32_t i = 0; i < n->list.n; i++) {
        const struct value *v = template_eval(r, n->other.v[i]);
        if (!v || !assign(r, s, n->list.v[i], v))
            return false;
    }
    r->scope = s;
    bool ok = template_exec(r, &n->body);
    r->scope = before;
    return ok;
}

/* -- macros ---------------------------------------------------------------------------------------- */

static const struct value *macro_new(struct render *r, const struct node *n)
{
    struct obj_macro *m = ARENA_NEW(r->a, struct obj_macro);
    m->head.type = OBJ_MACRO;
    m->head.s = arena_printf(r->a, "<Macro '%s'>", n->value->s);
    m->head.n = (uint32_t)strlen(m->head.s);
    m->node = n;
    m->scope = r->scope;
    return &m->head;
}

static bool name_is(const struct render *r, uint32_t id, const struct value *name)
{
    struct pystr s = r->t->name_text[id];
    return s.n == name->n && memcmp(s.s, name->s, s.n) == 0;
}

/* The value given by name for parameter `id`, marked used; NULL: none. */
static const struct value *keyword(const struct render *r, const struct call *c, uint32_t id, bool *used)
{
    for (uint32_t i = 0; i < c->n_kw; i++)
        if (name_is(r, id, c->kw_names[i])) {
            used[i] = true;
            return c->kw[i];
        }
    return NULL;
}

static bool macro_extra(struct render *r, const struct node *n, const struct call *c, const bool *used,
                        struct scope *s)
{
    struct value_entry *rest = ARENA_ARRAY(r->a, struct value_entry, c->n_kw + 1);
    uint32_t k = 0, params = n->list.n, extra = c->n_pos > params ? c->n_pos - params : 0;
    for (uint32_t i = 0; i < c->n_kw; i++) {
        if (used[i])
            continue;
        if (!(n->op & MACRO_KWARGS))
            return render_fail(r, "macro '%s' takes no keyword argument '%s'", n->value->s,
                               c->kw_names[i]->s) != NULL;
        rest[k++] = (struct value_entry){c->kw_names[i], c->kw[i]};
    }
    if (extra && !(n->op & MACRO_VARARGS))
        return render_fail(r, "macro '%s' takes not more than %u argument(s)", n->value->s, params) != NULL;
    if (n->op & MACRO_KWARGS)
        scope_set(r, s, r->t->kwargs_id, value_dict(r->a, rest, k));
    if (n->op & MACRO_VARARGS)
        scope_set(r, s, r->t->varargs_id,
                  render_list(r, VALUE_TUPLE, extra ? c->pos + params : NULL, extra));
    return true;
}

static bool macro_bind(struct render *r, const struct node *n, const struct call *c, struct scope *s)
{
    bool *used = ARENA_ARRAY(r->a, bool, c->n_kw + 1);
    uint32_t first_default = n->list.n - n->other.n;
    if (n->op & MACRO_CALLER) {
        const struct value *v = keyword(r, c, r->t->caller_id, used);
        scope_set(r, s, r->t->caller_id, v ? v : render_undefined(r, "No caller defined"));
    }
    for (uint32_t i = 0; i < n->list.n; i++) {
        const struct node *param = n->list.v[i];
        const struct value *v = keyword(r, c, param->id, used);
        if (v && i < c->n_pos)
            return render_fail(r, "macro '%s' got two values for '%s'", n->value->s,
                               r->t->name_text[param->id].s) != NULL;
        if (i < c->n_pos)
            v = c->pos[i];
        if (!v && i >= first_default)
            v = template_eval(r, n->other.v[i - first_default]);
        else if (!v)
            v = render_undefined(r, "parameter '%s' was not provided", r->t->name_text[param->id].s);
        if (!v)
            return false;
        scope_set(r, s, param->id, v);
    }
    return macro_extra(r, n, c, used, s);
}

const struct value *template_macro_call(struct render *r, const struct obj_macro *m, const struct call *c)
{
    struct scope *before = r->scope, *s = scope_push(r, m->scope);
    r->scope = s;
    bool ok = macro_bind(r, m->node, c, s);
    r->scope = before;
    return ok ? capture(r, &m->node->body, s) : NULL;
}

/* The call gets one more keyword argument: the block as a macro. */
static bool exec_call_block(struct render *r, const struct node *n)
{
    struct node call = *n->a;
    struct node_args args = *call.args;
    struct node caller = {.kind = NODE_CONST, .line = n->line, .col = n->col};
    uint32_t k = args.kw.n;
    const struct value **names = ARENA_ARRAY(r->a, const struct value *, k + 1);
    struct node **values = ARENA_ARRAY(r->a, struct node *, k + 1);
    for (uint32_t i = 0; i < k; i++) {
        names[i] = args.kw_names[i];
        values[i] = args.kw.v[i];
    }
    caller.value = macro_new(r, n);
    names[k] = n->value;
    values[k] = &caller;
    args.kw_names = names;
    args.kw = (struct node_list){values, k + 1, k + 1};
    call.args = &args;
    const struct value *v = template_eval(r, &call);
    struct pystr s = v ? render_str(r, v) : (struct pystr){NULL, 0};
    if (!s.s)
        return false;
    buf_add(r->out, s.s, s.n);
    return true;
}

/* -- dispatch -------------------------------------------------------------------------------------- */

static bool exec_one(struct render *r, const struct node *n)
{
    switch (n->kind) {
    case NODE_TEXT:
        buf_add(r->out, n->value->s, n->value->n);
        return true;
    case NODE_PRINT:
        return print(r, n);
    case NODE_IF:
        return exec_if(r, n);
    case NODE_FOR:
        return exec_for(r, n);
    case NODE_SET:
    case NODE_SET_BLOCK:
        return exec_set(r, n);
    case NODE_FILTER_BLOCK:
        return exec_filter_block(r, n);
    case NODE_WITH:
        return exec_with(r, n);
    case NODE_MACRO:
        scope_set(r, r->scope, n->id, macro_new(r, n));
        return true;
    case NODE_CALL_BLOCK:
        return exec_call_block(r, n);
    case NODE_DO:
        return template_eval(r, n->a) != NULL;
    default:
        r->flow = n->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
        return true;
    }
}

bool template_exec(struct render *r, const struct node_list *body)
{
    if (r->depth >= TEMPLATE_MAX_DEPTH)
        return render_fail(r, "evaluation is nested deeper than %d levels", TEMPLATE_MAX_DEPTH) != NULL;
    r->depth++;
    bool ok = true;
    for (uint32_t i = 0; i < body->n && ok && r->flow == FLOW_NORMAL; i++) {
        r->at = body->v[i];
        ok = render_step(r, 1) && exec_one(r, body->v[i]);
    }
    r->depth--;
    if (ok && r->out && r->out->failed)
        ok = render_fail(r, "output is longer than %d bytes", TEMPLATE_MAX_OUTPUT) != NULL;
    return ok;
}

/* -- entry points ---------------------------------------------------------------------------------- */

int template_compile(const struct template_source *src, struct arena *a, struct template **out,
                     struct assay_err *e)
{
    struct template *t = ARENA_NEW(a, struct template);
    struct template_source s = *src;
    if (!s.where)
        s.where = "template";
    t->where = arena_strdup(a, s.where);
    t->flags = s.flags;
    t->now = s.now;
    t->line = s.line ? s.line : 1;
    t->col = s.col ? s.col : 1;
    int rc = template_parse(&s, a, t, e);
    if (rc < 0) {
        template_release(t);
        return rc;
    }
    *out = t;
    return 0;
}

int template_render(const struct template *t, const struct value *scope, struct arena *a,
                    const struct value **out, struct assay_err *e)
{
    struct assay_err local;
    const struct value *constant = template_constant(t);
    if (constant) {
        *out = constant;
        return 0;
    }
    struct scope root = {0};
    struct render r = {.t = t, .doc = scope, .a = a, .err = e ? e : &local, .scope = &root,
                       .used_before = a->used};
    r.resolved = ARENA_ARRAY(a, const struct value *, t->n_names);
    if (t->body.n == 1 && t->body.v[0]->kind == NODE_PRINT) {
        const struct value *v = template_eval(&r, t->body.v[0]->a);
        r.at = t->body.v[0]->a;
        if (v && v->type == VALUE_STR) {
            *out = v;
            return 0;
        }
        struct pystr s = v ? render_str(&r, v) : (struct pystr){NULL, 0};
        if (!s.s)
            return r.err->code;
        *out = value_str_ref(a, s.s, s.n);
        return 0;
    }
    struct buf b;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    r.out = &b;
    if (template_exec(&r, &t->body) && (*out = render_take(&r, &b)))
        return 0;
    buf_release(&b);
    return r.err->code;
}

/* Newest first in the scope: filled from behind. */
static const struct value *scope_names(const struct render *r, const struct scope *s)
{
    size_t n = 0, at;
    for (const struct var *v = s->vars; v; v = v->next)
        n += v->value->type < PYOBJ_ITER;
    struct value_entry *all = ARENA_ARRAY(r->a, struct value_entry, n + 1);
    at = n;
    for (const struct var *v = s->vars; v; v = v->next) {
        struct pystr name = r->t->name_text[v->id];
        if (v->value->type < PYOBJ_ITER)
            all[--at] = (struct value_entry){value_strn(r->a, name.s, name.n), v->value};
    }
    return value_dict(r->a, all, n);
}

int template_evaluate(const struct template *t, const struct value *doc, struct arena *a,
                      const struct value **text, const struct value **names, struct assay_err *e)
{
    struct assay_err local;
    struct scope root = {0};
    struct render r = {.t = t, .doc = doc, .a = a, .err = e ? e : &local, .scope = &root,
                       .used_before = a->used};
    struct buf b;
    r.resolved = ARENA_ARRAY(a, const struct value *, t->n_names);
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    r.out = &b;
    if (template_exec(&r, &t->body) && (*text = render_take(&r, &b))) {
        *names = scope_names(&r, &root);
        return 0;
    }
    buf_release(&b);
    return r.err->code;
}

const char *const *template_sets(const struct template *t, struct arena *a, size_t *n)
{
    const char **names = ARENA_ARRAY(a, const char *, t->body.n + 1);
    *n = 0;
    for (uint32_t i = 0; i < t->body.n; i++) {
        const struct node *x = t->body.v[i];
        if ((x->kind != NODE_SET && x->kind != NODE_SET_BLOCK) || x->a->kind != NODE_NAME)
            continue;
        const char *name = arena_strndup(a, t->name_text[x->a->id].s, t->name_text[x->a->id].n);
        bool seen = false;
        for (size_t k = 0; k < *n && !seen; k++)
            seen = strcmp(names[k], name) == 0;
        if (!seen)
            names[(*n)++] = name;
    }
    return names;
}

const struct value *template_constant(const struct template *t)
{
    static const struct value empty = {.type = VALUE_STR, .s = ""};
    if (t->body.n == 0)
        return &empty;
    return t->body.n == 1 && t->body.v[0]->kind == NODE_TEXT ? t->body.v[0]->value : NULL;
}

const char *const *template_names(const struct template *t, size_t *n)
{
    *n = t->n_read;
    return t->read;
}

void template_release(struct template *t)
{
    for (uint32_t i = 0; t && i < t->regexes.n; i++) {
        regex_free(t->regexes.v[i]->regex);
        t->regexes.v[i]->regex = NULL;
    }
}
