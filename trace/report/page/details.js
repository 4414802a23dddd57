// One fault in full: what it was, the four levels of the page walk, who had to leave for it.

class Details {
  constructor(report, onStep) {
    this.report = report;
    this.onStep = onStep;
    this.place = byId('details');
    this.place.addEventListener('keydown', event => {
      if (event.target.matches('select, input')) return;
      const direction = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (direction) this.step(direction);
      if (event.key === 'Escape') this.close();
      if (direction || event.key === 'Escape') event.preventDefault();
    });
  }

  step(direction) {
    const next = this.report.neighbour(this.row, direction);
    if (next >= 0) this.onStep(next);
  }

  close() {
    this.place.hidden = true;
    byId('map-canvas').focus();
  }

  open(row, {keepsFocus = false} = {}) {
    const {report, place} = this;
    this.row = row;
    const kind = report.kinds[report.kind[row]];
    const heading = element('h3', {}, `Fault ${count(report.sequence[row])}: ${kind} at `, code(report.address(row)));
    place.replaceChildren(
        element(
            'div', {class: 'top'}, heading,
            element(
                'span', {class: 'buttons'},
                button('← Previous', () => this.step(-1), {disabled: report.neighbour(row, -1) < 0}),
                button('Next →', () => this.step(1), {disabled: report.neighbour(row, 1) < 0}),
                button('Close', () => this.close()))),
        element('p', {}, kindMeaning(kind) + '.'),
        element(
            'div', {class: 'columns'}, element('div', {}, this.facts(row)), element('div', {}, ...this.reclaim(row))),
        element('div', {class: 'scroll'}, ...this.walk(row)));
    place.hidden = false;
    if (!keepsFocus) place.focus({preventScroll: true});
  }

  facts(row) {
    const {report} = this;
    const shape = report.shape(row);
    const vma = report.vma(row);
    const instruction = report.instruction(row);
    const isExec = shape.mode === 'kernel' && instruction.address === '0x0';
    const accesses = {r: 'read', w: 'write', x: 'instruction fetch'};
    const pid = report.tasks.pid[report.task[row]];
    const tid = report.tasks.tid[report.task[row]];
    const name = report.processNames().get(pid);
    const slot = report.slot(row);
    const refault = report.field(row, 'refault');
    const around = report.field(row, 'around');
    const tables = report.field(row, 'tables');
    return pairs([
      [
        'Access',
        `${accesses[shape.access]} in ${shape.mode} mode, error code ${hex(shape.error)}; ` +
            (shape.isMajor ? 'a major fault' : 'a minor fault')
      ],
      [
        'Instruction',
        isExec ? 'exec, building the program’s image' : code(`${instruction.address}  ${instruction.text || ''}`)
      ],
      ['Function',
       instruction.symbol ? code(instruction.symbol) :
           isExec         ? null :
                            'not known'],
      ['Source line',
       instruction.source ? code(instruction.source) :
           isExec         ? null :
                            'not known'],
      [
        'VMA',
        vma === null ? 'none at this address' :
                       code(
                           `${address(vma.start)}-${address(vma.start + vma.pages)} ` +
                           `${vma.protection} ${vma.name || 'anonymous'}`)
      ],
      [
        '',
        vma === null ? null : `${pageSize(vma.pages)}; the page is number ${count(report.page[row] - vma.start)} of it`
      ],
      ['Process', `${pid}${name ? ` (${name})` : ''}${tid === pid ? '' : `, thread ${tid}`}`],
      ['Time', time(report.time[row])],
      ['Came from', slot >= 0 ? `swap slot ${count(slot)}` : null],
      ['Had been evicted', refault > 0 ? `${plural(refault - 1, 'eviction')} before this fault` : null],
      ['Mapped beside it', around > 0 ? `${plural(around, 'page')} of the file (fault-around)` : null],
      ['New page tables', tables > 0 ? count(tables) : null],
    ]);
  }

  reclaim(row) {
    const {report} = this;
    const found = report.reclaimOf(row);
    const [evicted, written, looked] = ['evicted', 'written', 'looked'].map(name => report.field(row, name));
    if (found.length === 0 && evicted === 0 && looked === 0) return [element('p', {}, 'No page had to leave for it.')];
    return [
      element(
          'p', {},
          `The policy looked at ${plural(looked, 'page')}; ${plural(evicted, 'page')} left, ` +
              `${plural(written, 'page')} had to be written.`),
      found.length === 0 ? element('p', {}, 'Who left is not kept in this report.') :
                           element(
                               'ul', {id: 'victims'},
                               ...found.slice(0, 20).map(at => element('li', {}, reclaimText(report.reclaimed(at))))),
      found.length > 20 ? element('p', {}, `and ${count(found.length - 20)} more`) : null,
    ];
  }

  walk(row) {
    const {report} = this;
    const steps = report.walk(row);
    const before = [report.field(row, 'before'), report.field(row, 'before_bits')];
    const after = [report.field(row, 'after'), report.field(row, 'after_bits')];
    const parts = [];
    if (steps.length === 0) {
      parts.push(element(
          'p', {class: 'help'},
          'The walk through the upper levels is not known: the address is none of a ' +
              'program’s, or the trace does not have it.'));
    } else {
      parts.push(table(
          'The page walk to this address, once the fault was handled',
          [
            {text: 'Level'},
            {text: 'Address bits'},
            {text: 'Index', number: true},
            {text: 'Table in frame'},
            {text: 'Entry'},
            {text: 'Which means'},
          ],
          steps.map(
              step =>
                  [step.name, step.addressBits, String(step.index), code(hex(step.table)),
                   code(rawEntry(step.frame, step.bits)),
                   entryMeaning(step.frame, step.bits, step.name === 'PTE' || isLargePage(step.bits))])));
    }
    parts.push(pairs([
      ['PTE before', element('span', {}, code(rawEntry(...before)), '  ' + entryMeaning(...before, true))],
      ['PTE after', element('span', {}, code(rawEntry(...after)), '  ' + entryMeaning(...after, true))],
    ]));
    return parts;
  }
}

function reclaimText(event) {
  const place =
      [
        event.page >= 0 ? `${address(event.page)} of process ${event.pid}` : null,
        event.file ? `${event.file} page ${count(event.filePage)}` : null,
      ].filter(Boolean)
          .join(', ') ||
      `page number ${count(event.id)} of the policy’s`;
  const frame = `frame ${hex(event.frame)}`;
  const slot = event.slot >= 0 ? `, to swap slot ${count(event.slot)}` : '';
  if (event.isWriteBack) return `Write-back${event.hasFailed ? ' (failed)' : ''}: ${place}, ${frame}${slot}`;
  const state = event.isDropped ? 'given up for good' : event.isDirty ? 'dirty, written out first' : 'clean';
  return `Victim: ${place}, ${frame}; ${state}${slot}; in memory for ${time(event.age)}; why: ${event.reason}`;
}
