// Numbers as people read them.

const countFormat = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
function count(number) { return countFormat.format(number); }

function plural(number, noun) { return `${count(number)} ${noun}${number === 1 ? '' : 's'}`; }

// Up to `digits` significant digits, without zeroes at the end.
function short(number, digits = 4) {
  if (number === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(number)));
  return Number(number.toFixed(Math.min(12, Math.max(0, digits - 1 - magnitude)))).toString();
}

const timeUnits = [['s', 1e9], ['ms', 1e6], ['µs', 1e3], ['ns', 1]];

// The unit in which a span of so many nanoseconds is told: [name, nanoseconds].
function timeUnit(nanoseconds) {
  return timeUnits.find(([, size]) => Math.abs(nanoseconds) >= size) || timeUnits[timeUnits.length - 1];
}

function time(nanoseconds) {
  const [name, size] = timeUnit(nanoseconds);
  return `${short(nanoseconds / size, 6)} ${name}`;
}

function hex(number) { return '0x' + number.toString(16); }

// An address from its page's number and what lies before it in the page; pages reach 2^52.
function address(page, offset = 0) {
  return page === 0 ? hex(offset) : '0x' + page.toString(16) + offset.toString(16).padStart(3, '0');
}

const sizeUnits = [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]];
function pageSize(pages) {
  const bytes = pages * 4096;
  const [name, size] = sizeUnits.find(unit => bytes >= unit[1]) || sizeUnits[3];
  return `${short(bytes / size)} ${name}`;
}

function percent(part, whole) {
  if (whole === 0) return '-';
  const share = 100 * part / whole;
  return share > 0 && share < 0.01 ? '< 0.01 %' : `${Number(share.toFixed(2))} %`;
}

// Some 5 to 10 round numbers between two others.
function ticks(from, to, wanted) {
  if (!(to > from)) return [from];
  const raw = (to - from) / Math.max(1, wanted);
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(factor => factor * magnitude).find(size => size >= raw);
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) found.push(tick);
  return found;
}
