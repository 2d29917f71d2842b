/* port_score.c - built-in functions that score: process_results and aggregations. */
#include "tasks/port_table.h"

const struct port port_score[] = {
    AGGREGATE("*", "weighted_f1_score", "from lm_eval.utils import weighted_f1_score", "weighted_f1"),
    AGGREGATE("*/metrics.py", "weighted_f1_score", "average=\"weighted\"", "weighted_f1"),
    AGGREGATE("*/metrics.py", "micro_f1_score", "average=\"micro\"", "micro_f1"),
    AGGREGATE("*/metrics.py", "macro_f1_score", "average=\"macro\"", "macro_f1"),
    RESULTS("*/truthfulqa-multi/utils.py", "process_results_mc2", "p_true = p_true / (sum(p_true) + sum(p_false))",
     "{% set _k = doc['mc2_targets']['labels'].index(0) %}{% set _n = namespace(t=0.0, f=0.0, acc=0.0) %}"
     "{% for r in results %}{% if loop.index0 < _k %}{% set _n.t = _n.t + r[0]|exp %}"
     "{% else %}{% set _n.f = _n.f + r[0]|exp %}{% endif %}{% endfor %}"
     "{% for r in results[:_k] %}{% set _n.acc = _n.acc + r[0]|exp / (_n.t + _n.f) %}{% endfor %}"
     "{% set acc = _n.acc %}"),
    RESULTS("*/truthfulqa*/utils.py", "process_results_mc2", "probs_norm[labels == 1]",
     "{% set _n = namespace(all=[], t=0.0, s=0.0) %}{% for r in results %}{% set p = r[0]|exp %}"
     "{% set _n.all = _n.all + [p] %}{% set _n.s = _n.s + p %}{% endfor %}"
     "{% for p in _n.all %}{% if doc['mc2_targets']['labels'][loop.index0] == 1 %}"
     "{% set _n.t = _n.t + p / _n.s %}{% endif %}{% endfor %}{% set acc = _n.t %}"),
    RESULTS("*/agieval/utils.py", "process_results_mcqa", "int(np.argmax(results / completion_len)) in gold",
     "{% set _n = namespace(ll=[], norm=[]) %}{% for r in results %}{% set _n.ll = _n.ll + [r[0]] %}"
     "{% set _n.norm = _n.norm + [r[0] / doc['choices'][loop.index0]|length] %}{% endfor %}"
     "{% set acc = 1.0 if _n.ll|argmax in doc['gold'] else 0.0 %}"
     "{% set acc_norm = 1.0 if _n.norm|argmax in doc['gold'] else 0.0 %}"),
    ROWS("*/mlqa/utils.py", "process_docs", "\"answers\": doc[\"answers\"][\"text\"]",
     "{% set context = doc['context'] %}{% set question = doc['question'] %}{% set answers = doc['answers']['text'] %}"),
    RESULTS("*/mlqa/utils.py", "process_results_*", "elif lang in MIXED_SEGMENTATION_LANGS:",
     "{% macro _norm(s) %}{% set t = s.lower()|drop_punctuation %}"
     "{% if arg == 'en' %}{% set t = t|regex_replace('\\\\b(a|an|the)\\\\b', ' ') %}"
     "{% elif arg == 'es' %}{% set t = t|regex_replace('\\\\b(un|una|unos|unas|el|la|los|las)\\\\b', ' ') %}"
     "{% elif arg == 'vi' %}{% set t = t|regex_replace('\\\\b(của|là|cái|chiếc|những)\\\\b', ' ') %}"
     "{% elif arg == 'de' %}{% set t = t|regex_replace("
     "'\\\\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\\\\b', ' ') %}"
     "{% elif arg == 'ar' %}{% set t = t|regex_replace('(?:^|\\\\s)ال', ' ') %}"
     "{% elif arg == 'zh' %}{% set t = t|regex_replace('([\\\\u4e00-\\\\u9fa5])', ' \\\\1 ') %}{% endif %}"
     "{{ ' '.join(t.split()) }}{% endmacro %}"
     "{% set _p = _norm(results[0].strip()) %}{% set _n = namespace(exact=false, f1=0) %}"
     "{% for a in doc['answers'] %}{% set g = _norm(a) %}{% set same = _p.split()|overlap(g.split()) %}"
     "{% if g == _p %}{% set _n.exact = true %}{% endif %}{% if same %}"
     "{% set p = 1.0 * same / _p.split()|length %}{% set r = 1.0 * same / g.split()|length %}"
     "{% set f = 2 * p * r / (p + r) %}{% if f > _n.f1 %}{% set _n.f1 = f %}{% endif %}{% endif %}{% endfor %}"
     "{% set exact_match = _n.exact %}{% set f1 = _n.f1 %}"),
    {0},
};
