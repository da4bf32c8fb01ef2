// <div class="mapbox" data-map data-counties=URL data-parcels=URL [data-whole] [data-sheet=ID] [data-bounds=[w,s,e,n]]>
// Parcels are fetched by bounding box as the map moves; with data-whole once (a certificate's own parcels).
// A click fills the side sheet from data-parcel; the list below the map is the twin for keyboard and readers.

import { addBaseMap } from './map_base.js';
import { LAYER_COLOURS, boundsOf, labelsOf, style, withBox } from './map_style.js';
import { SHOWN, fillTemplate } from './values.js';
import { AttributionControl, Map as MapLibre, NavigationControl, ScaleControl } from './vendor/maplibre-gl.mjs';

export function colours() {
  const computed = getComputedStyle(document.documentElement);
  const of = (name) => computed.getPropertyValue(`--${name}`).trim();
  return {
    paper: of('paper'), surface: of('surface'), sunk: of('sunk'), ink: of('ink'), edge: of('edge'),
    cam: of('cam-fill'), cam_edge: of('cam'), water: of('water'), water_edge: of('huai'),
    tea: of('tea-fill'), tea_edge: of('tea'), pine: of('pine'), pine_edge: of('pine'), font: of('sans'),
  };
}

export async function json(url, signal) {
  const response = await fetch(url, { signal, headers: { Accept: 'application/json', 'Accept-Language': document.documentElement.lang } });
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  return response.json();
}

/** Fill every data-slot="field|way" of a sheet; a missing value hides its row. */
function fillSheet(sheet, data) {
  sheet.querySelectorAll('[data-slot]').forEach((slot) => {
    const [path, way = 'text'] = slot.dataset.slot.split('|');
    const value = path.split('.').reduce((at, key) => at?.[key], data);
    const words = slot.dataset.words ? JSON.parse(slot.dataset.words) : null;
    slot.textContent = value === null || value === undefined || value === '' ? slot.dataset.none ?? '' : (words?.[value] ?? SHOWN[way](value));
  });
  sheet.querySelectorAll('[data-href]').forEach((link) => (link.href = fillTemplate(link.dataset.href, data) ?? '#'));
  sheet.querySelector('[data-blank]')?.setAttribute('hidden', '');
  sheet.querySelector('[data-filled-in]')?.removeAttribute('hidden');
}

class ParcelMap {
  constructor(box, words) {
    this.box = box;
    this.words = words;
    this.note = box.querySelector('.wait');
    const c = colours();
    const bounds = JSON.parse(box.dataset.bounds ?? 'null') ?? [113.75, 31.38, 115.92, 32.62];
    box.querySelector('.noscript')?.remove();
    const holder = box.appendChild(document.createElement('div'));
    this.map = new MapLibre({
      container: holder,
      style: style(c),
      bounds,
      fitBoundsOptions: { padding: 24, maxZoom: 15 },
      maxZoom: 18,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      cooperativeGestures: matchMedia('(pointer: coarse)').matches,
      localIdeographFontFamily: c.font,
      canvasContextAttributes: { preserveDrawingBuffer: true }, // so that a printed page shows the map
      locale: words.map,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
    this.map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-left');
    this.map.getCanvas().setAttribute('aria-label', box.getAttribute('aria-label') ?? '');
    this.map.on('load', () => this.start());
    addEventListener('xy:theme', () => this.recolour());
  }

  say(text) {
    if (!this.note) return;
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  recolour() {
    const c = colours();
    for (const [layer, [property, of]] of Object.entries(LAYER_COLOURS)) this.map.setPaintProperty(layer, property, of(c));
    this.map.setPaintProperty('name', 'text-color', c.ink);
    this.map.setPaintProperty('name', 'text-halo-color', c.surface);
  }

  async start() {
    if (addBaseMap(this.map)) this.map.addControl(new AttributionControl({ compact: false }));
    const { counties, parcels, whole, sheet } = this.box.dataset;
    if (counties) {
      const outlines = await json(counties);
      this.map.getSource('counties').setData(outlines);
      this.map.getSource('names').setData(labelsOf(outlines, document.documentElement.lang));
    }
    if (parcels && whole !== undefined) await this.loadWhole(parcels);
    else if (parcels) {
      await this.loadVisible(parcels);
      this.map.on('moveend', () => this.loadVisible(parcels));
    }
    if (sheet) this.openSheets(document.getElementById(sheet));
    this.box.dataset.ready = 'yes';
  }

  async loadWhole(url) {
    const found = await json(url);
    this.map.getSource('parcels').setData(found);
    const bounds = boundsOf(found);
    if (bounds) this.map.fitBounds(bounds, { padding: 40, maxZoom: 16, animate: false });
  }

  async loadVisible(url) {
    this.request?.abort();
    this.request = new AbortController();
    this.say(this.words.loading);
    try {
      const found = await json(withBox(url, this.map.getBounds().toArray().flat()), this.request.signal);
      this.map.getSource('parcels').setData(found);
      this.say(found.truncated ? this.words.zoomIn : '');
    } catch (error) {
      if (error.name !== 'AbortError') this.say(this.words.offline);
    }
  }

  openSheets(sheet) {
    const choose = async (code, url) => {
      if (this.chosen) this.map.setFeatureState({ source: 'parcels', id: this.chosen }, { chosen: false });
      this.chosen = code;
      this.map.setFeatureState({ source: 'parcels', id: code }, { chosen: true });
      try {
        fillSheet(sheet, await json(url));
      } catch {
        this.say(this.words.offline);
      }
    };
    this.map.on('click', 'parcel', (event) => {
      const { properties } = event.features[0];
      choose(properties.code, fillTemplate(this.box.dataset.parcel, properties));
    });
    this.map.on('mouseenter', 'parcel', () => (this.map.getCanvas().style.cursor = 'pointer'));
    this.map.on('mouseleave', 'parcel', () => (this.map.getCanvas().style.cursor = ''));
    // The list twin: a button in a row shows that parcel on the map.
    document.addEventListener('click', (event) => {
      const button = event.target.closest('[data-show-parcel]');
      if (!button) return;
      const { code, bounds } = JSON.parse(button.dataset.showParcel);
      this.map.fitBounds(bounds, { padding: 80, maxZoom: 16, animate: !matchMedia('(prefers-reduced-motion: reduce)').matches });
      choose(code, fillTemplate(this.box.dataset.parcel, { code }));
      this.box.scrollIntoView({ block: 'nearest' });
    });
  }
}

export function drawMaps(words) {
  document.querySelectorAll('[data-map]').forEach((box) => {
    try {
      box.parcelMap = new ParcelMap(box, words); // kept on the element, so that a test can wait for it
    } catch {
      box.querySelector('.wait')?.removeAttribute('hidden'); // no WebGL: the list below says the same
    }
  });
}
