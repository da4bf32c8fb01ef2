// A text as a QR picture for <image src>: drawn here, so that a code shows without a network.

const qrcode = require('../vendor/qrcode');

function drawn(text) {
  const code = qrcode(0, 'M');
  code.addData(text, 'Byte');
  code.make();
  return code;
}

/** The dark modules as rows of 0 and 1, for tests. */
function modules(text) {
  const code = drawn(text);
  const size = code.getModuleCount();
  return Array.from({ length: size }, (_, row) => Array.from({ length: size }, (_unused, column) => (code.isDark(row, column) ? 1 : 0)));
}

/** A GIF as a data address: 8 px a module and the quiet zone a scanner needs. */
const picture = (text) => drawn(text).createDataURL(8, 32);

module.exports = { modules, picture };
