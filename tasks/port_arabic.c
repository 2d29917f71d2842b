/* port_arabic.c - built-in functions of Arabic task families. */
#include "tasks/port_table.h"

#define ARABIC_LETTERS "['\u0623', '\u0628', '\u062c', '\u062f']"
#define ARABIC_CHOICE "\u0627\u0644\u0623\u0633\u0626\u0644\u0629 \u0627\u0644\u062a\u0627\u0644\u064a\u0629 \u0647\u064a " \
    "\u0623\u0633\u0626\u0644\u0629 \u0645\u062a\u0639\u062f\u062f\u0629 \u0627\u0644\u0625\u062e\u062a\u064a\u0627\u0631\u0627\u062a " \
    "\u0645\u0639 \u0627\u0644\u062c\u0648\u0627\u0628 \u0627\u0644\u0635\u062d\u064a\u062d"
#define ARADICE_QUESTION                                                                               \
    "{% set _q = doc['question'].strip() %}"                                                           \
    "{% set question = (_q[:-1] if _q.endswith('?') or _q.endswith('؟') else _q).strip() %}"
#define ARADICE_OPTIONS                                                                                \
    "{% set _n = namespace(go=true, v=[]) %}{% for x in 'ABCDE' %}"                                    \
    "{% if x not in doc['options'] or doc['options'][x] is none %}{% set _n.go = false %}"             \
    "{% elif _n.go %}{% set _n.v = _n.v + [['أ-', 'ب-', 'ج-', 'د-', 'و-'][loop.index0] ~ ' ' ~ "       \
    "doc['options'][x]] %}{% endif %}{% endfor %}"

const struct port port_arabic[] = {
    ROWS("*/arabic_leaderboard_*avca*/utils.py", "process_docs", ".index(answer)",
     "{% set query = '\u0627\u0644\u0633\u0624\u0627\u0644: ' ~ doc['question'] ~ '\\n\u0627\u0644\u0625\u062c\u0627\u0628\u0629:' %}"
     "{% set choices = ['\u0635\u062d', '\u062e\u0637\u0623'] %}{% set gold = choices.index(doc['answer']) %}"),
    ROWS("*/arabic_leaderboard_arabic_mmlu*/utils.py", "process_docs", "zip(LETTER_INDICES_AR[:4], choices)",
     "{% set gold = (" ABC26 "|list).index(doc['answer']) %}{% set choices = " ARABIC_LETTERS " %}"
     "{% set query %}" ARABIC_CHOICE " \u062d\u0648\u0644 {{ doc['subject'].replace('_', ' ') }}. \n\n"
     "{{ doc['question'] }}\n{% for x in 'ABCD' %}{{ choices[loop.index0] }}. {{ doc[x] }}\n{% endfor %}"
     "\u0627\u0644\u0625\u062c\u0627\u0628\u0629:{% endset %}"),
    ROWS("*/arabic_leaderboard_arabic_exams*/utils.py", "process_docs", "query += \"\\n\".join(choices_formatted)",
     "{% set gold = (" ABC26 "|list).index(doc['answer']) %}{% set choices = " ARABIC_LETTERS " %}"
     "{% set query %}" ARABIC_CHOICE " \u062d\u0648\u0644 {{ doc['subject'].replace('_', ' ') }}. \n\n"
     "\u0627\u0644\u0633\u0624\u0627\u0644: {{ doc['question'] }}\n{% for x in 'ABCD' %} "
     "{{ choices[loop.index0] }}) {{ doc[x] }}\n{% if not loop.last %}\n{% endif %}{% endfor %}"
     "\n\u0627\u0644\u0625\u062c\u0627\u0628\u0629:{% endset %}"),
    ROWS("*/arabic_leaderboard_*/utils.py", "process_docs", "[\"query\", \"label\", \"__few_shots\"]",
     "{% set _n = namespace(v=[]) %}{% for k in doc if k not in ['query', 'label', '__few_shots'] %}"
     "{% set _n.v = _n.v + [doc[k]] %}{% endfor %}{% set choices = _n.v %}{% set gold = doc['label']|int %}"
     "{% set query %}" ARABIC_CHOICE "\n\n\u0627\u0644\u0633\u0624\u0627\u0644: {{ doc['query'] }}\n"
     "{% for x in choices %}{{ loop.index0 }}) {{ x }}\n{% endfor %}"
     "\u0627\u0644\u0625\u062c\u0627\u0628\u0629:{% endset %}"),
    ROWS("*/aradice/ArabicMMLU/EGY/utils.py", "process_docs", "ده سؤال [MAIN_META_DATA]. اختار الإجابة الصحيحة!",
     "{% set _subject = {'Islamic Studies': 'في الدراسات إسلامية', 'Driving Test': 'في اختبار "
     "القيادة', 'Natural Science': 'في العلوم الطبيعية', 'History': 'في مادة التاريخ', 'General "
     "Knowledge': 'في المعرفة العامة', 'Law': 'في القانون', 'Physics': 'في الفيزياء', 'Social "
     "Science': 'في العلوم الاجتماعية', 'Management': 'في الإدارة', 'Arabic Language': 'في اللغة "
     "العربية', 'Political Science': ' في العلوم السياسية', 'Philosophy': 'في الفلسفة', 'Accounting': "
     "'في المحاسبة', 'Computer Science': 'في علوم الحاسوب', 'Geography': 'في الجغرافيا', 'Math': 'في "
     "الرياضيات', 'Biology': 'في علم الأحياء', 'Economics': 'في الاقتصاد', 'Arabic Language "
     "(General)': 'في اللغة العربية (عام)', 'Arabic Language (Grammar)': 'في اللغة العربية (النحو)', "
     "'Civics': 'في التربية المدنية'} %}{% set _level = {'Primary': 'للمرحلة الابتدائية', 'Middle': "
     "'للمرحلة المتوسطة', 'High': 'للمرحلة الثانوية', 'Univ': 'للمرحلة الجامعية ', 'Prof': "
     "'للمحترفين'} %}{% set _country = {'UAE': 'في الإمارات', 'Egypt': 'في مصر', 'Lebanon': 'في "
     "لبنان', 'Jordan': 'في الأردن', 'Kuwait': 'في الكويت', 'KSA': 'في السعودية', 'Palestine': 'في "
     "فلسطين', 'Morocco': 'في المغرب'} %}"
     ARADICE_OPTIONS
     "{% set prompt = 'ده سؤال [MAIN_META_DATA]. اختار الإجابة الصحيحة!\\n\\nسؤال: "
     "[INPUT]\\n[OPTION]\\n\\nإجابة:'.replace('[MAIN_META_DATA]', _subject[doc['Subject']] ~ (' ' ~ "
     "_level[doc['Level']] if doc['Level'] else '') ~ (' ' ~ _country[doc['Country']] if "
     "doc['Country'] else '')).replace('[INPUT]', doc['context'] ~ '\\n\\n' ~ doc['question'] if "
     "doc['context'] else doc['question']).replace('[OPTION]', '\\n'.join(_n.v)) %}{% set choices = "
     "['أ', 'ب', 'ج', 'د', 'و'][:_n.v|length] %}{% set target = ['A', 'B', 'C', 'D', "
     "'E'].index(doc['Answer Key']) %}"),
    ROWS("*/aradice/ArabicMMLU/LEV/utils.py", "process_docs", "هيدا سؤال [MAIN_META_DATA]. نقي الجواب الصح!",
     "{% set _subject = {'Islamic Studies': 'عن الدراسات إسلامية', 'Driving Test': 'عن فحص السواقة', "
     "'Natural Science': 'عن العلوم الطبيعية', 'History': 'تاريخ', 'General Knowledge': 'معرفة عامة', "
     "'Law': 'عن القانون', 'Physics': 'فيزياء', 'Social Science': 'علوم اجتماعية', 'Management': 'عن "
     "الإدارة', 'Arabic Language': 'عن اللغة العربية', 'Political Science': ' عن العلوم السياسية', "
     "'Philosophy': 'فلسفة', 'Accounting': 'محاسبة', 'Computer Science': 'عن علوم الحاسوب', "
     "'Geography': 'جغرافيا', 'Math': 'رياضيات', 'Biology': 'بيولوجي', 'Economics': 'اقتصاد', 'Arabic "
     "Language (General)': 'لغة العربية (عام)', 'Arabic Language (Grammar)': 'لغة العربية (نحو)', "
     "'Civics': 'تربية مدنية'} %}{% set _level = {'Primary': 'للمرحلة الابتدائية', 'Middle': 'للمرحلة "
     "المتوسطة', 'High': 'للمرحلة الثانوية', 'Univ': 'للمرحلة الجامعية ', 'Prof': 'للمحترفين'} %}{% "
     "set _country = {'UAE': 'بالإمارات', 'Egypt': 'بمصر', 'Lebanon': 'بلبنان', 'Jordan': 'بالأردن', "
     "'Kuwait': 'بالكويت', 'KSA': 'بالسعودية', 'Palestine': 'بفلسطين', 'Morocco': 'بالمغرب'} %}"
     ARADICE_OPTIONS
     "{% set prompt = 'هيدا سؤال [MAIN_META_DATA]. نقي الجواب الصح!\\n\\nسؤال: "
     "[INPUT]\\n[OPTION]\\n\\nالجواب:'.replace('[MAIN_META_DATA]', _subject[doc['Subject']] ~ (' ' ~ "
     "_level[doc['Level']] if doc['Level'] else '') ~ (' ' ~ _country[doc['Country']] if "
     "doc['Country'] else '')).replace('[INPUT]', doc['context'] ~ '\\n\\n' ~ doc['question'] if "
     "doc['context'] else doc['question']).replace('[OPTION]', '\\n'.join(_n.v)) %}{% set choices = "
     "['أ', 'ب', 'ج', 'د', 'و'][:_n.v|length] %}{% set target = ['A', 'B', 'C', 'D', "
     "'E'].index(doc['Answer Key']) %}"),
    ROWS("*/aradice/cultural-benchmark/utils.py", "process_docs", "[doc[\"Option A\"], doc[\"Option B\"], doc[\"Option C\"]]",
     "{% set choices = [doc['Option A'], doc['Option B'], doc['Option C']] %}"),
    ROWS("*/aradice/boolq/ENG/utils.py", "process_docs", "{\"true\": \"yes\", \"false\": \"no\",",
     ARADICE_QUESTION "{% set target = {'true': 'yes', 'false': 'no', true: 'yes', false: 'no'}[doc['answer']] %}"),
    ROWS("*/aradice/boolq/*/utils.py", "process_docs", "{\"true\": \"نعم\", \"false\": \"لا\",",
     ARADICE_QUESTION "{% set target = {'true': 'نعم', 'false': 'لا', true: 'نعم', false: 'لا'}[doc['answer']] %}"),
    {0},
};
