// Which parcel has which colour, and which is shown. Pure: expressions for MapLibre out of what a tile says
// of a parcel (kind, status, project, vintage); tested with node --test.

/** The group a feature of a tile belongs to, as an expression that gives a text. */
export function groupOf(by) {
  if (by === 'kind') return ['get', 'kind'];
  if (by === 'stage') {
    return ['case', ['!=', ['get', 'status'], 'registered'], 'ended', ['has', 'vintage'], 'issued', ['has', 'project'], 'project', 'registered'];
  }
  return ['to-string', ['coalesce', ['get', by], '']];
}

// Colours by the names of the style sheet's tokens, in an order in which neighbours differ.
const SERIES = ['cam', 'water', 'oil', 'pine', 'plum', 'huai', 'tea', 'brick'];
const FIXED = {
  kind: { camellia: 'cam', rice: 'water', tea: 'tea', forest: 'pine' },
  stage: { registered: '', project: 'huai', issued: 'tea', ended: 'ink' },
};
// Later years are darker.
const YEARS = [0.25, 0.45, 0.65, 0.85];

/** {key: {colour, strength}}: strength 0 is hollow (an outline only), 1 is the full colour. */
export function palette(by, keys, colours) {
  const of = (token) => colours[token] ?? colours.edge;
  const entries = keys.map((key, i) => {
    if (by === 'vintage' && key !== '') {
      const years = keys.filter((k) => k !== '').sort();
      const rank = years.indexOf(key) - years.length + YEARS.length;
      return [key, { colour: of('tea'), strength: YEARS[Math.max(0, rank)] }];
    }
    if (key === '' || FIXED[by]?.[key] === '') return [key, { colour: colours.edge, strength: 0 }];
    return [key, { colour: of(FIXED[by]?.[key] ?? SERIES[i % SERIES.length]), strength: 0.5 }];
  });
  return Object.fromEntries(entries);
}

function matched(by, made, of, otherwise) {
  const pairs = Object.entries(made).flatMap(([key, entry]) => [key, of(entry)]);
  return pairs.length ? ['match', groupOf(by), ...pairs, otherwise] : otherwise;
}

// Below this zoom a parcel is a few pixels: outlines would cost more than they show, and hollow would be nothing.
export const OUTLINES_FROM = 13;
const FAINT = 0.18;

/** Paint of fill and outline for a palette. */
export function paintOf(by, made, colours, chosen = ['boolean', ['feature-state', 'chosen'], false]) {
  const opacity = (of) => ['case', chosen, 0.8, matched(by, made, of, 0.1)];
  return {
    fill: matched(by, made, (entry) => entry.colour, colours.edge),
    opacity: ['step', ['zoom'], opacity((entry) => entry.strength || FAINT), OUTLINES_FROM, opacity((entry) => entry.strength)],
    antialias: ['step', ['zoom'], false, OUTLINES_FROM, true],
    edge: ['case', chosen, colours.ink, matched(by, made, (entry) => entry.colour, colours.edge)],
  };
}

/** What the filters of the page leave; kind and status are the tiles' own business. */
export function filterOf({ county, stage, project, vintage }) {
  const all = ['all'];
  if (county) all.push(['==', ['slice', ['get', 'code'], 0, 6], county]);
  if (stage && stage !== 'ended') all.push(['==', groupOf('stage'), stage]);
  if (project) all.push(['==', groupOf('project'), project]);
  if (vintage) all.push(['==', groupOf('vintage'), vintage]);
  return all;
}

/** Numbers per place follow the county filter: a township's code starts with its county's. */
export function placesFilter({ county }, level) {
  const all = ['all', ['==', ['get', 'level'], level]];
  if (county) all.push(['==', ['slice', ['get', 'code'], 0, 6], county]);
  return all;
}

/** "114.80 31.91\n…" → a closed ring, or null when it is none. Latitude first is put right. */
export function ringOf(text) {
  const ring = [];
  for (const line of text.split(/\r?\n/)) {
    if (!line.trim()) continue;
    const numbers = line.trim().split(/[\s,，;；]+/).map(Number);
    if (numbers.length !== 2 || !numbers.every(Number.isFinite)) return null;
    const [x, y] = Math.abs(numbers[0]) <= 90 && Math.abs(numbers[1]) > 90 ? numbers.reverse() : numbers;
    if (Math.abs(x) > 180 || Math.abs(y) > 90) return null;
    ring.push([round(x), round(y)]);
  }
  const [first] = ring;
  const last = ring[ring.length - 1];
  if (ring.length > 1 && same(first, last)) ring.pop();
  if (new Set(ring.map(String)).size < 3) return null;
  return [...ring, first];
}

/** A closed ring as lines of text, one corner a line. */
export function textOf(ring) {
  return ring.slice(0, -1).map(([x, y]) => `${x.toFixed(8)} ${y.toFixed(8)}`).join('\n');
}

const same = (a, b) => a[0] === b[0] && a[1] === b[1];
export const round = (degrees) => Math.round(degrees * 1e8) / 1e8;

/** The corner of `corners` (flat x, y, x, y …) nearest to a position, within dx and dy degrees; or undefined. */
export function nearest(corners, [x, y], dx, dy) {
  let best;
  let least = 1;
  for (let i = 0; i < corners.length; i += 2) {
    const east = (corners[i] - x) / dx;
    const north = (corners[i + 1] - y) / dy;
    const far = east * east + north * north;
    if (far < least) {
      least = far;
      best = [corners[i], corners[i + 1]];
    }
  }
  return best;
}
