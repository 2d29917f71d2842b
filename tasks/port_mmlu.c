/* port_mmlu.c - built-in functions of MMLU and its kin: rows of one subject, questions with lettered options. */
#include "tasks/port_table.h"

#define QUESTION_IN_CONTEXT                                                                            \
    "{% if doc['context'] == '' %}{{ doc['question'] }}{% else %}{{ doc['context'] }}\n\n"             \
    "{{ doc['question'] }}{% endif %}"
#define MMLU_PRO_CATEGORY "{% set _keep = doc['category'] == arg.replace('_', ' ') %}"
#define MMLU_PRO_TEXT                                                                                  \
    "Question:\n{{ doc['question'] }}\nOptions:\n"                                                     \
    "{% for x in doc['options'][:10 if folder == 'mmlu_pro' else 16] %}"                               \
    "{{ 'ABCDEFGHIJKLMNOP'[loop.index0] }}. {{ x.strip() }}\n{% endfor %}"                             \
    "Answer: Let's think step by step."

const struct port port_mmlu[] = {
    /* rows of one subject */
    ROWS("*/global_mmlu/default/*/utils.py", "process_*", "x[\"subject_category\"] == category",
     "{% set _keep = doc['subject_category'] == {'business': 'Business', 'humanities': 'Humanities', "
     "'medical': 'Medical', 'other': 'Other', 'stem': 'STEM', 'social_sciences': 'Social Sciences'}[arg] %}"),
    ROWS("*/global_mmlu/full/*/utils.py", "process_*", "x[\"subject\"] == subject",
     "{% set _keep = doc['subject'] == arg %}"),
    ROWS("*/include/*/utils.py", "process_*", "x[\"domain\"] == category",
     "{% set _keep = doc['domain'] == {'applied_science': 'Applied Science', "
     "'arts_humanities': 'Arts & Humanities', 'business_commerce': 'Business & Commerce', "
     "'driving_license': 'Driving License', 'general_knowledge': 'General knowledge', "
     "'health_oriented_education': 'Health oriented education', 'marine_license': 'Marine License', "
     "'medical_license': 'Medical License', 'professional_certification': 'Professional certification', "
     "'stem': 'STEM', 'social_science': 'Social Science'}[arg] %}"),
    ROWS("*/mmlu_prox/*/utils.py", "process_*", "x[\"category\"] == subject", MMLU_PRO_CATEGORY),
    ROWS("*/mmlu_pro/utils.py", "process_*", "x[\"category\"] == subject", MMLU_PRO_CATEGORY),
    ROWS("*/mmlu-pro-plus/utils.py", "process_*", "x[\"category\"] == subject", MMLU_PRO_CATEGORY),
    ROWS("*/openai-mmmlu/*/utils.py", "process_*", "for marker in (\"_test.csv\", \"_test-\")",
     "{% set _s = doc['Subject'] %}"
     "{% set _keep = (_s.partition('_test.csv' if '_test.csv' in _s else '_test-')[0] if _s is string "
     "else _s) == arg %}"),
    ROWS("*/llama3/instruct/mmlu_[a-z][a-z]/utils.py", "process_docs_*", "_chat.{subtask}\"",
     "{% set _keep = doc['subtask_name'] == folder ~ '_chat.' ~ arg %}"),
    ROWS("*/bigbench/utils.py", "filter_multiple_choice", "len(doc[\"multiple_choice_targets\"]) > 0",
     "{% set _keep = doc['multiple_choice_targets']|length > 0 %}"),
    ROWS("*/eus_exams/utils.py", "process_docs", "example[\"candidates\"] == [\"\", \"\", \"\", \"\"]",
     "{% set _keep = doc['answer'] in [0, 1, 2, 3] and doc['candidates'] != ['', '', '', ''] %}"),
    ROWS("*/crows_pairs/utils.py", "filter_*", "example[\"bias_type\"].startswith(bias_type)",
     "{% set _keep = doc['bias_type'].startswith({'race_color': 'race-color', 'socio': 'socioeconomic', "
     "'gender': 'gender', 'age': 'age', 'religion': 'religion', 'disability': 'disability', "
     "'orientation': 'sexual-orientation', 'nationality': 'nationality', "
     "'appearance': 'physical-appearance', 'autre': 'autre'}[arg]) %}"),
    VALUE("*/crows_pairs/utils.py", "doc_to_choice", "[doc[\"sent_more\"], doc[\"sent_less\"]]",
     "{% set out = [doc['sent_more'], doc['sent_less']] %}"),
    RESULTS("*/crows_pairs/utils.py", "process_results", "diff = abs(likelihood1 - likelihood2)",
     "{% set likelihood_diff = (results[0][0] - results[1][0])|abs %}"
     "{% set pct_stereotype = 1.0 if results[0][0] > results[1][0] else 0.0 %}"),

    /* questions */
    {PORT_VALUE, "*/mmlu_prox/*/utils.py", "doc_to_text", "max_opt_num = 10",
     "{{ texts[0] }}\n{{ doc['question'] }}\n{{ texts[1] }}\n{% for i in range(10) %}"
     "{% set o = doc['option_' ~ i] %}{% if o is not none %}{{ 'ABCDEFGHIJ'[i] }}. {{ o }}\n{% endif %}"
     "{% endfor %}{{ texts[2] }}",
     port_mmlu_prox},
    {PORT_VALUE, "*/mmlu_prox/*/utils.py", "fewshot_to_text", "replace(lang_dict[4], lang_dict[2])",
     "{{ texts[0] }}\n{{ doc['question'] }}\n{{ texts[1] }}\n{% for i in range(10) %}"
     "{% set o = doc['option_' ~ i] %}{% if o is not none %}{{ 'ABCDEFGHIJ'[i] }}. {{ o }}\n{% endif %}"
     "{% endfor %}{{ doc['cot_content'].replace(texts[3], texts[2]) }}\n\n",
     port_mmlu_prox},
    ROWS("*/mmlusr/*/utils.py", "process_docs", "doc[\"choice1\"] or \"\"",
     "{% set choices = [doc['choice1'] or '', doc['choice2'] or '', doc['choice3'] or '', "
     "doc['choice4'] or ''] %}{% set answer = (doc['answer'] or '').strip() %}"),
    ROWS("*/tmmluplus/default/utils.py", "process_docs", "answer_list.index(doc[\"answer\"])",
     "{% set questions = doc['question'] %}{% set choices = [doc['A'], doc['B'], doc['C'], doc['D']] %}"
     "{% set goal = ['A', 'B', 'C', 'D'].index(doc['answer']) %}"),
    ROWS("*/tmlu/default/utils.py", "process_docs", "if doc.get(\"F\", None):",
     "{% set _l = ['A', 'B', 'C', 'D'] %}{% set _c = [doc['A'], doc['B'], doc['C'], doc['D']] %}"
     "{% if doc.get('E') %}{% set _l = _l + ['E'] %}{% set _c = _c + [doc['E']] %}{% endif %}"
     "{% if doc.get('F') %}{% set _l = _l + ['F'] %}{% set _c = _c + [doc['F']] %}{% endif %}"
     "{% set questions = doc['question'] %}{% set choices = _c %}{% set goal = _l.index(doc['answer']) %}"),
    VALUE("*/darijammlu/utils.py", "doc_to_text", "subject = doc[\"subject_darija\"]",
     "\u0647\u0627\u062f\u0627 \u0633\u0624\u0627\u0644 \u0645\u062a\u0639\u062f\u062f \u0627\u0644\u062e\u064a\u0627\u0631\u0627\u062a "
     "(\u0645\u0639 \u0627\u0644\u062c\u0648\u0627\u0628 \u062f\u064a\u0627\u0644\u0648) \u0639\u0644\u0649 {{ doc['subject_darija'] }}\n\n"
     QUESTION_IN_CONTEXT "\n" LETTERED("['A.', 'B.', 'C.', 'D.', 'E.']", "doc['choices']")
     "\n\u0627\u0644\u062c\u0648\u0627\u0628:"),
    VALUE("*/egymmlu/utils.py", "doc_to_text", "subject = doc[\"egy_subject\"]",
     "\u062f\u0647 \u0633\u0624\u0627\u0644 \u0645\u062a\u0639\u062f\u062f \u0627\u0644\u0627\u062e\u062a\u064a\u0627\u0631 "
     "(\u0645\u0639 \u0625\u062c\u0627\u0628\u062a\u0647) \u0639\u0644\u0649 {{ doc['egy_subject'] }}\n\n"
     QUESTION_IN_CONTEXT "\n" LETTERED("['A.', 'B.', 'C.', 'D.', 'E.']", "doc['choices']")
     "\n \u0627\u0644\u062c\u0648\u0627\u0628:"),
    VALUE("*/darijammlu/utils.py", "doc_to_choice", "alpha[i][0] for i in range(len(doc[\"choices\"]))",
     "{% set out = 'ABCDE'[:doc['choices']|length]|list %}"),
    VALUE("*/egymmlu/utils.py", "doc_to_choice", "alpha[i][0] for i in range(len(doc[\"choices\"]))",
     "{% set out = 'ABCDE'[:doc['choices']|length]|list %}"),
    VALUE("*/arabicmmlu/utils.py", "doc_to_text", "level_en[doc[\"Level\"]]",
     "{% set _level = {'Primary': 'primary school', 'Middle': 'middle school', 'High': 'high school', "
     "'Univ': 'university', 'Prof': 'professional'} %}"
     "{% set _n = namespace(go=true, s='') %}{% for i in range(5) %}{% set o = doc['Option ' ~ (i + 1)] %}"
     "{% if not o %}{% set _n.go = false %}{% elif _n.go %}"
     "{% set _n.s = _n.s ~ ('\\n' if i else '') ~ 'ABCDE'[i] ~ '. ' ~ o %}{% endif %}{% endfor %}"
     "This is a {{ doc['Subject'] }} question{% if doc['Level'] %} for {{ _level[doc['Level']] }}{% endif %}"
     "{% if doc['Country'] %} in {{ doc['Country'] }}{% endif %}. Select the correct answer!\n\nQuestion: "
     "{% if doc['Context'] %}{{ doc['Context'] }}\n\n{% endif %}{{ doc['Question'] }}\n{{ _n.s }}\n\nAnswer:"),
    VALUE("*/arabicmmlu/utils.py", "doc_to_choice", "if doc[f\"Option {i + 1}\"]",
     "{% set _n = namespace(v=[]) %}{% for i in range(5) if doc['Option ' ~ (i + 1)] %}"
     "{% set _n.v = _n.v + ['ABCDE'[i]] %}{% endfor %}{% set out = _n.v %}"),
    VALUE("*/greekmmlu/utils.py", "doc_to_text", "subject_gr = subjects_gr.get(subject, subject)",
     "{% set _s = {'Economics': 'Οικονομικών', 'Education': 'Παιδαγωγικής', 'Medicine': 'Ιατρικής', "
     "'Electrical Engineering': 'Ηλεκτρολόγων Μηχανικών', 'Greek Mythology': 'Ελληνικής Μυθολογίας', "
     "'Computer Networks & Security': 'Δικτύων Υπολογιστών και Ασφάλειας', 'Law': 'Νομικής', "
     "'Physics': 'Φυσικής', 'Government and Politics': 'Διακυβέρνησης και Πολιτικής', 'Art': "
     "'Τέχνης', 'Greek Literature': 'Νεοελληνικής Λογοτεχνίας', 'World History': 'Παγκόσμιας "
     "Ιστορίας', 'General Knowledge': 'Γενικών Γνώσεων', 'World Religions': 'Παγκόσμιων Θρησκειών', "
     "'Mathematics': 'Μαθηματικών', 'Clinical Knowledge': 'Κλινικών Γνώσεων', 'Driving Rules': "
     "'Κανόνων Οδικής Κυκλοφορίας', 'Biology': 'Βιολογίας', 'Civil Engineering': 'Πολιτικών "
     "Μηχανικών', 'Computer Science': 'Επιστήμης Υπολογιστών', 'Geography': 'Γεωγραφίας', "
     "'Chemistry': 'Χημείας', 'Prehistory': 'Προϊστορίας', 'Agriculture': 'Γεωργίας', 'Modern Greek "
     "Language': 'Νεοελληνικής Γλώσσας', 'Accounting': 'Λογιστικής', 'Greek History': 'Ελληνικής "
     "Ιστορίας', 'Management': 'Διοίκησης Επιχειρήσεων', 'Greek Traditions': 'Ελληνικών Παραδόσεων', "
     "'Maritime Safety and Rescue Operations': 'Ναυαγοσωστικων Λειτουργιών και Ασφάλειας στη "
     "Θάλασσα'} %}Αυτό είναι μια ερώτηση {{ _s.get(doc['subject'], doc['subject']) }}. Επίλεξε τη "
     "σωστή απάντηση!\n\nΕρώτηση: {{ doc['question'] }}\n"
     LETTERED("['Α.', 'Β.', 'Γ.', 'Δ.']", "doc['choices']") "\n\n Απάντηση:"),
    VALUE("*/greekmmlu/utils.py", "doc_to_choice", "[LABELS[i][0] for i in range(num_choices)]",
     "{% set out = 'ΑΒΓΔ'[:doc['choices']|length]|list %}"),
    VALUE("*/mmlu[-_]pro*/utils.py", "doc_to_text", "prompt += f\"{choices[i]}. {opt.strip()}\\n\"",
     MMLU_PRO_TEXT),
    VALUE("*/mmlu[-_]pro*/utils.py", "fewshot_to_text",
     "fewshot_to_text = partial(format_cot_example, including_answer=False)",
     MMLU_PRO_TEXT),
    VALUE("*/mmlu[-_]pro*/utils.py", "fewshot_to_target",
     "replace(\"A: Let's think step by step. \", \"\")",
     "{{ doc['cot_content'].replace(\"A: Let's think step by step. \", '') }}"),
    VALUE("*/leaderboard/mmlu_pro/utils.py", "doc_to_text", "{string.ascii_uppercase[i]}. {doc['options'][i]}",
     "{{ doc['question'] }}\n{% for x in doc['options'] %}{{ " ABC26 "[loop.index0] }}. {{ x }}\n{% endfor %}"
     "Answer:"),
    VALUE("*/leaderboard/mmlu_pro/utils.py", "doc_to_choice", "string.ascii_uppercase[i] for i in range",
     "{% set out = " ABC26 "[:doc['options']|length]|list %}"),
    VALUE("*/llama3/instruct/mmlu_pro/utils.py", "fewshot_to_text", "removeprefix(\"A: Let's think step by step.\").strip()",
     "{{ doc['cot_content'].removeprefix(\"A: Let's think step by step.\").strip()"
     "|regex_replace('The answer is \\\\(([A-Z])\\\\)\\\\.', 'The best answer is \\\\1.') }}"),
    ROWS("*/csatqa/utils.py", "process_docs", "int(doc[\"gold\"]) - 1",
     "{% set question %}다음을 읽고 정답으로 알맞은 것을 고르시요.\n### Context: {{ doc['context'] }}\n"
     "### Question: {{ doc['question'] }}\n### Options:\n{% for i in range(1, 6) %}({{ i }}) {{ doc['option#' ~ i] }}\n"
     "{% endfor %}### Answer: 주어진 문제의 정답은{% endset %}"
     "{% set choices = ['(1)', '(2)', '(3)', '(4)', '(5)'] %}{% set gold = doc['gold']|int - 1 %}"),
    ROWS("*/noreval/noropenbookqa/utils.py", "filter_dataset", "len(example[\"fact\"]) > 0",
     "{% set _keep = doc['fact']|length > 0 %}"),
    {0},
};
