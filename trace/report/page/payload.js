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

// The rows of a column as numbers (trace/report/columns.hpp).
function decodeColumn(bytes, rows, [encoding, offset, , largest]) {
  const values = arrayFor(rows, largest);
  const isDelta = encoding === 'delta';
  let at = offset;
  let last = 0;
  for (let row = 0; row < rows; ++row) {
    let byte = bytes[at++];
    let value = byte & 0x7f;
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[at++];
      value += (byte & 0x7f) * scale;
    }
    if (isDelta) {
      last += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      value = last;
    }
    values[row] = value;
  }
  return values;
}

class PayloadTable {
  constructor(bytes, {rows, columns}) {
    this.rows = rows;
    this.bytes = bytes;
    this.columns = columns;
    this.decoded = new Map();
  }

  // Decoded when it is asked for.
  column(name) {
    if (!this.decoded.has(name)) this.decoded.set(name, decodeColumn(this.bytes, this.rows, this.columns[name]));
    return this.decoded.get(name);
  }
}

class Payload {
  constructor(bytes) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    this.strings = this.head.strings;
    const columns = bytes.subarray(4 + length);
    this.tables = {};
    for (const [name, table] of Object.entries(this.head.tables)) this.tables[name] = new PayloadTable(columns, table);
  }

  static async read(holder) {
    const text = holder.textContent.trim();
    holder.textContent = '';
    return new Payload(await inflated(bytesOfBase64(text)));
  }

  has(name) { return name in this.tables && this.tables[name].rows > 0; }
}
