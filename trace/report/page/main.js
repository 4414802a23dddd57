// Puts the page together. <html data-state> is 'ready' or 'failed' in the end, data-ready-ms how long it took.

let themeListeners = [];
function onTheme(listener) { themeListeners.push(listener); }

function currentTheme() { return document.documentElement.dataset.theme; }

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').textContent = theme === 'dark' ? 'Light colours' : 'Dark colours';
  for (const listener of themeListeners) listener();
}

function makeOverview({head}) {
  byId('title').textContent = head.title;
  byId('facts').append(
      ...head.facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
  byId('notes').append(...head.notes.map(note => element('li', {}, note)));
}

function makeContents() {
  for (const section of document.querySelectorAll('main > section:not([hidden])')) {
    byId('contents').append(element('a', {href: '#' + section.id}, section.querySelector('h2').textContent));
  }
}

function makeFaults(report) {
  ['map', 'list', 'ranking'].forEach(show);
  let map = null;
  let list = null;
  const details = new Details(report, row => open(row));
  const open = (row, options) => {
    details.open(row, options);
    map.select(row);
    list.select(row);
  };
  map = new FaultMap(report, open);
  list = new FaultList(report, open);
  makeRanking(report);
  onTheme(() => map.repaint());
  map.paintNow();
}

function makePage(report) {
  const parts = [
    ['samples', 'memory', () => new MemoryCharts(report)],
    ['process_events', 'processes', () => makeProcesses(report)],
    ['tree', 'tables', () => new TableTree(report)],
  ];
  makeOverview(report);
  show('content');
  if (report.payload.has('faults')) makeFaults(report);
  for (const [name, section, make] of parts) {
    if (!report.payload.has(name)) continue;
    show(section);
    make();
  }
  if (report.head.replay) {
    show('replays');
    new ReplayChart(report);
  }
  makeContents();
}

async function start() {
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  setTheme(prefersDark.matches ? 'dark' : 'light');
  prefersDark.addEventListener('change', event => setTheme(event.matches ? 'dark' : 'light'));
  byId('theme').addEventListener('click', () => setTheme(currentTheme() === 'dark' ? 'light' : 'dark'));
  const root = document.documentElement;
  try {
    makePage(new Report(await Payload.read(byId('payload'))));
    byId('loading').hidden = true;
    root.dataset.readyMs = String(Math.round(performance.now()));
    root.dataset.state = 'ready';
  } catch (error) {
    byId('loading').className = 'problem';
    byId('loading').setAttribute('role', 'alert');
    byId('loading').textContent = `The report cannot be shown: ${error.message}`;
    root.dataset.state = 'failed';
    throw error;
  }
}

start();
