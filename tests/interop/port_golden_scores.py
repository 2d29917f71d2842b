"""Made-up rows and responses for functions that score, and for what widely quoted tasks do to rows."""
import random

from port_golden_case import TEXTS, case, rows, value

RNG = random.Random(11)
ANSWERS = ["The  cat, a dog!", "cat dog", "", "a the an", "Ünïcode «quotes»", "3.50", "3.5 meters", "x-y z", "nan",
           "1,000 men", "A\tb\nc", "twenty-one", "１２ tigers", "the Eiffel Tower", "eiffel tower in Paris", "ﬁne İ ſ"]


def some(items, most, least=0):
    return [RNG.choice(items) for _ in range(RNG.randint(least, most))]


def texts(n, most=8, words=("the", "a", "cat", "sat", "on", "3", "3.0", "dog,", "Dog", "don't", "x-y", "ß", ".", "1e3")):
    return [" ".join(some(words, most)) for _ in range(n)]


MATH = ["\\frac12", "\\frac{1}{2}", "1/2", "-1/2", "01/2", "+1/2", "1/-3", "a/b", "0.5", ".5", " .5", "{.5}", "\\sqrt3", "\\sqrt{3}",
        "\\sqrt", "\\frac", "\\frac1", "\\frac1{72}", "\\frac{a}2", "x = 5", "k=3", "yy=4", "yyy=4", "a=b=c", "\\text{ cm}", "5\\text{ cm}",
        "5\\text{ a}\\text{ b}", "50\\%", "\\$5", "90^\\circ", "90^{\\circ}", "\\left(1\\right)", "\\dfrac{1}{2}", "\\tfrac34", "\\\\", "a\nb",
        "\\!7", "1 2", "", "é/2", "１/２", "1_0/2", "1__0/2", "123456789012345678901234567890/7", "-0/5", "\\boxed{7}", "\\boxed 7", "$7$",
        "\\fbox{3}", "\\boxed{\\frac{1}{2}}", "so \\boxed{x=3}.", "ans = 7.", "ans = 7\\nmore", "no 12 or 13.5", "it is $a$ or $b = 2$", "$ $", "\\boxed{1", "\\boxed{1}}", "12a", "5/ 6", "5/6/7"]


def math():
    golds = ["\\boxed{%s}" % g for g in MATH if g.count("{") == g.count("}") and "boxed" not in g] + ["we get \\boxed 7$ ok", "\\boxed 1/2", "\\boxed{1}{2}"]
    pairs = [(a, RNG.choice(MATH)) for a in MATH] + [(a, a) for a in MATH] + [(RNG.choice(MATH) + RNG.choice(MATH), RNG.choice(MATH) + RNG.choice(MATH)) for _ in range(150)]
    pairs += [("\\boxed{" + a + "}", a) for a in MATH]
    case("results", "agieval/utils.py", "str1, str2 = parse_math_answer(str1), parse_math_answer(str2)", "process_results",
         [({"answer": g}, [r]) for r, g in pairs])
    has = 'remove_boxed(last_boxed_only_string(doc["solution"]))'
    rows("hendrycks_math/utils.py", has, "process_docs", [{"problem": "p", "solution": s, "level": "1"} for s in golds])
    case("results", "hendrycks_math/utils.py", "is_equiv(answer, remove_boxed(", "process_results",
         [({"solution": RNG.choice(golds)}, [r]) for r in MATH for _ in range(2)] +
         [({"solution": "\\boxed{%s}" % g}, [r]) for r, g in pairs if g.count("{") == g.count("}") and "boxed" not in g] +
         [({"solution": g}, ["so $" + g.replace("\\boxed{", "").rstrip("}") + "$ it $is$"]) for g in golds])


def words():
    def answer():
        number = RNG.choice(["", "", "3", "1,000"])
        spans = RNG.choice([[], ["x"], some(ANSWERS, 3, 1)])
        day = RNG.choice(["", "4"])
        return {"number": number, "spans": spans, "date": {"day": day, "month": RNG.choice(["May", ""]), "year": "1999" if day else ""}}

    docs = []
    for i in range(25):
        more = [answer() for _ in range(RNG.randint(0, 3))]
        docs.append({"query_id": f"q{i}", "passage": "p", "question": "q", "answer": answer(),
                     "validated_answers": {k: [m[k] for m in more] for k in ("number", "date", "spans")}})
    rows("drop/utils.py", '"answers": get_answers(doc),', "process_docs", docs)
    case("results", "drop/utils.py", "_match_numbers_if_present(gold_item, pred_item)", "process_results",
         [({"answers": [[RNG.choice(ANSWERS + texts(3)) for _ in range(RNG.randint(1, 4))] for _ in range(RNG.randint(1, 3))]},
           [RNG.choice(ANSWERS + texts(3))]) for _ in range(150)] +
         [({"answers": [[a, b]]}, [a]) for a in ANSWERS for b in ("3", "dog cat")])
    docs = []
    for i in range(30):
        n = RNG.randint(1, 4)
        a = {"input_text": some(ANSWERS, n, n)}
        more = {str(k): {"input_text": some(ANSWERS, n, n)} for k in range(RNG.randint(0, 3))}
        docs.append({"story": "S " + TEXTS[i % 7], "questions": {"input_text": some(TEXTS, n, n)}, "answers": a,
                     **({"additional_answers": more} if i % 5 else {})})
    path = "coqa/utils.py"
    value(path, 'doc["questions"]["input_text"], doc["answers"]["input_text"][:-1]', "doc_to_text", docs)
    value(path, "additional_answer_for_turn.lower() not in", "doc_to_target", docs)
    case("results", path, "gold_answers = gold_list[0:i] + gold_list[i + 1 :]", "process_results",
         [(d, [RNG.choice(ANSWERS) + RNG.choice(["", "\nmore", " cat"])]) for d in docs for _ in range(3)])
    path = "super_glue/record/util.py"
    docs = [{"passage": " P one\n@highlight\nhi " + t + "\n@highlight\nlo", "query": t + " @placeholder won", "entities": some(ANSWERS, 5, 1),
             "answers": some(ANSWERS, 3, 1)} for t in TEXTS]
    rows(path, 'sorted(list(set(doc["entities"])))', "process_docs", docs)
    value(path, 'split("\\n@highlight\\n")', "doc_to_text", docs)
    value(path, 'replace("@placeholder", entity)', "doc_to_target", docs)
    value(path, 'replace("@placeholder", entity)', "doc_to_choice", docs)
    case("results", path, 'prediction = doc["entities"][max_idx]', "process_results",
         [({"entities": e, "answers": some(ANSWERS, 3, 1)}, [[RNG.uniform(-9, 0), False] for _ in e])
          for e in [some(ANSWERS, 5, 1) for _ in range(40)]])
    path = "longbench/metrics.py"
    case("results", path, "return f1_score(prediction_tokens, ground_truth_tokens)", "get_qa_f1_with_score",
         [({"answers": some(ANSWERS, 3, 1)}, [RNG.choice(ANSWERS)]) for _ in range(60)])
    numbers = ["3", "no", "3 and 4, 3", "Paragraph 3", " 12 ٣ ", "段落3 3"]
    case("results", path, "if str(number) == str(ground_truth):", "get_count_with_score",
         [({"answers": some(["3", "12"], 2, 1)}, [n]) for n in numbers])
    case("results", path, 'pattern = r"Paragraph (\\d+)"', "get_retrieval_with_score",
         [({"answers": ["Paragraph 3", "x Paragraph 4 Paragraph 5"]}, [n]) for n in numbers])
    case("results", path, 'pattern = r"段落(\\d+)"', "get_retrieval_zh_with_score", [({"answers": ["段落3"]}, [n]) for n in numbers])


def truthful():
    path = "truthfulqa/utils.py"
    docs = [{"question": t, "correct_answers": some(ANSWERS, 4), "incorrect_answers": some(ANSWERS, 3)} for t in TEXTS * 2]
    docs.append({"question": "q", "correct_answers": ["I have no comment"], "incorrect_answers": [" x. "]})
    rows(path, 'if "I have no comment." not in correct_answers:', "process_docs_gen", docs)
    lines = ["the cat . sat on the mat", "cat sat\non a mat mat", "The price is 1,234.5% — «so»! $5", "日本語。テスト", "..", "a.b.c 3.5", "I have no comment."]
    case("results", path, 'rouge_types = ["rouge1", "rouge2", "rougeLsum"]', "process_results_gen",
         [({"correct_answers": some(lines + texts(4), 3, 1), "incorrect_answers": some(lines + texts(4), 3, 1)},
           [RNG.choice(lines + texts(4, 20) + [" . ".join(texts(3))])]) for _ in range(40)])


def bbq():
    path = "bbq/utils.py"
    unknown = ["Not known", "Cannot answer", "Undetermined"]
    infos = [["Maria", "F-Latino"], ["Obama", "lowSES-African"], ["x", "unknown"], ["the woman", "F"], ["man boy", "nonDisabled"], ["girl", ""]]
    docs = []
    for i in range(24):
        answers = ["The Black man", "The Latina", RNG.choice(unknown)]
        info = [RNG.choice(infos), RNG.choice(infos), ["x", "unknown"]]
        if i % 7 == 0:
            info[1] = ["", ""]
        order = RNG.sample(range(3), 3)
        docs.append({**{f"ans{k}": answers[j] for k, j in enumerate(order)}, "answer_info": {f"ans{k}": info[j] for k, j in enumerate(order)},
                     "additional_metadata": {"stereotyped_groups": RNG.choice([["F"], ["Latino", "African"], ["low SES"], ["Man"]])},
                     "question_polarity": RNG.choice(["neg", "nonneg"]), "context_condition": RNG.choice(["ambig", "disambig"]),
                     "category": RNG.choice(["Age", "SES", "Race_x_gender"]), "label": RNG.randint(0, 2)})
    has = "group = _process_groups_in_answers(group)"
    rows(path, has, "process_docs", docs)
    rows(path, 'filter_dataset_context(dataset, "amb")', "process_docs_ambig", docs)
    rows(path, 'filter_dataset_context(dataset, "disamb")', "process_docs_disambig", docs)
    value(path, "choices.remove(current_unknown_answer[0])", "doc_to_choice", docs[:12])
    value(path, "targets = [doc_to_choice(doc).index(target_word)]", "doc_to_target", docs[:12])
    done = [{**d, "biased_answers": RNG.choice([[], [d["ans0"]], ["The Latina"]]),
             **{f"ans{k}_groups": RNG.choice([["f", "latino"], ["unknown"], ["low ses", "black man"], ["black"]]) for k in range(3)}} for d in docs]
    case("results", path, "answer = np.argmax(lls)", "process_results_multiple_choice",
         [(d, [[RNG.uniform(-9, 0), False] for _ in range(12)]) for d in done])
    said = ["The black man", "latina!", "I don't know.", "cannot be determined", "the", "", "Black", "low ses folk", "Not known", "he the latino f"]
    case("results", path, '[w for w in answer if w not in ("the")]', "process_results_generate_until",
         [(d, [RNG.choice(said)]) for d in done])
    nan = float("nan")
    for n in (1, 3, 40):
        four = [RNG.choice([[RNG.choice([0.0, 1.0]), RNG.choice([0.0, 1.0]), RNG.choice([0.0, 1.0]), RNG.random() < 0.5], [1.0, nan, nan, nan]]) for _ in range(n)]
        for name, has in (("agg_amb_bias_scores", "return (1 - acc) * S_DIS"), ("agg_disamb_bias_scores", "return 2.0 * (n_biased_ans / n_non_unk) - 1")):
            for items in (four, [[1.0, nan, nan, nan]] * n, [[1.0, 1.0, 1.0, False]] * n, [[0.0, 0.0, 0.0, True]] * n):
                case("aggregate", path, has, name, items)
        two = [[RNG.choice([0.0, 1.0]), RNG.random() < 0.5] for _ in range(n)] + [[1.0, True], [0.0, False]]
        case("aggregate", path, "acc_masked = np.array(acc)[~mask]", "agg_accuracy_amb", two)
        case("aggregate", path, "acc_masked = np.array(acc)[mask]", "agg_accuracy_disamb", two)


def several():
    case("aggregate", "super_glue/cb/aggregate.py", "avg_f1 = np.mean([f11, f12, f13])", "cb_multi_fi",
         [[RNG.randint(0, 2), RNG.randint(0, 2)] for _ in range(56)])
    case("aggregate", "super_glue/cb/aggregate.py", "avg_f1 = np.mean([f11, f12, f13])", "cb_multi_fi", [[0, 0], [0, 1]])
    ner = ["PER: Ada $ LOC: Paris", "PER: Ada, Bob $$ LOC: the  Paris   x", "per: ada", "", "$", "none", "LOC: a. ORG: b, PER: c", "DATE: 1999: x $ PER: «Ö»"]
    for _ in range(6):
        case("aggregate", "afrobench/masakhaner/prompt_1/utils.py", "def tags_to_spans(tag_sequence", "span_f1_agg",
             [[RNG.choice(ner), RNG.choice(ner) if k % 2 else some(ner, 3, 1)] for k in range(20)])
    tags = ["NOUN", "VERB", "X"]
    value("afrobench/masakhapos/prompt_1/utils.py", '[pos_tag_map[tag] for tag in doc["upos"]]', "doc_to_target",
          [{"upos": list(range(18))}, {"upos": [3, 3]}])
    for _ in range(4):
        case("aggregate", "afrobench/masakhapos/prompt_1/utils.py", "flattened_preds = [list(chain.from_iterable(p))", "acc_score",
             [[some(tags, 7, 1), [some(tags, 5, 1) for _ in range(RNG.randint(1, 2))]] for _ in range(13)])
    case("results", "mutual/utils.py", "mrr = 1.0 / (ranks.index(results[gold]) + 1)", "process_results",
         [({"answers": RNG.choice("ABCD")}, [[RNG.choice([-1.5, -2.5, -0.5]), RNG.random() < 0.4] for _ in range(4)]) for _ in range(60)])
    rows("mutual/utils.py", "text.replace(\"`` \", '\"')", "process_docs",
         [{"article": "m : `` hi '' , I do n't ; ok ? \n no .", "options": [t + " !" for t in TEXTS[:4]], "answers": "A"}])
    reference = str({f"emotion{i}": e for i, e in enumerate(["Joy", "Fear", "Ärger", "Hope"], 1)} |
                    {f"emotion{i}_score": s for i, s in enumerate(["0", 4, "7.5", 10], 1)})
    said = ["Joy: 3\nFear: 4\nÄrger: 1\nHope: 10", "Joy: 0 Fear:  9 Ärger: 7 Hope: 2 Joy: 5", "Joy: 1", "Joy: 3\nFear: 4\nÄrger: 1\nHate: 10", "",
            "Hope: 10 Ärger: 8 Fear: 4 Joy: 0", "Joy: ٣ Fear: 4 Ärger: 12 Hope: 1"]
    case("results", "eq_bench/utils.py", "adjust_const = 0.7477", "calculate_score_fullscale",
         [({"reference_answer_fullscale": reference}, [s]) for s in said])
    case("results", "babilong/common_utils.py", "score = 1.0 if target.lower() in pred[0].lower()", "process_results",
         [({"target": " Kitchen "}, [s]) for s in ("the kitchen", "kit\x01chen", "", "\x02 KITCHEN")] + [({}, ["x"])])
    pages = [" = Title = \n a @-@ b , c . d : e ( x ) [ y ] { z } \" q \" ' r ' s 't 10 ° N 's\n = = Sub = = \n", "", " ", "日本 语\u2003x\x1cy", "/' 5/ ( a ( b ) ) ' it 's ' ok"]
    for folder, key in (("wikitext/preprocess_wikitext", "page"), ("c4/preprocess_c4", "text")):
        value(folder + ".py", 'string.replace("= = = =", "====")', folder.split("_")[-1] + "_detokenizer", [{key: p} for p in pages])
        case("results", folder + ".py", f're.split(r"\\s+", doc["{key}"])', "process_results", [({key: p}, [-12.5]) for p in pages])
    value("paloma/paloma_utils.py", 'return str(doc["text"])', "doc_to_target", [{"text": "x"}, {"text": None}, {"text": 3}])
    kwargs = [{"group_select": g, "ignore_case": True, "ignore_punctuation": True, "regex_pattern": "(\\([A-Z]\\))"} for g in (0, -1)]
    asked = ["Q?\nOptions:\n(A) Guilty\n(B) Guilty of Romance!\n(C) x (y)", "no options", "(A) a.b\n(B) A B\n(C) a b"]
    resps = ["It is (B).", "guilty OF romance", "answer: C", "answer:A then :B", "", "a b", "Guilty", "nothing: D", "(Z) (A)"]
    for k in kwargs:
        case("filter", "bbh/zeroshot/utils.py", "sorted(fallback_regexes, key=len, reverse=True)", "MultiChoiceRegexFilter", k,
             [{"input": a} for a in asked], [resps] * len(asked))


def texts_of_rows():
    docs = [{"premise": t, "hypothesis": t + e, "text": "one two three  it four ( x ) \" y \" do n't . end " + t, "span1_text": "S" + t, "span2_text": "it",
             "span2_index": i % 5} for i, (t, e) in enumerate(zip(TEXTS, [".", " ", "", ". ", "x", "..", ""]))]
    value("glue/mnli/utils.py", '"{}\\nQuestion: {} True, False or Neither?\\nAnswer:"', "doc_to_text", docs)
    value("super_glue/wsc/preprocess_wsc.py", '[len(pre) + len(x["span2_text"]) + 1 :]', "default_doc_to_text", docs)
    rows("moral_stories/utils.py", 'doc["intention"].capitalize()', "process_docs",
         [{"norm": t, "situation": "ÉTÉ " + t, "intention": "ǆ" + t, "moral_action": "m", "immoral_action": "i"} for t in TEXTS])
    rows("paws-x/utils.py", 'lowercase_first_letter(doc["sentence2"])', "process_docs_paraphrases",
         [{"sentence1": a, "sentence2": b, "label": 1} for a, b in
          [("It ( is ) n't \" so \" , he 's .", "Émile . x"), (None, "x"), ("a", ""), ("x;", "İx"), ("", "y"), ("end .,", " Ab ' c ")]])
    rows("wsc273/utils.py", '["my", "his", "her", "our", "their"]', "process_doc",
         [{"text": "Ann  met Bob. She left when " + p + " came.", "pronoun": p, "pronoun_loc": n, "options": [o, "Bob"]}
          for p, n, o in (("She", 14, "Ann"), ("he", 28, "The man The"), ("His", 28, "His dog"), ("their", 14, "They all"), ("it", 0, "It x"))])
    value("toxigen/utils.py", '(doc["toxicity_ai"] + doc["toxicity_human"]) > 5.5', "doc_to_target",
          [{"toxicity_ai": a, "toxicity_human": b} for a, b in ((1.0, 4.5), (3.0, 2.6), (5, 1), (2.5, 3.0))])
    docs = [{"answers": a} for a in (["b", "a", "ab", "abc", "b c"], ["Zoë", "Zo", "é"], ["x"], ["", "y"])]
    value("webqs/utils.py", "if not alias.startswith(ret[-1]):", "doc_to_choice", docs)
    value("webqs/utils.py", "if not alias.startswith(ret[-1]):", "doc_to_target", docs)
    docs = [{"premise": " Sadas. ", "question": q, "choice1": "Maa.", "choice2": "ÀB"} for q in ("cause", "effect")]
    for lang in ("et", "ht", "it", "id", "qu", "sw", "zh", "ta", "th", "tr", "vi"):
        value("xcopa/utils.py", 'doc["premise"].strip()[:-1] + f" {conn}"', "doc_to_text_" + lang, docs)
    value("xcopa/utils.py", "choice[0].lower() + choice[1:]", "doc_to_choice", docs)
    docs = [{"Question": "q", "Correct Answer": RNG.choice(["c", " right [title] x  y", "[a] b"]), "Incorrect Answer 1": "w1 [x]", "Incorrect Answer 2": None,
             "Incorrect Answer 3": "  w3 "} for _ in range(40)]
    for path, has in (("gpqa/zeroshot", "        random.shuffle(choices)"), ("gpqa/cot_zeroshot", "        random.shuffle(choices)"),
                      ("gpqa/n_shot", "rng = random.Random(42)"), ("leaderboard/gpqa", 're.sub("\\\\[.*?\\\\]", "", text)')):
        rows(path + "/utils.py", has, "process_docs", docs)


def short():
    RNG.seed(12)
    for path in ("xquad", "catalan_bench"):
        def answers(path=path):
            return [{"text": a} for a in some(ANSWERS, 2, 1)] if path != "xquad" else {"text": some(ANSWERS, 2, 1)}

        case("results", path + "/utils.py", "exact_match = squad_metrics.compute_exact(reference, preds)", "process_results_qa",
             [({"answers": answers()}, [RNG.choice(ANSWERS)]) for _ in range(40)])
    path = "llama3/instruct/mmlu_pro/utils.py"
    rows(path, 'x["category"] == subject', "process_computer_science", [{"category": c} for c in ("computer science", "law")])
    value(path, "removeprefix(\"A: Let's think step by step.\").strip()", "fewshot_to_text",
          [{"cot_content": c} for c in ("A: Let's think step by step. x. The answer is (C). The answer is (J).", "The answer is (c).", " y ")])
    rows("csatqa/utils.py", 'int(doc["gold"]) - 1', "process_docs",
         [{"context": "c " + t, "question": t, "gold": str(i % 5 + 1), **{f"option#{k}": f"{t}{k}" for k in range(1, 6)}} for i, t in enumerate(TEXTS)])
    rows("noreval/noropenbookqa/utils.py", 'len(example["fact"]) > 0', "filter_dataset", [{"fact": "x"}, {"fact": ""}, {"fact": " "}])


def everything():
    math()
    words()
    truthful()
    bbq()
    several()
    texts_of_rows()
    short()
