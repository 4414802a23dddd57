// Which functions and which mappings take the most faults.

const rankingLength = 25;

// Rows of a table of totals, the largest first: {row, total, counts by kind}.
function ranked(report, name) {
  const totals = report.payload.tables[name];
  const columns = report.kinds.map((_, kind) => totals.column(`kind${kind}`));
  return Array
      .from(
          {length: totals.rows},
          (_, row) => {
            const counts = columns.map(column => column[row]);
            return {row, counts, total: counts.reduce((sum, part) => sum + part, 0)};
          })
      .filter(entry => entry.total > 0)
      .sort((a, b) => b.total - a.total || a.row - b.row);
}

function kindBar(report, counts, largest) {
  const parts = counts.map((part, kind) => [part, kind]).filter(([part]) => part > 0);
  return element(
      'span', {'aria-hidden': 'true'},
      ...parts.map(([part, kind]) => element('span', {
                     style: `width:${100 * part / largest}%;background:${kindColour(report.kinds[kind])}`,
                     title: `${report.kinds[kind]} ${count(part)}`,
                   })));
}

// The most frequent kind; a title has all.
function mostlyText(report, {counts, total}) {
  const kinds =
      counts.map((part, kind) => [part, report.kinds[kind]]).filter(([part]) => part > 0).sort((a, b) => b[0] - a[0]);
  const [most, kind] = kinds[0];
  return element(
      'span', {title: kinds.map(([part, name]) => `${name} ${count(part)}`).join(', ')},
      `${kind} ${percent(most, total)}`);
}

function rankingTable(report, place, {name, caption, text, filter}) {
  const all = ranked(report, name);
  const sum = all.reduce((total, entry) => total + entry.total, 0);
  const listed = all.slice(0, rankingLength);
  const rows = listed.map(
      entry =>
          [element(
               'button', {
                 type: 'button',
                 'aria-pressed': 'false',
                 title: `Show only these faults: ${text(entry.row).textContent}`,
                 onclick: event => filter(entry.row, event.currentTarget)
               },
               text(entry.row)),
           count(entry.total),
           percent(entry.total, sum),
           kindBar(report, entry.counts, listed[0].total),
           mostlyText(report, entry),
  ]);
  byId(place).append(table(
      caption,
      [
        {text: 'Show only'},
        {text: 'Faults', number: true},
        {text: 'Share', number: true},
        {text: 'By kind', className: 'bar'},
        {text: 'Mostly'},
      ],
      rows));
  if (all.length > listed.length) {
    const rest = all.slice(rankingLength).reduce((total, entry) => total + entry.total, 0);
    byId(place).append(
        element('p', {class: 'help'}, `and ${count(all.length - listed.length)} more with ${plural(rest, 'fault')}`));
  }
}

function makeRanking(report) {
  const {strings} = report;
  // Shows only the faults that `holds` names, or all again.
  const filterBy = (holds, pressed) => {
    const isOn = pressed.getAttribute('aria-pressed') === 'true';
    document.querySelectorAll('#ranking [aria-pressed]').forEach(other => other.setAttribute('aria-pressed', 'false'));
    pressed.setAttribute('aria-pressed', String(!isOn));
    report.shown.name = isOn ? null : {holds};
    report.changed();
  };
  const functions = report.payload.tables.by_function;
  const ofInstruction = report.payload.tables.instructions.column('function');
  const instruction = report.faults.column('instruction');
  rankingTable(report, 'by-function', {
    name: 'by_function',
    caption: 'By function',
    text: row => code(strings[functions.column('name')[row]] || 'not known'),
    filter: (row, pressed) => filterBy(fault => ofInstruction[instruction[fault]] === row, pressed),
  });
  const areas = report.payload.tables.by_vma;
  const vma = report.faults.column('vma');
  const areaOf = report.payload.tables.vmas.column('area');
  rankingTable(report, 'by-vma', {
    name: 'by_vma',
    caption: 'By mapping (VMA)',
    text: row => code(areaText(report, areas, row)),
    filter: (row, pressed) => filterBy(fault => areaOf[vma[fault]] === row, pressed),
  });
}

function areaText(report, areas, row) {
  if (row === 0) return 'no mapping';
  const name = report.strings[areas.column('name')[row]];
  const protection = report.strings[areas.column('protection')[row]];
  const pid = areas.column('pid')[row];
  const start = areas.column('page')[row];
  return `${name.replace(/.*\//, '') || address(start)} ${protection}` +
      (report.processes().length > 1 ? `, process ${pid}` : '');
}
