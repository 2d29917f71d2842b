/* port_classes.c - tasks that upstream writes as Python classes, and functions that fetch data. */
#include "tasks/port_table.h"

/* A value on a page that is to be found again: fda, swde, squad_completion. */
#define EXTRACTION(dataset, more)                                                                      \
    "{\"dataset_path\": \"" dataset "\", \"dataset_name\": \"default\", \"validation_split\": \"validation\", " \
    "\"num_fewshot\": 0, \"metadata\": {\"version\": 1}, \"doc_to_text\": \"!function doc_to_text\", "  \
    "\"doc_to_target\": \"!function doc_to_target\", \"process_results\": \"!function process_results\", " \
    "\"metric_list\": [{\"metric\": \"contains\", \"aggregation\": \"!function contains\", "            \
    "\"higher_is_better\": true}]" more "}"
#define EXTRACTION_STOP ", \"generation_kwargs\": {\"until\": [\"\\n\"], \"max_gen_toks\": 48}"

#define SQUAD2_METRIC(name)                                                                            \
    "{\"metric\": \"" name "\", \"aggregation\": \"!function " name "\", \"higher_is_better\": true}"
#define SQUAD2                                                                                         \
    "{\"dataset_path\": \"lighteval/squad_v2\", \"training_split\": \"train\", "                        \
    "\"validation_split\": \"validation\", \"num_fewshot\": 0, \"metadata\": {\"version\": 3}, "        \
    "\"doc_to_text\": \"!function doc_to_text\", \"doc_to_target\": \"!function doc_to_target\", "      \
    "\"process_results\": \"!function process_results\", \"generation_kwargs\": {\"until\": [\"\\n\"]}, " \
    "\"also_scored\": \" unanswerable\", \"metric_list\": ["                                           \
    SQUAD2_METRIC("exact") ", " SQUAD2_METRIC("f1") ", " SQUAD2_METRIC("HasAns_exact") ", "            \
    SQUAD2_METRIC("HasAns_f1") ", " SQUAD2_METRIC("NoAns_exact") ", " SQUAD2_METRIC("NoAns_f1") ", "    \
    SQUAD2_METRIC("best_exact") ", " SQUAD2_METRIC("best_f1") "]}"
#define SQUAD2_HAS "evaluate.load(\"squad_v2\")"
#define SQUAD2_AGGREGATE(name, row) AGGREGATE("*/squadv2/task.py", "SQuAD2:" name, SQUAD2_HAS, row)

#define QASPER_ROWS(type) /* a row for each answer of the type, of each question */                    \
    "{% set _n = namespace(v=[]) %}{% for answers in doc['qas']['answers'] %}"                         \
    "{% set question = doc['qas']['question'][loop.index0] %}{% for x in answers['answer'] %}"         \
    "{% set a = ['unanswerable', 'unanswerable'] if x['unanswerable'] else ['yes', 'bool'] if x['yes_no'] else " \
    "[x['free_form_answer'], 'free form answer'] if x['free_form_answer'] else "                       \
    "[x['extractive_spans'], 'extractive_spans'] if x['extractive_spans'] else "                       \
    "['no', 'bool'] if x['yes_no'] == false else answer_of_no_kind %}"                                 \
    "{% if a[1] == '" type "' %}{% set _n.v = _n.v + [{'title': doc['title'], 'abstract': doc['abstract'], " \
    "'question': question, 'answer': a[0], 'answer_type': a[1]}] %}{% endif %}"                        \
    "{% endfor %}{% endfor %}{% set _rows = _n.v %}"

const struct port port_classes[] = {
    CLASS("*/fda/task.py", "FDA", "re.compile(re.escape(label), re.IGNORECASE)",
          EXTRACTION("hazyresearch/based-fda", EXTRACTION_STOP)),
    CLASS("*/swde/task.py", "SWDE", "re.compile(re.escape(label), re.IGNORECASE)",
          EXTRACTION("hazyresearch/based-swde-v2", EXTRACTION_STOP)),
    /* it sets what is set already: upstream's own defaults stay */
    CLASS("*/squad_completion/task.py", "SQUADCompletion", "re.compile(re.escape(label), re.IGNORECASE)",
          EXTRACTION("hazyresearch/based-squad", "")),
    VALUE("*/task.py", "*:doc_to_text", "re.compile(re.escape(label), re.IGNORECASE)", "{% set out = doc['text'].strip() %}"),
    VALUE("*/task.py", "*:doc_to_target", "re.compile(re.escape(label), re.IGNORECASE)", "{% set out = doc['value'].strip() %}"),
    RESULTS("*/task.py", "*:process_results", "re.compile(re.escape(label), re.IGNORECASE)",
            "{% set contains = 1 if results[0]|contains_caseless(doc['value'].strip()) else 0 %}"),
    AGGREGATE("*/task.py", "*:contains", "re.compile(re.escape(label), re.IGNORECASE)", "mean_of_counts"),

    CLASS("*/squadv2/task.py", "SQuAD2", "evaluate.load(\"squad_v2\")", SQUAD2),
    VALUE("*/squadv2/task.py", "SQuAD2:doc_to_text", "evaluate.load(\"squad_v2\")",
          "Title: {{ doc['title'] }}\n\nBackground: {{ doc['context'] }}\n\nQuestion: {{ doc['question'] }}\n\nAnswer:"),
    VALUE("*/squadv2/task.py", "SQuAD2:doc_to_target", "evaluate.load(\"squad_v2\")",
          "{% set _a = doc['answers']['text'] %}{% set out = ' ' ~ (_a[0] if _a|length > 0 else 'unanswerable') %}"),
    RESULTS("*/squadv2/task.py", "SQuAD2:process_results", "evaluate.load(\"squad_v2\")",
            "{% set _p = {'id': doc['id'], 'prediction_text': results[0], "
            "'no_answer_probability': results[1][0]|exp} %}"
            "{% set _v = (_p, {'id': doc['id'], 'answers': doc['answers']}) %}"
            "{% set exact = _v %}{% set f1 = _v %}{% set HasAns_exact = _v %}{% set HasAns_f1 = _v %}"
            "{% set NoAns_exact = _v %}{% set NoAns_f1 = _v %}{% set best_exact = _v %}{% set best_f1 = _v %}"),
    SQUAD2_AGGREGATE("exact", "squad2_exact"),
    SQUAD2_AGGREGATE("f1", "squad2_f1"),
    SQUAD2_AGGREGATE("HasAns_exact", "squad2_has_exact"),
    SQUAD2_AGGREGATE("HasAns_f1", "squad2_has_f1"),
    SQUAD2_AGGREGATE("NoAns_exact", "squad2_no_exact"),
    SQUAD2_AGGREGATE("NoAns_f1", "squad2_no_f1"),
    SQUAD2_AGGREGATE("best_exact", "squad2_best_exact"),
    SQUAD2_AGGREGATE("best_f1", "squad2_best_f1"),

    DATA("*/babilong/common_utils.py", "load_dataset", "config_name = kwargs.get(\"max_seq_lengths\", \"0k\")",
         "{% set path = 'RMT-team/babilong-1k-samples' %}{% set name = kwargs.get('max_seq_lengths', '0k') %}"),
    ROWS("*/qasper/utils.py", "process_docs_bool", "set_answer_type=\"bool\"", QASPER_ROWS("bool")),
    ROWS("*/qasper/utils.py", "process_docs_freeform", "set_answer_type=\"free form answer\"",
         QASPER_ROWS("free form answer")),
    {0},
};
