// The report's data: faults by row, what belongs to each, and which of them are shown.

// ReclaimRow::Flag of trace/report/rows.hpp.
const reclaimFlag = {
  writeBack: 1,
  dirty: 2,
  dropped: 4,
  failed: 8,
  forFault: 16
};

class Report {
  constructor(payload) {
    this.payload = payload;
    this.head = payload.head;
    this.strings = payload.strings;
    this.kinds = this.head.kinds || [];
    this.shown = {kinds: new Uint8Array(this.kinds.length).fill(1), evictions: true, process: 0, name: null};
    this.mask = null;
    this.listeners = [];
    if (payload.has('faults')) this.loadFaults();
  }

  table(name) { return this.payload.has(name) ? this.payload.tables[name] : null; }

  loadFaults() {
    const faults = this.payload.tables.faults;
    this.faults = faults;
    this.rows = faults.rows;
    this.time = faults.column('time');
    this.sequence = faults.column('sequence');
    this.page = faults.column('page');
    const kindOfShape = this.payload.tables.shapes.column('kind');
    this.kind = faults.column('shape').map(shape => kindOfShape[shape]);
    const task = faults.column('task');
    this.tasks = {pid: this.payload.tables.tasks.column('pid'), tid: this.payload.tables.tasks.column('tid')};
    this.task = task;
  }

  // Whether anything is shown may change: `listener` is told.
  onChange(listener) { this.listeners.push(listener); }
  changed() {
    this.mask = this.makeMask();
    for (const listener of this.listeners) listener();
  }

  isShown(row) { return this.mask === null || this.mask[row] === 1; }

  // By row, whether it is shown; null: all are.
  makeMask() {
    const {kinds, process, name} = this.shown;
    if (kinds.every(shown => shown === 1) && process === 0 && name === null) return null;
    const pid = this.tasks.pid;
    const mask = new Uint8Array(this.rows);
    for (let row = 0; row < this.rows; ++row) {
      const isShown = kinds[this.kind[row]] === 1 && (process === 0 || pid[this.task[row]] === process) &&
          (name === null || name.holds(row));
      mask[row] = isShown ? 1 : 0;
    }
    return mask;
  }

  // The next row in this direction (1 or -1) that is shown; -1: none.
  neighbour(row, direction) {
    for (let next = row + direction; next >= 0 && next < this.rows; next += direction)
      if (this.isShown(next)) return next;
    return -1;
  }

  // Those that faulted: [pid, program].
  processes() {
    const names = this.processNames();
    return [...new Set(this.tasks.pid.subarray(1))].sort((a, b) => a - b).map(pid => [pid, names.get(pid) || '']);
  }

  // By pid: the program that it ran last.
  processNames() {
    if (this.names) return this.names;
    this.names = new Map();
    const events = this.table('process_events');
    if (!events) return this.names;
    const [type, pid, other, path] = ['type', 'pid', 'other', 'path'].map(name => events.column(name));
    for (let row = 0; row < events.rows; ++row) {
      const event = this.head.process_events[type[row]];
      if (event === 'exec') this.names.set(pid[row], this.strings[path[row]].replace(/.*\//, ''));
      if (event === 'fork' && this.names.has(other[row])) this.names.set(pid[row], this.names.get(other[row]));
    }
    return this.names;
  }

  field(row, name) { return this.faults.column(name)[row]; }

  // The swap slot that a fault's page came from; -1: none.
  slot(row) {
    return slotCameFrom(this.field(row, 'slot'), this.field(row, 'before'), this.field(row, 'before_bits'));
  }

  address(row) { return address(this.page[row], this.field(row, 'offset')); }

  instruction(row) {
    const index = this.field(row, 'instruction');
    const table = this.payload.tables.instructions;
    const text = name => this.strings[table.column(name)[index]];
    return {
      address: address(table.column('page')[index], table.column('offset')[index]),
      symbol: text('symbol'),
      source: text('source'),
      text: text('text'),
      name: table.column('function')[index],
    };
  }

  vma(row) {
    const index = this.field(row, 'vma');
    if (index === 0) return null;
    const table = this.payload.tables.vmas;
    const number = name => table.column(name)[index];
    const areas = this.payload.tables.by_vma;
    const text = name => this.strings[areas.column(name)[number('area')]];
    return {
      start: number('page'),
      pages: number('pages'),
      filePage: number('pgoff'),
      protection: text('protection'),
      name: text('name'),
    };
  }

  shape(row) {
    const index = this.field(row, 'shape');
    const table = this.payload.tables.shapes;
    const number = name => table.column(name)[index];
    return {
      access: 'rwx'[number('access')],
      mode: number('mode') === 1 ? 'kernel' : 'user',
      error: number('error'),
      isMajor: number('major') === 1,
    };
  }

  // The entries that the walk to a fault's address read; empty: not known.
  walk(row) {
    const index = this.field(row, 'walk');
    if (index === 0) return [];
    const table = this.payload.tables.walks;
    const steps = [];
    let holder = table.column('root')[index];
    const upper = Math.min(3, table.column('count')[index]);
    for (let level = 0; level < upper; ++level) {
      const frame = table.column(`frame${level}`)[index];
      steps.push({table: holder, frame, bits: table.column(`bits${level}`)[index]});
      holder = frame;
    }
    if (table.column('count')[index] === 4) {
      steps.push({table: holder, frame: this.field(row, 'after'), bits: this.field(row, 'after_bits')});
    }
    return steps.map(
        (step, level) =>
            ({...step, ...walkLevels[level], index: Math.floor(this.page[row] / 2 ** walkLevels[level].shift) % 512}));
  }

  // Rows of the table of reclaim that belong to a fault.
  reclaimOf(row) {
    const table = this.table('reclaim');
    if (!table) return [];
    const fault = table.column('fault');
    const found = [];
    for (let at = lowerBound(fault, this.sequence[row]); at < table.rows && fault[at] === this.sequence[row]; ++at) {
      if (table.column('flags')[at] & reclaimFlag.forFault) found.push(at);
    }
    return found;
  }

  reclaimed(at) {
    const table = this.payload.tables.reclaim;
    const number = name => table.column(name)[at];
    const flags = number('flags');
    return {
      reason: this.head.reclaim_reasons[number('reason')],
      id: number('id'),
      pid: number('pid'),
      page: number('page') - 1,
      file: this.strings[number('file')],
      filePage: number('file_page'),
      frame: number('frame'),
      isWriteBack: Boolean(flags & reclaimFlag.writeBack),
      isDirty: Boolean(flags & reclaimFlag.dirty),
      isDropped: Boolean(flags & reclaimFlag.dropped),
      hasFailed: Boolean(flags & reclaimFlag.failed),
      age: number('age'),
      slot: number('slot') - 1,
    };
  }
}

// The first place in a sorted array whose value is at least `value`.
function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
