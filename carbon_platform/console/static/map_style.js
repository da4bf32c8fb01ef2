// The look of the map without a base map: paper ground, county fills, our own parcels. Pure, tested.
// Fill says what grows there; outline says how certain it is (dashed waiting, solid registered, ink chosen).

const NONE = { type: 'FeatureCollection', features: [] };
const WAITING = ['in', ['coalesce', ['get', 'status'], 'registered'], ['literal', ['staged', 'estimate', 'draft']]];
const CHOSEN = ['boolean', ['feature-state', 'chosen'], false];

/** fill or border colour by kind of land */
export function byKind(c, suffix = '') {
  // The report of an import says of each row what it would do to the register instead.
  const byChange = ['match', ['get', 'change'], 'new', c[`tea${suffix}`], 'changed', c[`water${suffix}`], 'refused', c[`cam${suffix}`], c.edge];
  const kinds = ['match', ['get', 'kind'], 'camellia', c[`cam${suffix}`], 'rice', c[`water${suffix}`], 'tea', c[`tea${suffix}`], 'forest', c[`pine${suffix}`], c.edge];
  return ['case', ['has', 'change'], byChange, kinds];
}

/** A point a label can stand on: the middle of the largest ring's bounds. Good enough for county names. */
export function labelPoint(geometry) {
  const rings = geometry.type === 'Polygon' ? [geometry.coordinates[0]] : geometry.coordinates.map((p) => p[0]);
  const box = (ring) => ring.reduce(([w, s, e, n], [x, y]) => [Math.min(w, x), Math.min(s, y), Math.max(e, x), Math.max(n, y)], [180, 90, -180, -90]);
  const [w, s, e, n] = rings.map(box).sort((a, b) => (b[2] - b[0]) * (b[3] - b[1]) - (a[2] - a[0]) * (a[3] - a[1]))[0];
  return [(w + e) / 2, (s + n) / 2];
}

export function labelsOf(counties, language = 'zh') {
  const features = counties.features.map(({ geometry, properties }) => ({
    type: 'Feature',
    geometry: { type: 'Point', coordinates: properties.label ?? labelPoint(geometry) },
    properties: { name: (language.startsWith('en') && properties.name_en) || properties.name_zh || properties.name },
  }));
  return { type: 'FeatureCollection', features };
}

/** [west, south, east, north] of a collection, or null when it is empty. */
export function boundsOf(collection) {
  let box = null;
  const walk = (coordinates) => {
    if (typeof coordinates[0] === 'number') {
      const [x, y] = coordinates;
      box = box ? [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)] : [x, y, x, y];
    } else coordinates.forEach(walk);
  };
  collection.features.forEach((f) => f.geometry && walk(f.geometry.coordinates));
  return box;
}

/** Adds bbox to a URL that may already have a query; five decimals are about a metre. */
export function withBox(url, [w, s, e, n]) {
  const box = [w, s, e, n].map((v) => v.toFixed(5)).join(',');
  return `${url}${url.includes('?') ? '&' : '?'}bbox=${box}`;
}

export function style(c) {
  return {
    version: 8,
    sources: {
      counties: { type: 'geojson', data: NONE },
      names: { type: 'geojson', data: NONE },
      parcels: { type: 'geojson', data: NONE, promoteId: 'code' },
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': c.paper } },
      { id: 'county', type: 'fill', source: 'counties', paint: { 'fill-color': ['case', ['==', ['get', 'batch_number'], 2], c.sunk, c.surface] } },
      { id: 'county-edge', type: 'line', source: 'counties', paint: { 'line-color': c.edge, 'line-width': 1.2 } },
      { id: 'parcel', type: 'fill', source: 'parcels', paint: { 'fill-color': byKind(c), 'fill-opacity': ['case', CHOSEN, 0.75, WAITING, 0.12, 0.45] } },
      { id: 'parcel-edge', type: 'line', source: 'parcels', filter: ['!', WAITING], paint: { 'line-color': ['case', CHOSEN, c.ink, byKind(c, '_edge')], 'line-width': ['interpolate', ['linear'], ['zoom'], 8, ['case', CHOSEN, 4, 2.2], 13, ['case', CHOSEN, 3.5, 1.6]] } },
      { id: 'parcel-waiting', type: 'line', source: 'parcels', filter: WAITING, paint: { 'line-color': ['case', CHOSEN, c.ink, byKind(c, '_edge')], 'line-width': 1.6, 'line-dasharray': [3, 2] } },
      {
        id: 'name',
        type: 'symbol',
        source: 'names',
        layout: { 'text-field': ['get', 'name'], 'text-font': ['sans'], 'text-size': 15, 'text-allow-overlap': false },
        paint: { 'text-color': c.ink, 'text-halo-color': c.surface, 'text-halo-width': 2 },
      },
    ],
  };
}

export const LAYER_COLOURS = {
  ground: ['background-color', (c) => c.paper],
  county: ['fill-color', (c) => ['case', ['==', ['get', 'batch_number'], 2], c.sunk, c.surface]],
  'county-edge': ['line-color', (c) => c.edge],
  parcel: ['fill-color', (c) => byKind(c)],
  'parcel-edge': ['line-color', (c) => ['case', CHOSEN, c.ink, byKind(c, '_edge')]],
  'parcel-waiting': ['line-color', (c) => ['case', CHOSEN, c.ink, byKind(c, '_edge')]],
};
