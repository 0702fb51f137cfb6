// Numbers, elements and controls. Data reaches the page as text nodes and attributes, never as markup.
const boards = data.leaderboard.boards.map((board, i) => ({...board, ...data.boards[i], index: i}));
const find = id => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child != null));
  return node;
}

function select(parent, label, options, value, onChange) {
  const node = make("select", {"aria-label": label});
  let group = null;
  for (const option of options) {
    if (option.group && (!group || group.label !== option.group))
      node.append((group = make("optgroup", {label: option.group})));
    (option.group ? group : node).append(
      make("option", {value: option.value, title: option.title}, clip(option.text, 90)),
    );
  }
  if (value != null && options.some(option => String(option.value) === String(value))) node.value = value;
  return control(parent, label, node, onChange);
}

function toggle(parent, label, checked, onChange) {
  return control(parent, label, make("input", {type: "checkbox", checked}), onChange);
}

function control(parent, label, node, onChange) {
  const key = `${parent.id.split("-")[0]}.${label}`;
  const isBox = node.type === "checkbox";
  keep(
    key,
    () => (isBox ? (node.checked ? "yes" : "") : node.value),
    value => {
      if (isBox) node.checked = value === "yes";
      else if (!node.options || [...node.options].some(option => option.value === value)) node.value = value;
    },
  );
  // What is typed is followed letter by letter, and is one step back.
  const isTyped = node.tagName === "INPUT" && !isBox;
  node.addEventListener(isTyped ? "input" : "change", () => {
    onChange();
    writeAddress(sectionOf(key), isTyped);
  });
  parent.append(make("label", {}, label, node));
  return node;
}

// What was chosen stands in the address, #SECTION&SECTION.Control=value&..., so that a view can be sent, and gone back to.
const wanted = new URLSearchParams(location.hash.slice(1));
const kept = new Map(); // key -> how it is now; "" for as usual
const touched = new Set(); // the sections in which something was chosen
const sectionOf = key => key.split(/[.&=]/)[0];
let typed = false;

function keep(key, get, set) {
  kept.set(key, get);
  const value = wanted.get(key);
  if (value == null) return;
  wanted.delete(key);
  touched.add(sectionOf(key));
  set(value);
}

function stateNow() {
  const chosen = [...kept].filter(([key, get]) => touched.has(sectionOf(key)) && get());
  return String(new URLSearchParams(chosen.map(([key, get]) => [key, get()])));
}

function writeAddress(section, isTyped = false) {
  touched.add(section);
  goTo(section, isTyped && typed);
  typed = isTyped;
}

function goTo(section, replaces = false) {
  const hash = `#${[section, stateNow()].filter(Boolean).join("&")}`;
  if (hash !== location.hash) history[replaces ? "replaceState" : "pushState"](null, "", hash);
}

// Links between sections keep what was chosen; going back to another state makes the page again.
function followAddress() {
  const target = () => find(sectionOf(location.hash.slice(1)));
  const stateThere = () => location.hash.slice(1).split("&").filter(part => part.includes("=")).join("&");
  target()?.scrollIntoView();
  addEventListener("popstate", () => (stateThere() === stateNow() ? target()?.scrollIntoView() : location.reload()));
  document.addEventListener("click", event => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goTo(link.hash.slice(1));
    target().tabIndex = -1;
    target().focus({preventScroll: true});
    target().scrollIntoView();
  });
}

// `a`, between backticks, is code.
const coded = text => text.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));

// "a, b and c", or another word before the last.
const listed = (names, last = "and") => [names.slice(0, -1).join(", "), ...names.slice(-1)].filter(Boolean).join(` ${last} `);

// "a, b and 5 others" of more than can be read in a line.
function listedShort(names, most = 300) {
  let [shown, length] = [0, 0];
  while (shown < names.length && (length += names[shown].length + 2) <= most) shown++;
  const rest = names.length - Math.max(shown, 1);
  const others = rest > 0 ? ` and ${rest} ${rest === 1 ? "other" : "others"}` : "";
  return clip(names.slice(0, Math.max(shown, 1)).join(", "), most) + others;
}

// The controls behind the choice of a board depend on it, and are made again.
function keepFirst(place) {
  while (place.children.length > 1) place.lastChild.remove();
}

// A name may be that of something every object has, as "constructor".
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

// JSON has no infinities: they are written as words.
const number = value =>
  ({inf: Infinity, "-inf": -Infinity, nan: NaN})[value] ?? (value == null ? NaN : Number(value));
const mean = (row, name) => (name in row.metrics ? number(row.metrics[name].mean) : NaN);
const header = name => data.columns[name].header;
const quantity = name => header(name).replace(/[ ↓↑]+$/, ""); // the header without the arrow
const better = name => (data.columns[name].direction === "max" ? 1 : -1);
const clip = (text, length) =>
  [...text].length > length ? [...text].slice(0, length - 1).join("") + "…" : text;

// As bench.show.tables.format_interval writes them.
function formatInterval(mean, half) {
  if (half == null || !Number.isFinite(mean)) return formatNumber(mean);
  if (half === 0) return `${formatNumber(mean)} ± 0`;
  const decimals = 1 - Math.floor(Math.log10(Number(half.toExponential(1))));
  if (decimals > 6 || Math.abs(mean) >= 1e9) return `${formatNumber(mean)} ± ${exponent(half, 1)}`;
  return `${fixed(mean, Math.max(0, decimals))} ± ${fixed(half, Math.max(0, decimals))}`;
}

function formatNumber(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e9) return exponent(value, 3);
  if (Number.isInteger(value)) return fixed(value, 0);
  const decimals = 3 - Math.floor(Math.log10(Math.abs(value)));
  return decimals > 6 ? exponent(value, 3) : fixed(value, Math.max(0, decimals));
}

const exponent = (value, digits) => value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");

function fixed(value, decimals) {
  let text = value.toFixed(decimals);
  const scaled = Math.abs(value) * 10 ** decimals;
  if (scaled % 1 === 0.5 && Number.isInteger(value * 2 ** 20)) {
    // a tie: to even
    const floor = Math.floor(scaled);
    text = ((Math.sign(value) * (floor + (floor % 2))) / 10 ** decimals).toFixed(decimals);
  }
  if (Number(text) === 0) text = text.replace("-", "");
  return text.replace(/^(-?\d+)/, whole => whole.replace(/\B(?=(\d{3})+$)/g, ","));
}

function rankedColumns(board) {
  const ranked = board.columns.filter(column => column.direction !== "none");
  const option = group => column => ({
    value: column.name,
    text: header(column.name),
    group: group ?? data.columns[column.name].family,
  });
  return [
    ...ranked.filter(column => column.headline).map(option("headline")),
    ...ranked.filter(column => !column.headline).map(option()),
  ];
}

// Any other number of a board, by family.
function otherColumns(board, known) {
  const names = new Set(known.map(option => option.value));
  const others = board.columns.filter(column => !names.has(column.name));
  return others.map(({name}) => ({value: name, text: header(name), group: `${data.columns[name].family} `}));
}

// The row of another board that is called as the one chosen now.
function sameRow(board, control, otherwise) {
  const i = board.labels.indexOf(control?.selectedOptions[0]?.title);
  return i < 0 ? otherwise : i;
}

const isFloor = row => data.families[row.model] === "floors";

// The rows that have something, those that are no floors first.
function rowsToShow(board, has = () => true) {
  const rows = board.rows.map((_, i) => i).filter(has);
  return rows.sort((i, j) => isFloor(board.rows[i]) - isFloor(board.rows[j]));
}

const boardOptions = () => boards.map(board => ({value: board.index, text: board.title}));
// The runs of a row that the page shows more of than numbers, the lowest seed first; one of them by its seed.
const runsOfRow = (board, i) => own(board.structure, board.labels[i]) ?? [];
const runOfRow = (board, i, seed) => {
  const runs = runsOfRow(board, i);
  return runs.find(run => String(run.seed) === seed) ?? runs[0];
};

function seedOptions(runs) {
  const seeds = [...new Set(runs.map(run => run.seed))].sort((a, b) => a - b);
  return seeds.map(value => ({value, text: String(value)}));
}

// The board of the answer, if it has runs to look into; else the first that has.
const boardWithRuns = () =>
  [boards[shownAnswer.board.value], ...boards].find(board => Object.keys(board.structure).length)?.index ?? 0;

const rowOptions = board => board.labels.map((label, i) => ({value: i, text: label, title: label}));

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  const link = make("a", {href: url, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
