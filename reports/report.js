/* Sorting, filtering and copying.  The page is complete without it; it never makes markup from text. */
"use strict";
(function () {
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
  function sort(table, col, th) {
    var down = th.getAttribute("aria-sort") === "ascending";
    var body = table.tBodies[0];
    var rows = Array.prototype.map.call(body.rows, function (r, i) { return {r: r, k: key(r, col), i: i}; });
    rows.sort(function (x, y) {
      if (x.k === null || y.k === null) return order(x.k, y.k) || x.i - y.i;
      return (down ? order(y.k, x.k) : order(x.k, y.k)) || x.i - y.i;
    });
    rows.forEach(function (x) { body.appendChild(x.r); });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (c) { c.removeAttribute("aria-sort"); });
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  Array.prototype.forEach.call(document.querySelectorAll("table.sortable"), function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (th, col) {
      if (th.classList.contains("plot") || !th.textContent.trim()) return;
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      th.textContent = "";
      th.appendChild(button);
      th.classList.add("sort");
      button.addEventListener("click", function () { sort(table, col, th); });
    });
  });

  var form = document.querySelector(".filters");
  if (form) {
    var items = document.querySelectorAll(".item");
    var fields = ["variant", "kind", "q"];
    var apply = function (keep) {
      var want = {}, n = 0;
      fields.forEach(function (f) { want[f] = form.elements[f].value; });
      var q = want.q.trim().toLowerCase();
      Array.prototype.forEach.call(items, function (item) {
        var hit = (!want.variant || item.dataset.variant === want.variant) &&
                  (!want.kind || item.dataset.kind === want.kind) &&
                  (!q || item.textContent.toLowerCase().indexOf(q) >= 0);
        item.hidden = !hit;
        n += hit;
      });
      var isNarrowed = want.variant || want.kind || q;
      Array.prototype.forEach.call(document.querySelectorAll("details.flips"), function (group) {
        group.hidden = !group.querySelector(".item:not([hidden])");
        if (keep && isNarrowed && !group.hidden) group.open = true;
      });
      form.querySelector("output").textContent = n + " of " + items.length;
      if (keep) {
        var state = fields.filter(function (f) { return want[f]; }).map(function (f) {
          return f + "=" + encodeURIComponent(want[f]);
        }).join("&");
        try { history.replaceState(null, "", state ? "#items?" + state : "#items"); } catch (e) { /* file: */ }
      }
    };
    form.hidden = false;
    var at = location.hash.indexOf("?");
    if (at > 0) {
      var given = new URLSearchParams(location.hash.slice(at + 1));
      fields.forEach(function (f) { if (given.has(f)) form.elements[f].value = given.get(f); });
      document.getElementById("items").scrollIntoView();
    }
    form.addEventListener("input", function () { apply(true); });
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    apply(false);
  }

  Array.prototype.forEach.call(document.querySelectorAll("pre.command"), function (pre) {
    if (!navigator.clipboard) return;
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(pre.textContent).then(function () { button.textContent = "Copied"; });
    });
    pre.parentNode.insertBefore(button, pre.nextSibling);
  });
})();
