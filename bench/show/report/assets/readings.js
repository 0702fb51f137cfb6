// A board read at a price that its tables do not offer, as bench.compare.readings and bench.show.answers read it.
// A monotone cubic (PCHIP; Fritsch & Butland 1984) through points (x rising) at a place between them.
function pchip(x, y, at) {
  if (x.length === 1) return y[0];
  const h = x.slice(1).map((value, k) => value - x[k]);
  const m = h.map((step, k) => (y[k + 1] - y[k]) / step);
  const edge = (h0, h1, m0, m1) => {
    const slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
    if (Math.sign(slope) !== Math.sign(m0)) return 0;
    return Math.sign(m0) !== Math.sign(m1) && Math.abs(slope) > 3 * Math.abs(m0) ? 3 * m0 : slope;
  };
  const slope = k => {
    if (m.length === 1) return m[0];
    if (k === 0) return edge(h[0], h[1], m[0], m[1]);
    if (k === m.length) return edge(h.at(-1), h.at(-2), m.at(-1), m.at(-2));
    if (m[k - 1] * m[k] <= 0) return 0;
    const [w1, w2] = [2 * h[k] + h[k - 1], h[k] + 2 * h[k - 1]];
    return (w1 + w2) / (w1 / m[k - 1] + w2 / m[k]);
  };
  const k = Math.min(m.length - 1, Math.max(0, x.findLastIndex(value => value <= at)));
  const t = (at - x[k]) / h[k];
  const cubic = [
    (1 + 2 * t) * (1 - t) ** 2 * y[k], t * (1 - t) ** 2 * h[k] * slope(k),
    t * t * (3 - 2 * t) * y[k + 1], t * t * (t - 1) * h[k] * slope(k + 1),
  ]; // prettier-ignore
  return Math.min(Math.max(total(cubic), Math.min(...y)), Math.max(...y));
}

// A seed of a sweep at a level: a number for each column, NaN for one that a point beside it lacks; null beyond the ends.
function interpolated(rows, seed, price, level, columns) {
  const value = (row, name) => number(row.metrics[name]?.by_seed[seed]);
  const scaled = (row, name) => (data.columns[name].price ? Math.log(value(row, name)) : value(row, name));
  const points = rows.filter(row => value(row, price) > 0 && value(row, price) < Infinity);
  const x = [...new Set(points.map(row => Math.log(value(row, price))))].sort((a, b) => a - b);
  const inside = Math.min(Math.max(Math.log(level), x[0]), x.at(-1));
  if (!x.length || Math.abs(inside - Math.log(level)) > Math.log(data.near)) return null;
  const nearest = x.reduce((best, place) => (Math.abs(place - inside) < Math.abs(best - inside) ? place : best));
  const at = Math.abs(nearest - inside) <= Math.log(data.same) ? nearest : inside;
  const beside = [x.findLastIndex(place => place <= at), x.findIndex(place => place >= at)];
  return columns.map(name => {
    const y = x.map(place =>
      average(points.filter(row => Math.log(value(row, price)) === place).map(row => scaled(row, name))),
    );
    if (!beside.every(k => Number.isFinite(y[k]))) return NaN;
    const known = x.map((_, k) => k).filter(k => Number.isFinite(y[k]));
    const found = pchip(known.map(k => x[k]), known.map(k => y[k]), at);
    return data.columns[name].price ? Math.exp(found) : found;
  });
}

// Rows of the table at a level: seeds that reach it, values by seed, mean and interval of each column.
function readRows(board, price, level, heads) {
  const cautions = board.columns.map(column => column.name).filter(name => data.columns[name].caution && name !== price);
  const columns = [...heads.map(head => head.column), ...cautions];
  return board.sweeps.map(sweep => {
    const rows = sweep.rows.map(i => board.rows[i]);
    const {imported} = rows[0]; // whose seeds are the numbers of checkpoints
    const tried = new Set(rows.flatMap(row => Object.keys(row.metrics[price]?.by_seed ?? {})));
    const seeds = imported ? [...tried] : board.seeds.filter(seed => tried.has(String(seed)));
    const reached = seeds
      .map(seed => [seed, interpolated(rows, seed, price, level, columns)])
      .filter(([, found]) => found);
    const values = columns.map((_, k) =>
      Object.fromEntries(reached.filter(([, found]) => !Number.isNaN(found[k])).map(([seed, found]) => [seed, found[k]])),
    );
    const fixed = rows.every(row => row.deterministic);
    const cells = values.map(by => {
      const found = Object.values(by).length ? interval(Object.values(by)) : null;
      return found && fixed ? {...found, half: null} : found;
    });
    const floor = data.families[rows[0].model] === "floors";
    const partial = data.columns[price].direction !== "none" && 0 < reached.length && reached.length < seeds.length;
    const shares = cautions.map((name, k) => ({name, share: average(Object.values(values[heads.length + k]))}));
    const large = shares.filter(({name, share}) => share > data.columns[name].caution_above);
    return {label: sweep.label, rows, n: reached.length, fixed, imported, floor, partial, values, cells, large};
  });
}

// Best first by the first ranked column that half of the rows have.
function inOrder(rows, heads) {
  const read = rows.filter(row => row.n).length;
  const first = heads.findIndex((head, k) => head.sign && 2 * rows.filter(row => row.cells[k]).length >= read);
  const place = row => [!row.n, !row.cells[first], row.cells[first] ? -heads[first].sign * row.cells[first].mean : 0];
  return rows.sort((a, b) => {
    const [one, other] = [place(a), place(b)];
    const k = one.findIndex((value, i) => value !== other[i]);
    return k < 0 ? (a.label < b.label ? -1 : 1) : one[k] - other[k];
  });
}

// "; 81% of its units are dead": what a reader of one column should know of another.
function cautionsOn(row, head) {
  const percent = share => `${fixed(share === 1 ? 100 : Math.min(100 * share, 99), 0)}%`;
  const others = row.large.filter(({name}) => name !== head.column);
  return others.map(({name, share}) => `; ${percent(share)} ${data.columns[name].caution}`).join("");
}

// "mp reconstructs best (FVU 0.11 ± 0.01), not told apart from omp"; "" where there are not two rows.
function verdictOn(all, head, k, areMarked) {
  const rows = all.filter(row => !row.floor && row.cells[k]);
  if (rows.length < 2 || !head.answer || !head.sign) return "";
  const leader = among =>
    among.reduce((best, row) => (head.sign * (row.cells[k].mean - best.cells[k].mean) > 0 ? row : best));
  const compared = head.marked?.length ? rows.filter(row => head.marked.includes(row.label)) : rows;
  const best = leader(compared);
  const others = head.marked?.length ? compared.filter(row => row !== best).map(row => clip(row.label, 60)) : [];
  const numberOf = row => formatInterval(row.cells[k].mean, row.cells[k].half);
  const top = leader([best, ...all.filter(row => row.floor && !row.partial && row.cells[k])]);
  const floor = top === best ? "" : `; the floor ${clip(top.label, 60)} has ${numberOf(top)}`;
  const told = `${head.label} ${numberOf(best)}${cautionsOn(best, head)}${floor}`;
  const name = clip(best.label, 60);
  if (others.length === rows.length - 1)
    return `no model is told apart from the others in ${head.label} (best on average: ${name}, ${told})`;
  const ties = others.length > 3 ? `${others.length} others` : listed(others, "or");
  const first = leader(rows);
  const n = Object.keys(first.values[k]).length;
  const counted = `${n} ${n === 1 ? "seed" : "seeds"}`;
  const few = n < data.mark_seeds ? `${counted}, too few` : `its ${counted}, not with those that all rows share`;
  const seeds = first.partial ? `the ${counted} that reach it` : few;
  const ahead = first === best ? "" : ` (${clip(first.label, 60)} is ahead with ${seeds})`;
  const untold = head.marked?.length || !areMarked ? "" : ", on average, as no test can be made";
  return `${name} ${head.answer} (${told})${untold}${ties && `, not told apart from ${ties}`}${ahead}`;
}

function sentenceAt(rows, heads, price, at, native) {
  const ranked = rows.filter(row => !row.floor);
  const reached = ranked.filter(row => row.n);
  const areMarked = heads.some(head => head.marked?.length);
  const told = heads.map((head, k) => verdictOn(rows, head, k, areMarked)).filter(Boolean);
  const verdicts = [...told.filter(text => !text.startsWith("no model")), ...told.filter(text => text.startsWith("no model"))];
  const said = verdicts.length ? hedge(heads) + verdicts.join("; ") : "no ranked metric is there for two models";
  const missing = ranked.filter(row => !row.n).map(row => row.label);
  const absent = missing.length && reached.length ? ` ${lacking(price)}: ${listedShort(missing)}.` : "";
  const found = ranked.length && reached.length < 2 ? hardlyReached(ranked, reached, price) : said;
  return `At ${at}, ${found}.${absent}${native}`;
}

// What stands before verdicts that are of averages alone; "" where there are marks.
function hedge(heads) {
  if (heads.some(head => head.marked?.length)) return "";
  const ranks = heads.map(head => Object.values(head.ranks));
  const areTold = ranks.some(of => of.some(([low, high]) => low > 1 || high < of.length));
  const few = areTold ? `for a mark, which takes ${data.mark_seeds}` : "to tell models apart";
  return `too few seeds ${few}, but on average `;
}

// What is said of rows that cannot be read at a price; at one that is a quality, they may be better anywhere.
const lacking = price => (data.columns[price].direction === "none" ? "Not reached" : "No setting there");

// That no model reaches a level, or one alone, and where their settings lie.
function hardlyReached(ranked, reached, price) {
  const who = reached.length ? `only ${clip(reached[0].label, 60)} reaches it` : "no model reaches it";
  return `${who}: the settings of the models lie at ${priceName(price)} ${ends(ranked.flatMap(row => paidBy(row, price)))}`;
}

const priceName = price => quantity(price).replace(/ \[.*/, "");
const paidBy = (row, price) => row.rows.map(each => mean(each, price)).filter(Number.isFinite);
const ends = paid =>
  paid.length ? [...new Set([Math.min(...paid), Math.max(...paid)].map(formatNumber))].join(" to ") : "none measured";

// What depends on the level: rows that do not reach it, or by some seeds alone, and wide gaps between two settings.
function waryAt(rows, price, level, n) {
  const name = priceName(price);
  const gap = row => {
    const all = paidBy(row, price).filter(value => value > 0).sort((a, b) => a - b);
    const k = all.findIndex((a, i) => a * data.near < level && level * data.near < all[i + 1] && all[i + 1] > data.far * a);
    return row.n && k >= 0 ? ends([all[k], all[k + 1]]) : "";
  };
  const some = partial =>
    rows.filter(row => !row.fixed && !row.imported && 0 < row.n && row.n < n && row.partial === partial).map(row => `${row.label} (${row.n}/${n})`);
  const said = {
    [`${lacking(price)}, ${name} from the lowest to the highest of their means`]: rows
      .filter(row => !row.n)
      .map(row => `${row.label} (${ends(paidBy(row, price))})`),
    "Reached by some seeds, the mean is of these": some(false),
    "Not ranked, as only the better or the worse of their seeds reach it": some(true),
    [`Read between settings that are far apart in ${name}`]: rows.filter(gap).map(row => `${row.label} (${gap(row)})`),
  };
  const lines = Object.entries(said).filter(([, labels]) => labels.length);
  return lines.map(([words, labels]) => make("li", {class: "here"}, `${words}: ${listedShort(labels)}.`));
}

// The columns of a reading; the sign of those that are ranked says which way is better.
function headsOf(reading) {
  return [...reading.querySelectorAll("thead th[data-column]")].map(node => {
    const {column, label, answer, direction} = node.dataset;
    const header = node.querySelector("button").lastChild.textContent;
    return {column, label, answer, header, sign: {max: 1, min: -1}[direction] ?? 0};
  });
}

// The reading at a level, made like one that the page offers at the same price.
function readingAt(like, board, price, level) {
  const made = like.cloneNode(true);
  const heads = headsOf(like);
  const rows = inOrder(readRows(board, price, level, heads), heads);
  const compared = rows.filter(row => !row.floor && !row.partial);
  const valuesOf = k => Object.fromEntries(compared.map(row => [row.label, row.values[k]]));
  heads.forEach((head, k) => {
    head.marked = head.sign ? marked(valuesOf(k), head.sign) : null;
    const isAlone = compared.filter(row => row.cells[k]).length < 2; // which needs no rank
    head.ranks = head.sign && !isAlone ? rankIntervals(valuesOf(k), head.sign) : {};
  });
  const at = `${like.dataset.label} ${Number(level.toPrecision(6))} on ${like.parentNode.dataset.where}`;
  made.querySelector(".scroll").setAttribute("aria-label", `At ${at}`);
  made.querySelector(".sentence").replaceChildren(...coded(sentenceAt(rows, heads, price, at, like.parentNode.dataset.native)));
  const names = new Map([...made.querySelectorAll("tbody th")].map(node => [node.textContent, node]));
  const ranked = compared.filter(row => row.n).length;
  const absent = lacking(price).toLowerCase();
  const lines = rows.map(row => readingRow(row, heads, names.get(row.label), board.seeds.length, ranked, absent));
  made.querySelector("tbody").replaceChildren(...lines);
  for (const node of made.querySelectorAll("li.here")) node.remove();
  made.querySelector("ul").prepend(...waryAt(rows, price, level, board.seeds.length));
  return made;
}

function readingRow(row, heads, name, n, ranked, absent) {
  const checkpoints = row.n > 1 ? `${row.n} imported` : "imported";
  const seeds = make("td", {}, row.imported ? checkpoints : row.fixed ? "fixed" : `${row.n}/${n}`);
  const head = name ?? make("th", {scope: "row"}, row.label);
  const line = make("tr", {class: row.floor ? "floor" : null}, head, seeds);
  if (!row.n) line.append(make("td", {class: "na unreached", colspan: heads.length}, absent));
  else line.append(...heads.map((head, k) => readingCell(row, head, k, ranked)));
  return line;
}

// A number with its interval; (3/5) where some seeds that reach the level lack one.
function cellText({cells, values, n, fixed}, k) {
  if (!cells[k]) return "n/a";
  const some = Object.keys(values[k]).length;
  return formatInterval(cells[k].mean, cells[k].half) + (some < n && !fixed ? ` (${some}/${n})` : "");
}

function readingCell(row, head, k, ranked) {
  const text = cellText(row, k);
  if (!row.cells[k]) return make("td", {class: "na"}, text);
  const cell = make("td", {}, head.marked?.includes(row.label) ? make("b", {}, text) : text);
  const rank = own(head.ranks, row.label);
  if (!rank) return cell;
  const bar = make("i");
  bar.style.left = `${(100 * (rank[0] - 1)) / ranked}%`;
  bar.style.width = `${(100 * (rank[1] - rank[0] + 1)) / ranked}%`;
  cell.append(
    make("span", {class: "rank"}, [...new Set(rank)].join("-")),
    make("span", {class: "bar", "aria-hidden": "true"}, bar),
  );
  return cell;
}
