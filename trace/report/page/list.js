// The faults as a table, a page of it at a time: for the keyboard, for screen readers, and to look for one.

const listLength = 25;

class FaultList {
  constructor(report, onOpen) {
    this.report = report;
    this.onOpen = onOpen;
    this.selected = -1;
    this.first = 0;
    byId('list-tools')
        .append(
            element(
                'span', {class: 'buttons', role: 'group', 'aria-label': 'Pages of the list'},
                this.start = button('First', () => this.turn(-Infinity)),
                this.back = button('Back', () => this.turn(-1)), this.forward = button('Forward', () => this.turn(1)),
                this.end = button('Last', () => this.turn(Infinity))),
            element('label', {}, 'Go to fault ', element('input', {
                      type: 'number',
                      min: 1,
                      style: 'width: 9em',
                      id: 'go-to',
                      onchange: event => this.goTo(Number(event.target.value)),
                    })),
            this.status = element('span', {class: 'help', role: 'status', id: 'list-status'}));
    report.onChange(() => {
      this.collect();
      this.first = 0;
      this.paint();
    });
    this.collect();
    this.paint();
  }

  // Rows that are shown.
  collect() {
    const rows = new Uint32Array(this.report.rows);
    let size = 0;
    const {mask} = this.report;
    for (let row = 0; row < rows.length; ++row)
      if (mask === null || mask[row] === 1) rows[size++] = row;
    this.rows = rows.subarray(0, size);
  }

  turn(pages) {
    const last = Math.max(0, Math.floor((this.rows.length - 1) / listLength) * listLength);
    this.first = Math.min(last, Math.max(0, this.first + pages * listLength));
    this.paint();
  }

  goTo(number) {
    const row = lowerBound(this.report.sequence, number);
    if (row < this.report.rows) this.onOpen(row);
  }

  select(row) {
    this.selected = row;
    const at = lowerBound(this.rows, row);
    if (this.rows[at] === row) this.first = Math.floor(at / listLength) * listLength;
    this.paint();
  }

  paint() {
    const {report} = this;
    const rows = Array.from(this.rows.subarray(this.first, this.first + listLength));
    const open = row => this.onOpen(row);
    byId('list-table')
        .replaceChildren(table(
            'Faults that are shown',
            [
              {text: 'Fault', number: true},
              {text: 'Time', number: true},
              {text: 'Process', number: true},
              {text: 'Kind'},
              {text: 'Access'},
              {text: 'Address'},
              {text: 'Mapping'},
              {text: 'Function'},
              {text: 'Instruction'},
              {text: 'Left for it', number: true},
            ],
            rows.map(row => this.cells(row)), i => ({
                                                'aria-selected': String(rows[i] === this.selected),
                                                'onclick': event => {
                                                  if (!event.target.closest('button')) open(rows[i]);
                                                },
                                              })));
    const end = Math.min(this.rows.length, this.first + listLength);
    this.status.textContent = this.rows.length === 0 ?
        'no faults' :
        `${count(this.first + 1)} to ${count(end)} of ${plural(this.rows.length, 'fault')}`;
    this.start.disabled = this.back.disabled = this.first === 0;
    this.forward.disabled = this.end.disabled = end >= this.rows.length;
    return report;
  }

  cells(row) {
    const {report} = this;
    const kind = report.kinds[report.kind[row]];
    const shape = report.shape(row);
    const vma = report.vma(row);
    const instruction = report.instruction(row);
    const evicted = report.field(row, 'evicted');
    return [
      button(count(report.sequence[row]), () => this.onOpen(row), {'aria-label': `Open fault ${report.sequence[row]}`}),
      time(report.time[row]),
      String(report.tasks.pid[report.task[row]]),
      element('span', {style: 'white-space:nowrap'}, markIcon(kind), ' ' + kind),
      `${shape.access} ${shape.mode}`,
      code(report.address(row)),
      vma ? `${vma.name.replace(/.*\//, '') || 'anonymous'} ${vma.protection}` : 'none',
      code(instruction.symbol || ''),
      code(instruction.text || ''),
      evicted > 0 ? plural(evicted, 'page') : '',
    ];
  }
}
