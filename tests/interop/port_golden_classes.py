"""Made-up rows for tasks that are Python classes, and for functions that make or load data."""
import collections
import random

import port_golden_case
import squad2
from port_golden_case import TEXTS, case, rows, value

RNG = random.Random(23)
HAS, SQUAD2_HAS = "re.compile(re.escape(label), re.IGNORECASE)", 'evaluate.load("squad_v2")'
CASES = ["Mass", "MASSE", "straße", "STRASSE", "ẞ", "ß", "ss", "İstanbul", "istanbul", "ısı", "ISI", "K", "k", "ſ", "S", "µ", "μ",
         "Σίσυφος", "ΣΊΣΥΦΟΣ", "ΐ", "ΐ", "ﬅ", "ﬆ", "ǅ", "ǆ", "Ǆ", "ϐ", "β", "θ", "ϴ", "ϑ", "Ω", "ω", "1.5", "1x5", "a|b", "(", "", "Ꭰ", "ꭰ", "ა", "Ა",
         "é", "e\u0301", "ᲀ", "в", "ᾳ", "ᾼ", "ß1"]


def extraction():
    pages = [{"text": " " + t, "value": v} for t, v in zip(TEXTS, [" 12", "x ", "a.c", "", "Ü", "(b)", "ß"])]
    said = [({"text": "t", "value": a + RNG.choice(["", " "])}, ["so " + b + RNG.choice(["", " it is"])])
            for a in CASES for b in CASES if a == b or RNG.random() < 0.1 or a.lower() == b.lower() or a.upper() == b.upper()]
    said += [({"text": "t", "value": "end"}, [t]) for t in ("", "en", "the END", "e\nnd", "ende", "enden")]
    for path, name in (("fda", "FDA"), ("swde", "SWDE"), ("squad_completion", "SQUADCompletion")):
        path += "/task.py"
        value(path, HAS, name + ":doc_to_text", pages)
        value(path, HAS, name + ":doc_to_target", pages)
        case("results", path, HAS, name + ":process_results", said if name == "FDA" else said[:9])
        case("aggregate", path, HAS, name + ":contains", [0, 1, 1, 0, 1, 1, 1])


def squad_v2(predictions, references):
    """What evaluate's squad_v2 computes: squad2.py, which agrees with transformers' functions of the same script."""
    from transformers.data.metrics import squad_metrics as m

    mine = squad2.compute(predictions, references)
    for p, r in zip(predictions, references):
        for gold in r["answers"]["text"]:
            assert squad2.exact(gold, p["prediction_text"]) == m.compute_exact(gold, p["prediction_text"])
            assert squad2.f1(gold, p["prediction_text"]) == m.compute_f1(gold, p["prediction_text"])
    probability = {p["id"]: squad2.single(p["no_answer_probability"]) for p in predictions}
    texts = {p["id"]: p["prediction_text"] for p in predictions}
    has = {r["id"]: bool(r["answers"]["text"]) for r in references}
    theirs = collections.OrderedDict()
    raw = squad2.raw(texts, references)
    exact, f1 = (m.apply_no_ans_threshold(x, probability, has, 1.0) for x in raw)
    theirs.update(m.make_eval_dict(exact, f1))
    for name, some in (("HasAns", [k for k in has if has[k]]), ("NoAns", [k for k in has if not has[k]])):
        if some:
            m.merge_eval(theirs, m.make_eval_dict(exact, f1, qid_list=some), name)
    m.find_all_best_thresh(theirs, texts, *raw, probability, has)
    for k, v in mine.items():
        assert v == theirs[k], (k, v, theirs[k])
    return mine


def answers():
    path = "squadv2/task.py"
    texts = ["The  cat, a dog!", "cat dog", "", "a the an", "Ünïcode «q»", "unanswerable", "eiffel tower in Paris", "the Eiffel Tower",
             "one two three four", "three, one two", "x x y", "x y y"]
    docs = [{"id": f"q{i}", "title": t, "context": "c " + t, "question": t + "?",
             "answers": {"text": a, "answer_start": list(range(len(a)))}}
            for i, (t, a) in enumerate(zip(TEXTS, [["x"], [], ["a", "b"], [""], ["é"], [], ["q"]]))]
    value(path, SQUAD2_HAS, "SQuAD2:doc_to_text", docs)
    value(path, SQUAD2_HAS, "SQuAD2:doc_to_target", docs)
    case("results", path, SQUAD2_HAS, "SQuAD2:process_results",
         [(d, [RNG.choice(texts), [-RNG.random() * 9, False]]) for d in docs])
    for sizes in ((40, 40), (40, 25), (7, 7), (1, 1)):  # rows, ids
        for kind in ("both", "has", "no"):
            items = []
            for i in range(sizes[0]):
                name = f"id{RNG.randrange(sizes[1]) if sizes[0] > sizes[1] else i}"
                golds = [] if kind == "no" or (kind == "both" and RNG.random() < 0.4) else RNG.sample(texts, RNG.randint(1, 3))
                p = RNG.choice([0.1, 0.1 + 1e-10, RNG.random(), 1.0, 1.0 + 1e-9, 1.5, 1e-30])
                items.append([{"id": name, "prediction_text": RNG.choice(texts), "no_answer_probability": p},
                              {"id": name, "answers": {"text": golds, "answer_start": [1] * len(golds)}}])
            if sizes[0] == 7:  # where saying nothing to a question without an answer decides about the best
                items = [[{"id": f"e{i}", "prediction_text": t, "no_answer_probability": i / 8},
                          {"id": f"e{i}", "answers": {"text": g, "answer_start": [0] * len(g)}}]
                         for i, (t, g) in enumerate([("", []), ("cat", ["a cat"]), ("", []), ("dog", ["dog"]), ("x", [])])]
            for name in ("exact", "f1", "HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1", "best_exact", "best_f1"):
                case("aggregate", path, SQUAD2_HAS, "SQuAD2:" + name, items)


def data():
    case("data", "babilong/common_utils.py", 'config_name = kwargs.get("max_seq_lengths", "0k")', "load_dataset",
         [{"version": 0.0, "qa_split": "qa1"}, {"qa_split": "qa2", "max_seq_lengths": "16k"}])

    def blob(**k):
        return {"unanswerable": False, "yes_no": None, "free_form_answer": "", "extractive_spans": [], **k}

    blobs = [blob(unanswerable=True, yes_no=True), blob(yes_no=True), blob(yes_no=False), blob(yes_no=False, free_form_answer="free"),
             blob(free_form_answer="So it is."), blob(extractive_spans=["a", "b"]), blob(yes_no=False, extractive_spans=["s"])]
    docs = [{"id": str(i), "title": "T " + t, "abstract": "A " + t, "full_text": {"x": [t]},
             "qas": {"question": [t + "?", "and?", "none?"], "question_id": ["1", "2", "3"],
                     "answers": [{"answer": RNG.sample(blobs, 4), "worker_id": ["w"]}, {"answer": RNG.sample(blobs, 2), "worker_id": []},
                                 {"answer": [blobs[5]], "worker_id": []}]}, "figures_and_tables": {"caption": []}}
            for i, t in enumerate(TEXTS)]
    docs.append({**docs[0], "qas": {"question": ["q"], "question_id": ["9"], "answers": [{"answer": [blobs[0]], "worker_id": ["w"]}]}})
    rows("qasper/utils.py", 'set_answer_type="bool"', "process_docs_bool", docs)
    rows("qasper/utils.py", 'set_answer_type="free form answer"', "process_docs_freeform", docs)


def everything():
    before = port_golden_case.load

    def load(path):
        module = before(path)
        if hasattr(module, "_squad_metric"):
            module._squad_metric = squad_v2
        return module

    port_golden_case.load = load
    extraction()
    answers()
    data()
