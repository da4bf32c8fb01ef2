// The map console: <div data-map-console> with #map-settings and #map-words beside it.
// Parcels come as vector tiles; colour and filter are expressions on what a tile says (map_groups.js).
// The list below the map is its twin for keyboard and readers; a click or its buttons fill the side sheet.

import { colours, json } from './map.js';
import { addBaseMap } from './map_base.js';
import { OUTLINES_FROM, filterOf, paintOf, palette, placesFilter } from './map_groups.js';
import { labelsOf, style } from './map_style.js';
import { AttributionControl, Map as MapLibre, NavigationControl, ScaleControl } from './vendor/maplibre-gl.mjs';

const NONE = { type: 'FeatureCollection', features: [] };
const CITY = [113.75, 31.38, 115.92, 32.62];
const PARCELS_FROM = 11; // below, tiles hold numbers per township and, up to zoom 8, per county
const TOWNSHIPS_FROM = 9;
const DEEPEST_TILE = 16; // a unit of such a tile is 13 cm: deeper ones are drawn from it

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** The tokens of the style sheet by name, for palettes. */
function tokens() {
  const computed = getComputedStyle(document.documentElement);
  const of = (name) => computed.getPropertyValue(`--${name}`).trim();
  return {
    cam: of('cam-fill'), water: of('water'), tea: of('tea-fill'), pine: of('pine'), oil: of('oil-fill'), plum: of('plum'),
    huai: of('huai'), brick: of('brick'), ink: of('ink'), edge: of('edge'), surface: of('surface'), sans: of('sans'),
  };
}

/** Slanting lines: land that is taken, also in black and white. */
function hatch(colour) {
  const size = 12;
  const pen = Object.assign(document.createElement('canvas'), { width: size, height: size }).getContext('2d');
  pen.strokeStyle = colour;
  pen.lineWidth = 2.5;
  for (const at of [-size, 0, size]) {
    pen.moveTo(at - 1, size + 1);
    pen.lineTo(at + size + 1, -1);
  }
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

/** Layers of numbers per place: a disc that grows with the number, and the number in words. */
function placeLayers(source, extra, c) {
  const level = (name, from, to) => ({ ...extra, filter: name, minzoom: from, maxzoom: to });
  return [['county', 0, TOWNSHIPS_FROM], ['township', TOWNSHIPS_FROM, PARCELS_FROM]].flatMap(([name, from, to]) => {
    const common = { source, ...level(name, from, to) };
    const radius = ['interpolate', ['linear'], ['sqrt', ['get', 'parcels']], 1, 5, 30, 12, 300, 26];
    return [
      { id: `${source}-${name}`, type: 'circle', ...common, paint: { 'circle-radius': radius, 'circle-color': c.huai, 'circle-opacity': 0.25, 'circle-stroke-color': c.huai, 'circle-stroke-width': 1.5 } },
      { id: `${source}-${name}-text`, type: 'symbol', ...common, layout: { 'text-field': ['get', 'text'], 'text-font': ['sans'], 'text-size': 13, 'text-anchor': 'top', 'text-offset': [0, 0.4] }, paint: { 'text-color': c.ink, 'text-halo-color': c.surface, 'text-halo-width': 2 } },
    ];
  });
}

export class MapConsole {
  constructor(box) {
    this.box = box;
    this.settings = read('map-settings');
    this.words = read('map-words');
    this.note = box.querySelector('.wait');
    this.sheet = document.getElementById('sheet');
    this.by = this.settings.by;
    box.querySelector('noscript')?.remove();
    const holder = box.appendChild(document.createElement('div'));
    this.map = new MapLibre({
      container: holder,
      style: this.style(),
      bounds: this.settings.bounds ?? CITY,
      fitBoundsOptions: { padding: 24, maxZoom: 15 },
      hash: 'map', // a view can be sent to a colleague
      maxZoom: 19,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      cooperativeGestures: matchMedia('(pointer: coarse)').matches,
      localIdeographFontFamily: tokens().sans,
      canvasContextAttributes: { preserveDrawingBuffer: true }, // so that a printed page shows the map
      locale: read('words').map,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
    this.map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-left');
    this.map.getCanvas().setAttribute('aria-label', box.getAttribute('aria-label'));
    this.loaded = this.map.once('load');
    this.loaded.then(() => this.start()).catch(() => this.say(this.words.offline));
    this.map.on('error', ({ error }) => error?.status >= 400 && this.say(this.words.offline));
    addEventListener('xy:theme', () => this.recolour());
    this.listen();
    this.printing();
    this.legend();
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  style() {
    const made = style(colours());
    const c = tokens();
    delete made.sources.parcels;
    made.sources.land = { type: 'vector', tiles: [location.origin + this.settings.tiles], minzoom: 0, maxzoom: DEEPEST_TILE };
    made.sources.numbers = { type: 'geojson', data: NONE };
    made.sources.taken = { type: 'geojson', data: NONE };
    const ground = made.layers.filter((layer) => !layer.id.startsWith('parcel') && layer.id !== 'name');
    const land = { source: 'land', 'source-layer': 'parcels', minzoom: PARCELS_FROM, filter: filterOf(this.settings.filters) };
    const paint = this.paint();
    const parcels = [
      { id: 'parcel', type: 'fill', ...land, paint: { 'fill-color': paint.fill, 'fill-opacity': paint.opacity, 'fill-antialias': paint.antialias } },
      { id: 'parcel-edge', type: 'line', ...land, minzoom: OUTLINES_FROM, paint: { 'line-color': paint.edge, 'line-width': ['interpolate', ['linear'], ['zoom'], OUTLINES_FROM, ['case', ['boolean', ['feature-state', 'chosen'], false], 3, 0.8], 15, ['case', ['boolean', ['feature-state', 'chosen'], false], 4, 1.6]] } },
      { id: 'parcel-text', type: 'symbol', ...land, minzoom: 14, layout: { 'text-field': this.text(), 'text-font': ['sans'], 'text-size': 12 }, paint: { 'text-color': c.ink, 'text-halo-color': c.surface, 'text-halo-width': 1.5 } },
    ];
    const names = made.layers.find((layer) => layer.id === 'name');
    const numbers = this.settings.summary
      ? placeLayers('numbers', {}, c)
      : placeLayers('land', { 'source-layer': 'places' }, c).map((layer) => this.withText(layer));
    numbers.forEach((layer) => (layer.filter = placesFilter(this.settings.filters, layer.filter)));
    const taken = { source: 'taken' };
    return {
      ...made,
      layers: [
        // A county's number stands below its middle, so its name stands above.
        ...ground, ...parcels, { ...names, maxzoom: PARCELS_FROM, layout: { ...names.layout, 'text-anchor': 'bottom', 'text-offset': [0, -0.6] } }, ...numbers,
        { id: 'taken', type: 'fill', ...taken, paint: { 'fill-color': c.brick, 'fill-opacity': 0.2 } },
        { id: 'taken-hatch', type: 'fill', ...taken, paint: { 'fill-pattern': 'hatch' } },
        { id: 'taken-edge', type: 'line', ...taken, paint: { 'line-color': c.brick, 'line-width': 3 } },
      ],
    };
  }

  withText(layer) {
    if (layer.type !== 'symbol') return layer;
    const name = document.documentElement.lang === 'en' ? ['case', ['>', ['length', ['get', 'name_en']], 0], ['get', 'name_en'], ['get', 'name_zh']] : ['get', 'name_zh'];
    const count = ['concat', ['to-string', ['get', 'parcels']], ' ', this.words.parcels];
    // A county's name is on the map already.
    const text = layer.id.includes('county') ? count : ['concat', name, ' ', count];
    return { ...layer, layout: { ...layer.layout, 'text-field': text } };
  }

  /** What stands on a parcel: its group where colours repeat, else nothing. */
  text() {
    return ['project', 'vintage'].includes(this.by) ? ['to-string', ['coalesce', ['get', this.by], '']] : '';
  }

  paint() {
    const c = tokens();
    const keys = [...document.querySelectorAll('[data-swatch]')].map((swatch) => swatch.dataset.swatch);
    this.palette = palette(this.by, keys, c);
    return paintOf(this.by, this.palette, c);
  }

  legend() {
    document.querySelectorAll('[data-swatch]').forEach((swatch) => {
      const { colour, strength } = this.palette[swatch.dataset.swatch];
      swatch.style.setProperty('--k', colour);
      swatch.style.background = strength ? `color-mix(in srgb, ${colour} ${100 * strength}%, transparent)` : 'none';
    });
  }

  recolour() {
    for (const { id, paint = {} } of this.style().layers) { // colours only: a base map made some fills see-through
      for (const [property, value] of Object.entries(paint)) this.map.setPaintProperty(id, property, value);
    }
    if (this.map.hasImage('hatch')) this.map.updateImage('hatch', hatch(tokens().brick));
    this.legend();
  }

  async start() {
    if (addBaseMap(this.map)) this.map.addControl(new AttributionControl({ compact: false }));
    this.map.addImage('hatch', hatch(tokens().brick));
    await this.fillSources();
    this.map.on('click', 'parcel', (event) => this.draw?.active || this.choose(event.features[0].id));
    for (const source of ['land', 'numbers']) {
      for (const level of ['county', 'township']) {
        this.map.on('click', `${source}-${level}`, (event) => this.nearer(event, level));
      }
    }
    this.map.on('mousemove', (event) => {
      const layers = ['parcel'].filter((id) => this.map.getLayer(id));
      const over = !this.draw?.active && this.map.queryRenderedFeatures(event.point, { layers }).length;
      if (!this.draw?.active) this.map.getCanvas().style.cursor = over ? 'pointer' : '';
    });
    this.map.once('idle', () => {
      this.say('');
      this.box.dataset.ready = 'yes';
    });
  }

  async fillSources() {
    const outlines = (this.outlines ??= await json('/api/v1/regions/counties.geojson'));
    this.map.getSource('counties').setData(outlines);
    this.map.getSource('names').setData(labelsOf(outlines, document.documentElement.lang));
    if (this.settings.summary) this.map.getSource('numbers').setData(await this.numbers());
  }

  async numbers() {
    const found = await json(this.settings.summary);
    found.features.forEach(({ properties: p }) => (p.text = `${p.level === 'county' ? '' : `${p.name} `}${p.parcels} ${this.words.parcels}`));
    return found;
  }

  nearer(event, level) {
    const zoom = level === 'county' ? TOWNSHIPS_FROM : PARCELS_FROM;
    this.map[still() ? 'jumpTo' : 'easeTo']({ center: event.features[0].geometry.coordinates, zoom: zoom + 0.5 });
  }

  async choose(id) {
    await this.loaded;
    const of = (one) => ({ source: 'land', sourceLayer: 'parcels', id: one });
    if (this.chosen) this.map.setFeatureState(of(this.chosen), { chosen: false });
    this.chosen = id;
    this.map.setFeatureState(of(id), { chosen: true });
    try {
      const answer = await fetch(`/map/parcels/${id}`, { headers: { Accept: 'text/html' } });
      // Who is not signed in any more is led to the log-in page: that is no sheet.
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      if (this.chosen === id) this.sheet.innerHTML = await answer.text(); // escaped by the server's template
      this.say('');
    } catch {
      this.say(this.words.offline);
    }
  }

  listen() {
    document.addEventListener('click', (event) => {
      const button = event.target.closest('[data-show-on-map]');
      if (button) {
        const { id, bounds } = JSON.parse(button.dataset.showOnMap);
        this.map.fitBounds(bounds, { padding: 80, maxZoom: 16, animate: !still() });
        this.choose(id);
        this.box.scrollIntoView({ block: 'nearest' });
      }
      const by = event.target.closest('a[data-by]');
      if (by) location.hash && (by.hash = location.hash); // the same place, other colours
    });
    document.querySelector('form[data-keep-place]')?.addEventListener('submit', ({ target }) => (target.action = location.pathname + location.hash));
    const panel = document.getElementById('draw');
    panel?.addEventListener('toggle', () => panel.open && this.drawing());
    document.querySelector('a[href="#draw"]')?.addEventListener('click', (event) => {
      event.preventDefault(); // the address keeps the place on the map
      panel.open = true;
      panel.scrollIntoView({ block: 'nearest' });
      panel.querySelector('[data-draw=start]').focus();
    });
    document.addEventListener('click', async (event) => {
      const button = event.target.closest('[data-edit-parcel]');
      if (button && panel) {
        panel.open = true;
        (await this.drawing()).edit(button.dataset.editParcel);
      }
    });
  }

  /** The pencil, fetched when it is first needed. */
  drawing() {
    this.loading ??= import('./map_draw.js').then(({ Drawing }) => (this.draw = new Drawing(this.map, document.getElementById('draw-form'), this.words, tokens())));
    return this.loading;
  }

  printing() {
    const size = (on) => {
      this.box.classList.toggle('printing', on);
      this.map.resize();
      this.map.redraw();
    };
    addEventListener('beforeprint', () => size(true));
    addEventListener('afterprint', () => size(false));
  }
}

document.querySelectorAll('[data-map-console]').forEach((box) => {
  try {
    box.mapConsole = new MapConsole(box); // kept on the element, so that a test can wait for it
  } catch {
    const note = box.querySelector('.wait'); // no WebGL: the list below says the same
    note.textContent = read('map-words').none;
    note.hidden = false;
  }
});
