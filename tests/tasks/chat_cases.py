"""Conversations and chat templates of our own, for tests/tasks/jinja_diff.py.

CONVERSATIONS is what a chat template gets to see: with a system message or without, several turns, tools,
tool calls and their results, text beyond ASCII, empty contents, contents in parts, both ways of ending."""

TOOLS = [
 {"type": "function", "function": {"name": "get_weather", "description": "Current weather of a city.\nIn °C.",
   "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "name, \"quoted\" or not"},
     "unit": {"type": "string", "enum": ["celsius", "kelvin"], "default": "celsius"},
     "days": {"type": "integer", "minimum": 0}}, "required": ["city"]},
   "return": {"type": "object", "properties": {"temp": {"type": "number"}}}}},
 {"type": "function", "function": {"name": "add", "description": "Adds two numbers <&'>",
   "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": ["number", "null"]},
     "opts": {"type": "object", "properties": {"round": {"type": "boolean"}}, "additionalProperties": False},
     "list": {"type": "array", "items": {"type": "string"}}}, "required": ["a", "b"]}}},
]
def call(id, name, args):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": args}}
U = lambda t, **k: dict({"role": "user", "content": t}, **k)
A = lambda t, **k: dict({"role": "assistant", "content": t}, **k)
S = lambda t: {"role": "system", "content": t}
T = lambda t, id="call00001", name="get_weather": {"role": "tool", "content": t, "tool_call_id": id, "name": name}
base = {"bos_token": "<s>", "eos_token": "</s>"}
CONVERSATIONS = []
def add(messages, gen=True, tools=None, **k):
    d = {"messages": messages, "add_generation_prompt": gen, "tools": tools, "documents": None}
    d.update(base); d.update(k); CONVERSATIONS.append(d)
add([U("Hello")])
add([U("Hello")], False)
add([S("You are terse."), U("Hello")])
add([S("You are terse."), U("Hello"), A("Hi."), U("What is 2+2?")])
add([U("Hello"), A("Hi."), U("What is 2+2?"), A("4")], False)
add([U("Hello"), A("Hi."), U("More?"), A(" leading and trailing \n"), U(" spaces \n\n")])
add([S(""), U("")])
add([S("Système «é»"), U("日本語のテスト 🙂 naïve\u00a0space"), A("Ünïcödé ✓"), U("ok <b>&amp;</b> 'q' \"dq\" {{ x }} {% y %}")])
add([U([{"type": "text", "text": "part one"}, {"type": "text", "text": " part two"}])])
add([S([{"type": "text", "text": "sys part"}]), U([{"type": "text", "text": "look"}, {"type": "image"}])])
add([U("What's the weather in Paris?")], True, TOOLS)
add([S("Use tools."), U("What's the weather in Paris?")], True, TOOLS)
add([S("Use tools."), U("Weather in Paris?"), A("", tool_calls=[call("call00001", "get_weather", {"city": "Paris", "days": 2})]), T("{\"temp\": 21.5}")], True, TOOLS)
add([U("Weather in Paris?"), A(None, tool_calls=[call("call00001", "get_weather", {"city": "Paris"})]), T("21"), A("It is 21."), U("Thanks")], True, TOOLS)
add([U("Both"), A("Let me see.", tool_calls=[call("call00001", "get_weather", {"city": "Rome", "unit": "kelvin"}), call("call00002", "add", {"a": 1, "b": None, "opts": {"round": True}, "list": ["x", "é"]})]), T("300"), T("1.5", "call00002", "add")], True, TOOLS)
add([U("String args"), A("", tool_calls=[call("call00001", "get_weather", "{\"city\": \"Oslo\"}")]), T([{"type": "text", "text": "cold"}])], True, TOOLS)
add([U("Think"), A("<think>\nreasoning here\n</think>\n\nThe answer is 4."), U("Again")], True, enable_thinking=False)
add([U("Think"), A("The answer.", reasoning_content="because"), U("Again"), A("Done.", reasoning_content="since", thinking="since")], True, enable_thinking=True)
add([U("a"), U("b"), A("c"), A("d"), U("e")])
add([S("one"), S("two"), U("x")])
add([A("I start."), U("ok")])
add([U("Hello"), A("The answer:CONTINUE_FINAL_MESSAGE_TAG ")], False)
add([S("SYS\n\nDesc.\n"), U("Q: q28 The answer: 0\n\nQ: q0"), A("The answer:CONTINUE_FINAL_MESSAGE_TAG ")], False)
add([U("Hi")], True, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", date_string="01 Jan 2025", documents=[{"title": "T", "text": "doc text"}])
add([{"role": "developer", "content": "dev rules"}, U("x")])

# Whole templates, in the ways of writing that models ship.
TEMPLATES = [
# ChatML with tools, a namespace, reasoning cut out of earlier answers
r"""{%- macro render_args(args) -%}
    {%- if args is string -%}{{ args }}{%- else -%}{{ args | tojson(indent=2) }}{%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last_user=-1, n_tools=0) -%}
{%- for m in messages -%}
    {%- if m.role == "user" -%}{%- set ns.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] + '\n\n' }}
    {%- endif %}
    {{- "# Tools\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
        {%- set ns.n_tools = ns.n_tools + 1 %}
    {%- endfor %}
    {{- "\n</tools> " ~ ns.n_tools ~ "<|im_end|>\n" }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- endif %}
{% for message in messages %}
    {% if message.role == "system" and loop.first %}
        {% continue %}
    {% endif %}
    {% if message.role == "assistant" %}
        {% set content = message.content or "" %}
        {% if "</think>" in content and loop.index0 < ns.last_user %}
            {% set content = content.split("</think>")[-1].lstrip("\n") %}
        {% endif %}
<|im_start|>{{ message.role }}
{% generation %}{{ content }}{% for call in message.tool_calls %}

<tool_call>{{ call.function.name }} {{ render_args(call.function.arguments) }}</tool_call>{% endfor %}<|im_end|>
{% endgeneration %}
    {% elif message.role == "tool" %}
        {%- if loop.previtem and loop.previtem.role != "tool" %}{{ "<|im_start|>user" }}{% endif %}

<tool_response>{{ message.content }}</tool_response>
        {%- if loop.last or loop.nextitem.role != "tool" %}<|im_end|>
{% endif %}
    {% else %}
<|im_start|>{{ message.role }}
{{ message.content if message.content is string else message.content | map(attribute="text") | select("defined") | join("\n") }}<|im_end|>
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}{% endif %}
""",
# [INST] with turns that must alternate, refusing what it cannot say
r"""{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system %}{% set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}
""",
# No system role at all
r"""{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}
""",
# Header ids, a date, tools in the first user turn, contents in parts
r"""{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- the system message, #}
{#- in front #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] if messages[0]['content'] is string else messages[0]['content'][0]['text'] %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\nToday Date: " + date_string + "\n\n" + system_message | trim + "<|eot_id|>" }}
{%- macro content_of(m) %}
    {%- if m.content is string %}
        {{- m.content | trim }}
    {%- elif m.content is iterable and m.content is not mapping %}
        {%- for part in m.content %}
            {%- if part.type == "text" %}
                {{- part.text }}
            {%- elif part['type'] in ["image", "image_url"] %}
                {{- "<|image|>" }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' ~ content_of(message) ~ '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\n\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
""",
# Types written out of JSON schemas: recursion between macros, defaults, kwargs
r"""{%- macro type_of(p) -%}
    {%- set map = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"} -%}
    {%- if p.type is string and p.type in map -%}
        {{- map[p.type] -}}
    {%- elif p.type == "array" -%}
        {{- "list[" + (type_of(p["items"]) if p["items"] is mapping else "Any") + "]" -}}
    {%- elif p.type is sequence and p.type is not string -%}
        {%- set out = [] -%}
        {%- for t in p.type -%}
            {{- map.get(t, t) + ("" if loop.last else " | ") -}}
        {%- endfor -%}
    {%- elif p.type == "object" -%}
        {{- "{" -}}{%- for k, v in (p.properties or {}).items() | sort -%}{{ k }}: {{ type_of(v) }}{{ ", " if not loop.last }}{%- endfor -%}{{- "}" -}}
    {%- else -%}
        {{- "Any" -}}
    {%- endif -%}
{%- endmacro -%}
{%- macro signature(f, indent="  ", sep=",\n") -%}
    def {{ f.name }}(
    {%- for name, p in f.parameters.properties | dictsort %}
{{ indent }}{{ name }}: {{ type_of(p) }}{{ " = " ~ p.default | tojson if p.default is defined }}{{ sep if not loop.last -}}
    {%- endfor %})
    {#- -#}
    {% if kwargs.doc %} # {{ f.description | replace("\n", " ") | truncate(20) }}{% endif %}
{%- endmacro -%}
{{ bos_token }}
{%- for tool in tools or [] %}
{{ signature(tool.function, sep=", ", doc=loop.first) }}
{% endfor %}
{% for m in messages if m.content -%}
<|{{ m.role | upper }}|>{{ m.content if m.content is string else m.content | tojson(ensure_ascii=true, separators=(",", ":"), sort_keys=true) }}
{% endfor %}
""",
]
# One feature each, rendered for the first conversation.
SNIPPETS = [
    "a\n", "a\n\n", "\n", "{# c #}\nx\n", "  {% if true %}\n  x\n  {% endif %}\n  y\n",
    "  {%+ if true %}\n  x\n  {%- endif +%}\n  y\n", "{%- for i in range(3) -%}\n {{ i }} \n{%- endfor -%}\n",
    "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in range(3) %}{% for j in range(3) %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for i in [] %}x{% else %}none{% endfor %}", "{% break %}", "{% continue %}",
    "{% set ns = namespace(a=1, b=[]) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% set ns.b = ns.b + [i] %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}{% set ns.c = 3 %}{{ ns.c }}", "{% set x.y = 1 %}", "{% set messages.y = 1 %}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}{{ m(1, 3, 4, c=5) }}",
    "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}{{ m.name }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
    "{% macro m(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) m(3) %}{{ y }}!{% endcall %}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% generation %}a{{ 1 }}{% endgeneration %}", "{% generation %}\nx\n{% endgeneration %}\ny",
    "{{ undefined_name }}", "{{ undefined_name.x }}", "{{ undefined_name is defined }}", "{{ undefined_name or 'd' }}",
    "{% if undefined_name %}a{% else %}b{% endif %}", "{% for x in undefined_name %}a{% endfor %}", "{{ undefined_name + 'a' }}",
    "{{ undefined_name ~ 'a' }}", "{{ undefined_name == none }}", "{{ undefined_name | length }}", "{{ undefined_name | default('x') }}",
    "{{ undefined_name | tojson }}", "{{ undefined_name() }}", "{{ 'a' in undefined_name }}", "{{ undefined_name in {} }}",
    "{{ {}.get(undefined_name) }}", "{{ {'a': 1}[undefined_name] }}", "{{ messages[0].nothing.more }}", "{{ messages[9] }}", "{{ messages[9].x }}",
    "{{ undefined_name < 1 }}", "{{ undefined_name | upper }}", "{{ undefined_name | join }}", "{{ undefined_name | list }}", "{{ undefined_name | trim }}x",
    "{{ none | default('x') }}{{ '' | default('x') }}{{ '' | default('x', true) }}", "{{ raise_exception('no: ' ~ 1) }}",
    "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y %H:%M:%S %A %B %j %%') }}", "{{ strftime_now('') }}|{{ strftime_now('%Z%z%f') }}",
    "{{ 'é<\"\\n' | tojson }}", "{{ {'b': [1, 2.0, 1e20, none, true], 'a': {}} | tojson }}", "{{ {'b': [1, {}], 'a': []} | tojson(indent=4) }}",
    "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}", "{{ [1, [2]] | tojson(indent=0) }}", "{{ [1] | tojson(indent='--') }}", "{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}",
    "{{ 'é😀\x7f' | tojson(ensure_ascii=true) }}", "{{ 'é' | tojson(true, 2, (';', '='), true) }}", "{{ {1: 1, none: 2, true: 3, 1.5: 4} | tojson }}", "{{ (1, 'a') | tojson }}",
    "{{ range(3) | tojson }}", "{{ {(1, 2): 1} | tojson }}", "{{ {'a': 1, 2: 3} | tojson(sort_keys=true) }}", "{{ [1] | tojson(indent=-3) }}", "{{ '\x01\x1f\b\f\t\r' | tojson }}",
    "{{ '{} {}'.format(1, 'a') }}{{ '{1}{0}'.format(1, 2) }}{{ '{a} {b!r}'.format(a=1, b='x') }}{{ '{{}}'.format() }}",
    "{{ '{0[a]} {0[b][1]}'.format({'a': 1, 'b': [2, 3]}) }}", "{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:.2}'.format('a', 'b', 'c', 'd', 'efg') }}",
    "{{ '{:5}|{:05}|{:+}|{:,}|{:x}|{:#b}|{:.2f}|{:e}|{:%}|{:8.3f}|{:_}'.format(3, 42, 7, 1234567, 255, 5, 3.14159, 12345.678, 0.25, 2.5, 1234567.5) }}",
    "{{ '{}{0}'.format(1) }}", "{{ '{}'.format() }}", "{{ '{'.format(1) }}", "{{ '}'.format(1) }}", "{{ '{x}'.format(1) }}", "{{ '{:d}'.format('a') }}", "{{ '{!x}'.format(1) }}",
    "{{ 'a<' | safe + 'b<' }}{{ 'b<' + 'a<' | e }}{{ 'x<' | safe is escaped }}{{ ('a' | safe) ~ '<' }}", "{{ '<' | e | e }}{{ '<' | e | forceescape }}",
    "{{ 'x' | nothing }}", "{% if false %}{{ 'x' | nothing }}{% endif %}y", "{{ 1 is nothing }}", "{% if false %}{{ 1 is nothing }}{% endif %}y", "{% nothing %}",
    "{{ [1, 2].append(3) }}", "{% set l = [1] %}{% if l.append(2) %}{% endif %}{{ l }}", "{{ {'a': 1}.update({'b': 2}) }}", "{{ {}.pop('a') }}",
    "{{ range(200000) | length }}", "{{ range(100000) | length }}", "{% for m in messages %}{{ m | tojson }}{{ m.items() | list }}{% endfor %}",
    "{% for k, v in messages[0] | items %}{{ k }}={{ v }};{% endfor %}", "{{ messages | map(attribute='role') | join(',') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
    "{{ messages | rejectattr('tool_calls') | list | length }}{{ (messages | first).role }}{{ (messages | last).content }}", "{{ messages[-1]['content'][:3] }}{{ messages[::-1][0].role }}",
    "{{ 'a' if false }}|{{ ('a' if false) is defined }}", "{{ loop is defined }}", "{% for m in messages recursive %}{{ loop.depth }}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set c %}x{{ a }}{% endset %}{{ c }}{% set d | upper %}y{% endset %}{{ d }}", "{% with x = 1, y = 2 %}{{ x + y }}{% endwith %}{{ x }}",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}", "{% raw %}{{ x }}{% endraw %}\n y", "{{ 'x' * 3 }}{{ 7 // 2 }}{{ 7 % 3 }}{{ 2 ** 10 }}{{ 1 / 4 }}{{ -7 // 2 }}", "{{ not true and false or 'z' }}",
    "{{ '  a b '.strip() }}{{ 'a,b'.split(',') }}{{ 'abc'.startswith(('a', 'x')) }}{{ 'abc'.removeprefix('a') }}{{ 'a\nb'.splitlines() }}{{ 'abc'.find('c') }}", "{{ dict(a=1)['a'] }}{{ dict([('x', 2)]).x }}",
    "{{ 1 if messages is iterable and messages is not mapping }}{{ messages is sequence }}{{ tools is none }}{{ 'a' is string }}{{ 1.0 is float }}{{ true is boolean }}", "{{ 'A' | lower }}{{ 'a b' | title }}{{ ' x ' | trim }}{{ 'abc' | replace('b', '-') }}{{ 'x' | indent(4, true) }}",
    "{{ 'abc'\n    'def' }}", "{{ \"it's\" ~ 'a \\'q\\' \\u00e9 \\x41 \\n' }}", "{{ messages[0]['role'] in ['user', 'tool'] and 'x' not in 'abc' }}", "{{ [3, 1, 2] | sort(reverse=true) }}{{ ['b', 'A'] | sort }}{{ [1, 1, 2] | unique | list }}{{ [1, 2] | sum }}{{ [1, 5] | max }}",
    "{%", "{{", "{{ 1 ", "{% if %}{% endif %}", "{% if true %}", "{% endif %}", "{{ 1 + }}", "{{ a b }}", "{% for x %}{% endfor %}", "{% macro %}{% endmacro %}", "{{ 'x }}", "{# x",
]
