/* Sorting, filtering, copying, choosing the base.  The page is complete without it.  Text never
 * becomes markup here; the only markup added is what this file brought along packed. */
"use strict";
(function () {
  function each(list, f) { Array.prototype.forEach.call(list, f); }
  function all(selector, root) { return (root || document).querySelectorAll(selector); }

  /* -- state in the address: #section?key=value&... -- */
  function parameters() { var at = location.hash.indexOf("?"); return new URLSearchParams(at < 0 ? "" : location.hash.slice(at + 1)); }
  var state = parameters();
  function put(section) {
    var text = state.toString();
    try { history.replaceState(null, "", "#" + section + (text ? "?" + text : "")); } catch (e) { /* file: */ }
  }
  function remember(key, value, section) {
    if (value) state.set(key, value); else state.delete(key);
    put(section);
  }
  window.addEventListener("hashchange", function () {
    if (location.hash.indexOf("?") < 0) put(location.hash.slice(1)); /* a link within the page: what was chosen stays */
    else if (parameters().toString() !== state.toString()) location.reload(); /* somebody else's address */
  });

  /* -- sorting -- */
  function key(row, col) {
    var cell = row.cells[col];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return parseFloat(cell.dataset.v);
    var text = cell.textContent.trim();
    return text === "" || text === "\u2013" ? null : text;
  }
  function order(a, b) {
    if (a === null || b === null) return (a === null) - (b === null) || 0;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", {numeric: true});
  }
  /* way: "a" ascending, "d" descending, "" as the page came */
  function sort(table, col, way) {
    var body = table.tBodies[0], heads = table.tHead.rows[0].cells;
    if (!table.asCame) table.asCame = Array.prototype.slice.call(body.rows);
    var rows = table.asCame.map(function (r, i) { return {r: r, k: way ? key(r, col) : i, i: i}; });
    rows.sort(function (x, y) {
      if (x.k === null || y.k === null) return order(x.k, y.k) || x.i - y.i;
      return (way === "d" ? order(y.k, x.k) : order(x.k, y.k)) || x.i - y.i;
    });
    rows.forEach(function (x) { body.appendChild(x.r); });
    each(heads, function (c) { c.removeAttribute("aria-sort"); });
    if (way) heads[col].setAttribute("aria-sort", way === "d" ? "descending" : "ascending");
  }
  function wayOf(th) { var sorted = th.getAttribute("aria-sort"); return sorted ? sorted[0] : ""; }
  /* "variants.0": the same table whatever base is shown. */
  function nameOf(table) {
    var section = table.closest("section");
    return section && section.id + "." + Array.prototype.indexOf.call(all("table.sortable", section), table);
  }
  function sorts() { /* name of a table -> column and way, as the address says */
    var out = {};
    (state.get("sort") || "").split(",").forEach(function (word) {
      var m = /^([a-z]+\.\d+)\.(\d+)([ad])$/.exec(word);
      if (m) out[m[1]] = {col: +m[2], way: m[3]};
    });
    return out;
  }
  function applySorts() {
    var wanted = sorts();
    each(all("table.sortable"), function (table) {
      var want = wanted[nameOf(table)], heads = table.tHead.rows[0].cells, is = table.tHead.querySelector("th[aria-sort]");
      if (want && heads[want.col] && heads[want.col].classList.contains("sort")) {
        if (wayOf(heads[want.col]) !== want.way) sort(table, want.col, want.way);
      } else if (is) sort(table, is.cellIndex, "");
    });
  }
  function makeSortable(table) {
    each(table.tHead.rows[0].cells, function (th, col) {
      if (th.classList.contains("plot") || !th.textContent.trim()) return;
      var button = document.createElement("button");
      button.type = "button";
      while (th.firstChild) button.appendChild(th.firstChild);
      th.appendChild(button);
      th.classList.add("sort");
      button.addEventListener("click", function () {
        var way = {"": "a", a: "d", d: ""}[wayOf(th)], wanted = sorts(), name = nameOf(table);
        sort(table, col, way);
        delete wanted[name];
        if (way) wanted[name] = {col: col, way: way};
        remember("sort", Object.keys(wanted).map(function (n) { return n + "." + wanted[n].col + wanted[n].way; }).join(","), table.closest("section").id);
      });
    });
  }

  /* -- copying -- */
  function copy(text, done) {
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done, function () {}); return; }
    var area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    if (document.execCommand("copy")) done();
    area.remove();
  }
  function copyButton(label, text) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = label;
    button.addEventListener("click", function () { copy(text(), function () { button.textContent = "Copied"; }); });
    return button;
  }
  /* A field as the CSV export writes it: quoted where needed, no formulas, full precision. */
  function field(cell) {
    if (cell.classList.contains("n") && cell.dataset.v !== undefined && !isNaN(parseFloat(cell.dataset.v)))
      return cell.dataset.v;
    var parts = [];
    (function walk(node) {
      each(node.childNodes, function (n) {
        if (n.nodeType === 3) parts.push(n.data); else if (n.nodeName.toLowerCase() !== "svg") {
          if (n.nodeName === "SMALL" || n.nodeName === "SPAN") parts.push(" ");
          if (n.nodeName !== "WBR") walk(n);
        }
      });
    })(cell);
    var text = parts.join("").replace(/\s+/g, " ").trim();
    if (text === "\u2013") return "";
    if (/^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) || text[0] === "'" ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function csv(table) {
    var skip = [];
    each(table.tHead.rows[0].cells, function (th, i) { if (th.classList.contains("plot") || !th.textContent.trim()) skip[i] = true; });
    return Array.prototype.map.call(table.rows, function (row) {
      var out = [];
      each(row.cells, function (cell, i) { if (!skip[i] || cell.colSpan > 1) out.push(field(cell)); });
      return out.join(",") + "\r\n";
    }).join("");
  }
  /* What scrolls can be reached and scrolled with the keyboard, what does not is no stop. */
  var watcher = typeof ResizeObserver === "function" && new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      var box = entry.target;
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0; else box.removeAttribute("tabindex");
    });
  });

  function enhance(root) {
    if (watcher) each(all(".scroll", root), function (box) { watcher.observe(box); });
    each(all("table.sortable", root), makeSortable);
    each(all("table:not(.choices)", root), function (table) {
      var box = table.closest(".scroll");
      if (box) box.parentNode.insertBefore(copyButton("Copy as CSV", function () { return csv(table); }), box.nextSibling);
    });
  }
  enhance(document);
  each(all("pre.command"), function (pre) {
    pre.parentNode.insertBefore(copyButton("Copy", function () { return pre.textContent; }), pre.nextSibling);
  });

  /* -- what the file brought along packed -- */
  function unpack(template) {
    var bytes = Uint8Array.from(atob(template.content.textContent), function (c) { return c.charCodeAt(0); });
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(stream).text().then(function (text) {
      return new DOMParser().parseFromString(text, "text/html").body;
    });
  }
  var canUnpack = typeof DecompressionStream === "function";

  var find = document.querySelector(".task-filter"), narrowTasks;

  /* -- choosing the base -- */
  var bases = document.querySelector(".bases");
  if (bases && canUnpack) {
    var select = bases.elements.base, first = select.value, shown = first, original = {};
    each(all("option", select), function (o) {
      if (o.value !== first && !document.querySelector('template[data-base="' + o.value + '"]')) o.remove();
    });
    var show = function (parts) {
      each(all(".rebase"), function (old) {
        var part = parts[old.dataset.part];
        if (part && part !== old) old.replaceWith(part);
      });
      if (find) narrowTasks();
      applySorts();
      bases.querySelector("output").textContent =
        shown === first ? "" : "verdict, items and charts still refer to " + select.querySelector('option[value="' + first + '"]').textContent;
    };
    each(all(".rebase"), function (d) { original[d.dataset.part] = d; });
    var choose = function () {
      var value = select.value;
      shown = value;
      remember("base", value === first ? "" : value, "variants");
      if (value === first) { show(original); return Promise.resolve(); }
      return unpack(document.querySelector('template[data-base="' + value + '"]')).then(function (body) {
        if (shown !== value) return;
        var parts = {};
        each(all(".rebase", body), function (d) { parts[d.dataset.part] = document.importNode(d, true); });
        Object.keys(parts).forEach(function (k) { enhance(parts[k]); });
        show(parts);
      });
    };
    bases.hidden = false;
    select.addEventListener("change", choose);
    bases.addEventListener("submit", function (e) { e.preventDefault(); });
    if (state.get("base") && select.querySelector('option[value="' + CSS.escape(state.get("base")) + '"]')) {
      select.value = state.get("base");
      choose();
    }
  }

  /* -- finding a task -- */
  narrowTasks = function () {
    var q = find.elements.find.value.trim().toLowerCase(), names = {}, hits = {};
    each(all("#tasks details.forest tbody tr, #tasks > .scroll tbody tr"), function (row) {
      var name = row.cells[0].textContent;
      row.hidden = q !== "" && name.toLowerCase().indexOf(q) < 0;
      names[name] = true;
      if (!row.hidden) hits[name] = true;
    });
    find.querySelector("output").textContent = q ? Object.keys(hits).length + " of " + Object.keys(names).length : "";
  };
  if (find) {
    find.hidden = false;
    if (state.has("find")) find.elements.find.value = state.get("find");
    find.addEventListener("input", function () { narrowTasks(); remember("find", find.elements.find.value, "tasks"); });
    find.addEventListener("submit", function (e) { e.preventDefault(); });
    narrowTasks();
  }

  /* -- trade-offs of one machine -- */
  var machines = document.querySelector(".machines");
  if (machines) {
    var pickMachine = function () {
      var want = machines.elements.machine.value;
      each(all("#tradeoff details[data-machine]"), function (d) {
        d.hidden = want !== "" && d.dataset.machine !== want;
        if (want !== "" && !d.hidden) d.open = true;
      });
    };
    machines.hidden = false;
    if (state.has("machine")) machines.elements.machine.value = state.get("machine");
    if (machines.elements.machine.selectedIndex < 0) machines.elements.machine.value = "";
    machines.addEventListener("input", function () { pickMachine(); remember("machine", machines.elements.machine.value, "tradeoff"); });
    machines.addEventListener("submit", function (e) { e.preventDefault(); });
    pickMachine();
  }

  /* -- the newest nights are on the right: show them first where there is no room for all -- */
  function toNewest(root) {
    each(all("#history .scroll > svg.chart", root), function (svg) { svg.parentNode.scrollLeft = svg.parentNode.scrollWidth; });
  }
  toNewest(document);
  each(all("#history details"), function (d) { d.addEventListener("toggle", function () { toNewest(d.parentNode); }); });

  /* -- items -- */
  var form = document.querySelector(".item-filters");
  if (form) {
    var items = all("#items .item");
    var fields = ["variant", "task", "kind", "shift", "q"];
    var apply = function (keep) {
      var want = {}, n = 0;
      fields.forEach(function (f) { want[f] = form.elements[f].value; });
      var q = want.q.trim().toLowerCase();
      each(items, function (item) {
        var hit = (!want.variant || item.dataset.variant === want.variant) &&
                  (!want.task || item.dataset.task === want.task) &&
                  (!want.kind || item.dataset.kind === want.kind) &&
                  (!want.shift || parseFloat(item.dataset.shift) >= parseFloat(want.shift)) &&
                  (!q || item.textContent.toLowerCase().indexOf(q) >= 0);
        item.hidden = !hit;
        n += hit;
      });
      var isNarrowed = want.variant || want.task || want.kind || want.shift || q;
      each(all("details.flips"), function (group) {
        group.hidden = !group.querySelector(".item:not([hidden])");
        if (isNarrowed && !group.hidden) group.open = true;
      });
      form.querySelector("output").textContent = n + " of " + items.length;
      if (keep) fields.forEach(function (f) { remember(f, want[f], "items"); });
    };
    form.hidden = false;
    fields.forEach(function (f) { if (state.has(f)) form.elements[f].value = state.get(f); });
    form.addEventListener("input", function () { apply(true); });
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    apply(false);
    document.addEventListener("keydown", function (e) { /* "/" searches, as in other tools */
      if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.nodeName)) return;
      e.preventDefault();
      form.elements.q.focus();
      form.scrollIntoView({block: "center"});
    });
  }
  /* -- every item: one piece at a time -- */
  var whole = document.querySelector(".whole");
  if (whole && canUnpack) {
    var box = document.querySelector(".all-items"), pick = whole.elements;
    document.querySelector(".needs-script").hidden = true;
    whole.hidden = false;
    each(all("template.task-name"), function (t) {
      if (document.querySelector('template[data-from][data-task="' + t.dataset.task + '"]'))
        pick.wtask.appendChild(new Option(t.content.textContent, t.dataset.task));
    });
    var narrow = function () {
      var q = pick.wq.value.trim().toLowerCase(), n = 0, items = all(".item", box);
      each(items, function (item) {
        item.hidden = (pick.wkind.value && item.dataset.kind !== pick.wkind.value) ||
                      (q && item.textContent.toLowerCase().indexOf(q) < 0);
        n += !item.hidden;
      });
      whole.querySelector("output").textContent = n + " of " + items.length;
    };
    var load = function () {
      var piece = document.querySelector('template[data-task="' + pick.wtask.value + '"][data-from="' + pick.wfrom.value + '"]');
      if (!piece) return;
      unpack(piece).then(function (body) {
        box.textContent = "";
        each(Array.prototype.slice.call(body.childNodes), function (n) { box.appendChild(document.importNode(n, true)); });
        if (watcher) each(all(".scroll", box), function (b) { watcher.observe(b); });
        narrow();
      });
    };
    var pieces = function () {
      pick.wfrom.textContent = "";
      each(all('template[data-from][data-task="' + pick.wtask.value + '"]'), function (t) {
        pick.wfrom.appendChild(new Option(t.dataset.from + " \u2013 " + t.dataset.to, t.dataset.from));
      });
      if (state.has("wfrom")) pick.wfrom.value = state.get("wfrom");
    };
    if (state.has("wtask")) pick.wtask.value = state.get("wtask");
    pieces();
    if (state.has("wtask")) load();
    whole.addEventListener("input", function (e) {
      if (e.target === pick.wtask) { state.delete("wfrom"); pieces(); }
      if (e.target === pick.wtask || e.target === pick.wfrom) {
        remember("wtask", pick.wtask.value, "items");
        remember("wfrom", pick.wfrom.value, "items");
        load();
      } else if (!box.firstChild) load(); else narrow();
    });
    whole.addEventListener("submit", function (e) { e.preventDefault(); });
    whole.addEventListener("focusin", function () { if (!box.firstChild) load(); });
  }

  applySorts();

  /* -- paper: what is folded is printed too, and folded again afterwards -- */
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.prototype.slice.call(all("details:not([open])"));
    folded.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (d) { d.open = false; });
    folded = [];
  });

  var section = location.hash.slice(1).split("?")[0];
  if (location.hash.indexOf("?") >= 0 && /^[a-z]+$/.test(section) && document.getElementById(section))
    document.getElementById(section).scrollIntoView();
})();
