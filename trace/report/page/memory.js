// How memory was used as time went by.

class MemoryCharts {
  constructor(report) {
    this.report = report;
    this.samples = report.payload.tables.samples;
    this.process = 0;
    this.blocksAs = 'blocks';
    this.times = this.samples.column('time');
    [this.unit, this.unitSize] = timeUnit(this.times[this.times.length - 1]);
    const pids = report.table('sample_processes') ?
        [...new Set(report.table('sample_processes').column('pid'))].sort((a, b) => a - b) :
        [];
    if (pids.length > 1) {
      const names = report.processNames();
      byId('memory-tools')
          .append(chooser(
              'Process', [[0, 'all together'], ...pids.map(pid => [pid, `${pid} ${names.get(pid) || ''}`])], value => {
                this.process = Number(value);
                this.resident.update({rows: this.residentRows()});
                this.tables.update({rows: this.tableRows()});
              }));
    }
    this.draw();
  }

  draw() {
    const place = byId('memory-charts');
    const named = names => names.map((name, index) => ({name, ...lineStyle(index)}));
    this.resident = new Chart(
        place,
        this.options(
            'Resident set', 'pages of 4 KiB', named(['anonymous', 'file', 'shared memory', 'in swap']),
            this.residentRows()));
    this.tables =
        new Chart(place, this.options('Page-table pages', 'pages of 4 KiB', named(['page tables']), this.tableRows()));
    new Chart(
        place,
        this.options(
            'Frames of the machine', 'frames of 4 KiB', named(['free', 'pages of programs and files']),
            this.columnRows(['free', 'user'])));
    new Chart(place, this.options('Swap', 'slots of 4 KiB', named(['slots in use']), this.columnRows(['swap_slots'])));
    const orders = Array.from({length: 11}, (_, order) => order);
    this.buddy = new Chart(
        place,
        this.options(
            'Free lists of the buddy allocator', 'free blocks',
            orders.map(order => ({name: `order ${order}`, ...lineStyle(order)})), this.blockRows()));
    this.buddy.legend.after(chooser('Count', [['blocks', 'blocks'], ['frames', 'frames in them']], value => {
      this.blocksAs = value;
      this.buddy.update({rows: this.blockRows(), yLabel: value === 'blocks' ? 'free blocks' : 'free frames of 4 KiB'});
    }));
  }

  options(title, yLabel, series, rows) {
    return {
      title,
      yLabel,
      series,
      rows,
      xLabel: `virtual time since the start, ${this.unit}`,
      isStepped: true,
      formatX: value => `${short(value, 9)} ${this.unit}`,
      formatTickX: value => short(value, 6),
      formatY: count,
    };
  }

  x(row) { return this.times[row] / this.unitSize; }

  columnRows(names) {
    const columns = names.map(name => this.samples.column(name));
    return Array.from(this.times, (_, row) => [this.x(row), ...columns.map(column => column[row])]);
  }

  // Sums over the processes that are shown, sample by sample.
  processRows(names) {
    const rows = Array.from(this.times, (_, row) => [this.x(row), ...names.map(() => 0)]);
    const table = this.report.table('sample_processes');
    if (!table) return rows;
    const sample = table.column('sample');
    const pid = table.column('pid');
    names.forEach((name, index) => {
      const values = table.column(name);
      for (let at = 0; at < table.rows; ++at) {
        if (this.process === 0 || pid[at] === this.process) rows[sample[at]][index + 1] += values[at];
      }
    });
    return rows;
  }

  residentRows() { return this.processRows(['anonymous', 'file', 'shared', 'swap']); }
  tableRows() { return this.processRows(['page_tables']); }

  blockRows() {
    const orders = Array.from({length: 11}, (_, order) => order);
    const rows = this.columnRows(orders.map(order => `order${order}`));
    if (this.blocksAs === 'frames')
      for (const row of rows)
        for (const order of orders) row[order + 1] *= 2 ** order;
    return rows;
  }
}

function makeProcesses(report) {
  const events = report.table('process_events');
  const column = name => events.column(name);
  const rows = Array.from({length: events.rows}, (_, row) => {
    const event = report.head.process_events[column('type')[row]];
    const pid = column('pid')[row];
    const other = column('other')[row];
    const texts = {
      fork: `made by process ${other}`,
      exec: report.strings[column('path')[row]],
      exit: column('signal')[row] > 0 ? `ended by signal ${column('signal')[row]}` : `exit status ${other}`,
    };
    return [time(column('time')[row]), String(pid), event, texts[event] || ''];
  });
  byId('process-table')
      .append(table(
          'What became of processes',
          [
            {text: 'Time', number: true},
            {text: 'Process', number: true},
            {text: 'Event'},
            {text: 'What'},
          ],
          rows));
}
