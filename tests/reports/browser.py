#!/usr/bin/env python3
"""Loads a report in headless Chromium over its debugging pipe and checks what only a browser can.

    browser.py REPORT.html [--shots DIR]

Exit 0: all good; 1: findings, one a line; 77: no Chromium here.  Only the standard library.  With
AXE=.../axe.min.js in the environment the accessibility rules of axe-core are run too.
"""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

CHECKS = r"""
(() => {
  const out = [];
  const bad = (what, el) => out.push(what + ": " + (el.outerHTML || "").slice(0, 120));
  if (window.pwned) out.push("hostile text ran");
  for (const t of document.querySelectorAll("table")) if (!t.caption) bad("table without caption", t);
  for (const th of document.querySelectorAll("th")) if (!th.scope) bad("th without scope", th);
  for (const s of document.querySelectorAll("svg"))
    if (s.getAttribute("aria-hidden") !== "true" && !(s.getAttribute("role") === "img" && s.getAttribute("aria-label")))
      bad("svg without a name", s);
  for (const n of ["header", "main", "nav", "footer"]) if (document.querySelectorAll(n).length !== 1) out.push("not one <" + n + ">");
  if (document.querySelectorAll("h1").length !== 1) out.push("not one h1");
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size !== ids.length) out.push("ids are not unique");
  for (const a of document.querySelectorAll("a[href^='#']"))
    if (!document.getElementById(a.getAttribute("href").slice(1))) bad("dead link", a);
  for (const e of document.querySelectorAll("input,select")) if (!e.closest("label")) bad("control without label", e);
  if (document.querySelector("img,iframe,object,embed,link,[onclick],[onerror],[style]")) out.push("an element that should not be there");
  return out;
})()
"""
CONTRAST = r"""
(() => {
  const rgb = c => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const lum = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  const out = new Set();
  for (const e of document.querySelectorAll("h1,h2,p,td,th,small,.v,summary,figcaption,dt,dd,a,li,caption,.lost-n,.won-n,label")) {
    if (!e.textContent.trim() || !e.getClientRects().length) continue;
    const a = lum(rgb(getComputedStyle(e).color)), b = lum(back(e));
    const r = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (r < 4.5) out.add("contrast " + r.toFixed(2) + " of " + e.tagName + "." + e.className);
  }
  /* A number inside a bar stands on the bar's colour. */
  const bar = e => { const t = e.getBBox(), x = t.x + t.width / 2, y = t.y + t.height / 2;
    return [...e.ownerSVGElement.querySelectorAll("rect.lost,rect.won")].find(r => { const q = r.getBBox();
      return q.x <= x && x <= q.x + q.width && q.y <= y && y <= q.y + q.height; }); };
  for (const e of document.querySelectorAll("svg.chart text")) {
    const under = e.classList.contains("count") && bar(e);
    const a = lum(rgb(getComputedStyle(e).fill));
    const b = lum(under ? rgb(getComputedStyle(under).fill) : back(e.ownerSVGElement.parentElement));
    const r = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (r < 4.5) out.add("contrast " + r.toFixed(2) + " of svg text." + e.className.baseVal);
  }
  return [...out];
})()
"""
SORT = r"""
(async () => {
  const table = document.querySelector("table.main"), heads = [...table.tHead.rows[0].cells];
  const col = heads.findIndex(h => h.textContent.startsWith("decode"));
  const values = () => [...table.tBodies[0].rows].map(r => r.cells[col] && r.cells[col].dataset.v)
    .filter(v => v !== undefined).map(Number);
  const names = () => [...table.tBodies[0].rows].map(r => r.cells[0].textContent).join(), came = names();
  const sorted = (v, f) => v.length > 2 && v.every((x, i) => i === 0 || f(v[i - 1], x));
  const button = heads[col].querySelector("button"), rows = table.tBodies[0].rows.length;
  if (!button) return ["no sort button on " + heads[col].textContent];
  const out = [];
  button.click();
  if (!sorted(values(), (a, b) => a <= b) || heads[col].getAttribute("aria-sort") !== "ascending") out.push("not sorted upwards");
  button.click();
  if (!sorted(values(), (a, b) => a >= b) || heads[col].getAttribute("aria-sort") !== "descending") out.push("not sorted downwards");
  if (table.tBodies[0].rows.length !== rows) out.push("sorting lost rows");
  if (!location.hash.includes("sort=variants.0." + col + "d")) out.push("the order is not in the address: " + location.hash);
  location.hash = "#tasks";  // a link within the page
  await new Promise(r => setTimeout(r, 50));
  if (!/^#tasks\?.*sort=/.test(location.hash)) out.push("a link drops what was chosen: " + location.hash);
  button.click();
  if (names() !== came || heads[col].hasAttribute("aria-sort")) out.push("the third click does not bring the first order back");
  if (location.hash.includes("=")) out.push("the first order stays in the address: " + location.hash);
  return out;
})()
"""
FILTER = r"""
(() => {
  const form = document.querySelector(".item-filters"), items = [...document.querySelectorAll("#items .item")];
  if (!form || form.hidden) return ["no filters"];
  const shown = () => items.filter(i => !i.hidden);
  const set = (n, v) => { form.elements[n].value = v; form.dispatchEvent(new Event("input", {bubbles: true})); };
  const out = [], all = shown().length;
  set("kind", "lost");
  if (!shown().length || shown().some(i => i.dataset.kind !== "lost")) out.push("direction filter");
  const v = form.elements.variant.options[form.elements.variant.options.length - 1].value;
  set("variant", v);
  if (!shown().length || shown().some(i => i.dataset.variant !== v)) out.push("variant filter");
  set("q", "no such words anywhere");
  if (shown().length) out.push("text filter");
  set("q", ""); set("kind", ""); set("variant", "");
  const t = items[items.length - 1].dataset.task;
  set("task", t);
  if (!shown().length || shown().some(i => i.dataset.task !== t)) out.push("task filter");
  if (!location.hash.includes("task=" + t)) out.push("the filter is not in the address: " + location.hash);
  set("task", ""); set("kind", "same");
  if (shown().some(i => i.dataset.kind !== "same")) out.push("same-score filter");
  set("kind", "");
  if (location.hash.includes("=")) out.push("a cleared filter stays in the address: " + location.hash);
  const moved = items.map(i => parseFloat(i.dataset.shift)).filter(v => v >= 0).sort((a, b) => a - b), mid = moved[moved.length >> 1];
  set("shift", String(mid));
  if (!shown().length || shown().length > moved.length || shown().some(i => !(parseFloat(i.dataset.shift) >= mid))) out.push("margin filter");
  set("shift", "");
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true, cancelable: true}));
  if (document.activeElement !== form.elements.q) out.push("the key / does not search");
  form.elements.q.blur();
  if (shown().length !== all || all !== items.length) out.push("clearing the filters");
  return out;
})()
"""
# Another base: its rows come from the packed tables, the first base comes back as it was.
BASES = r"""
(async () => {
  const form = document.querySelector(".bases"), out = [];
  if (document.querySelector(".matrix")) return [];  // runs by name: each has its own base
  if (!form || form.hidden) return ["no choice of base"];
  const select = form.elements.base, before = document.querySelector("#variants .rebase").outerHTML;
  const wait = async f => { for (let i = 0; i < 200 && !f(); i++) await new Promise(r => setTimeout(r, 10)); return f(); };
  const baseName = () => (document.querySelector("#variants tr.base th") || {textContent: ""}).textContent;
  const set = v => { select.value = v; select.dispatchEvent(new Event("change", {bubbles: true})); };
  const first = select.value, colours = () => [...document.querySelectorAll("#variants table.main tbody th")]
    .map(h => h.textContent + h.querySelector(".swatch").className).sort().join();
  const painted = colours();
  if (select.options.length < 3) out.push("few bases: " + select.options.length);
  for (const o of [...select.options].filter(o => o.value !== first)) {
    set(o.value);
    if (!await wait(() => baseName().startsWith(o.textContent))) out.push("base " + o.textContent + " is not shown: " + baseName());
    if (colours() !== painted) out.push("colours change with base " + o.textContent);
    if (!document.querySelector("#tasks .rebase table")) out.push("no task tables for base " + o.textContent);
    if (!document.querySelector("#variants th.sort button")) out.push("tables of base " + o.textContent + " do not sort");
  }
  if (!location.hash.includes("base=")) out.push("the base is not in the address");
  set(first);
  await wait(() => document.querySelector("#variants .rebase").outerHTML === before);
  if (document.querySelector("#variants .rebase").outerHTML !== before) out.push("the first base is not restored");
  if (location.hash.includes("base=")) out.push("the first base stays in the address");
  return out;
})()
"""
# Tasks by part of their name; the same after another base was chosen.
FIND = r"""
(() => {
  const form = document.querySelector(".task-filter"), out = [];
  if (!form) return [];
  if (form.hidden) return ["no search for tasks"];
  const rows = () => [...document.querySelectorAll("#tasks tbody tr")], shown = () => rows().filter(r => !r.hidden);
  const set = v => { form.elements.find.value = v; form.dispatchEvent(new Event("input", {bubbles: true})); };
  const name = rows()[rows().length - 1].cells[0].textContent, all = rows().length;
  set(name.slice(1, -1).toUpperCase());
  if (!shown().length || shown().length >= all || shown().some(r => !r.cells[0].textContent.includes(name.slice(1, -1)))) out.push("task search");
  if (!location.hash.includes("find=")) out.push("the search for tasks is not in the address");
  set("");
  if (shown().length !== all || location.hash.includes("find=")) out.push("clearing the search for tasks");
  return out;
})()
"""
# The trade-offs of one machine, when there are several.
MACHINES = r"""
(() => {
  const form = document.querySelector(".machines"), out = [];
  if (!form) return document.querySelectorAll("#tradeoff details[data-machine]").length ? ["no choice of machine"] : [];
  if (form.hidden) return ["the choice of machine is hidden"];
  const select = form.elements.machine, all = [...document.querySelectorAll("#tradeoff details[data-machine]")];
  const set = v => { select.value = v; select.dispatchEvent(new Event("input", {bubbles: true})); };
  if (select.options.length !== all.length + 1) out.push("machines to choose from: " + select.options.length);
  for (const d of all) {
    set(d.dataset.machine);
    if (all.some(x => x.hidden === (x === d)) || !d.open || !d.getClientRects().length) out.push("machine " + d.dataset.machine + " is not shown alone");
    if (!location.hash.includes("machine=" + d.dataset.machine)) out.push("the machine is not in the address");
  }
  set("");
  if (all.some(d => d.hidden) || location.hash.includes("machine=")) out.push("all machines are not shown again");
  return out;
})()
"""
# Nights: charts with hover, a wall with a cell per series, everything within its box.
NIGHTS = r"""
(() => {
  const out = [], history = document.querySelector("#history");
  if (!history) return [];
  document.querySelectorAll("#history details").forEach(d => d.open = true);
  const charts = [...history.querySelectorAll("svg.chart")], wall = history.querySelector("table.wall");
  if (!charts.length) out.push("no charts of nights");
  if (!wall || wall.querySelectorAll("svg.spark").length < 2 * (wall.tHead.rows[0].cells.length - 1)) out.push("the wall is empty");
  for (const c of charts) {
    const box = c.getBoundingClientRect();
    if (!c.querySelector(".hit > title")) out.push("no values to hover: " + c.getAttribute("aria-label"));
    for (const t of c.querySelectorAll("text")) {
      const r = t.getBoundingClientRect();
      if (r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1) out.push("text outside its chart: " + t.textContent);
    }
    const names = [...c.querySelectorAll("text.axis")].map(t => t.getBoundingClientRect());
    names.forEach((a, i) => names.slice(i + 1).forEach(b => {
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) out.push("labels overlap: " + c.getAttribute("aria-label")); }));
  }
  if (!document.querySelector("#changed table.changed tbody tr")) out.push("nothing changed");
  return out;
})()
"""
COPY = r"""
(async () => {
  let got = null;
  const out = [], real = navigator.clipboard && navigator.clipboard.writeText;
  if (real) Object.defineProperty(navigator.clipboard, "writeText", {value: t => { got = t; return Promise.resolve(); }, configurable: true});
  else document.execCommand = () => { got = document.querySelector("body > textarea").value; return true; };
  for (const table of document.querySelectorAll("table:not(.choices)")) {
    const box = table.closest(".scroll"), button = box && box.nextElementSibling, name = table.caption.textContent;
    if (!button || button.textContent !== "Copy as CSV") { out.push("no copy button: " + name); continue; }
    got = null;
    button.click();
    const lines = (got || "").split("\r\n");
    if (lines.length !== table.rows.length + 1) out.push("CSV of '" + name + "': " + lines.length + " lines");
    if (/(^|,)[=@]/m.test(got)) out.push("a formula in the CSV of '" + name + "'");
    if (/(^|,)\u2013/m.test(got)) out.push("a dash in the CSV of '" + name + "'");
  }
  return out;
})()
"""
# With --full: every item of the first piece of every task, from packed text.
WHOLE = r"""
(async () => {
  const form = document.querySelector(".whole"), out = [];
  if (!form) return [];
  if (form.hidden) return ["every item: no form"];
  const pick = form.elements, box = document.querySelector(".all-items");
  const set = (n, v) => { pick[n].value = v; pick[n].dispatchEvent(new Event("input", {bubbles: true})); };
  const wait = async f => { for (let i = 0; i < 300 && !f(); i++) await new Promise(r => setTimeout(r, 10)); return f(); };
  if (pick.wtask.options.length < 2) out.push("every item: tasks are missing");
  for (const o of [...pick.wtask.options].slice(-3)) {
    box.textContent = "";
    set("wtask", o.value);
    const want = document.querySelector('template[data-task="' + o.value + '"][data-from="0"]').dataset.to - -1;
    if (!await wait(() => box.querySelectorAll(".item").length === want))
      out.push("every item: " + o.textContent + " shows " + box.querySelectorAll(".item").length + " of " + want);
  }
  set("wq", "no such words anywhere");
  if ([...box.querySelectorAll(".item")].some(i => !i.hidden)) out.push("every item: text filter");
  set("wq", "");
  if (box.querySelector("script,img,b,iframe") || window.pwned) out.push("every item: hostile text became markup");
  return out;
})()
"""
OVERFLOW = """(() => { const w = document.documentElement.clientWidth, s = document.documentElement.scrollWidth;
  if (s <= w) return [];
  const e = [...document.querySelectorAll("body *")].filter(x => x.getBoundingClientRect().right > w + 1 && !x.closest(".scroll,nav ul"))[0];
  return ["page is " + s + " wide at " + w + (e ? ": " + e.outerHTML.slice(0, 100) : "")]; })()"""


AXE = """axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
  .filter(v => v.impact === "serious" || v.impact === "critical")
  .map(v => "axe, " + v.impact + ": " + v.id + ": " + v.nodes.length + " x " + v.nodes[0].html.slice(0, 160)))"""


def axe(browser, where):
    path = os.environ.get("AXE")
    if not path:
        return []
    browser.call("Runtime.evaluate", expression=pathlib.Path(path).read_text())
    browser.evaluate("new Promise(r => requestAnimationFrame(() => setTimeout(r, 50)))")
    return [c + where for c in browser.evaluate(AXE)]


class Browser:
    def __init__(self, program, folder):
        to_r, self.to = os.pipe()
        self.back, back_w = os.pipe()

        def wire():
            os.dup2(to_r, 100), os.dup2(back_w, 101)
            os.dup2(100, 3), os.dup2(101, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
             "--disable-background-networking", "--user-data-dir=" + folder, "--remote-debugging-pipe"],
            preexec_fn=wire, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_r), os.close(back_w)
        self.n, self.buffer, self.events, self.session = 0, b"", [], None

    def read(self, timeout):
        end = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self.back, 1 << 16)
            if not chunk:
                raise EOFError("the browser went away")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read(240)
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, script):
        r = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            return ["check failed to run: " + r["exceptionDetails"].get("exception", {}).get("description", "?")]
        return r["result"].get("value")

    def load(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.read(240))

    def complaints(self):
        out = []
        for e in self.events:
            p, m = e.get("params", {}), e.get("method")
            if m == "Network.requestWillBeSent" and not p["request"]["url"].startswith("file:"):
                out.append("request to " + p["request"]["url"][:100])
            elif m == "Runtime.exceptionThrown":
                out.append("script error: " + json.dumps(p["exceptionDetails"])[:200])
            elif m == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
                out.append("console: " + p["entry"]["text"][:200])
            elif m == "Runtime.consoleAPICalled":
                out.append("console call")
        return out


FOLDED = "document.querySelectorAll('details:not([open])').length"


def paper(browser, where):
    """What is folded is printed, and folded again afterwards."""
    before, found = browser.evaluate(FOLDED), []
    data = base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"])
    if browser.evaluate(FOLDED) != before:
        found.append("printing leaves what was folded open" + where)
    if not shutil.which("pdftotext"):
        print("printed pages were not read: no pdftotext here")
        return found
    text = " ".join(subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True).stdout.decode().split())
    for inside in browser.evaluate("""[...document.querySelectorAll("details:not([open]) > :not(summary) caption:not(.hide), .item:not([open]) pre")]
          .filter(e => !e.closest("[hidden]")).map(e => e.textContent.trim().slice(0, 40)).filter(t => /^[\\w ]+$/.test(t))"""):
        if " ".join(inside.split()) not in text:
            found.append("not on paper: " + inside + where)
    return found[:5]


def run(browser, url, shots):
    found = []
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        browser.call(domain + ".enable")

    def view(width, height, scheme):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shot(name):
        if shots:
            data = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
            (shots / (name + ".png")).write_bytes(base64.b64decode(data))

    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
        view(width, 900, scheme)
        browser.load(url)
        where = " (%d px, %s)" % (width, scheme)
        found += [c + where for c in browser.complaints() + browser.evaluate(OVERFLOW) + browser.evaluate(CONTRAST)]
        found += axe(browser, where)
        shot("%s-%d" % (scheme, width))
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found += [c + " (360 px, all open)" for c in browser.evaluate(OVERFLOW)]
    found += axe(browser, " (360 px, all open)")
    view(1280, 900, "light")
    browser.load(url)
    for script in (CHECKS, SORT, FILTER, FIND, BASES, FIND, MACHINES, NIGHTS, COPY, WHOLE, CHECKS):
        found += browser.evaluate(script)
    found += browser.complaints()
    last = browser.evaluate("(() => { const o = document.querySelectorAll('.bases option'); return o.length ? o[o.length - 1].value : ''; })()")
    if last:  # an address that somebody was sent
        browser.load("about:blank")
        browser.load(url + "#items?base=" + last + "&kind=lost&sort=variants.0.0d")
        found += browser.evaluate("""(async () => {
          const b = document.querySelector(".bases").elements.base;
          await new Promise(r => setTimeout(r, 300));
          const out = [], name = b.options[b.selectedIndex].textContent;
          if (b.value !== "%s" || !document.querySelector("#variants tr.base th").textContent.startsWith(name)) out.push("the base of the address is not chosen");
          if ([...document.querySelectorAll("#items .item")].some(i => !i.hidden && i.dataset.kind !== "lost")) out.push("the filter of the address is not applied");
          const names = [...document.querySelectorAll("#variants table.main tbody th")].map(h => h.textContent);
          if (names.length < 2 || names.some((n, i) => i && n.localeCompare(names[i - 1], "en", {numeric: true}) > 0)) out.push("the order of the address is not applied: " + names);
          return out; })()""" % last)
    # all filters at once, as one item has them, come back with the address
    address = browser.evaluate("""(() => {
      const item = [...document.querySelectorAll("#items .item")].filter(i => i.dataset.shift > 0).pop();
      if (!item) return "";
      const a = new URLSearchParams({variant: item.dataset.variant, task: item.dataset.task, kind: item.dataset.kind,
        shift: item.dataset.shift, q: item.querySelector(".where").textContent});
      const find = document.querySelector("#tasks tbody th");
      if (document.querySelector(".task-filter") && find) a.set("find", find.textContent);
      const machine = document.querySelector("#tradeoff details[data-machine]:last-of-type");
      if (machine) a.set("machine", machine.dataset.machine);
      return "#items?" + a; })()""")
    if address:
        browser.load("about:blank")
        browser.load(url + address)
        found += browser.evaluate("""(() => {
          const want = new URLSearchParams(location.hash.split("?")[1]), form = document.querySelector(".item-filters"), out = [];
          for (const f of ["variant", "task", "kind", "shift", "q"])
            if (form.elements[f].value !== want.get(f)) out.push("the address does not restore " + f + ": " + form.elements[f].value);
          const shown = [...document.querySelectorAll("#items .item")].filter(i => !i.hidden);
          if (!shown.length || shown.some(i => i.dataset.variant !== want.get("variant") || i.dataset.task !== want.get("task") ||
              i.dataset.kind !== want.get("kind") || !i.textContent.includes(want.get("q")))) out.push("the filters of the address are not applied: " + shown.length);
          if (want.has("find") && document.querySelector(".task-filter").elements.find.value !== want.get("find")) out.push("the address does not restore the search for tasks");
          if (want.has("machine") && [...document.querySelectorAll("#tradeoff details[data-machine]")].some(d => d.hidden !== (d.dataset.machine !== want.get("machine")))) out.push("the address does not restore the machine");
          return out; })()""")
        browser.load("about:blank")
        browser.load(url)
    found += paper(browser, " (script)")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.load(url)
    if browser.evaluate("document.querySelectorAll('table.main tbody tr').length") < 2:
        found.append("without script the table is empty")
    if browser.evaluate("[...document.querySelectorAll('.filters')].some(f => !f.hidden)"):
        found.append("without script there are dead controls")
    found += paper(browser, " (no script)")
    return found


def main():
    program = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if not program:
        print("no chromium here")
        return 77
    url = pathlib.Path(sys.argv[1]).resolve().as_uri()
    shots = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            found = run(browser, url, shots)
        finally:
            browser.process.terminate()
            browser.process.wait(10)
    for line in found:
        print(line)
    if not os.environ.get("AXE"):
        print("axe-core was not run: AXE does not name its axe.min.js")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
