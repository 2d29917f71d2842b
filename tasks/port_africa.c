/* port_africa.c - built-in functions of task families of African languages. */
#include "tasks/port_table.h"

#define AFRIMMLU_CHOICES "{% set _c = doc['choices']|literal %}"
#define AFRIMMLU_REST                                                                                  \
    "\n\nQuestion: {{ doc['question'] }}\nChoices:\n        A: {{ _c[0] }}\n        B: {{ _c[1] }}\n"  \
    "        C: {{ _c[2] }}\n        D: {{ _c[3] }}\nAnswer: "
#define AFRIXNLI_REST                                                                                  \
    "Please identify whether the premise entails or contradicts the hypothesis in the following "      \
    "premise\n    and hypothesis. The answer should be exact entailment, contradiction, or neutral.\n" \
    "\n    Premise: {{ doc['premise'] }}\n    Hypothesis: {{ doc['hypothesis'] }}\n\n"                 \
    "    Is it entailment, contradiction, or neutral?"
#define MAFAND_NAMES                                                                                   \
    "{% set _names = {'amh': 'Amharic', 'bam': 'Bambara', 'bbj': 'Gbomala', 'ewe': 'Ewe', "            \
    "'fon': 'Fon', 'hau': 'Hausa', 'ibo': 'Igbo', 'kin': 'Kinyarwanda', 'lug': 'Luganda', "            \
    "'luo': 'Luo', 'mos': 'Mossi', 'nya': 'Chichewa', 'pcm': 'Nigerian Pidgin', 'sna': 'Shona', "      \
    "'swa': 'Swahili', 'tsn': 'Setswana', 'twi': 'Twi', 'wol': 'Wolof', 'xho': 'Xhosa', "              \
    "'yor': 'Yoruba', 'zul': 'Zulu'} %}"                                                               \
    "{% set _tr = doc['translation'] %}"                                                               \
    "{% set _key = (_tr|list|reject('in', ['en', 'fr'])|list)[0] %}{% set _from = _names[_key] %}"     \
    "{% set _world = 'English' if 'en' in _tr else 'French' %}"                                        \
    "{% set _text = _tr['en'] if 'en' in _tr else _tr['fr'] %}"

const struct port port_africa[] = {
    VALUE("*/afrixnli/*/utils.py", "doc_to_target", "0: \"entailment\", 1: \"neutral\", 2: \"contradiction\"",
     "{{ {0: 'entailment', 1: 'neutral', 2: 'contradiction'}[doc['label']] }}"),
    VALUE("*/afrixnli/*/utils.py", "doc_to_target", "0: \"true\", 1: \"false\", 2: \"inconclusive\"",
     "{{ {0: 'true', 1: 'false', 2: 'inconclusive'}[doc['label']] }}"),
    VALUE("*/afrixnli/*/utils.py", "doc_to_target", "0: \"True\", 1: \"Neither\", 2: \"False\"",
     "{{ {0: 'True', 1: 'Neither', 2: 'False'}[doc['label']] }}"),
    VALUE("*/afrixnli/*/utils.py", "doc_to_text", "output = \"\"\"Please identify whether",
     AFRIXNLI_REST),
    VALUE("*/afrixnli/*/utils.py", "doc_to_text", "output = \"\"\"You are an NLP assistant",
     "You are an NLP assistant whose purpose is to solve Natural Language Inference (NLI) problems\n\n    "
     AFRIXNLI_REST),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_choice", "choices = ast.literal_eval(doc[\"choices\"])\n    return choices",
     "{% set out = doc['choices']|literal %}"),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "You are a highly knowledgeable and intelligent artificial",
     AFRIMMLU_CHOICES
     "You are a highly knowledgeable and intelligent artificial intelligence\n                model answers "
     "multiple-choice questions about {{ doc['subject'] }}\n\n                Question: {{ doc['question'] }}"
     "\n\n                Choices:\n                        A: {{ _c[0] }}\n                        B: "
     "{{ _c[1] }}\n                        C: {{ _c[2] }}\n                        D: {{ _c[3] }}\n\n"
     "                Answer:  "),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "As an expert in {subject}, choose the most accurate",
     AFRIMMLU_CHOICES
     "As an expert in {{ doc['subject'] }}, choose the most accurate answer to the question below.\nYour goal "
     "is to select the correct option 'A', 'B', 'C', or 'D' by understanding the nuances of the topic."
     AFRIMMLU_REST),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "  by picking 'A', 'B', 'C', or 'D'.",
     AFRIMMLU_CHOICES
     "You are a subject matter expert in {{ doc['subject'] }}.\n\n  Utilizing your expertise in "
     "{{ doc['subject'] }}, answer the following multiple-choice question\n  by picking 'A', 'B', 'C', or 'D'."
     AFRIMMLU_REST),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "  by picking ''A'', ''B'', ''C'', or ''D''.",
     AFRIMMLU_CHOICES
     "You are a subject matter expert in {{ doc['subject'] }}.\n\n  Utilizing your expertise in "
     "{{ doc['subject'] }}, answer the following multiple-choice question\n  by picking ''A'', ''B'', ''C'', "
     "or ''D''." AFRIMMLU_REST),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "Analyze each question critically and determine",
     AFRIMMLU_CHOICES
     "Analyze each question critically and determine the most correct option based on your understanding of "
     "the subject matter" AFRIMMLU_REST),
    VALUE("*/afrimmlu/*/utils.py", "doc_to_text", "Given your proficiency in {subject}, please answer",
     AFRIMMLU_CHOICES
     "Given your proficiency in {{ doc['subject'] }}, please answer the subsequent multiple-choice question "
     "with 'A', 'B', 'C', or 'D'." AFRIMMLU_REST),
    VALUE("*/afrobench/mafand/*/utils.py", "get_target", "else doc[\"translation\"][\"fr\"]",
     "{{ doc['translation']['en'] if 'en' in doc['translation'] else doc['translation']['fr'] }}"),
    VALUE("*/afrobench/mafand/*/utils.py", "get_target_reverse", "if key not in [\"en\", \"fr\"]",
     MAFAND_NAMES "{{ _tr[_key] }}"),
    VALUE("*/afrobench/mafand/*/utils.py", "create_text_prompt_1", "You are an advanced Translator",
     MAFAND_NAMES
     "You are an advanced Translator, a specialized assistant designed to translate documents from {{ _from }} "
     "into {{ _world }}. \nYour main goal is to ensure translations are grammatically correct and "
     "human-oriented. \n{{ _from }}: {{ _tr[_key] }} \n{{ _world }}: "),
    VALUE("*/afrobench/mafand/*/utils.py", "create_reverse_prompt_1", "You are an advanced Translator",
     MAFAND_NAMES
     "You are an advanced Translator, a specialized assistant designed to translate documents from {{ _world }} "
     "into {{ _from }}. \nYour main goal is to ensure translations are grammatically correct and "
     "human-oriented. \n{{ _world }}: {{ _text }} \n{{ _from }}: "),
    VALUE("*/afrobench/mafand/*/utils.py", "create_text_prompt_3", "You are a translation expert.",
     MAFAND_NAMES
     "You are a translation expert. Translate the following {{ _from }} sentences to {{ _world }}. \n"
     "{{ _from }} sentence: {{ _tr[_key] }}\n{{ _world }} sentence: "),
    VALUE("*/afrobench/mafand/*/utils.py", "create_reverse_prompt_3", "You are a translation expert.",
     MAFAND_NAMES
     "You are a translation expert. Translate the following {{ _world }} sentence into {{ _from }}\n"
     "{{ _world }} sentence: {{ _text }}\n{{ _from }} sentence: "),
    AGGREGATE("*/afrobench/afriqa/*/utils.py", "f1", "num_same = sum(common.values())", "squad_f1"),
    AGGREGATE("*/afrobench/masakhaner/*/utils.py", "span_f1_agg", "def tags_to_spans(tag_sequence", "span_f1"),
    VALUE("*/afrobench/masakhapos/*/utils.py", "doc_to_target", "[pos_tag_map[tag] for tag in doc[\"upos\"]]",
     "{% set _tags = ['NOUN', 'PUNCT', 'ADP', 'NUM', 'SYM', 'SCONJ', 'ADJ', 'PART', 'DET', 'CCONJ', 'PROPN', "
     "'PRON', 'X', '_', 'ADV', 'INTJ', 'VERB', 'AUX'] %}" EACH("doc['upos']", "_tags[x]") "{% set out = _n.v %}"),
    AGGREGATE("*/afrobench/masakhapos/*/utils.py", "acc_score", "flattened_preds = [list(chain.from_iterable(p))",
     "tag_accuracy"),
    {0},
};
