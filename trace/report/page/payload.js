// The payload: trace/report/payload.hpp says how it is made.

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  if (typeof DecompressionStream === 'undefined') {
    throw new Error(
        'This browser cannot unpack the report: it has no DecompressionStream ' +
        '(Chromium 80, Firefox 113, Safari 16.4 and later have it).');
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function arrayFor(rows, largest) {
  if (largest < 2 ** 8) return new Uint8Array(rows);
  if (largest < 2 ** 16) return new Uint16Array(rows);
  if (largest < 2 ** 32) return new Uint32Array(rows);
  return new Float64Array(rows);
}

function decodePlain(bytes, rows, [, offset, planes, largest]) {
  const values = arrayFor(rows, largest);
  for (let plane = 0; plane < planes; ++plane) {
    const scale = 256 ** plane;
    const start = offset + plane * rows;
    for (let row = 0; row < rows; ++row) values[row] += bytes[start + row] * scale;
  }
  return values;
}

// Zigzag-coded differences: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
function decodeDifferences(bytes, rows, [, offset, planes]) {
  const values = new Float64Array(rows);
  for (let plane = 0; plane < planes; ++plane) {
    const scale = 128 * 256 ** (plane - 1);
    const start = offset + plane * rows;
    if (plane === 0)
      for (let row = 0; row < rows; ++row) values[row] = bytes[start + row] >> 1;
    else
      for (let row = 0; row < rows; ++row) values[row] += bytes[start + row] * scale;
  }
  if (planes > 0)
    for (let row = 0; row < rows; ++row)
      if (bytes[offset + row] & 1) values[row] = -values[row] - 1;
  return values;
}

function decodeDelta(bytes, rows, entry) {
  const values = arrayFor(rows, entry[3]);
  const differences = decodeDifferences(bytes, rows, entry);
  let last = 0;
  for (let row = 0; row < rows; ++row) values[row] = last += differences[row];
  return values;
}

// Columns of numbers (trace/report/columns.hpp).
class PayloadTable {
  // `predict()` has to keep() all columns that are predicted.
  constructor(bytes, {rows, columns}, predict) {
    this.rows = rows;
    this.bytes = bytes;
    this.columns = columns;
    this.predict = predict;
    this.decoded = new Map();
  }

  // Decoded when it is asked for.
  column(name) {
    if (!this.decoded.has(name)) {
      const entry = this.columns[name];
      if (entry[0] === 'predicted')
        this.predict();
      else
        this.decoded.set(name, (entry[0] === 'delta' ? decodeDelta : decodePlain)(this.bytes, this.rows, entry));
    }
    return this.decoded.get(name);
  }

  // Of a predicted column: how far its predictions are off, and room for its values.
  differences(name) { return decodeDifferences(this.bytes, this.rows, this.columns[name]); }
  emptyColumn(name) { return arrayFor(this.rows, this.columns[name][3]); }
  keep(name, values) { this.decoded.set(name, values); }
}

class Payload {
  constructor(bytes) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    this.strings = this.head.strings;
    const columns = bytes.subarray(4 + length);
    this.tables = {};
    for (const [name, table] of Object.entries(this.head.tables))
      this.tables[name] = new PayloadTable(columns, table, () => decodePredicted(this));
  }

  static async read(holder) {
    const text = holder.textContent.trim();
    holder.textContent = '';
    return new Payload(await inflated(bytesOfBase64(text)));
  }

  has(name) { return name in this.tables && this.tables[name].rows > 0; }
}
