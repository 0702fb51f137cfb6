// The tables: filters, groups of columns, sorting.
const view = {sort: null, ascending: true, groups: new Set(["headline"]), models: new Set(data.models)};

function startBoard() {
  const unique = key => [...new Set(boards.map(board => board[key]))].sort();
  const controls = find("board-controls");
  view.filters = {};
  for (const [key, label] of [
    ["dataset", "Data set"],
    ["settings", "Setting"],
    ["budget", "Budget"],
  ]) {
    const options = [{value: "", text: "all"}, ...unique(key).map(value => ({value, text: value}))];
    view.filters[key] = select(controls, label, options, "", renderBoards);
  }
  const families = [...new Set(Object.values(data.families))].sort();
  view.family = select(
    controls,
    "Family",
    [{value: "", text: "all"}, ...families.map(value => ({value, text: value}))],
    "",
    renderBoards,
  );
  const search = make("input", {type: "search", id: "board-search", placeholder: "part of a name"});
  view.search = control(controls, "Rows with", search, renderBoards);
  chips(
    find("board-columns"),
    ["headline", ...new Set(Object.values(data.columns).map(column => column.family))],
    view.groups,
  );
  chips(find("board-models"), data.models, view.models);
  const first = boards[0]?.columns.find(column => column.direction !== "none");
  if (first) Object.assign(view, {sort: first.name, ascending: first.direction === "min"});
  keep("board.sort", () => `${view.ascending ? "" : "-"}${view.sort ?? ""}`, sortBy);
  for (const button of document.querySelectorAll("[data-download]"))
    button.addEventListener("click", () => download(button.dataset.download));
  renderBoards();
}

// In the address stand those that are not as they were at first.
function chips(parent, names, chosen) {
  const boxes = names.map(name => make("input", {type: "checkbox", value: name, checked: chosen.has(name)}));
  const set = box => (box.checked ? chosen.add(box.value) : chosen.delete(box.value));
  for (const box of boxes) {
    box.addEventListener("change", () => {
      set(box);
      renderBoards();
      writeAddress("board");
    });
    parent.append(make("label", {}, box, clip(box.value, 60)));
  }
  keep(
    parent.id.replace("-", "."),
    () => boxes.filter(box => box.checked !== box.defaultChecked).map(box => box.value).join(),
    value => {
      for (const box of boxes.filter(box => value.split(",").includes(box.value))) {
        box.checked = !box.checked;
        set(box);
      }
    },
  );
}

function sortBy(text) {
  const name = text.replace(/^-/, "");
  if (name in data.columns || name === ":model" || name === ":seeds")
    Object.assign(view, {sort: name, ascending: name === text});
}

function download(kind) {
  if (kind === "csv") save("leaderboard.csv", "text/csv", data.csv);
  if (kind === "tex") save("leaderboard.tex", "text/x-tex", data.latex);
  if (kind === "json")
    save("leaderboard.json", "application/json", JSON.stringify(data.leaderboard, null, 1));
}

function renderBoards() {
  const place = find("boards");
  const shown = boards.filter(board =>
    Object.entries(view.filters).every(([key, node]) => !node.value || board[key] === node.value),
  );
  const focus = document.activeElement?.dataset?.focus;
  const scrolled = new Map(
    [...place.querySelectorAll(".scroll")].map(area => [
      area.parentNode.dataset.board,
      [area.scrollLeft, area.scrollTop],
    ]),
  );
  place.replaceChildren(...shown.map(boardSection));
  for (const area of place.querySelectorAll(".scroll"))
    [area.scrollLeft, area.scrollTop] = scrolled.get(area.parentNode.dataset.board) ?? [0, 0];
  if (focus)
    [...place.querySelectorAll("[data-focus]")]
      .find(node => node.dataset.focus === focus)
      ?.focus({preventScroll: true});
  const rows = place.querySelectorAll("tbody tr").length;
  const [rowWord, boardWord] = [rows === 1 ? "row" : "rows", boards.length === 1 ? "board" : "boards"];
  find("board-state").textContent = `${rows} ${rowWord} in ${shown.length} of ${boards.length} ${boardWord}.`;
}

function boardSection(board) {
  const columns = board.columns.filter(
    c => (c.headline && view.groups.has("headline")) || view.groups.has(data.columns[c.name].family),
  );
  const family = column => data.columns[column.name].family;
  const edges = new Set(
    columns.filter((column, i) => !i || family(columns[i - 1]) !== family(column)).map(column => column.name),
  );
  const wanted = view.search.value.trim().toLowerCase();
  const shown = ({model}, label) =>
    view.models.has(model) &&
    (!view.family.value || data.families[model] === view.family.value) &&
    label.toLowerCase().includes(wanted);
  const order = sorted(board).filter(i => shown(board.rows[i], board.labels[i]));
  const table = make(
    "table",
    {class: board.labels.some(label => label.length > 18) ? "board long" : "board"},
    boardHead(board, columns, edges),
    make("tbody", {}, ...order.map(i => boardRow(board, i, columns, edges))),
  );
  const area = make(
    "div",
    {class: "scroll wide", role: "region", tabindex: "0", "aria-label": `Board of ${board.title}`},
    table,
  );
  return make("div", {class: "one-board", "data-board": board.index}, make("h3", {}, board.title), area);
}

function sorted(board) {
  const order = board.labels.map((_, i) => i);
  const key =
    view.sort === ":model"
      ? i => board.labels[i]
      : view.sort === ":seeds"
        ? i => board.rows[i].seeds
        : i => mean(board.rows[i], view.sort);
  const missing = value => Number.isNaN(value);
  return order.sort((i, j) => {
    const [a, b] = [key(i), key(j)];
    if (missing(a) || missing(b)) return missing(a) - missing(b) || i - j;
    const sign = a < b ? -1 : a > b ? 1 : 0;
    return (view.ascending ? sign : -sign) || i - j;
  });
}

// Rows that pay unlike prices for a quality, as L0 for FVU, have no ranks in it.
const hasRanks = () => boards.some(board => board.ranks[view.sort]);

function boardHead(board, columns, edges) {
  const groups = make(
    "tr",
    {},
    make("th", {class: "corner", colspan: 1, scope: "col"}, make("span", {class: "hidden"}, "row")),
    make("td", {colspan: hasRanks() ? 2 : 1}),
  );
  for (const column of columns) {
    if (edges.has(column.name))
      groups.append(
        make("th", {class: "group", scope: "colgroup", colspan: 1}, data.columns[column.name].family),
      );
    else groups.lastChild.colSpan += 1;
  }
  const rank = hasRanks() ? `rank in ${header(view.sort).replace(/ \[.*|[ ↓↑]+$/, "")}` : "";
  const heads = make(
    "tr",
    {},
    sortable(board, ":model", "model", "corner"),
    sortable(board, ":seeds", "seeds", "number"),
    rank ? make("th", {scope: "col", class: "number rank"}, rank) : null,
  );
  for (const column of columns)
    heads.append(
      sortable(board, column.name, header(column.name), `number${edges.has(column.name) ? " edge" : ""}`),
    );
  return make("thead", {}, groups, heads);
}

function sortable(board, key, text, css) {
  const active = view.sort === key;
  const button = make(
    "button",
    {type: "button", "data-focus": `${board.index} ${key}`, "data-tip": data.columns[key]?.tip},
    clip(text, 60),
  );
  button.addEventListener("click", () => {
    view.ascending = active ? !view.ascending : key === ":model" || data.columns[key]?.direction === "min";
    view.sort = key;
    renderBoards();
    writeAddress("board");
  });
  const sort = active ? (view.ascending ? "ascending" : "descending") : "none";
  return make("th", {scope: "col", class: css, "aria-sort": sort, "data-column": key}, button);
}

function boardRow(board, i, columns, edges) {
  const row = board.rows[i];
  const ranks = board.ranks[view.sort]?.[i];
  const rank = ranks ? (ranks[0] === ranks[1] ? String(ranks[0]) : `${ranks[0]}–${ranks[1]}`) : "–";
  const failed = board.counts[i].endsWith("failed");
  const line = make(
    "tr",
    {},
    make("th", {scope: "row"}, make("span", {class: "clamp", "data-tip": own(data.explained, row.model)}, board.labels[i])),
    make("td", {class: failed ? "failed" : null}, board.counts[i]),
    hasRanks() ? make("td", {}, rank) : null,
  );
  for (const column of columns) {
    const text = board.cells[column.name][i];
    const tied = row.metrics[column.name]?.best_or_tied;
    const css = text === "n/a" ? "na" : text === "failed" ? "failed" : "";
    const told = reason(board, i, column.name.split(".")[0], text);
    const shown = told ? make("button", {type: "button", class: "cell", "data-tip": told}, text) : text;
    line.append(
      make(
        "td",
        {"data-column": column.name, class: `${css}${edges.has(column.name) ? " edge" : ""}`.trim() || null},
        tied ? make("b", {}, shown) : shown,
      ),
    );
  }
  return line;
}

// Why a cell has no number: what the metric raised, by seed; where it does not apply, why.
function reason(board, i, metric, text) {
  const raised = Object.entries(board.rows[i].metric_errors?.[metric] ?? {});
  if (raised.length) return raised.map(([seed, words]) => `seed ${seed}: ${clip(words, 300)}`).join("\n");
  return text === "n/a" ? clip(own(runOfRow(board, i)?.reasons ?? {}, metric) ?? "", 300) : "";
}
