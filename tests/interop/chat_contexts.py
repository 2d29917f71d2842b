#!/usr/bin/python3
"""Contexts of conversations as lm-evaluation-harness builds them: tests/tasks/chat_contexts.jsonl.

  chat_contexts.py > tests/tasks/chat_contexts.jsonl       (python3 with lm_eval and jinja2)

One line {"rows": {split: [...]}}, one {"templates": {name: text}}, then for each task {"config": {...}} and
a line per case: the settings, and of every document the requests as [context, continuation or null].
A template is applied as lm_eval.models.huggingface and transformers do it, with `continue_final_message`.
"""
import json, os, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tasks"))
import jinja2, jinja2.exceptions
import jinja_diff
from lm_eval.api.task import ConfigurableTask

ROWS = {
    "train": [{"q": "q%d?" % i, "a": ["zero", "one", "two"][i % 3], "c": ["zero", "one", "two"], "p": "P%d:" % i,
               "n": i % 2, "e": "" if i % 2 else "x"} for i in range(6)],
    "test": [{"q": "Why é%d?" % i, "a": ["zero", "one", "two"][i % 3], "c": ["zero", "one", "two"], "p": "T%d:" % i,
              "n": i % 2, "e": "x"} for i in range(3)],
}
TEMPLATES = {
    "plain": "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
             "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "strip": "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
             "{% for m in messages %}[{{ m.role }}] {{ m.content | trim }} ;{% endfor %}"
             "{% if add_generation_prompt %}[assistant]{% endif %}",
}
BASE = {"task": "chat", "dataset_path": "json", "test_split": "test", "training_split": "train", "fewshot_split": "train",
        "doc_to_text": "Q: {{q}}\nA:", "doc_to_target": "{{a}}"}
MC = dict(BASE, output_type="multiple_choice", doc_to_choice="{{c}}", doc_to_target="{{c.index(a)}}",
          metric_list=[{"metric": "acc"}])
TASKS = {
    "choice": dict(MC, description="Desc of {{q}}.\n"),
    "choice-prefix": dict(MC, gen_prefix="The answer:", description="Desc."),
    "choice-prefix-space": dict(MC, gen_prefix="Answer: "),
    "choice-column": dict(MC, gen_prefix="p", target_delimiter=""),
    "choice-mutual": dict(MC, metric_list=[{"metric": "acc_mutual_info"}]),
    "generate": dict(BASE, output_type="generate_until", description="Desc.\n\n", fewshot_delimiter=" | ",
                     metric_list=[{"metric": "exact_match"}]),
    "generate-prefix": dict(BASE, output_type="generate_until", gen_prefix=" The answer is ", metric_list=[{"metric": "exact_match"}]),
    "empty-target": dict(BASE, output_type="generate_until", doc_to_target="{{e}}", metric_list=[{"metric": "exact_match"}]),
    "empty-target-prefix": dict(BASE, output_type="generate_until", doc_to_target="{{e}}", gen_prefix="p:", metric_list=[{"metric": "exact_match"}]),
    "loglikelihood": dict(BASE, output_type="loglikelihood", doc_to_target=" {{a}}", metric_list=[{"metric": "acc"}]),
    "rolling": dict(BASE, output_type="loglikelihood_rolling", doc_to_target="{{q}}", metric_list=[{"metric": "word_perplexity"}]),
    "multiple-input": dict(MC, doc_to_text="n", doc_to_target="{{a}} it is", doc_to_choice="{{['first ' ~ q, 'second ' ~ q]}}"),
    "multiple-input-prefix": dict(MC, doc_to_text="n", doc_to_target="{{a}}", doc_to_choice="{{['first ' ~ q, 'second ' ~ q]}}", gen_prefix="so"),
}
MARK = "CONTINUE_FINAL_MESSAGE_TAG "


def render(text, messages, add_generation_prompt):
    """transformers.utils.chat_template_utils.render_jinja_template."""
    template = jinja_diff.environment(True).from_string(text)
    chat = [dict(m) for m in messages]
    final = chat[-1]["content"]
    if not add_generation_prompt:
        chat[-1]["content"] = final + MARK
    out = template.render(messages=chat, tools=None, documents=None, add_generation_prompt=add_generation_prompt,
                          bos_token="<s>", eos_token="</s>")
    if not add_generation_prompt:
        if final.strip() not in out or MARK.strip() not in out:
            raise ValueError("final message does not appear")
        at = out.rindex(MARK.strip())
        out = out[:at] if out[at:at + len(MARK)] == MARK else out[:at].rstrip()
    return out


def applier(text):
    def apply(messages, add_generation_prompt=True):
        try:
            return render(text, messages, add_generation_prompt)
        except jinja2.exceptions.TemplateError:
            return render(text, [m for m in messages if m["role"] != "system"], add_generation_prompt)
    return apply


def requests(folder, config, s):
    files = {k: os.path.join(folder, k + ".json") for k in ROWS}
    task = ConfigurableTask(config=dict(config, dataset_kwargs={"data_files": files}, num_fewshot=s["fewshot"]))
    task.set_fewshot_seed(seed=1234)
    task.build_all_requests(limit=None, rank=0, world_size=1, system_instruction=s["system"],
                            apply_chat_template=bool(s["template"]), fewshot_as_multiturn=s["multiturn"],
                            chat_template=applier(TEMPLATES[s["template"]]) if s["template"] else None)
    docs = {}
    for i in task.instances:
        args = list(i.args)
        if i.request_type == "generate_until":
            args[1] = None
        docs.setdefault(i.doc_id, []).append([args[0], args[1] if len(args) > 1 else None])
    return [docs[k] for k in sorted(docs)]


def main():
    out = lambda v: print(json.dumps(v, ensure_ascii=False))
    out({"rows": ROWS})
    out({"templates": TEMPLATES})
    with tempfile.TemporaryDirectory() as folder:
        for split, rows in ROWS.items():
            with open(os.path.join(folder, split + ".json"), "w") as f:
                f.writelines(json.dumps(r) + "\n" for r in rows)
        for name, config in TASKS.items():
            out({"config": config})
            for template in (None, "plain", "strip"):
                for multiturn in (True, False) if template else (False,):
                    for system in (None, "Be good."):
                        for fewshot in (0, 2):
                            s = {"template": template, "multiturn": multiturn, "system": system, "fewshot": fewshot}
                            out({"name": name, **s, "want": requests(folder, config, s)})


if __name__ == "__main__":
    main()
