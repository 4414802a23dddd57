// The map of faults: what people do with it.

class FaultMap {
  constructor(report, onOpen) {
    this.report = report;
    this.onOpen = onOpen;
    this.canvas = byId('map-canvas');
    this.axis = new AddressAxis(report.payload.tables.axis);
    this.selected = -1;
    this.hasCellsByKind = false;
    this.drag = null;
    this.ys = this.axis.positions(report.page);
    this.setTimeAxis(false);
    this.makeTools();
    this.makeLegend();
    this.listen();
    report.onChange(() => this.repaint());
    // Where they lie has to be worked out first: the page need not wait for it.
    if (Evictions.count(report) > 0) setTimeout(() => this.addEvictions());
  }

  addEvictions() {
    this.evictions = new Evictions(this.report, this.axis);
    this.canvas.dataset.evictions = this.evictions.rows.length;
    this.repaint();
  }

  setTimeAxis(isByNumber) {
    const {report} = this;
    const xs = isByNumber ? report.sequence : report.time;
    const end = isByNumber ? xs[xs.length - 1] : Math.max(xs[xs.length - 1], report.head.end_time || 0);
    const margin = Math.max(1, (end - xs[0]) * 0.01);
    this.xs = xs;
    this.view = new MapView([Math.max(0, xs[0] - margin), end + margin], [0, this.axis.length]);
    this.painter = new MapPainter(
        this.canvas,
        {report, axis: this.axis, view: this.view, xs, ys: this.ys, areas: this.areas(isByNumber, end), isByNumber});
  }

  // Mappings with the time that they were there.
  areas(isByNumber, end) {
    const {report} = this;
    const table = report.table('areas');
    if (!table) return [];
    const [pid, page, pages, protection, name, from, to] =
        ['pid', 'page', 'pages', 'protection', 'name', 'from', 'to'].map(column => table.column(column));
    const place = time => {
      if (!isByNumber) return time;
      const row = lowerBound(report.time, time);
      return row < report.rows ? report.sequence[row] : end;
    };
    return Array.from({length: table.rows}, (_, row) => ({
                                              pid: pid[row],
                                              page: page[row],
                                              pages: pages[row],
                                              protection: report.strings[protection[row]],
                                              name: report.strings[name[row]].replace(/.*\//, ''),
                                              path: report.strings[name[row]],
                                              from: place(from[row]),
                                              to: to[row] === 0 ? end : place(to[row] - 1),
                                            }));
  }

  makeTools() {
    const {report} = this;
    const processes = report.processes();
    const tools = byId('map-tools');
    if (processes.length > 1) {
      tools.append(
          chooser('Process', [[0, 'all'], ...processes.map(([pid, name]) => [pid, `${pid} ${name}`])], value => {
            report.shown.process = Number(value);
            report.changed();
          }));
    }
    tools.append(
        chooser(
            'Across', [['time', 'virtual time'], ['number', 'number of the fault']],
            value => {
              this.setTimeAxis(value === 'number');
              this.repaint();
            }),
        chooser(
            'Crowded places by', [['count', 'number of faults'], ['kind', 'most frequent kind']],
            value => {
              this.hasCellsByKind = value === 'kind';
              this.repaint();
            }),
        element(
            'span', {class: 'buttons', role: 'group', 'aria-label': 'Zoom'},
            button('+', () => this.zoom(0.5), {'aria-label': 'Zoom in'}),
            button('−', () => this.zoom(2), {'aria-label': 'Zoom out'}), button('Show all', () => this.reset())),
        element('span', {id: 'map-status', class: 'help', role: 'status'}));
  }

  makeLegend() {
    const {report} = this;
    const totals = new Array(report.kinds.length).fill(0);
    for (let row = 0; row < report.rows; ++row) ++totals[report.kind[row]];
    const exact = report.head.kind_totals || totals;
    report.kinds.forEach((kind, index) => {
      if (!exact[index]) return;
      const toggle = button('', () => {
        report.shown.kinds[index] ^= 1;
        toggle.setAttribute('aria-pressed', report.shown.kinds[index] === 1);
        report.changed();
      }, {'aria-pressed': 'true', title: kindMeaning(kind)});
      toggle.append(markIcon(kind), `${kind} ${count(exact[index])}`);
      byId('map-legend').append(toggle);
    });
    const evictions = report.head.background_evictions || 0;
    if (evictions > 0) {
      const toggle = button('', () => {
        report.shown.evictions = !report.shown.evictions;
        toggle.setAttribute('aria-pressed', report.shown.evictions);
        report.changed();
      }, {'aria-pressed': 'true', title: evictionMeaning});
      toggle.append(shapeIcon(evictionShape, evictionColour), `left in the background ${count(evictions)}`);
      byId('map-legend').append(toggle);
    }
    this.ramp = element('span', {class: 'help', id: 'map-ramp'});
    byId('map-legend').append(this.ramp);
  }

  listen() {
    const {canvas} = this;
    canvas.addEventListener('wheel', event => this.onWheel(event), {passive: false});
    canvas.addEventListener('pointerdown', event => this.onDown(event));
    canvas.addEventListener('pointermove', event => this.onMove(event));
    canvas.addEventListener('pointerup', event => this.onUp(event));
    canvas.addEventListener('pointercancel', () => {
      this.drag = null;
      this.repaint();
    });
    canvas.addEventListener('pointerleave', () => {
      byId('map-hint').hidden = true;
    });
    canvas.addEventListener('dblclick', () => this.zoom(0.5));
    canvas.addEventListener('keydown', event => this.onKey(event));
    new ResizeObserver(() => this.repaint()).observe(canvas);
  }

  onWheel(event) {
    if (document.activeElement !== this.canvas) return;
    event.preventDefault();
    // With Shift, some systems turn the wheel sideways.
    const factor = Math.exp((event.deltaY || event.deltaX) * 0.0015);
    this.view.zoom(event.altKey ? 1 : factor, event.shiftKey ? 1 : factor, event.offsetX, event.offsetY);
    this.repaint();
  }

  onDown(event) {
    if (event.button !== 0) return;
    this.canvas.focus({preventScroll: true});
    this.canvas.setPointerCapture(event.pointerId);
    this.drag = {x0: event.offsetX, y0: event.offsetY, x1: event.offsetX, y1: event.offsetY, moves: event.shiftKey};
  }

  onMove(event) {
    const {drag, view} = this;
    if (!drag) {
      this.hint(event.offsetX, event.offsetY);
      return;
    }
    byId('map-hint').hidden = true;
    if (drag.moves)
      view.move((drag.x1 - event.offsetX) / view.plot.width, (event.offsetY - drag.y1) / view.plot.height);
    [drag.x1, drag.y1] = [event.offsetX, event.offsetY];
    this.repaint();
  }

  onUp(event) {
    const {drag, view} = this;
    this.drag = null;
    if (!drag) return;
    const isClick = Math.abs(event.offsetX - drag.x0) < 4 && Math.abs(event.offsetY - drag.y0) < 4;
    if (isClick) {
      const row = this.faultAt(event.offsetX, event.offsetY);
      if (row >= 0) this.onOpen(row);
    } else if (!drag.moves) {
      const [left, right] = [drag.x0, drag.x1].sort((a, b) => a - b).map(x => view.valueAt(x));
      const [top, bottom] = [drag.y0, drag.y1].sort((a, b) => a - b).map(y => view.positionAt(y));
      view.set(left, right, bottom, top);
    }
    this.repaint();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const {view} = this;
    const actions = {
      '+': () => this.zoom(0.5),
      '=': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      'Home': () => this.reset(),
      'ArrowLeft': () => view.move(-0.2, 0),
      'ArrowRight': () => view.move(0.2, 0),
      'ArrowUp': () => view.move(0, 0.2),
      'ArrowDown': () => view.move(0, -0.2),
      'n': () => this.step(1),
      'p': () => this.step(-1),
      'Enter': () => this.openMiddle(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    this.repaint();
  }

  zoom(factor) {
    this.view.zoom(factor, factor);
    this.repaint();
  }

  reset() {
    this.view.reset();
    this.repaint();
  }

  step(direction) {
    const next =
        this.report.neighbour(this.selected < 0 ? (direction > 0 ? -1 : this.report.rows) : this.selected, direction);
    if (next >= 0) this.onOpen(next, {keepsFocus: true});
  }

  openMiddle() {
    const {left, top, width, height} = this.view.plot;
    const row = this.faultAt(left + width / 2, top + height / 2, Infinity);
    if (row >= 0) this.onOpen(row);
  }

  // The shown fault nearest to a point of the canvas, -1 where none is as near as that.
  faultAt(x, y, radius = 12) {
    const {view, xs, ys, report} = this;
    const reach = Math.min(radius, view.plot.width);
    const end = upperBound(xs, view.valueAt(x + reach));
    let best = -1;
    let bestDistance = radius;
    for (let row = lowerBound(xs, view.valueAt(x - reach)); row < end; ++row) {
      const distance = Math.hypot(view.x(xs[row]) - x, view.y(ys[row]) - y);
      if (distance < bestDistance && ys[row] >= view.y0 && ys[row] <= view.y1 && report.isShown(row)) {
        best = row;
        bestDistance = distance;
      }
    }
    return best;
  }

  // What lies under the pointer, in words.
  hint(x, y) {
    const {report, view, axis} = this;
    const {left, top, width, height} = view.plot;
    const hint = byId('map-hint');
    const isInside = x >= left && x <= left + width && y >= top && y <= top + height;
    hint.hidden = !isInside;
    if (!isInside) return;
    const page = axis.pageAt(view.positionAt(y));
    const row = this.faultAt(x, y, 8);
    const band = this.painter.bands.find(one => x >= one.left && x <= one.right && y >= one.top && y <= one.bottom);
    const lines = [
      row >= 0 ? `fault ${count(report.sequence[row])}: ${report.kinds[report.kind[row]]} at ${report.address(row)}` :
                 null,
      row < 0 && this.evictions ? this.evictions.hint(view, this.painter.isByNumber, x, y, 6) : null,
      page === null ? 'addresses left out' : `page ${address(page)}`,
      band ? `${band.area.name || 'anonymous'} ${band.area.protection}, process ${band.area.pid}` : null,
      this.painter.isByNumber ? `fault ${count(Math.round(view.valueAt(x)))}` : time(Math.max(0, view.valueAt(x))),
    ];
    hint.textContent = lines.filter(Boolean).join('\n');
    hint.style.left = `${Math.min(x + 14, this.canvas.clientWidth - hint.offsetWidth - 4)}px`;
    hint.style.top = `${Math.min(y + 14, this.canvas.clientHeight - hint.offsetHeight - 4)}px`;
  }

  select(row) {
    this.selected = row;
    this.view.reveal(this.xs[row], this.ys[row]);
    this.repaint();
  }

  // Once before the next frame, however often it is asked for.
  repaint() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paintNow();
    });
  }

  paintNow() {
    const {report, canvas} = this;
    const {how, most, shown, left} = this.painter.paint(this);
    const share = report.head.fault_share;
    const factor = share < 1 ? ` of those kept (${short(100 * share, 3)} % of all)` : '';
    const text =
        `${plural(shown, 'fault')} in view${factor}` + (how === 'cells' ? `, up to ${count(most)} in one place` : '') +
        (left > 0 ? `; ${plural(left, 'page')} that left in the background` : '');
    byId('map-status').textContent = text;
    canvas.setAttribute('aria-label', `Map of page faults by time and address: ${text}`);
    const isRamp = how === 'cells' && !this.hasCellsByKind;
    this.ramp.textContent = isRamp ? `crowded: 1 ` : '';
    if (isRamp) {
      const stops = [0, 1 / 3, 2 / 3, 1].map(share => `rgb(${rampColour(share).join(' ')})`).join(',');
      this.ramp.append(
          element(
              'span',
              {style: `display:inline-block;width:90px;height:11px;background:linear-gradient(90deg,${stops})`}),
          ` ${count(most)} faults in one place`);
    }
  }
}
