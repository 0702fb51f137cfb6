// Intervals and tests over seeds, as bench.compare.stats and bench.compare.marks have them; their numbers come from there.
const ROUNDING = 1e-12;
const total = values => values.reduce((sum, value) => sum + value, 0);
const average = values => total(values) / values.length;
const variance = values => total(values.map(value => (value - average(values)) ** 2)) / (values.length - 1);
const varies = values => values.some(value => value !== values[0]);

// Mean and half-width of the Student-t interval; null for too few seeds, or where it is not finite.
function interval(values) {
  const n = values.length;
  const middle = average(values);
  if (n < data.fewest || !Number.isFinite(middle)) return {mean: middle, half: null};
  const same = Math.max(...values) - Math.min(...values) <= ROUNDING * Math.max(...values.map(Math.abs));
  return {mean: middle, half: same ? 0 : (data.t[n] * Math.sqrt(variance(values))) / Math.sqrt(n)};
}

// Two-sided p-value of Student's t with a whole number of degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4).
function tailOfT(t, freedom) {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2;
  let [term, sum] = odd ? [cosine, freedom > 1 ? cosine : 0] : [1, 1];
  for (let k = odd + 2; k < freedom; k += 2) sum += term *= (cosine * cosine * (k - 1)) / k;
  return 1 - (odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum);
}

// Differences that are equal are taken to spread by `least`.
function pairedP(differences, least) {
  const middle = average(differences);
  const own = varies(differences) ? Math.sqrt(variance(differences)) : 0;
  const spread = own <= ROUNDING * Math.abs(middle) ? least : own;
  if (!spread) return middle ? 0 : 1;
  return tailOfT((middle / spread) * Math.sqrt(differences.length), differences.length - 1);
}

// What that is, for rows (seed -> value): a step of the metric, the smallest gap between two seeds of a row, rounded away.
function leastSpread(rows) {
  const sorted = rows.map(row => Object.values(row).sort((a, b) => a - b));
  const most = Math.max(0, ...sorted.flat().map(Math.abs));
  const gaps = sorted.flatMap(values => values.slice(1).map((value, k) => value - values[k]));
  const step = Math.min(...gaps.filter(gap => gap > ROUNDING * most));
  return Number.isFinite(step) ? data.step_spread * step : 0;
}

// The variance of rows (row -> values of the same seeds) about their means and the seeds' effects; null for less than two.
function pooled(rows) {
  const [m, n] = [rows.length, rows[0]?.length];
  if (m < 2) return null;
  const centred = row => row.map(value => value - average(row));
  const apart = rows.map(centred);
  const seeds = apart[0].map((_, k) => median(apart.map(row => row[k])));
  const spreads = apart.map(row => total(centred(row.map((value, k) => value - seeds[k])).map(value => value * value)));
  const most = data.wild * median(spreads);
  const freedom = (m - 1) * (n - 1);
  return {variance: total(spreads.map(spread => Math.min(spread, most))) / freedom, freedom};
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Names of the rows (name -> seed -> value) that are best or not told apart from it; null where nothing can be said.
function marked(rows, sign) {
  const names = Object.keys(rows).filter(name => Object.keys(rows[name]).length >= data.mark_seeds);
  const shared = Object.keys(rows[names[0]] ?? {}).filter(seed => names.every(name => seed in rows[name]));
  if (shared.length < data.mark_seeds) return null;
  const scores = names.map(name => shared.map(seed => sign * rows[name][seed]));
  const means = scores.map(average);
  const together = pooled(scores.filter(varies));
  const least = leastSpread(scores);
  const compared = Object.fromEntries(names.map(name => [name, rows[name]]));
  const meanOf = name => means[names.indexOf(name)];
  const leads = ([better, worse]) => meanOf(better) >= meanOf(worse);
  const told = new Set(toldPairs(compared, sign, leads).map(([, worse]) => worse));
  const isBeaten = i => {
    if (told.has(names[i])) return true;
    const others = names.map((_, j) => j).filter(j => j !== i);
    const best = others.reduce((a, b) => (means[b] > means[a] ? b : a), others[0]);
    const lead = means[best] - means[i];
    if (!(lead > 0)) return false;
    const pair = pairedP(scores[best].map((value, k) => value - scores[i][k]), least);
    if (!varies(scores[best]) || !varies(scores[i])) return pair <= data.error / others.length;
    const all = tailOfT(lead / Math.sqrt((2 * together.variance) / shared.length), together.freedom);
    return pair <= data.error && all <= data.error / others.length;
  };
  const highest = Math.max(-Infinity, ...means.filter((_, i) => isBeaten(i)));
  return names.length > 1 ? names.filter((_, i) => means[i] > highest) : [];
}

// Which of several tests reject, Holm-adjusted.
function rejections(pValues) {
  const order = pValues.map((_, k) => k).sort((i, j) => pValues[i] - pValues[j]);
  const failed = order.findIndex((k, place) => pValues[k] * (order.length - place) > data.error);
  const rejected = new Set(failed < 0 ? order : order.slice(0, failed));
  return pValues.map((_, k) => rejected.has(k));
}

// Name -> lowest and highest rank that the tests allow, Holm-adjusted over all pairs; {} where there are too few seeds.
function rankIntervals(rows, sign) {
  const names = Object.keys(rows).filter(name => Object.keys(rows[name]).length);
  if (!names.some(name => Object.keys(rows[name]).length >= data.fewest)) return {};
  const told = toldPairs(Object.fromEntries(names.map(name => [name, rows[name]])), sign);
  const count = (name, side) => told.filter(pair => pair[side] === name).length;
  return Object.fromEntries(names.map(name => [name, [1 + count(name, 1), names.length - count(name, 0)]]));
}

// The pairs [better, worse] that are told apart, Holm-adjusted over those of them that are asked for.
function toldPairs(rows, sign, isAsked = () => true) {
  const names = Object.keys(rows);
  const least = leastSpread(Object.values(rows));
  const tests = names.flatMap((a, i) =>
    names.slice(i + 1).flatMap(b => {
      const shared = Object.keys(rows[a]).filter(seed => seed in rows[b]);
      const differences = shared.map(seed => sign * (rows[a][seed] - rows[b][seed]));
      const pair = total(differences) > 0 ? [a, b] : [b, a];
      return shared.length < data.fewest || !isAsked(pair) ? [] : [{p: pairedP(differences, least), pair}];
    }),
  );
  const rejected = rejections(tests.map(({p}) => p));
  return tests.filter((_, k) => rejected[k]).map(({pair}) => pair);
}
