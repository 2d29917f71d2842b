#!/bin/bash
# chat.sh - prompts as conversations: templates of a model and of files, on the mock and on a real model.
. tests/cli/lib.sh
models
chat=$T/models/chat.gguf
other=$T/models/chat-other.gguf
db=$T/chat.db
run=("$ASSAY" run --scenario none --kl-docs 0)
tasks=$smoke/smoke_capital.yaml,$smoke/smoke_choice.yaml
prompt() { sql "$1" "SELECT prompt FROM item JOIN task t ON t.id = task_id WHERE t.name = '$2' ORDER BY t.id DESC, idx LIMIT 1"; }
first() { sql "$1" "SELECT r.n_prompt FROM response r JOIN item i ON substr(i.requests, 1, 16) = r.request JOIN task t ON t.id = i.task_id
    WHERE t.name = 'smoke_capital' AND i.idx = 0"; }

# A model without a template: one line, before anything is written.
expect 2 "model 'demo' brings no chat template; name a file" "${run[@]}" --backend mock --model demo --tasks smoke \
    --db "$T/none.db" --apply-chat-template
equal "$(wc -l < "$T/.out")" 1 "lines of the error"
[ -e "$T/none.db" ] && fail "a database was written"
expect 2 "has no chat template 'tool', it has: default, closed, last" "${run[@]}" --model "$chat" --tasks "$tasks" \
    --db "$db" --apply-chat-template=tool

expect 2 "has no chat template 'default', it has: closed, last" "${run[@]}" --model "$T/models/chat-nul.gguf" \
    --tasks "$tasks" --db "$db" --apply-chat-template

# The model's own, two precisions of it.
expect 0 "2 of 2 variants" "${run[@]}" --model "$chat" --precision fp32,int8 --tasks "$tasks" --db "$db" \
    --apply-chat-template --fewshot 1 --system-instruction "Be good."
equal "$(prompt "$db" smoke_capital)" "<s><|system|>Be good.</s>
<|user|>The capital of France is</s>
<|assistant|>Paris</s>
<|user|>The capital of Italy is</s>
<|assistant|>" "the prompt"
equal "$(sql "$db" "SELECT count(*) FROM task WHERE json_extract(config, '\$.prompting.chat_template_source') = 'default'")" 2 \
    "tasks with a template"
sha=$(printf '%s' "$(sql "$db" "SELECT json_extract(info, '\$.chat.templates.default') FROM variant LIMIT 1")" | sha256sum | cut -c1-64)
expect 0 "chat template +$sha" "$ASSAY" show --db "$db" --task smoke_capital
expect 0 "instruction +Be good" "$ASSAY" show --db "$db" --task smoke_capital
expect 0 "" "$ASSAY" report --db "$db" --html "$T/r.html"
grep -q "sha256 $sha (default)" "$T/r.html" || fail "the report lacks the template"
expect 0 "graded 4 jobs" "$ASSAY" grade --db "$db"
expect 0 "0 requests asked" "${run[@]}" --model "$chat" --precision fp32,int8 --tasks "$tasks" --db "$db" \
    --apply-chat-template true --fewshot 1 --system-instruction "Be good."

expect 0 "[|] <.user.>The capital of Italy is</s>" "$ASSAY" show task "$smoke/smoke_capital.yaml" --model "$chat" \
    --apply-chat-template
expect 0 "chat +template $sha .default" "$ASSAY" show task "$smoke/smoke_capital.yaml" --model "$chat" --apply-chat-template
expect 2 "model '.none.' brings no chat template" "$ASSAY" show task "$smoke/smoke_capital.yaml" --apply-chat-template

# Examples in one message; another template: not comparable, and why.
expect 0 "1 of 1 variants" "${run[@]}" --model "$chat" --precision fp32 --tasks "$tasks" --db "$db" \
    --apply-chat-template --no-fewshot-as-multiturn --fewshot 1 --system-instruction "Be good."
equal "$(prompt "$db" smoke_capital)" "<s><|system|>Be good.</s>
<|user|>The capital of France is Paris

The capital of Italy is</s>
<|assistant|>" "the prompt in one message"
expect 0 "1 of 1 variants" "${run[@]}" --model "$chat" --precision fp32 --tasks "$tasks" --db "$db" --apply-chat-template=last
two=$(sql "$db" "SELECT group_concat(uid, ',') FROM (SELECT uid FROM run ORDER BY id DESC LIMIT 2)")
expect 0 "'smoke_capital', 'smoke_choice': the chat template differs:" "$ASSAY" compare --db "$db" --run "$two"
cat > "$T/two.yaml" << YAML
models:
  - {name: a, model: $chat, variants: [{name: a, precision: fp32}]}
  - {name: b, model: $other, variants: [{name: b, precision: fp32}]}
tasks: [$smoke/smoke_capital.yaml]
scenarios: [none]
kl-docs: 0
apply-chat-template: true
gen-prefix: So
YAML
expect 0 "2 of 2 variants" "$ASSAY" run "$T/two.yaml" --db "$T/two.db"
expect 0 "the chat template differs" "$ASSAY" compare --db "$T/two.db" --wide
expect 0 "graded 2 jobs" "$ASSAY" grade --db "$T/two.db"
sed -i "s/chat-other/chat-deaf/" "$T/two.yaml"
expect 1 "chat-deaf.gguf .chat template 'default'.: the template does not print the beginning of the answer" \
    "$ASSAY" run "$T/two.yaml" --db "$T/deaf.db"
[ -e "$T/deaf.db" ] && fail "a database was written although a template cannot be used"

# Special tokens: the text "<s>" is the begin token and comes once, "</s>" is one token.
n() {
    rm -f "$T/n.db"
    expect 0 "1 of 1" "${run[@]}" --model "$chat" --precision fp32 --tasks "$smoke/smoke_capital.yaml" --db "$T/n.db" \
        --apply-chat-template="$1"
    first "$T/n.db"
}
printf '{{ bos_token }}{{ messages[-1].content }}' > "$T/bos.jinja"
plain=$(n last)
equal "$(n closed)" "$((plain + 1))" "tokens with eos"
equal "$(n "$T/bos.jinja")" "$plain" "tokens with bos"

# Files: Jinja, tokenizer_config.json with its own special tokens; the record outlives the file.
printf '{"bos_token": {"content": "<begin>"}, "eos_token": "<end>", "chat_template": [{"name": "tool", "template": "{{ x }}"},
  {"name": "default", "template": "{{ bos_token }}{{ messages[-1].content }}{{ eos_token }}"}]}' > "$T/tokenizer_config.json"
expect 0 "1 of 1" "${run[@]}" --backend mock --model demo --precision fp32 --tasks "$tasks" --db "$T/file.db" \
    --apply-chat-template="$T/tokenizer_config.json" --chat-date 2025-01-02
equal "$(prompt "$T/file.db" smoke_capital)" "<begin>The capital of Italy is<end>" "the prompt of a configuration"
rm "$T/tokenizer_config.json"
expect 0 "graded 2 jobs" "$ASSAY" grade --db "$T/file.db"

# What is wrong with a template is said with its place; nothing is run.
bad() {
    printf '%s' "$2" > "$T/$1"
    expect "$3" "$4" "${run[@]}" --backend mock --model demo --tasks "$tasks" --db "$T/bad.db" --apply-chat-template="$T/$1"
    [ -e "$T/bad.db" ] && fail "$1: a database was written"
}
bad syntax.jinja "{% for m in messages %}" 1 "syntax.jinja:1:.*block is not closed, expected 'endfor'"
bad name.jinja $'a\n{{ nope.x }}' 1 "name.jinja:2:4: 'nope' is undefined"
bad none.jinja "just text" 1 "none.jinja: no chat template: nothing in it is printed"
bad none.json '{"bos_token": "x"}' 1 "none.json: no chat template: expected the key 'chat_template'"
bad cut.json '{"chat_template": ' 1 "cut.json:1:"
bad raise.jinja "{{ raise_exception('not like this') }}" 1 "raise.jinja:1:4: not like this"
expect 2 "no file '$T/gone.jinja'" "${run[@]}" --backend mock --model demo --tasks "$tasks" --db "$T/bad.db" \
    --apply-chat-template "$T/gone.jinja"
expect 2 "chat-date: expected YYYY-MM-DD or today" "${run[@]}" --backend mock --model demo --tasks "$tasks" \
    --db "$T/bad.db" --apply-chat-template "$T/bos.jinja" --chat-date noon

# No system message where the template refuses it: said, and kept with the job.
printf '{%% if messages[0].role == "system" %%}{{ raise_exception("no system") }}{%% endif %%}{{ messages[-1].content }}' > "$T/strict.jinja"
expect 0 "refuses the system message" "${run[@]}" --backend mock --model demo --precision fp32 --tasks "$smoke/smoke_capital.yaml" \
    --db "$T/strict.db" --apply-chat-template "$T/strict.jinja" --system-instruction "Be good."
equal "$(sql "$T/strict.db" "SELECT warning LIKE '% prompts are without the system message%' FROM job WHERE kind = 'task'")" 1 "the warning"
# Variants of one model whose options give them other templates are asked one by one.
cat > "$T/options.yaml" << YAML
backend: mock
models: [{model: demo, variants: [{name: a, chat-template: "A{{ messages[0].content }}"},
                                  {name: b, chat-template: "B{{ messages[0].content }}"}]}]
tasks: [$smoke/smoke_capital.yaml]
scenarios: [none]
apply-chat-template: true
YAML
expect 0 "2 of 2" "$ASSAY" run "$T/options.yaml" --db "$T/options.db"
equal "$(sql "$T/options.db" "SELECT group_concat(DISTINCT substr(prompt, 1, 1)) FROM item")" "A,B" "templates of options"
# A named template of the mock, whose begin token it knows again.
expect 0 "1 of 1" "${run[@]}" --backend mock --model demo --precision fp32 --tasks "$smoke/smoke_capital.yaml" --db "$T/mock.db" \
    --option 'chat-template={{ 1 }}' --apply-chat-template last
equal "$(first "$T/mock.db")" 24 "tokens: begin and 23 bytes"
done_testing
