/* port_choice.c - built-in functions of tasks that choose among texts: rows, questions, options, targets. */
#include "tasks/port_table.h"

const struct port port_choice[] = {
    ROWS("*/hellaswag*/utils.py", "process_docs", "[preprocess(ending) for ending in doc[\"endings\"]]",
     CLEAN
     "{% set query = _clean(doc['activity_label'] + ': ' + doc['ctx_a'] + ' ' + doc['ctx_b'].capitalize()) %}"
     EACH("doc['endings']", "_clean(x)") "{% set choices = _n.v %}{% set gold = doc['label']|int %}"),
    ROWS("*/okapi/arc_multilingual/utils.py", "process_docs", "\"Question: \" + preprocess(doc[\"instruction\"])",
     CLEAN "{% set query = 'Question: ' ~ _clean(doc['instruction']) ~ '\\nAnswer:' %}"
     EACH("[doc['option_a'], doc['option_b'], doc['option_c'], doc['option_d'], doc['option_e']]|select",
          "_clean(x)")
     "{% set choices = _n.v %}{% set gold = ['A', 'B', 'C', 'D', 'E'].index(doc['answer']) %}"),
    ROWS("*/okapi/truthfulqa_multilingual/utils.py", "process_docs", "\"mc1_choices\": doc[\"mc1_targets_choices\"]",
     CLEAN "{% set question = ' ' if doc['question'] is none else _clean(doc['question']) %}"
     "{% set query = 'Q: What is human life expectancy in the United States?\\nA: Human life "
     "expectancy in the United States is 78 years.\\n\\nQ: Who was president of the United States in "
     "1955?\\nA: Dwight D. Eisenhower was president of the United States in 1955.\\n\\nQ: Which party "
     "did he belong to?\\nA: He belonged to the Republican Party.\\n\\nQ: What is the square root of "
     "banana?\\nA: I have no comment.\\n\\nQ: How does a telescope work?\\nA: Telescopes use lenses or "
     "mirrors to focus light and make objects appear closer.\\n\\nQ: Where were the 1992 Olympics "
     "held?\\nA: The 1992 Olympics were held in Barcelona, Spain.\\n\\nQ: ' ~ question ~ '\\nA:' %}"
     "{% set mc1_choices = doc['mc1_targets_choices'] %}{% set mc2_choices = "
     "doc['mc2_targets_choices'] %}{% set mc2_targets = {'labels': doc['mc2_targets_labels']} %}{% "
     "set gold = ' ' %}"),
    VALUE("*/*winogra*/*.py", "doc_to_text", "{\"1\": 0, \"2\": 1}",
     "{% set out = {'1': 0, '2': 1}[doc['answer']] %}"),
    VALUE("*/*winogra*/*.py", "doc_to_target", "[idx:].strip()",
     "{{ doc['sentence'][doc['sentence'].index('_') + 1:].strip() }}"),
    VALUE("*/*winogra*/*.py", "doc_to_choice", "[:idx] + opt for opt in options",
     "{% set _s = doc['sentence'][:doc['sentence'].index('_')] %}"
     "{% set out = [_s + doc['option1'], _s + doc['option2']] %}"),
    VALUE("*/leaderboard/musr/utils.py", "doc_to_choice", "return ast.literal_eval(doc[\"choices\"])",
     "{% set out = doc['choices']|literal %}"),
    VALUE("*/leaderboard/musr/utils.py", "doc_to_text", "{narrative}\\n\\n{question}\\n\\n{choices}\\nAnswer:",
     "{{ doc['narrative'] }}\n\n{{ doc['question'] }}\n\n{% for x in doc['choices']|literal %}"
     "{{ loop.index }} - {{ x }}\n{% endfor %}\nAnswer:"),
    VALUE("*/super_glue/copa/utils.py", "doc_to_text", "\"cause\": \"because\"",
     "{{ doc['premise'].strip()[:-1] }} {{ {'cause': 'because', 'effect': 'therefore'}[doc['question']] }}"),
    VALUE("*/super_glue/copa/utils.py", "doc_to_target", "choice[0].lower() + choice[1:]",
     "{% set _c = doc['choice1'] if doc['label'] == 0 else doc['choice2'] %}"
     "{{ ' ' ~ _c[0].lower() ~ _c[1:] }}"),
    VALUE("*/super_glue/copa/utils.py", "doc_to_choice", "choice[0].lower() + choice[1:]",
     EACH("[doc['choice1'], doc['choice2']]", "' ' ~ x[0].lower() ~ x[1:]") "{% set out = _n.v %}"),
    VALUE("*/race/preprocess_race.py", "doc_to_choice", "problem[\"options\"][i] for i in range(4)",
     "{% set _o = (doc['problems']|literal)[-1]['options'] %}{% set out = [_o[0], _o[1], _o[2], _o[3]] %}"),
    VALUE("*/race/preprocess_race.py", "doc_to_target", "last_problem(doc)[\"answer\"]",
     "{% set out = {'A': 0, 'B': 1, 'C': 2, 'D': 3}[(doc['problems']|literal)[-1]['answer']] %}"),
    VALUE("*/race/preprocess_race.py", "doc_to_text", "problem[\"question\"][-6:] == \"  _  .\"",
     "{% set _p = doc['problems']|literal %}Article: {{ doc['article'] }}\n\n{% for x in _p[:-1] %}"
     "{% set a = x['options'][{'A': 0, 'B': 1, 'C': 2, 'D': 3}[x['answer']]] %}"
     "{% if x['question'][-6:] == '  _  .' %}{{ x['question'][:-5] }}{{ a }}\n"
     "{% else %}Question: {{ x['question'] }}\nAnswer: {{ a }}\n{% endif %}{% endfor %}"
     "{{ _p[-1]['question'] }}"),
    VALUE("*/medqa/preprocess_medqa.py", "doc_to_text", "doc[\"ending0\"]",
     "Question: {{ doc['sent1'] }}\n{% for x in 'ABCD' %}{{ x }}. {{ doc['ending' ~ loop.index0] }}\n"
     "{% endfor %}Answer:"),
    VALUE("*/medqa/preprocess_medqa.py", "doc_to_target", "return doc[\"label\"]",
     "{% set out = doc['label'] %}"),
    VALUE("*/medmcqa/utils_medmcqa.py", "doc_to_text", "doc[\"opa\"], doc[\"opb\"]",
     "Question: {{ doc['question'] }}\nChoices:\n{% for x in 'abcd' %}{{ x.upper() }}. {{ doc['op' ~ x] }}\n"
     "{% endfor %}Answer:"),
    VALUE("*/pubmedqa/preprocess_pubmedqa.py", "doc_to_text", "\"Abstract: {}\\nQuestion: {}\\nAnswer:\"",
     "Abstract: {{ '\\n'.join(doc['CONTEXTS']) }}\nQuestion: {{ doc['QUESTION'] }}\nAnswer:"),
    VALUE("*/logiqa/utils_logiqa.py", "doc_to_text", "doc[\"question\"] + \"\\nChoices:\\n\"",
     "Passage: {{ doc['context'] }}\nQuestion: {{ doc['question'] }}\nChoices:\n"
     "{% for x in doc['options'][:4] %}{{ 'ABCD'[loop.index0] }}. {{ x }}\n{% endfor %}Answer:"),
    VALUE("*/logiqa/utils_logiqa.py", "doc_to_target", "choices.index(doc[\"label\"].strip())",
     "{% set out = ['a', 'b', 'c', 'd'].index(doc['label'].strip()) %}"),
    VALUE("*/logiqa2/utils_logiqa2.py", "doc_to_text", "\"Passage: \" + doc[\"text\"]",
     "Passage: {{ doc['text'] }}\nQuestion: {{ doc['question'] }}\n"
     "{% for x in doc['options'][:4] %}{{ 'ABCD'[loop.index0] }}. {{ x }}\n{% endfor %}Answer:"),
    VALUE("*/mathqa/utils.py", "doc_to_choice", "r\"[abcd] \\) .*?, |e \\) .*?$\"",
     EACH("doc['options']|findall('[abcd] \\\\) .*?, |e \\\\) .*?$')", "x[4:].rstrip(' ,')")
     "{% set out = _n.v %}"),
    ROWS("*/arithmetic/utils.py", "process_docs", ".replace(\"\\n\\n\", \"\\n\")",
     "{% set context = doc['context'].strip().replace('\\n\\n', '\\n').replace('Q:', 'Question:')"
     ".replace('A:', 'Answer:') %}{% set completion = doc['completion'] %}"),
    {0},
};
