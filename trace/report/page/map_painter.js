// Draws the map: mappings as bands, faults as marks by kind, or, where there are too many for that, as cells by how
// many there are.

const cellSize = 3;  // CSS pixels
const markLimit = 2500;
const markRadius = 4.5;

// From few to many. Lightness alone tells them apart.
const densityRamps = {
  light: [[158, 197, 232], [66, 133, 196], [8, 48, 107], [3, 15, 40]],
  dark: [[42, 88, 138], [84, 146, 204], [170, 212, 245], [255, 255, 255]],
};
const bandColours = {
  light: {x: '#f3e6d8', w: '#e6f2e4', r: '#e8ebf6', none: '#ececec'},
  dark: {x: '#3b2f22', w: '#22352a', r: '#272c40', none: '#2a2a2a'},
};

function bandColour(protection) {
  const colours = bandColours[currentTheme()];
  return colours[['x', 'w', 'r'].find(right => protection.includes(right)) || 'none'];
}

function rampColour(share) {
  const ramp = densityRamps[currentTheme()];
  const at = share * (ramp.length - 1);
  const low = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[low].map((part, i) => Math.round(part + (ramp[low + 1][i] - part) * (at - low)));
}

class MapPainter {
  // `data`: report, axis, view, and by fault xs (where it lies in time) and ys (on the axis); areas: the bands.
  constructor(canvas, data) {
    this.canvas = canvas;
    Object.assign(this, data);
    this.context = canvas.getContext('2d');
  }

  // How many faults are shown, and how: 'marks' or 'cells' with the largest number in one; and how many of `evictions`
  // (undefined: there are none).
  paint({selected, hasCellsByKind, drag, evictions}) {
    this.fit();
    const {context, canvas} = this;
    context.fillStyle = themeColour('paper');
    context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    context.save();
    context.beginPath();
    context.rect(this.view.plot.left, this.view.plot.top, this.view.plot.width, this.view.plot.height);
    context.clip();
    this.paintBands();
    const faults = this.faultsInView();
    const result = faults.length <= markLimit ? this.paintMarks(faults) : this.paintCells(faults, hasCellsByKind);
    const left = evictions ? this.paintEvictions(evictions) : 0;
    this.paintNames();
    if (selected >= 0) this.paintSelected(selected);
    if (drag) this.paintDrag(drag);
    context.restore();
    this.paintAxes();
    return {...result, shown: faults.length, left};
  }

  fit() {
    const {canvas, view} = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    view.plot = {left: 124, top: 8, width: Math.max(50, canvas.clientWidth - 136), height: canvas.clientHeight - 56};
  }

  faultsInView() {
    const {view, xs, ys, report} = this;
    const end = upperBound(xs, view.x1);
    const {mask} = report;
    const {y0, y1} = view;
    this.found = this.found || new Uint32Array(report.rows);
    let size = 0;
    for (let row = lowerBound(xs, view.x0); row < end; ++row) {
      if (ys[row] >= y0 && ys[row] <= y1 && (mask === null || mask[row] === 1)) this.found[size++] = row;
    }
    return this.found.subarray(0, size);
  }

  paintBands() {
    const {context, view, axis, areas, report} = this;
    context.fillStyle = themeColour('panel');
    for (const part of axis.parts) {
      const top = view.y(part.at + (part.end - part.page) * part.scale);
      context.fillRect(view.plot.left, top, view.plot.width, view.y(part.at) - top);
    }
    this.bands = [];
    for (const area of areas) {
      if (report.shown.process !== 0 && area.pid !== report.shown.process) continue;
      const left = Math.max(view.x(area.from), view.plot.left);
      const right = Math.min(view.x(area.to), view.plot.left + view.plot.width);
      if (right < view.plot.left || left > view.plot.left + view.plot.width) continue;
      for (const part of axis.parts) {
        if (part.page >= area.page + area.pages || part.end <= area.page) continue;
        const top = view.y(axis.position(Math.min(area.page + area.pages, part.end)));
        const bottom = view.y(part.at + (Math.max(area.page, part.page) - part.page) * part.scale);
        if (bottom < 0 || top > this.canvas.clientHeight) continue;
        context.fillStyle = bandColour(area.protection);
        context.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
        context.fillStyle = themeColour('line');
        context.fillRect(left, bottom - 1, Math.max(1, right - left), 1);
        this.bands.push({area, left, right, top, bottom});
      }
    }
  }

  // One name for all bands that lie in the same place.
  paintNames() {
    const {context, view} = this;
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    context.lineJoin = 'round';
    const taken = [];
    const largestFirst = [...this.bands].sort(
        (a, b) => (b.bottom - b.top) * (b.right - b.left) - (a.bottom - a.top) * (a.right - a.left));
    for (const {area, left, right, top, bottom} of largestFirst) {
      const from = Math.max(top, view.plot.top);
      const to = Math.min(bottom, view.plot.top + view.plot.height);
      const text = `${area.name || 'anonymous'} ${area.protection}`;
      const width = context.measureText(text).width;
      if (to - from < 11 || right - left < Math.min(60, width)) continue;
      const box = {left: left + 5, right: left + 5 + width, top: (from + to) / 2 - 7, bottom: (from + to) / 2 + 7};
      const overlaps = taken.some(
          other =>
              box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top);
      if (overlaps) continue;
      taken.push(box);
      context.strokeStyle = themeColour('paper');
      context.lineWidth = 3.5;
      context.strokeText(text, box.left, (from + to) / 2);
      context.fillStyle = themeColour('ink');
      context.fillText(text, box.left, (from + to) / 2);
    }
  }

  paintMarks(rows) {
    const {context, view, xs, ys, report} = this;
    const paths = new Map();
    const ink = themeColour('ink');
    for (const row of rows) {
      const kind = report.kinds[report.kind[row]];
      if (!paths.has(kind)) paths.set(kind, new Path2D(markPath(kindShape(kind), markRadius)));
      context.save();
      context.translate(view.x(xs[row]), view.y(ys[row]));
      const isOpen = isHollow(kindShape(kind));
      context.lineWidth = isOpen ? 2.4 : 1;
      context.strokeStyle = isOpen ? kindColour(kind) : ink;
      context.fillStyle = kindColour(kind);
      if (!isOpen) context.fill(paths.get(kind));
      context.stroke(paths.get(kind));
      context.restore();
    }
    return {how: 'marks', most: 1};
  }

  // One dash where there are many in the same place.
  paintEvictions(evictions) {
    const {context, view} = this;
    const width = Math.ceil(view.plot.width / cellSize) + 1;
    const taken = new Uint8Array(width * (Math.ceil(view.plot.height / cellSize) + 1));
    let count = 0;
    context.beginPath();
    evictions.forEachInView(view, this.isByNumber, (index, x, y) => {
      ++count;
      const cell =
          Math.floor((y - view.plot.top) / cellSize) * width + Math.floor((x - view.plot.left) / cellSize);
      if (taken[cell]++) return;
      context.moveTo(x - markRadius, y);
      context.lineTo(x + markRadius, y);
    });
    context.strokeStyle = evictionColour;
    context.lineWidth = 2;
    context.stroke();
    return count;
  }

  paintCells(rows, hasCellsByKind) {
    const {view, xs, ys, report} = this;
    const width = Math.ceil(view.plot.width / cellSize);
    const height = Math.ceil(view.plot.height / cellSize);
    const counts = new Uint32Array(width * height);
    const kinds = report.kinds.length;
    const byKind = hasCellsByKind ? new Uint32Array(width * height * kinds) : null;
    const scaleX = width / (view.x1 - view.x0);
    const scaleY = height / (view.y1 - view.y0);
    const {x0, y1} = view;
    let most = 0;
    for (let i = 0; i < rows.length; ++i) {
      const row = rows[i];
      const column = Math.min(width - 1, Math.floor((xs[row] - x0) * scaleX));
      const line = Math.min(height - 1, Math.floor((y1 - ys[row]) * scaleY));
      const cell = line * width + column;
      most = Math.max(most, ++counts[cell]);
      if (byKind) ++byKind[cell * kinds + report.kind[row]];
    }
    this.paintGrid(
        counts, width,
        (cell, amount) => byKind ? this.colourOfMostFrequent(byKind, cell * kinds) :
                                   rampColour(most === 1 ? 0 : Math.log(amount) / Math.log(most)));
    return {how: 'cells', most};
  }

  colourOfMostFrequent(byKind, start) {
    let best = 0;
    for (let kind = 1; kind < this.report.kinds.length; ++kind)
      if (byKind[start + kind] > byKind[start + best]) best = kind;
    const colour = kindColour(this.report.kinds[best]);
    return [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
  }

  paintGrid(counts, width, colour) {
    const {context, view} = this;
    const height = counts.length / width;
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let cell = 0; cell < counts.length; ++cell) {
      if (counts[cell] === 0) continue;
      const [red, green, blue] = colour(cell, counts[cell]);
      pixels[cell] = (255 << 24) | (blue << 16) | (green << 8) | red;
    }
    const grid = new OffscreenCanvas(width, height);
    grid.getContext('2d').putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(grid, view.plot.left, view.plot.top, view.plot.width, view.plot.height);
  }

  paintSelected(row) {
    const {context, view} = this;
    const x = view.x(this.xs[row]);
    const y = view.y(this.ys[row]);
    context.strokeStyle = themeColour('accent');
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, view.plot.top);
    context.lineTo(x, view.plot.top + view.plot.height);
    context.moveTo(view.plot.left, y);
    context.lineTo(view.plot.left + view.plot.width, y);
    context.stroke();
    context.lineWidth = 3;
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.stroke();
  }

  paintDrag({x0, y0, x1, y1}) {
    const {context} = this;
    context.strokeStyle = themeColour('accent');
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.strokeRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
    context.setLineDash([]);
  }

  paintAxes() {
    const {context, view} = this;
    const {left, top, width, height} = view.plot;
    context.strokeStyle = themeColour('line');
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
    context.fillStyle = themeColour('ink');
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    this.paintTimeAxis();
    this.paintAddressAxis();
  }

  paintTimeAxis() {
    const {context, view} = this;
    const {left, top, width, height} = view.plot;
    const [unit, size] = this.isByNumber ? ['', 1] : timeUnit(view.x1);
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const tick of ticks(view.x0 / size, view.x1 / size, width / 110)) {
      const x = view.x(tick * size);
      context.fillRect(x, top + height, 1, 5);
      if (x < left + width - 10) context.fillText(this.isByNumber ? count(tick) : short(tick, 8), x, top + height + 8);
    }
    context.fillText(
        this.isByNumber ? 'number of the fault' : `virtual time since the start, ${unit}`, left + width / 2,
        top + height + 28);
  }

  paintAddressAxis() {
    const {context, view, axis} = this;
    const {left, top, height} = view.plot;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.font = '11px ui-monospace, "DejaVu Sans Mono", monospace';
    let lowest = Infinity;
    const label = (page, y) => {
      if (y > lowest - 13 || y < top + 4 || y > top + height + 1) return;
      context.fillText(address(page), left - 7, y);
      context.fillRect(left - 5, y, 5, 1);
      lowest = y;
    };
    for (const part of axis.parts) {
      if (part.isBroken) this.paintBreak(view.y(part.at) + 1);
      label(part.page, view.y(part.at) - 1);
      const bottom = Math.max(part.page, part.page + (view.y0 - part.at) / part.scale);
      const end = Math.min(part.end, part.page + (view.y1 - part.at) / part.scale);
      const step = 2 ** Math.ceil(Math.log2(Math.max(1, 40 / (part.scale * height / (view.y1 - view.y0)))));
      for (let page = Math.ceil(bottom / step) * step; page < end; page += step) {
        label(page, view.y(part.at + (page - part.page) * part.scale));
      }
    }
  }

  // Addresses between two parts are left out.
  paintBreak(y) {
    const {context, view} = this;
    const {left, top, height} = view.plot;
    if (y < top + 3 || y > top + height - 3) return;
    context.strokeStyle = themeColour('faint');
    context.lineWidth = 1.2;
    context.beginPath();
    context.moveTo(left - 4, y + 4);
    context.lineTo(left + 4, y + 1);
    context.moveTo(left - 4, y + 7);
    context.lineTo(left + 4, y + 4);
    context.stroke();
  }
}

function upperBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
