#!/usr/bin/env python3
"""Prints tests/tasks/ports.jsonl: what upstream's own functions give for made-up rows.

    LM_EVAL_DIR=.../lm_eval/tasks python3 port_goldens.py > tests/tasks/ports.jsonl

Needs: datasets, numpy, scikit-learn, scipy, rouge_score, sacrebleu, transformers before 5 (its squad_metrics),
and lm_eval's folder on disk (pip download lm_eval; unzip)."""
import os

import port_golden_classes
import port_golden_scores
from port_golden_case import ROOT, TEXTS, case, load, rows, value


def subjects():
    cats = ["Business", "Humanities", "Social Sciences", "STEM", "social sciences"]
    docs = [{"subject_category": c, "subject": c.lower(), "i": i} for i, c in enumerate(cats)]
    for name in ("process_business", "process_social_sciences", "process_stem"):
        rows("global_mmlu/default/en/utils.py", 'x["subject_category"] == category', name, docs)
    docs = [{"subject": s, "i": i} for i, s in enumerate(["anatomy", "virology", "Anatomy", "anatomy"])]
    rows("global_mmlu/full/am/utils.py", 'x["subject"] == subject', "process_anatomy", docs)
    cats = ["Applied Science", "Arts & Humanities", "Business & Commerce", "Driving License", "General knowledge",
            "Health oriented education", "Marine License", "Medical License", "Professional certification", "STEM",
            "Social Science", "stem"]
    docs = [{"domain": c, "i": i} for i, c in enumerate(cats)]
    for c in cats[:-1]:
        rows("include/default/Albanian/utils.py", 'x["domain"] == category',
             "process_" + c.lower().replace(" & ", "_").replace(" ", "_"), docs)
    names = ["anatomy", "anatomy_test.csv_sw-KE.csv", "anatomy_test-x", "virology_test.csv", "anatomy_test-_test.csv",
             None]
    rows("openai-mmmlu/default/utils.py", 'for marker in ("_test.csv", "_test-")', "process_anatomy",
         [{"Subject": s, "i": i} for i, s in enumerate(names)])
    for lang in ("pt", "de"):
        rows(f"llama3/instruct/mmlu_{lang}/utils.py", '_chat.{subtask}"', "process_docs_formal_logic",
             [{"subtask_name": f"mmlu_{x}", "i": i} for i, x in
              enumerate(["pt_chat.formal_logic", "de_chat.formal_logic", "pt_chat.anatomy"])])
    for folder in ("mmlu_pro", "mmlu-pro-plus", "mmlu_prox/en"):
        rows(folder + "/utils.py", 'x["category"] == subject', "process_computer_science",
             [{"category": c, "i": i} for i, c in enumerate(["computer science", "law", "computer_science"])])
    rows("bigbench/utils.py", 'len(doc["multiple_choice_targets"]) > 0', "filter_multiple_choice",
         [{"multiple_choice_targets": ["a", "b"]}, {"multiple_choice_targets": []}])
    rows("eus_exams/utils.py", 'example["candidates"] == ["", "", "", ""]', "process_docs",
         [{"answer": a, "candidates": c} for a, c in
          [(0, ["a", "b", "", ""]), (4, ["a"]), (3, ["", "", "", ""]), (None, ["x"]), (2, ["", "", "", "d"])]])
    for name in ("filter_race_color", "filter_socio", "filter_autre"):
        rows("crows_pairs/utils.py", 'example["bias_type"].startswith(bias_type)', name,
             [{"bias_type": b} for b in ["race-color", "socioeconomic", "race-color; age", "autre"]])


def mmlu_kin():
    docs = [{"question": q, "cot_content": "A: Let's think step by step. " + q,
             **{f"option_{i}": (None if i > 7 or i == k else f"o{i} {q}") for i in range(10)}}
            for k, q in enumerate(TEXTS)]
    for lang in sorted(os.listdir(os.path.join(ROOT, "mmlu_prox"))):
        if not os.path.isdir(os.path.join(ROOT, "mmlu_prox", lang)) or lang in ("template", "__pycache__"):
            continue
        path = f"mmlu_prox/{lang}/utils.py"
        lead = load(os.path.join(ROOT, path)).lang_dict[4]
        some = [dict(docs[0]), dict(docs[1], cot_content="x " + lead + " y")]
        value(path, "max_opt_num = 10", "doc_to_text", some[:1])
        value(path, "replace(lang_dict[4], lang_dict[2])", "fewshot_to_text", some)
    letters = [{"question": q, "A": "a" + q, "B": "b", "C": "c", "D": "d" + q, "answer": "ABCD"[i % 4],
                "subject": "college_math_x"} for i, q in enumerate(TEXTS)]
    rows("mmlusr/question_only/utils.py", 'doc["choice1"] or ""', "process_docs",
         [{"choice1": "a", "choice2": None, "choice3": "", "choice4": "d", "answer": " B "},
          {"choice1": "a", "choice2": "b", "choice3": "c", "choice4": "d", "answer": None}])
    rows("tmmluplus/default/utils.py", 'answer_list.index(doc["answer"])', "process_docs", letters)
    rows("tmlu/default/utils.py", 'if doc.get("F", None):', "process_docs",
         [dict(letters[0], E=e, F=f, answer=a) for e, f, a in [("e", None, "E"), (None, None, "A"), ("e", "f", "F")]])
    for path, has, col in (("darijammlu", 'subject = doc["subject_darija"]', "subject_darija"),
                           ("egymmlu", 'subject = doc["egy_subject"]', "egy_subject")):
        some = [{col: "S" + q, "question": q, "context": c, "choices": ["x", q, "z", "", "v"][:3 + i % 3]}
                for i, (q, c) in enumerate(zip(TEXTS, ["", "ctx", "", "c2", "", "", "e"]))]
        value(path + "/utils.py", has, "doc_to_text", some)
        value(path + "/utils.py", 'alpha[i][0] for i in range(len(doc["choices"]))', "doc_to_choice", some)
    some = [{"Level": lv, "Country": c, "Subject": "Law", "Context": x, "Question": q,
             **{f"Option {i + 1}": o for i, o in enumerate(opts)}}
            for lv, c, x, q, opts in [("Primary", "Egypt", "ctx", "q?", ["a", "b", "c", "d", "e"]),
                                      ("", None, "", "q", ["a", "b", None, None, None]),
                                      (None, "UAE", None, "q", ["a", "", "c", None, None]),
                                      ("Prof", "", "", "q", ["", "b", None, None, None])]]
    value("arabicmmlu/utils.py", 'level_en[doc["Level"]]', "doc_to_text", some)
    value("arabicmmlu/utils.py", 'if doc[f"Option {i + 1}"]', "doc_to_choice", some)
    arabic = "arabic_leaderboard_complete/arabic_leaderboard_"
    rows(arabic + "avca/utils.py", ".index(answer)", "process_docs",
         [{"question": q, "answer": a} for q, a in zip(TEXTS, ["صح", "خطأ", "صح"])])
    rows(arabic + "arabic_mmlu/utils.py", "zip(LETTER_INDICES_AR[:4], choices)", "process_docs", letters)
    rows(arabic + "arabic_exams/utils.py", 'query += "\\n".join(choices_formatted)', "process_docs", letters)
    rows(arabic + "alghafa/utils.py", '["query", "label", "__few_shots"]', "process_docs",
         [{"query": q, "sol1": "a", "sol2": q, "sol3": "c", "label": str(i % 3)} for i, q in enumerate(TEXTS)])


def african():
    for path in ("direct/prompt_1", "direct/prompt_2", "direct/prompt_5", "lai prompt/translate"):
        text = open(os.path.join(ROOT, f"afrixnli/{path}/utils.py"), encoding="utf-8").read()
        has = next(x for x in ('0: "entailment", 1: "neutral", 2: "contradiction"', '0: "True", 1: "Neither", 2: "False"',
                               '0: "true", 1: "false", 2: "inconclusive"') if x in text)
        value(f"afrixnli/{path}/utils.py", has, "doc_to_target", [{"label": i} for i in range(3)])
    docs = [{"premise": t, "hypothesis": t[::-1]} for t in TEXTS]
    value("afrixnli/lai prompt/direct/utils.py", 'output = """Please identify whether', "doc_to_text", docs)
    value("afrixnli/translate/prompt_3/utils.py", 'output = """You are an NLP assistant', "doc_to_text", docs)
    docs = [{"subject": "law", "question": t, "choices": repr([t, "b'x", "c", "d"])} for t in TEXTS]
    for path, has in (("direct/prompt_1", "You are a highly knowledgeable and intelligent artificial"),
                      ("direct/prompt_2", "As an expert in {subject}, choose the most accurate"),
                      ("direct/prompt_3", "  by picking 'A', 'B', 'C', or 'D'."),
                      ("translate/prompt_3", "  by picking ''A'', ''B'', ''C'', or ''D''."),
                      ("direct/prompt_4", "Analyze each question critically and determine"),
                      ("direct/prompt_5", "Given your proficiency in {subject}, please answer")):
        value(f"afrimmlu/{path}/utils.py", has, "doc_to_text", docs)
    value("afrimmlu/direct/prompt_1/utils.py", 'choices = ast.literal_eval(doc["choices"])\n    return choices',
          "doc_to_choice", docs)
    docs = [{"translation": x} for x in ({"en": "Hello ", "yor": "Bawo"}, {"fr": "Bonjour", "wol": "Na nga def"},
                                         {"zul": "Sawubona", "en": "Hi"})]
    for name, has in (("get_target", 'else doc["translation"]["fr"]'),
                      ("get_target_reverse", 'if key not in ["en", "fr"]'),
                      ("create_text_prompt_1", "You are an advanced Translator"),
                      ("create_reverse_prompt_1", "You are an advanced Translator"),
                      ("create_text_prompt_3", "You are a translation expert."),
                      ("create_reverse_prompt_3", "You are a translation expert.")):
        value("afrobench/mafand/prompt_1/african-english/utils.py", has, name, docs)
    import random
    rng = random.Random(3)
    for labels in ([0, 1, 2], ["a", "ß", "Z", "b c"], list(range(20)), [1, -100, 0]):
        items = [[rng.choice(labels), rng.choice(labels)] for _ in range(57)]
        case("aggregate", "afrobench/sib/prompt_1/utils.py", "from lm_eval.utils import weighted_f1_score",
             "weighted_f1_score", items)
        for name, has in (("micro_f1_score", 'average="micro"'), ("macro_f1_score", 'average="macro"'),
                          ("weighted_f1_score", 'average="weighted"')):
            case("aggregate", "aradice/winogrande/metrics.py", has, name, items)


def quoted():
    docs = [{"activity_label": "Roof [title]", "ctx_a": t, "ctx_b": "ÉTÉ [x] " + t, "label": str(i % 2),
             "endings": [t, "b [title] c  d", "[step] e"]} for i, t in enumerate(TEXTS)]
    for path in ("hellaswag", "okapi/hellaswag_multilingual"):
        rows(path + "/utils.py", '[preprocess(ending) for ending in doc["endings"]]', "process_docs", docs)
    rows("okapi/arc_multilingual/utils.py", '"Question: " + preprocess(doc["instruction"])', "process_docs",
         [{"id": "1", "instruction": t, "option_a": "a [x]", "option_b": t or "b", "option_c": "c", "option_d": e and "d",
           "option_e": e, "answer": "ABC"[i % 3]} for i, (t, e) in enumerate(zip(TEXTS, ["e", None, "", "e", None, "", "e"]))])
    docs = [{"sentence": "The cat_ sat on _ mat. ", "option1": "x", "option2": "Yé", "answer": str(k)} for k in (1, 2)]
    for path in ("winogrande/preprocess_winogrande.py", "aradice/winogrande/utils.py"):
        value(path, '{"1": 0, "2": 1}', "doc_to_text", docs)
        value(path, "[idx:].strip()", "doc_to_target", docs)
        value(path, "[:idx] + opt for opt in options", "doc_to_choice", docs)
    docs = [{"question": t, "options": [t, " b ", "c"] + ["x"] * k, "cot_content": "A: Let's think step by step. Q"}
            for t, k in zip(TEXTS, (0, 1, 7, 9, 2, 3, 4))]
    for path in ("mmlu_pro", "mmlu-pro-plus"):
        for name, has in (("doc_to_text", 'prompt += f"{choices[i]}. {opt.strip()}\\n"'),
                          ("fewshot_to_text", "fewshot_to_text = partial(format_cot_example, including_answer=False)"),
                          ("fewshot_to_target", 'replace("A: Let\'s think step by step. ", "")')):
            if has in open(os.path.join(ROOT, path, "utils.py"), encoding="utf-8").read():
                value(path + "/utils.py", has, name, docs)
    value("leaderboard/mmlu_pro/utils.py", "{string.ascii_uppercase[i]}. {doc['options'][i]}", "doc_to_text", docs)
    value("leaderboard/mmlu_pro/utils.py", "string.ascii_uppercase[i] for i in range", "doc_to_choice", docs)
    docs = [{"narrative": "N " + t, "question": t, "choices": repr([t, "b", 3])} for t in TEXTS]
    value("leaderboard/musr/utils.py", 'return ast.literal_eval(doc["choices"])', "doc_to_choice",
          [{"choices": "['a', \"b's\"]"}])
    value("leaderboard/musr/utils.py", "{narrative}\\n\\n{question}\\n\\n{choices}\\nAnswer:", "doc_to_text", docs)
    docs = [{"premise": " It rained. ", "question": q, "choice1": "The ground got wet.", "choice2": "ÀB", "label": i}
            for i, q in enumerate(("cause", "effect"))]
    value("super_glue/copa/utils.py", '"cause": "because"', "doc_to_text", docs)
    value("super_glue/copa/utils.py", "choice[0].lower() + choice[1:]", "doc_to_target", docs)
    value("super_glue/copa/utils.py", "choice[0].lower() + choice[1:]", "doc_to_choice", docs)
    problems = [{"question": q, "answer": a, "options": ["o1", "o'2", "o3", "o4"]}
                for q, a in (("What is  _  .", "A"), ("Why?", "D"), ("Last  _  .", "B"))]
    docs = [{"article": t, "problems": repr(problems[k:])} for k, t in enumerate(TEXTS[:3])]
    value("race/preprocess_race.py", 'problem["question"][-6:] == "  _  ."', "doc_to_text", docs)
    value("race/preprocess_race.py", 'problem["options"][i] for i in range(4)', "doc_to_choice", docs)
    value("race/preprocess_race.py", 'last_problem(doc)["answer"]', "doc_to_target", docs)
    docs = [{"sent1": t, "label": i, "question": t, "context": "c " + t, "text": "x " + t, "options": [t, "b", "c", "d", "e"],
             "CONTEXTS": [t, "two"], "QUESTION": t, **{f"ending{k}": f"{k}{t}" for k in range(4)},
             **{f"op{k}": k + t for k in "abcd"}} for i, t in enumerate(TEXTS)]
    value("medqa/preprocess_medqa.py", 'doc["ending0"]', "doc_to_text", docs)
    value("medqa/preprocess_medqa.py", 'return doc["label"]', "doc_to_target", docs[:2])
    value("medmcqa/utils_medmcqa.py", 'doc["opa"], doc["opb"]', "doc_to_text", docs)
    value("pubmedqa/preprocess_pubmedqa.py", '"Abstract: {}\\nQuestion: {}\\nAnswer:"', "doc_to_text", docs)
    value("logiqa/utils_logiqa.py", 'doc["question"] + "\\nChoices:\\n"', "doc_to_text", docs)
    value("logiqa/utils_logiqa.py", 'choices.index(doc["label"].strip())', "doc_to_target", [{"label": " c\n"}])
    value("logiqa2/utils_logiqa2.py", '"Passage: " + doc["text"]', "doc_to_text", docs)
    value("mathqa/utils.py", 'r"[abcd] \\) .*?, |e \\) .*?$"', "doc_to_choice",
          [{"options": "a ) 38 , b ) 27.675 , c ) 30 , d ) data inadequate , e ) none of these"},
           {"options": "a ) rs . 400 , b ) rs . 300 , c ) rs . 500 , d ) rs . 350 , e ) none"}])
    rows("arithmetic/utils.py", '.replace("\\n\\n", "\\n")', "process_docs",
         [{"context": " Q: What is 1 plus 2?\n\nA: ", "completion": " 3"}])
    case("results", "truthfulqa/utils.py", "probs_norm[labels == 1]", "process_results_mc2",
         [({"mc2_targets": {"labels": [1, 0, 1, 0]}}, [[-1.5, False], [-2.25, True], [-30.0, False], [-0.125, True]])])
    for gold in ([1], [0, 2]):
        case("results", "agieval/utils.py", "int(np.argmax(results / completion_len)) in gold", "process_results_mcqa",
             [({"gold": gold, "choices": ["é", "bbbb", "cc"]}, [[-1.0, False], [-1.5, True], [-3.0, False]])])
    case("results", "crows_pairs/utils.py", "diff = abs(likelihood1 - likelihood2)", "process_results",
         [({}, [[-1.0, False], [-1.5, True]]), ({}, [[-2.7, False], [-1.3, True]])])
    value("crows_pairs/utils.py", '[doc["sent_more"], doc["sent_less"]]', "doc_to_choice",
          [{"sent_more": "a", "sent_less": "b"}])


def later():
    docs = [{"question": t, "choices": [t, "β", "γ"][:2 + i % 2], "subject": s} for i, (t, s) in
            enumerate(zip(TEXTS, ["Law", "Art", "Unknown", "Greek History", "Law", "x", "Physics"]))]
    value("greekmmlu/utils.py", "subject_gr = subjects_gr.get(subject, subject)", "doc_to_text", docs)
    value("greekmmlu/utils.py", "[LABELS[i][0] for i in range(num_choices)]", "doc_to_choice", docs)
    for folder, has in (("EGY", "ده سؤال [MAIN_META_DATA]. اختار الإجابة الصحيحة!"),
                        ("LEV", "هيدا سؤال [MAIN_META_DATA]. نقي الجواب الصح!")):
        rows(f"aradice/ArabicMMLU/{folder}/utils.py", has, "process_docs",
             [{"Subject": s, "Level": lv, "Country": c, "context": x, "question": q, "Answer Key": k,
               "options": {"A": "a", "B": "b [OPTION]", "C": o, "D": None, "E": None}}
              for s, lv, c, x, q, k, o in [("Law", "High", "Egypt", None, "q [OPTION]", "A", "c"),
                                           ("Civics", None, None, "ctx", "q?", "B", None),
                                           ("Political Science", "Prof", "KSA", "", "q", "C", "c")]])
    rows("aradice/cultural-benchmark/utils.py", '[doc["Option A"], doc["Option B"], doc["Option C"]]', "process_docs",
         [{"Option A": "a", "Option B": "b", "Option C": "c"}])
    for folder, has in (("ENG", '{"true": "yes", "false": "no",'), ("EGY", '{"true": "نعم", "false": "لا",'),
                        ("MSA", '{"true": "نعم", "false": "لا",')):
        for answers in (("true", "false"), (True, False)):
            rows(f"aradice/boolq/{folder}/utils.py", has, "process_docs",
                 [{"question": q, "answer": a} for q, a in zip((" is it ? ", "x؟"), answers)])
    rows("okapi/truthfulqa_multilingual/utils.py", '"mc1_choices": doc["mc1_targets_choices"]', "process_docs",
         [{"question": t, "mc1_targets_choices": ["a", t], "mc2_targets_choices": ["b"], "mc2_targets_labels": [1, 0]}
          for t in ("A [x] b  c", "q")])
    rows("mlqa/utils.py", '"answers": doc["answers"]["text"]', "process_docs",
         [{"context": "c", "question": "q", "answers": {"text": ["x", "y"], "answer_start": [1, 2]}}])
    texts = [("The  cat, a dog!", ["cat dog", "a bird"]), ("北京 是首都。", ["北京", "首都 x"]), ("der Hund «und» das", ["Hund"]),
             ("el perro de las $5", ["perro"]), ("những của con mèo", ["con mèo là"]), ("البيت الكبير", ["البيت"]),
             ("", ["x"]), ("An apple", ["apple", "An apple!"]), ("x x y", ["x y y x x", "z"]), ("का घर", ["घर"])]
    for lang in ("en", "es", "hi", "vi", "de", "ar", "zh"):
        case("results", "mlqa/utils.py", "elif lang in MIXED_SEGMENTATION_LANGS:", "process_results_" + lang,
             [({"answers": a}, [t]) for t, a in texts])
    case("results", "truthfulqa-multi/utils.py", "p_true = p_true / (sum(p_true) + sum(p_false))", "process_results_mc2",
         [({"mc2_targets": {"labels": [1, 1, 0]}}, [[-1.5, False], [-2.25, True], [-0.5, False]])])
    case("aggregate", "afrobench/afriqa/prompt_1/utils.py", "num_same = sum(common.values())", "f1",
         [[a[0], t] for t, a in texts] + [[t, t] for t in TEXTS])


subjects()
mmlu_kin()
later()
african()
quoted()
port_golden_scores.everything()
port_golden_classes.everything()
