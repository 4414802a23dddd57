// A chart of lines, drawn by dygraphs: with a legend whose entries can be turned off, exact values below, and keys.

const lineColours = ['blue', 'vermillion', 'green', 'orange', 'purple', 'sky', 'grey'].map(name => palette[name]);
const lineDashes = [null, [9, 4], [2, 3], [10, 3, 2, 3]];

// How the series of this number is told from others.
function lineStyle(number) {
  return {
    colour: lineColours[number % lineColours.length],
    dash: lineDashes[Math.floor(number / lineColours.length) % lineDashes.length]
  };
}

function lineIcon({colour, dash, width = 2}) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  for (const [key, value] of Object.entries({'width': 30, 'height': 10, 'aria-hidden': 'true'}))
    svg.setAttribute(key, value);
  const line = document.createElementNS(ns, 'line');
  const attributes =
      {x1: 0, x2: 30, y1: 5, y2: 5, 'stroke': colour === 'ink' ? 'currentColor' : colour, 'stroke-width': width + 0.5};
  if (dash) attributes['stroke-dasharray'] = dash.join(' ');
  for (const [key, value] of Object.entries(attributes)) line.setAttribute(key, value);
  svg.append(line);
  return svg;
}

class Chart {
  // rows: [x, value of each series, ...], null where there is none. series: {name, colour, dash?, width?}.
  // formatX, formatTickX, formatY: of numbers. xLabel, yLabel: with units.
  constructor(place, options) {
    this.options = options;
    this.shown = options.series.map(() => true);
    this.plot = element('div', {class: 'plot', tabindex: 0, role: 'group'});
    this.values = element('p', {class: 'values', role: 'status'});
    this.legend = element('div', {class: 'legend', role: 'group', 'aria-label': `Lines of ${options.title}`});
    this.root = element('div', {class: 'chart'}, element('h3', {}, options.title), this.legend, this.plot, this.values);
    place.append(this.root);
    options.series.forEach((series, index) => this.addToLegend(series, index));
    this.draw();
    this.plot.addEventListener('keydown', event => this.onKey(event));
    onTheme(() => this.dygraph.updateOptions(this.colours()));
    new ResizeObserver(() => this.dygraph.resize()).observe(this.plot);
  }

  addToLegend(series, index) {
    const toggle = button('', () => {
      this.shown[index] = !this.shown[index];
      toggle.setAttribute('aria-pressed', this.shown[index]);
      this.dygraph.setVisibility(index, this.shown[index]);
    }, {'aria-pressed': 'true'});
    toggle.append(lineIcon(series), series.name);
    this.legend.append(toggle);
  }

  colours() {
    return {
      colors: this.options.series.map(({colour}) => colour === 'ink' ? themeColour('ink') : colour),
      axisLineColor: themeColour('line'),
      gridLineColor: themeColour('line'),
      highlightCircleSize: 4,
    };
  }

  draw() {
    const {series, title, xLabel, yLabel, formatTickX, formatY, isStepped, isLogX, isLogY, hasPoints} = this.options;
    // Names of series are numbers here: dygraphs puts what it is given into the page as HTML.
    const names = series.map((_, index) => String(index));
    const perSeries = {};
    series.forEach(({dash, width}, index) => {
      perSeries[names[index]] = {strokePattern: dash || null, strokeWidth: width || 1.8};
    });
    this.plot.setAttribute(
        'aria-label',
        `${title}. ${yLabel} by ${xLabel}. Left and right go from value to value, + and - zoom, Home shows all.`);
    this.dygraph = new Dygraph(this.plot, this.rows(), {
      labels: ['x', ...names],
      series: perSeries,
      legend: 'never',
      xlabel: xLabel,
      ylabel: yLabel,
      stepPlot: Boolean(isStepped),
      drawPoints: Boolean(hasPoints),
      pointSize: 2.2,
      connectSeparatedPoints: true,
      includeZero: !isLogY,
      logscale: Boolean(isLogY),
      axisLabelFontSize: 12,
      xRangePad: isLogX ? 0 : 6,
      yRangePad: isLogY ? 0 : 6,
      animatedZooms: false,
      rightGap: 12,
      visibility: this.shown,
      axes: {
        x: {axisLabelFormatter: formatTickX, logscale: Boolean(isLogX), axisLabelWidth: 70, pixelsPerLabel: 80},
        // Counts have no ticks between whole numbers.
        y: {
          axisLabelFormatter: value => formatY === count && !Number.isInteger(value) ? '' : formatY(value),
          axisLabelWidth: 64
        },
      },
      highlightCallback: (event, x, points, row) => this.tell(row),
      ...this.colours(),
    });
  }

  rows() { return this.options.rows.length > 0 ? this.options.rows : [[0, ...this.options.series.map(() => 0)]]; }

  update(changes) {
    Object.assign(this.options, changes);
    this.dygraph.destroy();
    this.draw();
    this.values.textContent = '';
  }

  // The exact values at a row.
  tell(row) {
    const values = this.options.rows[row];
    if (!values) return;
    this.at = row;
    const {series, formatX, formatY, exactY} = this.options;
    const parts = series.map(({name}, index) => [name, values[index + 1]])
                      .filter(
                          ([, value], index) =>
                              this.shown[index] && value !== null && value !== undefined && !Number.isNaN(value))
                      .map(([name, value]) => `${name} ${(exactY || formatY)(value)}`);
    this.values.textContent = `${formatX(values[0])}: ${parts.join(', ')}`;
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.options.rows.length - 1;
    const go = row => {
      this.at = Math.min(last, Math.max(0, row));
      this.dygraph.setSelection(this.at);
      this.tell(this.at);
    };
    const at = this.at === undefined ? -1 : this.at;
    const actions = {
      'ArrowLeft': () => go(at - 1),
      'ArrowRight': () => go(at + 1),
      'End': () => go(last),
      'PageUp': () => go(at - 20),
      'PageDown': () => go(at + 20),
      '+': () => this.zoom(0.5),
      '=': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      'Home': () => this.dygraph.resetZoom(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  zoom(factor) {
    const [from, to] = this.dygraph.xAxisRange();
    const [least, most] = this.dygraph.xAxisExtremes();
    const middle = this.at === undefined ? (from + to) / 2 : this.options.rows[this.at][0];
    this.dygraph.updateOptions({
      dateWindow: [Math.max(least, middle - (middle - from) * factor), Math.min(most, middle + (to - middle) * factor)]
    });
  }
}
