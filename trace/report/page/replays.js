// Replays of a recording: every policy at every number of frames, with OPT.

const replayMeasures = {
  miss_ratio: {
    text: 'Miss ratio',
    label: 'faults per 100 references, %',
    of: (replay, all) => all.references ? 100 * replay.faults / all.references : 0,
    format: value => `${short(value, 4)} %`,
    exact: value => `${short(value, 8)} %`
  },
  faults: {text: 'Faults', label: 'faults', of: replay => replay.faults, format: count},
  to_opt: {
    text: 'Faults against OPT',
    label: 'times as many faults as OPT',
    of: replay => replay.opt_faults ? replay.faults / replay.opt_faults : null,
    format: value => short(value, 4),
    exact: value => `${short(value, 6)} times`
  },
  eat: {
    text: 'Effective access time',
    label: 'effective access time, ns',
    of: replay => replay.access_ns,
    format: value => short(value, 4),
    exact: value => `${short(value, 6)} ns`
  },
  dirty: {
    text: 'Dirty evictions',
    label: 'evictions that cost a write',
    of: replay => replay.dirty_evictions,
    format: count
  },
};

class ReplayChart {
  constructor(report) {
    this.data = report.head.replay;
    this.policies =
        [...new Set(this.data.replays.map(replay => replay.policy))].sort((a, b) => (b === 'opt') - (a === 'opt'));
    this.frames = [...new Set(this.data.replays.map(replay => replay.frames))].sort((a, b) => a - b);
    this.byPlace = new Map(this.data.replays.map(replay => [`${replay.frames} ${replay.policy}`, replay]));
    this.measure = 'miss_ratio';
    this.wantsLogY = false;
    let number = 0;
    const series = this.policies.map(
        name => name === 'opt' ? {name: 'OPT', colour: 'ink', width: 3.2} : {name, ...lineStyle(number++)});
    const isWide = this.frames.length > 2 && this.frames[this.frames.length - 1] / this.frames[0] > 20;
    this.chart = new Chart(byId('replay-chart'), {
      title: 'Policies',
      series,
      xLabel: 'frames of memory',
      isLogX: isWide,
      hasPoints: this.frames.length <= 64,
      formatX: frames => plural(frames, 'frame'),
      formatTickX: frames => short(frames, 6),
      ...this.valueOptions(),
    });
    byId('replay-tools')
        .append(
            chooser(
                'Show', Object.entries(replayMeasures).map(([name, {text}]) => [name, text]),
                value => {
                  this.measure = value;
                  this.chart.update(this.valueOptions());
                }),
            checkbox('logarithmic frames', isLogX => this.chart.update({isLogX}), isWide),
            checkbox('logarithmic values', wantsLogY => {
              this.wantsLogY = wantsLogY;
              this.chart.update(this.valueOptions());
            }));
    byId('replay-table').append(this.numbers());
  }

  // What is drawn. On a logarithmic axis zero has no place; where all is zero there is no such axis.
  valueOptions() {
    const {label, format, exact, of} = replayMeasures[this.measure];
    const values = this.frames.map(frames => this.policies.map(policy => {
      const replay = this.byPlace.get(`${frames} ${policy}`);
      return replay ? of(replay, this.data) : null;
    }));
    const isLogY = this.wantsLogY && values.some(row => row.some(value => value > 0));
    const rows = values.map((row, i) => [this.frames[i], ...row.map(value => isLogY && value === 0 ? null : value)]);
    return {rows, isLogY, yLabel: label, formatY: format, exactY: exact || format};
  }

  numbers() {
    const columns = [
      {text: 'Frames', number: true},
      {text: 'Policy'},
      {text: 'Faults', number: true},
      {text: 'Miss ratio', number: true},
      {text: 'Against OPT', number: true},
      {text: 'Clean out', number: true},
      {text: 'Dirty out', number: true},
      {text: 'Write-backs', number: true},
      {text: 'Resident, mean pages', number: true},
      {text: 'Effective access time', number: true},
    ];
    const all = [...this.data.replays].sort((a, b) => a.frames - b.frames);
    const rows = () => all.map(
        replay =>
            [count(replay.frames),
             replay.policy,
             count(replay.faults),
             replayMeasures.miss_ratio.exact(replayMeasures.miss_ratio.of(replay, this.data)),
             replay.opt_faults ? short(replay.faults / replay.opt_faults, 5) : '-',
             count(replay.clean_evictions),
             count(replay.dirty_evictions),
             count(replay.write_backs),
             replay.resident_mean === null ? '-' : short(replay.resident_mean, 6),
             replay.access_ns === null ? '-' : time(replay.access_ns),
    ]);
    // Long tables are made when they are asked for.
    const holder = element(
        'details', {open: all.length <= 200}, element('summary', {}, `All numbers (${plural(all.length, 'replay')})`));
    const fill = () => {
      if (holder.open && holder.children.length === 1) holder.append(table('', columns, rows()));
    };
    holder.addEventListener('toggle', fill);
    fill();
    return holder;
  }
}
