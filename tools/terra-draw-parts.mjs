// The parts of Terra Draw the map console draws with, and its adapter to MapLibre.
export { TerraDraw, TerraDrawPolygonMode, TerraDrawSelectMode } from 'terra-draw';
export { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';
