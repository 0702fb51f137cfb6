// The browser of units: cards of what activates each, found by number, class or words, sorted by any number of a unit.
const unitsOf = JSON.parse(find("units-data").textContent);
const PER_PAGE = 12;
const MOST_NAMES = 12;
const unpackedUnits = new Map();
const browse = {first: 0, asked: 0};

function startUnits() {
  browse.board = select(find("units-controls"), "Board", boardOptions(), boardWithRuns(), fillUnits);
  return fillUnits();
}

function fillUnits() {
  const board = boards[browse.board.value];
  const place = find("units-controls");
  keepFirst(place);
  const [first = 0] = rowsToShow(board, i => unitsOf[runOfRow(board, i)?.run]);
  browse.row = select(place, "Row", rowOptions(board), sameRow(board, browse.row, first), openUnits);
  return openUnits();
}

// The seeds that there are depend on the row.
function openUnits() {
  const place = find("units-controls");
  while (place.children.length > 2) place.lastChild.remove();
  const seeds = seedOptions(runsOfRow(boards[browse.board.value], browse.row.value));
  browse.seed = select(place, "Seed", seeds, browse.seed?.value, showRun);
  return showRun();
}

// Whoever has asked for another row by the time that this one is unpacked does not see it.
async function showRun() {
  const run = runOfRow(boards[browse.board.value], browse.row.value, browse.seed.value)?.run;
  const mine = ++browse.asked;
  const packed = run && unitsOf[run];
  if (packed && !unpackedUnits.has(run)) unpackedUnits.set(run, unpack(packed).then(JSON.parse));
  const found = packed ? await unpackedUnits.get(run) : null;
  if (mine !== browse.asked) return;
  browse.found = found;
  const place = find("units-controls");
  while (place.children.length > 3) place.lastChild.remove();
  find("units-note").replaceChildren(...unitsNote(run, found));
  if (found) unitsControls(place, found);
  showUnits();
}

function unitsNote(run, found) {
  const command = verb => make("code", {}, `python -m bench ${verb}`);
  if (!run) return ["No run of this row is done."];
  if (unitsOf[run] === "")
    return ["This page has no room for its units; ", command(`figures ${run} --only units`), " draws them."];
  if (!found)
    return ["This run has no units to look at: none is ever on, or an earlier version ran it; ", command(`evaluate ${run}`), " makes them from its weights."];
  const [on, all, kept] = found.counts;
  const some = found.units.length < on ? ` Here are ${found.units.length} of them: the most and the least dense, and a spread.` : "";
  const rest = found.units.length < kept ? [" ", command(`figures ${run} --only units`), ` draws ${kept}.`] : [];
  return [`Of ${all} units ${on} are ever on.${some}`, ...rest];
}

function unitsControls(place, found) {
  const options = [{value: "", text: "number"}, ...Object.keys(found.scores).map(text => ({value: text, text}))];
  const again = () => showUnits();
  browse.sort = select(place, "Sorted by", options, "", again);
  browse.order = select(place, "Order", ["smallest first", "largest first"].map((text, value) => ({value, text})), 0, again);
  browse.search = control(place, "Search", make("input", {type: "search", placeholder: "number, class, words"}), again);
}

function showUnits(first = 0) {
  const {found} = browse;
  const cards = find("units-cards");
  cards.classList.toggle("rows", Boolean(found?.rows));
  const chosen = found ? sortedUnits(found, browse.search.value.trim().toLowerCase()) : [];
  const shown = chosen.slice(first, first + PER_PAGE);
  cards.replaceChildren(...shown.map(index => unitCard(found, index)));
  const last = first + shown.length;
  find("units-state").textContent = found ? (shown.length ? `${first + 1} to ${last} of ${chosen.length}` : "No unit has that.") : "";
  const step = (text, to, can) => {
    const button = make("button", {type: "button", disabled: !can}, text);
    button.addEventListener("click", () => showUnits(to));
    return button;
  };
  find("units-steps").replaceChildren(
    ...(chosen.length > PER_PAGE
      ? [step("Back", first - PER_PAGE, first > 0), step("Next", last, last < chosen.length)]
      : []),
  );
}

// A number finds the unit that has it, and units of the class that is called so; words are looked for in all that a
// card says.
function sortedUnits(found, sought) {
  const {scores, units} = found;
  const by = scores[browse.sort.value];
  const key = i => by?.[i] ?? (by ? NaN : units[i].unit);
  const isCalled = ({unit, class: c}) => [String(unit), String(found.classes[c]).toLowerCase()].includes(sought);
  const has = i => !sought || (/^\d+$/.test(sought) ? isCalled(units[i]) : wordsOf(found, i).includes(sought));
  const sign = Number(browse.order.value) ? -1 : 1;
  const known = i => Number.isFinite(key(i));
  return units
    .map((_, i) => i)
    .filter(has)
    .sort((a, b) => known(b) - known(a) || sign * (key(a) - key(b)) || units[a].unit - units[b].unit);
}

function wordsOf(found, index) {
  const unit = found.units[index];
  unit.words ??= [
    unit.role,
    found.classes[unit.class] ?? "",
    ...unit.tops.map(sample => found.names[sample] ?? ""),
    ...unit.tops.map(sample => (found.contexts?.[sample] ?? []).map(token => found.tokens[token] ?? "").join("")),
  ].join("\n").toLowerCase();
  return unit.words;
}

function unitCard(found, index) {
  const unit = found.units[index];
  const numbers = Object.entries(found.scores).map(([label, values]) => `${label} ${values[index] == null ? "n/a" : formatNumber(values[index])}`);
  const counted = n => `${n} ${n === 1 ? "sample" : "samples"}`;
  const about = [unit.role, `on in ${counted(total(unit.histogram))}`, ...numbers].filter(Boolean).join(" · ");
  const rates = found.classes.map((name, c) => `${clip(name, 40)}: ${unit.rates[c]}`);
  const [low, high] = unit.range.map(formatNumber);
  const most = found.classes[unit.class];
  const samples = unit.histogram.map(counted);
  return make(
    "article",
    {class: "unit"},
    make("h3", {}, `Unit ${unit.unit}`, most == null ? "" : ` · mostly class ${clip(most, 40)}`),
    make("p", {class: "muted"}, about),
    make(
      "div",
      {class: "profiles"},
      rates.length ? bars(unit.rates, 1, rates, "on, by class", found.classes) : null,
      bars(unit.histogram, Math.max(...unit.histogram), samples, `code where on, ${low} to ${high}`),
    ),
    topSamples(found, unit, index),
  );
}

// Small bars, for the eye; what they say stands in their label.
function bars(values, most, words, title, names = []) {
  const all = values.map((value, i) => {
    const bar = make("i", {title: words[i]});
    bar.style.height = `${(100 * value) / (most || 1)}%`;
    return bar;
  });
  const label = clip(`${title}: ${words.join(", ")}`, 400);
  const drawn = make("div", {class: "bars", role: "img", "aria-label": label}, ...all);
  return make("figure", {}, drawn, namesBelow(names), make("figcaption", {}, title));
}

// Names of a few bars; from the top to the bottom where they are longer than a number.
function namesBelow(names) {
  if (!names.length || names.length > MOST_NAMES) return null;
  const css = names.some(name => name.length > 2) ? "names long" : "names";
  return make("div", {class: css, "aria-hidden": "true"}, ...names.map(name => make("span", {}, clip(name, 12))));
}

function topSamples(found, unit, index) {
  if (found.rows) return rowsTable(found, unit);
  const items = unit.tops.map((sample, t) => {
    const label = found.classes[found.labels[sample]];
    const code = formatNumber(unit.values[t]);
    if (found.contexts) return make("li", {}, context(found, index, t, sample), make("span", {class: "code"}, code));
    const name = clip(found.names[sample] ?? "", 300);
    const words = [name, label, code].filter(Boolean).join(", ");
    if (found.pictures) return make("li", {title: words}, tile(found.pictures, sample, words), make("span", {class: "code"}, code));
    const text = [name, label].filter(Boolean).join(", ");
    return make("li", {}, text || "a sample", " ", make("span", {class: "code"}, code));
  });
  return make("ol", {class: found.pictures ? "tiles" : "texts"}, ...items);
}

function tile(pictures, sample, words) {
  const {shape, signed} = pictures;
  const size = shape.slice(2).reduce((product, length) => product * length);
  const steps = (pictures.steps ??= levelsOf(pictures.levels)).subarray(sample * size, (sample + 1) * size);
  return painted({shape: [1, 1, ...shape.slice(2)], steps, signed}, words);
}

function context(found, index, top, sample) {
  const [, nTops, width] = found.shades.shape;
  found.shades.steps ??= bytesOf(found.shades.levels);
  const shown = found.contexts[sample].map((token, w) => {
    if (token < 0) return null;
    const shade = found.shades.steps[(index * nTops + top) * width + w];
    const node = make("span", {title: shade ? `${shade}% of its largest` : null}, found.tokens[token]);
    node.style.setProperty("--on", `${shade}%`);
    return node;
  });
  return make("span", {class: "context"}, ...shown);
}

function rowsTable({rows, features, names, classes, labels}, unit) {
  const head = ["", "code", ...(classes.length ? ["class"] : []), ...rows[0].map((_, f) => features[f] ?? f + 1)];
  const line = (sample, t) => [
    formatNumber(unit.values[t]),
    ...(classes.length ? [clip(classes[labels[sample]] ?? "none", 40)] : []),
    ...rows[sample].map(value => (value == null ? "n/a" : formatNumber(value))),
  ];
  const body = unit.tops.map((sample, t) =>
    make(
      "tr",
      {},
      make("th", {scope: "row"}, clip(names[sample] ?? "a row", 60)),
      ...line(sample, t).map(text => make("td", {class: "number"}, text)),
    ),
  );
  const heads = head.map((text, i) => (i ? make("th", {scope: "col", class: "number"}, text) : make("td")));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  return make("div", {class: "scroll", role: "region", tabindex: 0, "aria-label": `Rows of unit ${unit.unit}`}, table);
}
