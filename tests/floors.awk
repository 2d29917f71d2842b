# floors.awk - reads floors.txt, then sources; names every #include that breaks the table, and cycles.

function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }

# The row of the table that holds a folder: itself, PARENT/*, or an ancestor (tests).
function row_of(folder,    parent) {
    if (folder in allowed) return folder
    parent = folder
    while (sub(/\/[^\/]*$/, "", parent)) {
        if ((parent "/*") in allowed) return parent "/*"
        if (parent in allowed && parent == "tests") return parent
    }
    return ""
}

function may_include(from, to, row) {
    return from == to || index(" " allowed[row] " ", " " to " ") || allowed[row] == "*"
}

function complain(text) { print FILENAME ":" FNR ": " text; bad = 1 }

# Depth first over the edges between headers; `trail` is how we came here.
function visit(node, trail,    i, n, next_nodes) {
    if (state[node] == 2) return
    if (state[node] == 1) { print "cycle of headers: " trail; bad = 1; return }
    state[node] = 1
    n = split(edges[node], next_nodes, " ")
    for (i = 1; i <= n; i++) visit(next_nodes[i], trail " -> " next_nodes[i])
    state[node] = 2
}

FNR == NR {
    if ($0 !~ /^#/ && split($0, row, /:[ ]*/) >= 1 && row[1] != "") allowed[row[1]] = row[2]
    next
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    target = quoted[2]
    if (target !~ /\//) {
        # Generated text (schema_sql.h) has no folder; nothing else may come without one.
        if (target !~ /_(sql|css|js|py)\.h$/) complain("\"" target "\" is not relative to the repository's root")
        next
    }
    from = folder_of(FILENAME)
    row_name = row_of(from)
    if (row_name == "") complain("folder '" from "' is not in tests/floors.txt")
    else if (!may_include(from, folder_of(target), row_name))
        complain("'" from "' may not include \"" target "\" (tests/floors.txt)")
    if (FILENAME ~ /\.h$/) edges[FILENAME] = edges[FILENAME] " " target
}

END {
    for (node in edges) visit(node, node)
    exit bad
}
